"""`python -m app`: check the settings, then serve the dashboard. Arguments are passed on to `streamlit run`.

An invalid setting ends it at once, with status 2 and a line that names the setting: a mistyped limit must not go
unnoticed. Run it from the repository's root, where Streamlit's own settings are. All lines are of the log
(`app.hosting.logs`).
"""

import logging
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click
from streamlit.web.cli import main as streamlit

from app.hosting import logs, metrics, warm_up
from app.hosting.doors import descriptors
from app.hosting.doors.connections import limit_connections
from app.hosting.services import stop_computing
from app.hosting.settings import Settings, check_model_settings, check_names, make_cache_folder
from app.hosting.static_files import publish_circuitsvis
from ioi_core.errors import SettingsError

_SHORTEST_SECRET = 32
# The log says where it serves. Streamlit's welcome is no event, and asks another server for this one's address.
_OPTIONS = ("--logger.hideWelcomeMessage", "true", "--logger.level", "warning")
_SECONDS_TO_STOP = 3.0
_ENDING = threading.Lock()
_log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Serve until stopped; return the exit status."""
    try:
        check_names(os.environ)
        settings = Settings.from_environment(os.environ)
        check_model_settings(os.environ)
        make_cache_folder(os.environ)
        _share_cookie_secret()
        settings = replace(settings, max_sessions=_make_room_for(settings.max_sessions))
        if settings.metrics_port:
            _serve_metrics(settings)
        limit_connections(settings.max_characters)
        publish_circuitsvis()
        logs.log_event("start", **settings.in_words())
        warm_up.in_background()
        command = ["run", str(Path(__file__).parent / "server.py"), *_OPTIONS, *arguments]
        return int(streamlit(command, standalone_mode=False) or 0)
    except (click.Abort, KeyboardInterrupt):  # stopped at the keyboard
        return 0
    except (SettingsError, click.ClickException) as error:
        said = error.format_message() if isinstance(error, click.ClickException) else str(error)
        _log.error("The app was not started: %s.", said.rstrip("."))
        return 2


def run(arguments: list[str]) -> NoReturn:
    """Serve until stopped, and end the process; within seconds of SIGTERM, whatever is computed or asked for then."""
    in_full = os.environ.get("IOI_LOG_ERRORS_IN_FULL", "").strip() == "1"
    logs.configure(errors_in_full=in_full)
    if "--help" not in arguments:
        logs.take_over(words=in_full)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)  # beside Streamlit's own handler, which waits for requests that are being answered
    threading.Thread(target=_end_on_sigterm, args=(reading,), name="end", daemon=True).start()
    if status := main(arguments):
        os._exit(status)  # see `_end`
    _end()


def _end_on_sigterm(signals: int) -> None:
    while signal.SIGTERM not in os.read(signals, 1):
        continue
    _end()


def _end() -> NoReturn:
    """Cancel what is computed, keep what is done, and end the process with status 0."""
    with _ENDING:  # for good: whoever comes second waits while the first ends the process
        logs.log_event("stop", computations_ended=stop_computing(_SECONDS_TO_STOP))
        sys.stdout.flush()
        sys.stderr.flush()
        # A thread that is still inside PyTorch, or loading a model, would make Python's own end an abort.
        os._exit(0)


def _make_room_for(sessions: int) -> int:
    """Raise the limit of open files; where it stays too low for a limit of visitors that was set, refuse that.

    As many again as are inside must find room to wait at the gate: whose connection is refused sees a page without
    words. The default is made to fit, and that is logged. Return the limit that holds.
    """
    descriptors.raise_limit(2 * sessions)
    if (fit := descriptors.room() // 2) >= sessions:
        return sessions
    what = (
        f"IOI_MAX_SESSIONS is {sessions}, for which {descriptors.needed(2 * sessions):,} open files are needed so that "
        "as many again can wait, more than this process may have"
    )
    if fit < 1:
        raise SettingsError(f"{what}, and too few even for 1: raise `ulimit -n` to {descriptors.needed(2)} or more")
    if os.environ.get("IOI_MAX_SESSIONS", "").strip():
        raise SettingsError(f"{what}: raise `ulimit -n`, or set {fit} or less")
    os.environ["IOI_MAX_SESSIONS"] = str(fit)
    _log.warning("%s: it is %d now, and %d more can wait", what, fit, descriptors.room() - fit)
    return fit


def _share_cookie_secret() -> None:
    """Pass IOI_COOKIE_SECRET to Streamlit, which makes one up otherwise; replicas must have the same one."""
    if secret := os.environ.get("IOI_COOKIE_SECRET", "").strip():
        if len(secret) < _SHORTEST_SECRET:
            raise SettingsError(f"IOI_COOKIE_SECRET is short: {_SHORTEST_SECRET} characters or more are allowed")
        os.environ["STREAMLIT_SERVER_COOKIE_SECRET"] = secret


def _serve_metrics(settings: Settings) -> None:
    try:
        metrics.serve(settings.metrics_address, settings.metrics_port, settings.max_sessions)
    except OSError as error:
        place = f"{settings.metrics_address}, port {settings.metrics_port}"
        raise SettingsError(f"metrics cannot be served at {place} ({error.strerror})") from error


if __name__ == "__main__":
    run(sys.argv[1:])
