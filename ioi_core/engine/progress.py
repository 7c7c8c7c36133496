"""Progress of an analysis: loops report what they have done, and an analysis made of parts gives each part its share.

A walk over the layers counts layers (`with_progress`); what holds several walks, such as blocks of prompts, divides its
own progress among them (`in_parts`, `between`) without knowing how they count. So no total is planned ahead, done never
goes back and ends at the total, and an exception raised in the caller's callback cancels after any layer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ioi_core.errors import ChoiceError
from ioi_core.inputs import shown
from ioi_core.results import Progress

Item = TypeVar("Item")

_PER_CENT = 100


@dataclass
class _Part:
    """The progress of a part, reported to the whole's as its `size` steps of `total` from `start` on."""

    whole: Progress
    start: int
    size: int
    total: int
    done: int = 0

    def __call__(self, done: int, total: int) -> None:
        self.done = self.size * done // total
        self.whole(self.start + self.done, self.total)


def _check(progress: Progress | None) -> None:
    if progress is not None and not callable(progress):
        raise ChoiceError(f"progress must be a function of (done, total), got {shown(progress)}")


def with_progress(items: Sequence[Item], progress: Progress | None) -> Iterator[Item]:
    """Yield the items, and report after each how many of them are done."""
    _check(progress)
    for number, item in enumerate(items):
        yield item
        if progress:
            progress(number + 1, len(items))


def in_parts(
    items: Sequence[Item], progress: Progress | None, steps: int = _PER_CENT
) -> Iterator[tuple[Item, Progress | None]]:
    """Yield each item with the progress of its own part, and report its end unless the part did so itself.

    Args:
        steps: how many steps of the whole each part is; all parts count the same.
    """
    _check(progress)
    for number, item in enumerate(items):
        if progress is None:
            yield item, None
            continue
        part = _Part(progress, number * steps, steps, len(items) * steps)
        yield item, part
        if part.done < steps:
            part(1, 1)


def between(progress: Progress | None, start: int, stop: int) -> Progress | None:
    """The progress of a part that takes the whole from `start` to `stop` per cent."""
    _check(progress)
    return _Part(progress, start, stop - start, _PER_CENT) if progress else None
