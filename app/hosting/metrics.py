"""Metrics of this process for Prometheus, on a port of their own that no proxy passes on.

No label holds anything that a visitor typed: analyses and models have the names the app gives them.
"""

import logging
from collections.abc import Callable, Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server
from streamlit import runtime
from streamlit.runtime.stats import ACTIVE_SESSIONS_FAMILY, GaugeStat

from cache.records import Record

_SECONDS_TO_ASK = 20.0  # for whoever connects, who else holds a thread for good
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)

_log = logging.getLogger(__name__)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
_REQUESTS = Counter(
    "ioi_requests", "Requests for an analysis, by where the result came from", ["analysis", "cache"], registry=REGISTRY
)
_JOBS = Counter("ioi_jobs", "Computations that ended, by outcome", ["analysis", "model", "outcome"], registry=REGISTRY)
_QUEUED = Histogram("ioi_job_queue_seconds", "Seconds a computation waited", buckets=_SECONDS, registry=REGISTRY)
_COMPUTED = Histogram(
    "ioi_job_compute_seconds", "Seconds a computation ran", ["analysis"], buckets=_SECONDS, registry=REGISTRY
)
_QUEUE = Gauge("ioi_queue_length", "Visitors whose pages wait for computations", registry=REGISTRY)
_AT_THE_GATE = Gauge("ioi_gate_waiting", "Visitors who wait for a place, since all are taken", registry=REGISTRY)
_SESSIONS = Gauge("ioi_sessions", "Open browser sessions", registry=REGISTRY)
_PLACES = Gauge("ioi_sessions_limit", "Visitors who may be inside at once", registry=REGISTRY)
_LOADED = Gauge("ioi_model_loaded", "1 while a model is in memory, else 0", ["model"], registry=REGISTRY)
PAGE_ERRORS = Counter("ioi_page_errors", "Unexpected errors shown to a visitor", registry=REGISTRY)


def count(record: Record) -> None:
    """Count one request that has ended."""
    _REQUESTS.labels(record.analysis, record.cache).inc()
    if record.cache != "miss":
        return
    _JOBS.labels(record.analysis, record.model, record.outcome).inc()
    if record.outcome in ("done", "failed"):
        _QUEUED.observe(record.queue_seconds)
        _COMPUTED.labels(record.analysis).observe(record.compute_seconds)


def watch_queue(length: Callable[[], int]) -> None:
    """Have `length` give the length of the queue whenever metrics are read."""
    _QUEUE.set_function(length)


def watch_gate(waiting: Callable[[], int]) -> None:
    """Have `waiting` give the number of visitors at the gate whenever metrics are read."""
    _AT_THE_GATE.set_function(waiting)


def watch_models(names: Iterable[str], is_loaded: Callable[[str], bool]) -> None:
    """Have `is_loaded` say of each model whether it is in memory whenever metrics are read."""
    for name in names:
        _LOADED.labels(name).set_function(partial(is_loaded, name))


def serve(address: str, port: int, places: int) -> None:
    """Serve the metrics at `address`:`port`, whatever the path; so many visitors may be inside at once.

    Raises:
        OSError: the port is taken or the address is not this machine's.
    """
    _PLACES.set(places)
    _SESSIONS.set_function(_open_sessions)
    server, _ = start_http_server(port, address, REGISTRY)
    server.handle_error = _log_lost_reader  # type: ignore[assignment]  # whose own prints a traceback
    server.RequestHandlerClass.timeout = _SECONDS_TO_ASK  # type: ignore[attr-defined]


def _log_lost_reader(*_: object) -> None:
    _log.warning("metrics could not be sent", exc_info=True)


def _open_sessions() -> int:
    """Return the sessions connected to a browser, as Streamlit counts them; 0 until it runs."""
    if not runtime.exists():
        return 0
    [sessions] = runtime.get_instance().stats_mgr.get_stats([ACTIVE_SESSIONS_FAMILY])[ACTIVE_SESSIONS_FAMILY]
    return sessions.value if isinstance(sessions, GaugeStat) else 0
