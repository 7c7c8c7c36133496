"""The log: one line of JSON an event on standard error, and nothing in it that a visitor typed.

Each request for an analysis is one line: analysis, model, seconds waited and run, where the result came from, outcome.
An unexpected error is one line with its type and where it was raised; its message may quote a prompt, so it is left out
unless IOI_LOG_ERRORS_IN_FULL is set. What libraries log, warn of or print is a line of this log too.
"""

import asyncio
import io
import json
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

import streamlit.logger

from cache.records import Record

_log = logging.getLogger(__name__)
_OURS = ("app", "cache", "ioi_core", "__main__")
_FIELDS = "fields"  # the attribute of a log record that holds an event's own fields
_TIMES, _WITHIN = 10, 60.0  # how often the same is said within so many seconds
_LONGEST_LINE = 1000  # of what is printed
_MOST_KINDS = 1000  # of what is said that are told apart


def configure(*, errors_in_full: bool) -> None:
    """Send what this app logs to standard error as JSON; once, before anything is logged."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines(errors_in_full))
    handler.addFilter(Seldom())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for ours in _OURS:
        logging.getLogger(ours).setLevel(logging.INFO)


def take_over(*, words: bool) -> None:
    """Have all else that this process says be lines of this log: what others log, print and warn of, and errors.

    What the interpreter itself writes as it crashes is none, nor is what code that is not Python writes.

    Args:
        words: of what is printed, which may quote a prompt; else its place and length are told.
    """
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            _join(logger)
    streamlit.logger.setup_formatter = _join  # called for each logger that Streamlit makes
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda _kind, error, _where: _log_lost("the server ended", error)
    threading.excepthook = lambda told: _log_lost("a thread ended", told.exc_value)
    sys.unraisablehook = lambda told: _log_lost("nobody could be told of an error", told.exc_value)
    asyncio.BaseEventLoop.default_exception_handler = _log_lost_task  # type: ignore[assignment]
    sys.stdout, sys.stderr = Printed(sys.stdout, words=words), Printed(sys.stderr, words=words)


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
            line |= {"error": type(error).__name__, "raised": _frames(traceback.extract_tb(error.__traceback__))}
            if self._in_full:
                line["words"] = "".join(traceback.format_exception(error))
        return json.dumps(line, ensure_ascii=True, default=str)


class Seldom(logging.Filter):
    """Of a warning or error that comes again and again ten a minute; the next one then says how many were left out.

    A log must not fill the disk because somebody opens a thousand connections. This app's own errors, whose numbers
    visitors are told, are all logged, and so is every request.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}  # since when, and how often

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether it is logged."""
        ours = record.name.split(".")[0] in _OURS
        if record.levelno < logging.WARNING or (ours and record.levelno >= logging.ERROR):
            return True
        kind, now = (record.name, str(record.msg)[:100]), self._clock()
        with self._lock:
            since, before = self._said.get(kind, (now, 0))
            if now - since > _WITHIN:
                if before > _TIMES:
                    setattr(record, _FIELDS, getattr(record, _FIELDS, {}) | {"left_out": before - _TIMES})
                since, before = now, 0
            if len(self._said) > _MOST_KINDS:
                self._said.clear()
            self._said[kind] = since, before + 1
            return before < _TIMES


class Printed(io.TextIOBase):
    """Standard output or error for code that prints and does not log: each line is an event."""

    encoding = "utf-8"

    def __init__(self, stream: TextIO, *, words: bool):
        self._stream, self._words = stream, words
        self._line = ""
        self._writing = threading.local()

    def write(self, text: str) -> int:
        """Log the lines that `text` ends."""
        if getattr(self._writing, "now", False):  # the log itself cannot be written
            return len(text)
        self._writing.now = True
        try:
            *lines, begun = (self._line + text).split("\n")
            self._line = begun[:_LONGEST_LINE]  # of a bar that is drawn over and over
            for line in filter(str.strip, lines):
                said: dict[str, object] = {"characters": len(line), "by": _frames(_callers())}
                log = logging.getLogger("printed")
                log.warning("printed", extra={_FIELDS: said | ({"words": line} if self._words else {})})
        finally:
            self._writing.now = False
        return len(text)

    def flush(self) -> None:
        """Do nothing that waits for the end of a line."""
        self._stream.flush()

    def fileno(self) -> int:
        """Return the descriptor below, for what other processes say."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """It is."""
        return True


def _callers() -> traceback.StackSummary:
    """Return the innermost callers of `write`."""
    return traceback.StackSummary.extract(
        traceback.walk_stack(sys._getframe(2)), limit=8, lookup_lines=False
    )  # as they are called: innermost first


def _join(logger: logging.Logger) -> None:
    """Have a logger of somebody else say its warnings and errors here.

    No more than those: the server's line on each request holds its address, and so what a visitor typed.
    """
    if logger.name.split(".")[0] not in _OURS:
        logger.handlers.clear()
        logger.propagate = True
        if logger.level != logging.NOTSET:
            logger.setLevel(max(logger.level, logging.WARNING))


def _log_lost_task(_loop: asyncio.BaseEventLoop, context: dict[str, Any]) -> None:
    """Log as event loops do, without the error's message and the task's description, which quotes it."""
    _log_lost(str(context["message"]), context.get("exception"), "asyncio")


def _log_lost(event: str, error: Any, name: str = "lost") -> None:
    """Log an error that nobody has caught; who only asks to end has none."""
    if not isinstance(error, KeyboardInterrupt | SystemExit):
        logging.getLogger(name).error(event, exc_info=error)


def _frames(frames: traceback.StackSummary) -> list[str]:
    """Return the places of some frames, as they are ordered."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
