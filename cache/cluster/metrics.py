"""Metrics of one worker for Prometheus, where it is started with a port for them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server

from cache.cluster.runner import Runner
from cache.records import Record

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
_CALLS = Counter(
    "ioi_worker_calls", "Calls, by where the result came from and outcome", ["cache", "outcome"], registry=REGISTRY
)
_COMPUTED = Histogram(
    "ioi_worker_compute_seconds", "Seconds a computation ran", ["analysis"], buckets=_SECONDS, registry=REGISTRY
)
_BUSY = Gauge("ioi_worker_busy", "1 while something is computed", registry=REGISTRY)
_MODELS = Gauge("ioi_worker_models", "Models in memory", registry=REGISTRY)


def count(record: Record) -> None:
    """Count one call that has ended."""
    _CALLS.labels(record.cache, record.outcome).inc()
    if record.cache == "miss" and record.outcome == "done":
        _COMPUTED.labels(record.analysis).observe(record.compute_seconds)


def serve(address: str, port: int, runner: Runner) -> None:
    """Serve the metrics at `address`:`port`, whatever the path.

    Raises:
        OSError: the port is taken or the address is not this machine's.
    """
    _BUSY.set_function(lambda: float(runner.now is not None))
    _MODELS.set_function(lambda: float(len(runner.models.names)))
    start_http_server(port, address, REGISTRY)
