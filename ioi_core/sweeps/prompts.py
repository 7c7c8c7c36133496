"""The prompts of a sweep, block by block: generated as they are needed, or given."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from ioi_core.errors import PromptError
from ioi_core.inputs import Choice, Flag, PromptChoice, TemplateChoice, WholeNumber, as_choice, as_flag, shown
from ioi_core.model.weights import Model
from ioi_core.prompts.corruptions import check_corruption
from ioi_core.prompts.dataset import ioi_rows
from ioi_core.prompts.pairs import PromptPairs, PromptRow, check_context, check_pairs_given, stack_rows
from ioi_core.tasks.dataset import TASKS, task_rows

IOI = "ioi"
MOST_GROUPS = 200
"""Labels or templates whose means are kept; with more of them none are."""


@dataclass(frozen=True, eq=False)
class Source:
    """Prompts that can be walked through more than once.

    Attributes:
        n: how many there are.
        told: what they are, for the record.
        group_axis: "label" or "template", by which means are kept, or None.
    """

    n: int
    told: Mapping[str, object]
    group_axis: str | None
    _blocks: Callable[[int], Iterator[PromptPairs]]

    def blocks(self, size: int) -> Iterator[PromptPairs]:
        """Yield `size` prompts at a time, the last block shorter."""
        return self._blocks(size)

    @property
    def equally_long(self) -> bool:
        """Return whether all prompts have the same number of tokens: a walk through all of them."""
        lengths: set[int] = set()
        for pairs in self.blocks(1024):
            lengths.update(pairs.lengths.tolist())
            if len(lengths) > 1:
                return False
        return True

    def groups(self, pairs: PromptPairs) -> list[str] | None:
        """Return the name of each prompt's group."""
        if self.group_axis is None:
            return None
        return [str(name) for name in (pairs.labels if self.group_axis == "label" else pairs.templates.tolist()) or ()]


def given(pairs: PromptPairs) -> Source:
    """Return pairs as a source; grouped by their labels, or by templates that several of them share."""
    n, axis = len(check_pairs_given(pairs)), None
    if pairs.labels is not None and len(set(pairs.labels)) <= MOST_GROUPS:
        axis = "label"
    elif pairs.labels is None and len(np.unique(pairs.templates)) <= min(MOST_GROUPS, n - 1):
        axis = "template"

    def blocks(size: int) -> Iterator[PromptPairs]:
        for start in range(0, n, size):
            yield _without_padding(pairs.take(slice(start, start + size)))

    return Source(n, {"source": "given"}, axis, blocks)


def generated(
    model: Model,
    n: WholeNumber,
    *,
    task: Choice,
    seed: WholeNumber,
    templates: TemplateChoice,
    corruption: Choice,
    prepend_bos: Flag,
) -> Source:
    """Return what `ioi_dataset` or `task_dataset` would, without ever holding more than a block; checked here.

    Raises:
        ChoiceError, PromptError: as those two.
    """
    task = as_choice(task, "task", (IOI, *TASKS))
    prepend_bos = as_flag(prepend_bos, "prepend_bos")
    corruption = check_corruption(corruption)
    if task != IOI and (corruption, templates) != ("s2_flip", "mixed"):
        raise PromptError(f"templates and corruption are for the task {IOI}: {task} has twins of its own")

    def rows() -> Iterator[PromptRow]:
        if task == IOI:
            return ioi_rows(model, n, seed=seed, templates=templates, corruption=corruption)
        return task_rows(model, task, n, seed=seed)

    rows()  # refuses what cannot be generated

    def blocks(size: int) -> Iterator[PromptPairs]:
        each = rows()
        while block := list(islice(each, size)):
            check_context(model, block, prepend_bos=prepend_bos)
            yield stack_rows(block, prepend_bos=prepend_bos)

    told: dict[str, object] = {"source": "generated", "task": task, "seed": int(seed), "prepend_bos": prepend_bos}
    if task == IOI:
        told |= {"templates": templates if isinstance(templates, str) else list(templates), "corruption": corruption}
    return Source(int(n), told, "template", blocks)


def source_of(model: Model, prompts: PromptChoice, options: Mapping[str, object]) -> Source:
    """Return the source for pairs, or for a number of prompts to be generated as the options say."""
    if isinstance(prompts, PromptPairs):
        return given(prompts)
    if isinstance(prompts, bool) or not isinstance(prompts, int | np.integer):
        raise PromptError(
            f"prompts are a number of prompts to generate, or pairs as read_pairs gives, not {shown(prompts)}"
        )
    return generated(model, int(prompts), **options)  # type: ignore[arg-type]  # checked there


def digest(pairs: PromptPairs, groups: list[str] | None) -> str:
    """Return a hash of all of a block that decides its results; padding does not."""
    found = hashlib.sha256()
    roles = sorted(pairs.roles)
    for row in range(len(pairs)):
        length = int(pairs.lengths[row])
        told = [
            pairs.clean_tokens[row, :length].tolist(),
            pairs.corrupted_tokens[row, :length].tolist(),
            pairs.answers[row].tolist(),
            [[role, int(pairs.roles[role][row])] for role in roles],
            int(pairs.templates[row]),
            None if pairs.answer_sets is None else pairs.answer_sets[row],
            None if groups is None else groups[row],
        ]
        found.update(json.dumps(told).encode())
    return found.hexdigest()


def _without_padding(pairs: PromptPairs) -> PromptPairs:
    """Return pairs without the columns that none of them fills: a block of short ones is not run at full width."""
    width = int(pairs.lengths.max())
    return replace(
        pairs, clean_tokens=pairs.clean_tokens[:, :width], corrupted_tokens=pairs.corrupted_tokens[:, :width]
    )
