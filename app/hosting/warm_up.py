"""Warming up: what the first visitor would otherwise wait for, done in the background as the server starts.

Every module of the app is imported, the bundled model is loaded, the results' folder is opened, and all of that is
taken out of garbage collection. Pages do not depend on it: an earlier visitor waits for what is missing.
"""

import importlib
import logging
import pkgutil
import threading
import time

import app

_NOT_IMPORTED = {"main", "__main__"}  # these two run the app

_THREAD = "warm-up"
# Streamlit warns of every use of it outside a visitor's run.
_WARNS = logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context")
_WARNS.addFilter(lambda record: record.threadName != _THREAD)
_log = logging.getLogger(__name__)


def in_background() -> None:
    """Start to warm up in a thread of its own."""
    threading.Thread(target=warm_up, name=_THREAD, daemon=True).start()


def warm_up() -> None:
    """Import, load, open, settle. A failure is only logged: pages show it to visitors."""
    started = time.monotonic()
    try:
        for module in pkgutil.walk_packages(app.__path__, "app."):
            if module.name.removeprefix("app.") not in _NOT_IMPORTED:
                importlib.import_module(module.name)
        from app.hosting.models import settle_memory
        from app.hosting.services import computations, models, score_heads

        loaded = models()
        computations()
        settle_memory()
    except Exception:
        _log.exception("warming up failed")
    else:
        _log.info("warm after %.1f s", time.monotonic() - started)
        loaded.when_ready(score_heads)
