"""What became of one request, for logs and metrics: never what was asked about, so no word a visitor typed."""

from dataclasses import dataclass

from cache.jobs import Job


@dataclass(frozen=True)
class Record:
    """One request for an analysis, when it has ended.

    Attributes:
        analysis: its registered name.
        model: the model's name.
        cache: "memory" | "disk": it was kept there; "miss": it was computed; "shared": it joined one under way.
        outcome: "done" | "failed" | "cancelled" | "refused" (the line was full).
        queue_seconds: waited in line.
        compute_seconds: ran.
        error: the kind of exception it failed with; never its words, which may quote a prompt.
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
        """The record of a job that has just ended."""
        error = type(job.error).__name__ if job.error is not None else ""
        return cls(analysis, model, "miss", str(job.state), job.seconds_queued, job.seconds_elapsed, error)
