"""Figures of a view, drawn for nobody: the page runs once more by its link, and what it draws is kept, not sent.

A link is the whole recipe of a view, and the page alone knows how to draw it. So a report asks the page, with a state
of its own, in which nothing of the visitor's is changed. Streamlit has no public way to do that; all that is not public
is in this file.
"""

import runpy
import threading
from contextvars import Context
from pathlib import Path

from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.scriptrunner_utils.exceptions import RerunException, StopException
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.runtime.scriptrunner_utils.script_run_context_attr import SCRIPT_RUN_CONTEXT_ATTR_NAME
from streamlit.runtime.state import SafeSessionState, SessionState

from app.take_home.caught import CAUGHT, Caught

_MAIN = str(Path(__file__).parents[1] / "main.py")
_COMPILED = ScriptCache()


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
    caught, ends = Caught(wanted), _Ends(own)
    state = SessionState()
    state[CAUGHT] = caught
    try:
        Context().run(_run, own, SafeSessionState(state, ends.check), page, query, ends)
    finally:
        setattr(threading.current_thread(), SCRIPT_RUN_CONTEXT_ATTR_NAME, own)
    if ends.of_own is not None:
        raise ends.of_own
    if isinstance(ends.of_view, RerunException) and not caught.all_found:
        raise LedAwayError
    return caught


class _Ends:
    """Why the view's run ended early: because this run is to end, which is told once only, or by itself."""

    def __init__(self, own: ScriptRunContext):
        self._own = own
        self.of_own: BaseException | None = None
        self.of_view: BaseException | None = None

    def check(self) -> None:
        """Raise what ends this run, if anything does."""
        try:
            self._own.yield_check()
        except (StopException, RerunException) as end:
            self.of_own = end
            raise


def _run(own: ScriptRunContext, state: SafeSessionState, page: str, query: str, ends: _Ends) -> None:
    pages = PagesManager(_MAIN, _COMPILED)
    context = ScriptRunContext(
        session_id=own.session_id,  # its place at the gate and its cookies
        _enqueue=lambda _: ends.check(),
        query_string=query,
        session_state=state,
        uploaded_file_mgr=own.uploaded_file_mgr,
        main_script_path=_MAIN,
        user_info={},
        fragment_storage=MemoryFragmentStorage(),
        pages_manager=pages,
    )
    setattr(threading.current_thread(), SCRIPT_RUN_CONTEXT_ATTR_NAME, context)
    pages.set_script_intent("", page)
    pages.set_current_page_script_hash(pages.main_script_hash)  # else its parameters would be those of a page left
    context.reset(query_string=query, page_script_hash=pages.main_script_hash, yield_check=ends.check)
    context.on_script_start()
    try:
        runpy.run_path(_MAIN)
    except (StopException, RerunException) as end:
        ends.of_view = end
