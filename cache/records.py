"""The outcome of one request, for logs and metrics; holds nothing that a visitor typed."""

from dataclasses import dataclass

from cache.jobs import Job


@dataclass(frozen=True)
class Record:
    """One request for an analysis, when it has ended.

    Attributes:
        analysis: its registered name.
        model: the model's name.
        cache: "memory" | "disk": it was kept there; "miss": it was computed; "shared": it joined a running one.
        outcome: "done" | "failed" | "cancelled" | "refused" (the line was full).
        queue_seconds, compute_seconds: time in line, and time running.
        error: the class of its exception; never the message, which may quote a prompt.
    """

    analysis: str
    model: str
    cache: str
    outcome: str = "done"
    queue_seconds: float = 0.0
    compute_seconds: float = 0.0
    error: str = ""

    @classmethod
    def of_job(cls, analysis: str, model: str, job: Job) -> "Record":
        """Return the record of a job that has just ended."""
        error = type(job.error).__name__ if job.error is not None else ""
        return cls(analysis, model, "miss", str(job.state), job.seconds_queued, job.seconds_elapsed, error)
