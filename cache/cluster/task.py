"""The one function that replicas submit. The scheduler imports this file too, so it imports nothing heavy."""

from typing import Any

Answer = dict[str, Any]
"""What a worker answers, `answers.py`."""

PROGRESS = "ioi-progress"
"""The topic under which workers say how far they are."""

LINES = "ioi-lines"
"""The topic under which replicas say who waits."""


def compute(call: dict[str, object], round_: int) -> Answer:
    """Compute a `Call` in the worker that runs this.

    Args:
        round_: the round in which it is served (`cache.line.Turns`), told to all replicas when it begins.
    """
    from distributed import get_worker

    worker = get_worker()
    runner = getattr(worker, "ioi_runner", None)
    if runner is None:  # a worker that something else than cache.worker started
        return {"error": "ClusterError", "words": "A worker of the cluster is not one of this program."}
    return runner.run(call, round_, worker)
