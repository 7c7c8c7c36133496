"""The log: one line of JSON an event on standard error, and nothing in it that a visitor typed.

Each request for an analysis is one line: analysis, model, seconds waited and run, where the result came from, outcome.
An unexpected error is one line with its type and where it was raised; its message may quote a prompt, so it is left out
unless IOI_LOG_ERRORS_IN_FULL is set.
"""

import json
import logging
import traceback
from datetime import UTC, datetime

from cache.records import Record

_log = logging.getLogger(__name__)
_OTHERS = ("streamlit", "uvicorn", "websockets")
_FIELDS = "fields"  # the attribute of a log record that holds an event's own fields


def configure(*, errors_in_full: bool) -> None:
    """Send what this app logs to standard error as JSON; once, before anything is logged."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(errors_in_full))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in ("app", "cache", "ioi_core", "__main__"):
        logging.getLogger(ours).setLevel(logging.INFO)


def take_over() -> None:
    """Have warnings and errors of Streamlit and the server be lines of this log too; once both have set theirs up.

    No more than those: the server's line on each request holds its address, and so what a visitor typed.
    """
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in _OTHERS:
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True
            logger.setLevel(logging.WARNING)


def log_event(event: str, **fields: object) -> None:
    """Log a line about `event`."""
    _log.info(event, extra={_FIELDS: fields})


def log_request(record: Record) -> None:
    """Log a line about a request that has ended."""
    said = {name: round(value, 4) if isinstance(value, float) else value for name, value in vars(record).items()}
    log_event("request", **said)


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def __init__(self, errors_in_full: bool):
        super().__init__()
        self._in_full = errors_in_full

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; control characters and line breaks in any value are escaped."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        } | getattr(record, _FIELDS, {})
        if record.exc_info and (error := record.exc_info[1]) is not None:
            line |= {"error": type(error).__name__, "raised": _frames(error)}
            if self._in_full:
                line["words"] = "".join(traceback.format_exception(error))
        return json.dumps(line, ensure_ascii=True, default=str)


def _frames(error: BaseException) -> list[str]:
    """Return where an error was raised, outermost frame first."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
