"""What a page that waits for its numbers says."""

from app.questions.compute import _progress
from cache.jobs import Job


def test_a_job_that_cannot_go_on_says_why_instead_of_its_place():
    waits, runs = Job(lambda progress: None), Job(lambda progress: None)
    waits.ahead = 2
    assert _progress([waits]) == (0.0, "Waiting in line: 2 visitors are before you")
    waits.note = runs.note = "The machines that compute do not answer."
    runs.begin()
    runs.report(1, 4)
    assert _progress([waits]) == (0.0, waits.note)
    assert _progress([runs]) == (0.25, runs.note)
    runs.note = ""
    assert _progress([runs]) == (0.25, "Computing")
