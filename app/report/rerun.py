"""Figures of a view, drawn for nobody: the page runs once more by its link, and what it draws is kept, not sent.

A link is the whole recipe of a view, and the page alone knows how to draw it. So a report asks the page, with a state
of its own, in which nothing of the visitor's is changed. Streamlit has no public way to do that; all that is not public
is in this file.
"""

import logging
import threading
from contextvars import Context
from pathlib import Path

from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.scriptrunner_utils.exceptions import RerunException, StopException
from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests, ScriptRequestType
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.runtime.scriptrunner_utils.script_run_context_attr import SCRIPT_RUN_CONTEXT_ATTR_NAME
from streamlit.runtime.state import SafeSessionState, SessionState

from app.take_home.caught import CAUGHT, Caught

_MAIN = str(Path(__file__).parents[1] / "main.py")
_COMPILED = ScriptCache()


_MOST_RUNS = 5
"""Of a view that asks to be run again, as where its link has a number that is none."""

_log = logging.getLogger(__name__)


class LedAwayError(Exception):
    """The view leads to another page."""


def caught_in(page: str, query: str, wanted: frozenset[str]) -> Caught:
    """Run a page as a link opens it, until it has drawn what is wanted.

    Args:
        page: its name in addresses; query: its parameters; wanted: names of figures.
    Returns:
        the figures that it drew, of those wanted, and what it said where it could not.
    Raises:
        LedAwayError: the view leads to another page.
        StopException, RerunException: of the run of the script that asks, as in any call of Streamlit.
    """
    own = get_script_run_ctx()
    if own is None:
        raise RuntimeError("only a run of a page can run another")
    view = _View(own, page, query, Caught(wanted))
    try:
        Context().run(view.run)
    finally:
        setattr(threading.current_thread(), SCRIPT_RUN_CONTEXT_ATTR_NAME, own)
    if view.end_of_own is not None:
        raise view.end_of_own
    return view.caught


class _View:
    """A view that is run, in a session of its own but for the visitor's name, cookies and place at the gate.

    Attributes:
        end_of_own: what ended the run of the script that asks, which is told once only.
    """

    def __init__(self, own: ScriptRunContext, page: str, query: str, caught: Caught):
        self.caught = caught
        self.end_of_own: BaseException | None = None
        self._own, self._query = own, query
        self._requests = ScriptRequests()
        self._pages = PagesManager(_MAIN, _COMPILED)
        self._pages.set_script_intent("", page)
        state = SessionState()
        state[CAUGHT] = caught
        self._context = ScriptRunContext(
            session_id=own.session_id,
            _enqueue=lambda _: self._check(),
            query_string=query,
            session_state=SafeSessionState(state, self._check),
            uploaded_file_mgr=own.uploaded_file_mgr,
            main_script_path=_MAIN,
            user_info={},
            fragment_storage=MemoryFragmentStorage(),
            pages_manager=self._pages,
            script_requests=self._requests,
        )

    def _check(self) -> None:
        """Raise what ends the run of the script that asks, or what the view asks for itself."""
        try:
            self._own.yield_check()
        except (StopException, RerunException) as end:
            self.end_of_own = end
            raise
        if (request := self._requests.on_scriptrunner_yield()) is not None:
            raise RerunException(request.rerun_data) if request.type is ScriptRequestType.RERUN else StopException

    def run(self) -> None:
        """Run the page, and again while it asks for that."""
        setattr(threading.current_thread(), SCRIPT_RUN_CONTEXT_ATTR_NAME, self._context)
        main = self._pages.main_script_hash
        for _ in range(_MOST_RUNS):
            self._pages.set_current_page_script_hash(main)  # else its parameters would be those of a page left
            self._context.reset(self._query, main, yield_check=self._check)
            self._context.on_script_start()
            try:
                exec(_COMPILED.get_bytecode(_MAIN), {"__name__": "__main__", "__file__": _MAIN})
                return
            except RerunException as end:
                if self.end_of_own is not None:
                    return
                if end.rerun_data.page_script_hash not in ("", self._context.page_script_hash):
                    raise LedAwayError from None
                self._query = end.rerun_data.query_string
            except StopException:
                return
            except Exception:
                _log.exception("a view of a report")
                self.caught.problem = "something went wrong there"
                return
