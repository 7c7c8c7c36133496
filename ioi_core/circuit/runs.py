"""logit_diff of many ablated runs at once: circuits in which little is kept, and models in which little is ablated.

A run keeps some (head, position) and replaces z everywhere else. For each block of prompts the replaced z are made
ready once for all runs; runs that keep a circuit go through `sparse_runs`, runs that lack a few heads begin where they
first differ from the clean run and go through `engine.wavefront` with their z set on the way.

At which position a role stands is looked up prompt by prompt: a mask over the batch that keeps, in each prompt, the
positions of all of them (`mask[:, indices, head]`) is a bug of published code.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ioi_core.circuit.definition import NO_HEADS, Circuit
from ioi_core.circuit.replacements import Replacements, recordings
from ioi_core.engine.few_ablated import DenseCells
from ioi_core.engine.few_kept import Slots, sparse_run
from ioi_core.engine.memory import blocks, cell_bytes, memory_budget
from ioi_core.engine.progress import Advance, advancing
from ioi_core.engine.recording import Trace, record
from ioi_core.engine.scoring import Scorer
from ioi_core.engine.tensors import as_array, at_positions, to_device
from ioi_core.engine.wavefront import Group
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress
from ioi_core.vocabulary import ALL, ROLES, Ablation

_PLACES = (*ROLES, ALL)
CLEAN_NAMES = ("k", "v", "z", "resid_mid", "resid_post")
"""What is recorded of a run that variants of the whole model begin from."""

_VECTORS_A_TOKEN = 7  # of d_model, kept of each token in each layer: the clean run's and the replaced z


@dataclass(frozen=True)
class Variant:
    """One run: what it keeps, and what of that is ablated after all.

    Attributes:
        kept: a circuit, or None for the whole model, M.
        removed: ablated wherever it stands, even where another role at the same position keeps the head.
    """

    kept: Circuit | None
    removed: Circuit = NO_HEADS

    @property
    def sparse(self) -> bool:
        """Whether heads are kept at named roles alone, so that most positions keep none."""
        return self.kept is not None and ALL not in self.kept.roles


def logit_diffs(
    model: Model,
    pairs: PromptPairs,
    variants: Sequence[Variant],
    ablation: Ablation,
    progress: Progress | None = None,
) -> Float[np.ndarray, "variant batch"]:
    """logit_diff of each variant in each prompt; the means, or whatever else replaces z, are made ready once.

    Args:
        variants: of heads and roles that the model and the pairs have.
    """
    n_sparse = sum(variant.sparse for variant in set(variants))
    total = layers_ahead(model, pairs, ablation, [(n_sparse, len(set(variants)) - n_sparse)])
    return VariantRuns(model, pairs, ablation, advancing(progress, total))(variants)


def layers_ahead(model: Model, pairs: PromptPairs, ablation: Ablation, calls: Sequence[tuple[int, int]]) -> int:
    """About how many layers `VariantRuns` walks: the total of a progress.

    Args:
        calls: how many sparse and other variants each call asks for.
    """
    parts = blocks(model, pairs, _VECTORS_A_TOKEN)
    n_recorded = len(parts) * (len(calls) if len(parts) > 1 else 1)
    walks = n_recorded + recordings(pairs, n_recorded, ablation)
    for part in parts:
        here = pairs.take(part)
        orders, at_once = len(_orders(here, [*here.roles])), _at_once(model, here)
        walks += sum(bool(sparse) * orders + -(-dense // at_once) for sparse, dense in calls)
    return model.cfg.n_layers * walks


class VariantRuns:
    """Runs of some prompts, for analyses that choose their next variants by the last: call it with some.

    What no variant changes, the clean run and the z that replace others, is kept from call to call if all prompts fit
    into one block, and recorded anew where they do not.
    """

    def __init__(self, model: Model, pairs: PromptPairs, ablation: Ablation, advance: Advance | None = None) -> None:
        self._replacements, self._pairs = Replacements.of(model, pairs, ablation, advance), pairs
        self._advance = advance
        self._parts = blocks(model, pairs, _VECTORS_A_TOKEN)
        self._only = self._block(self._parts[0]) if len(self._parts) == 1 else None

    def _block(self, part: slice) -> "_Block":
        return _Block(self._replacements, self._pairs, part, self._advance)

    def __call__(self, variants: Sequence[Variant]) -> Float[np.ndarray, "variant batch"]:
        """logit_diff of each variant in each prompt."""
        distinct = list(dict.fromkeys(variants))
        found = [(self._only or self._block(part)).logit_diffs(distinct).cpu() for part in self._parts]
        values = as_array(torch.cat(found, dim=-1))
        return values[[distinct.index(variant) for variant in variants]]


@dataclass(frozen=True, eq=False)
class _Block:
    """Some rows of the pairs and what is recorded of them, when it is first wanted."""

    replacements: Replacements
    all_pairs: PromptPairs
    part: slice
    advance: Advance | None

    @cached_property
    def pairs(self) -> PromptPairs:
        return self.all_pairs.take(self.part)

    @cached_property
    def replaced(self) -> tuple[Tensor, ...]:
        return self.replacements.of_rows(self.all_pairs, self.part, self.advance)

    @cached_property
    def clean(self) -> Trace:
        model = self.replacements.model
        return record(model, to_device(model, self.pairs.clean_tokens), CLEAN_NAMES, self.advance)

    def logit_diffs(self, variants: Sequence[Variant]) -> Float[Tensor, "variant batch"]:
        """All variants, each on the way that suits it."""
        model = self.replacements.model
        values = model.weights.W_E.new_empty(len(variants), len(self.pairs))
        for sparse in (True, False):
            numbers = [number for number, variant in enumerate(variants) if variant.sparse is sparse]
            chosen = [variants[number] for number in numbers]
            if numbers and sparse:
                values[numbers] = _sparse(model, self.pairs, self.replaced, chosen, self.advance)
            elif numbers:
                starts = self.replacements.starts[self.part]
                values[numbers] = dense_runs(model, self.pairs, self.clean, self.replaced, starts, chosen, self.advance)
        return values


def _by_role(model: Model, circuit: Circuit) -> Bool[np.ndarray, "role layer head"]:
    """Where a circuit has which head; the last role is "all"."""
    found = np.zeros((len(_PLACES), model.cfg.n_layers, model.cfg.n_heads), dtype=bool)
    for head, role in circuit.members:
        found[_PLACES.index(role), head.layer, head.head] = True
    return found


def _sparse(
    model: Model,
    pairs: PromptPairs,
    replaced: Sequence[Tensor],
    variants: Sequence[Variant],
    advance: Advance | None,
) -> Float[Tensor, "variant batch"]:
    """Variants that keep heads at named roles alone."""
    scorer = Scorer(model, "logit_diff", pairs.answers)
    tokens, parts = to_device(model, pairs.clean_tokens), []
    a_variant = 8 * len(pairs) * len(ROLES) * model.cfg.d_model * model.weights.W_E.element_size()
    step = max(1, memory_budget() // 3 // a_variant)
    for start in range(0, len(variants), step):
        chunk = variants[start : start + step]
        values = model.weights.W_E.new_empty(len(chunk), len(pairs))
        for slots in _slots(model, pairs, chunk):
            rows = to_device(model, np.array(slots.prompts))
            final, of = sparse_run(model, tokens[rows], [z[rows] for z in replaced], slots, advance)
            values[:, rows] = scorer(final, rows)[:, of].T
        parts.append(values)
    return torch.cat(parts)


def _slots(model: Model, pairs: PromptPairs, variants: Sequence[Variant]) -> Iterator[Slots]:
    """The prompts grouped by the order in which the roles stand; roles may share a position."""
    named = {role for v in variants for circuit in (v.kept, v.removed) if circuit for role in circuit.roles}
    used = [role for role in ROLES if role in named or role == "END"]
    kept = np.stack([_by_role(model, v.kept or NO_HEADS) for v in variants])  # [variant role layer head]
    removed = np.stack([_by_role(model, v.removed) for v in variants])
    for order, rows in _orders(pairs, used).items():
        here = [[_PLACES.index(used[n]) for n, slot in enumerate(order) if slot == s] for s in range(max(order) + 1)]
        keeps = [kept[:, roles].any(1) & ~removed[:, [*roles, -1]].any(1) for roles in here]
        positions = np.stack([np.unique([pairs.roles[role][row] for role in used]) for row in rows])
        yield Slots(tuple(rows), positions, np.stack(keeps, 1))


def _orders(pairs: PromptPairs, roles: Sequence[str]) -> dict[tuple[int, ...], list[int]]:
    """Order in which the roles stand, as a rank of each, -> the rows in which they do."""
    orders: dict[tuple[int, ...], list[int]] = {}
    for row, at in enumerate(np.stack([pairs.roles[role] for role in roles], 1)):
        _, ranks = np.unique(at, return_inverse=True)
        orders.setdefault(tuple(ranks.tolist()), []).append(row)
    return orders


def dense_runs(
    model: Model,
    pairs: PromptPairs,
    clean: Trace,
    replaced: Sequence[Tensor],
    starts: Int[np.ndarray, " batch"],
    variants: Sequence[Variant],
    advance: Advance | None,
) -> Float[Tensor, "variant batch"]:
    """Variants of the whole model: each begins where it first differs from the clean run.

    Args:
        clean: trace with `CLEAN_NAMES`; replaced: per layer, the z of ablated heads.
        starts: of `Replacements`.
    """
    scorer = Scorer(model, "logit_diff", pairs.answers)
    rows = to_device(model, np.arange(len(pairs)))
    unablated = scorer(at_positions(clean[-1]["resid_post"], pairs.roles["END"])[:, None], rows)[:, 0]
    values = unablated.expand(len(variants), -1).clone()
    changes = (np.arange(pairs.clean_tokens.shape[1]) >= starts[:, None])[:, :, None, None]
    step = _at_once(model, pairs)
    for start in range(0, len(variants), step):
        chunk = range(len(variants))[start : start + step]
        ablated = {number: ablated_places(model, pairs, variants[number]) & changes for number in chunk}
        cells = DenseCells(model, clean, replaced, ablated)
        for group, numbers, final in cells.finals(pairs.roles["END"], advance):
            prompts = to_device(model, np.array(group.prompts))
            values[to_device(model, np.array(numbers))[:, None], prompts] = scorer(final, prompts).T
    return values


def _at_once(model: Model, pairs: PromptPairs) -> int:
    """How many variants of the whole model are carried in one walk."""
    longest = Group((0,), 0, int(pairs.roles["END"].max()), 0, True, range(1))
    return max(1, memory_budget() // 2 // (len(pairs) * cell_bytes(model, longest)))


def ablated_places(model: Model, pairs: PromptPairs, variant: Variant) -> Bool[np.ndarray, "batch pos layer head"]:
    """Where a variant replaces z, prompt by prompt."""
    places = np.zeros((len(pairs), pairs.clean_tokens.shape[1], len(_PLACES)), dtype=bool)
    for role, positions in pairs.roles.items():
        places[np.arange(len(pairs)), positions, _PLACES.index(role)] = True
    places[:, :, -1] = True
    removed = np.tensordot(places, _by_role(model, variant.removed), 1)  # of bools: whether any role says so
    if variant.kept is None:
        return removed
    return removed | ~np.tensordot(places, _by_role(model, variant.kept), 1)
