"""logit_diff of many ablated runs at once: circuits in which little is kept, and models in which little is ablated.

A run keeps some (head, position) and replaces z everywhere else. For each block of prompts the replacing z are prepared
once for all runs; runs that keep a circuit go through `engine.few_kept`, runs that lack a few heads begin where
they first differ from the clean run and go through `engine.few_ablated`.

The position of a role is looked up prompt by prompt: a mask over the batch that keeps, in each prompt, the
positions of all of them (`mask[:, indices, head]`) is a bug of published code.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ioi_core.circuit.definition import NO_HEADS, Circuit
from ioi_core.circuit.replacements import Replacements
from ioi_core.engine.few_ablated import FewAblated
from ioi_core.engine.few_kept import KeptPositions, run_few_kept
from ioi_core.engine.memory import blocks, cell_bytes, memory_budget
from ioi_core.engine.progress import between, in_parts
from ioi_core.engine.recording import Trace, record
from ioi_core.engine.scoring import Scorer
from ioi_core.engine.tensors import at_positions, joined, slices, to_device
from ioi_core.engine.wavefront import Group
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress
from ioi_core.vocabulary import ALL, ROLES, Ablation

_ROLES_AND_ALL = (*ROLES, ALL)
CLEAN_NAMES = ("k", "v", "z", "resid_mid", "resid_post")
"""The activations recorded of a run that variants of the whole model begin from."""


@dataclass(frozen=True)
class Variant:
    """One run: what it keeps, and what of that is ablated after all.

    Attributes:
        kept: a circuit, or None for the whole model, M.
        removed: always ablated, even where another role at the same position keeps the head.
    """

    kept: Circuit | None
    removed: Circuit = NO_HEADS

    @property
    def few_kept(self) -> bool:
        """True if heads are kept at named roles alone, so that most positions keep none."""
        return self.kept is not None and ALL not in self.kept.roles


def logit_diffs(
    model: Model, pairs: PromptPairs, variants: Sequence[Variant], ablation: Ablation, progress: Progress | None = None
) -> Float[np.ndarray, "variant batch"]:
    """logit_diff of each variant in each prompt; the replacing z are prepared once.

    Args:
        variants: of heads and roles that the model and the pairs have.
    """
    return VariantRuns(model, pairs, ablation, between(progress, 0, 10))(variants, between(progress, 10, 100))


class VariantRuns:
    """Runs of some prompts, for analyses that choose their next variants by the last ones: call it with variants.

    The clean run and the replacing z, which no variant changes, are kept from call to call if all prompts fit into one
    block, and recorded again if they do not.
    """

    def __init__(self, model: Model, pairs: PromptPairs, ablation: Ablation, progress: Progress | None = None) -> None:
        """Take the means, with `progress` for these alone; each call has its own."""
        self._replacements, self._pairs = Replacements.of(model, pairs, ablation, progress), pairs
        self._parts = blocks(model, pairs, (*CLEAN_NAMES, "z"))
        self._only = self._block(self._parts[0]) if len(self._parts) == 1 else None

    def _block(self, part: slice) -> "_Block":
        return _Block(self._replacements, self._pairs, part)

    def __call__(
        self, variants: Sequence[Variant], progress: Progress | None = None
    ) -> Float[np.ndarray, "variant batch"]:
        """logit_diff of each variant in each prompt."""
        distinct = list(dict.fromkeys(variants))
        values = joined(
            (self._only or self._block(part)).logit_diffs(distinct, of_block)
            for part, of_block in in_parts(self._parts, progress)
        )
        return values[[distinct.index(variant) for variant in variants]]


class _Block:
    """Some rows of the pairs, and their recorded activations once they have been wanted."""

    def __init__(self, replacements: Replacements, all_pairs: PromptPairs, part: slice) -> None:
        self._replacements, self._all_pairs, self._part = replacements, all_pairs, part
        self._pairs = all_pairs.take(part)
        self._replaced: tuple[Tensor, ...] | None = None
        self._clean: Trace | None = None

    def logit_diffs(self, variants: Sequence[Variant], progress: Progress | None) -> Float[Tensor, "variant batch"]:
        """Run all variants, each through the engine's loop that suits it."""
        model, pairs = self._replacements.model, self._pairs
        values = model.weights.W_E.new_empty(len(variants), len(pairs))
        kept = [number for number, variant in enumerate(variants) if variant.few_kept]
        ablated = [number for number, variant in enumerate(variants) if not variant.few_kept]
        if self._replaced is None:
            self._replaced = self._replacements.of_rows(self._all_pairs, self._part, between(progress, 0, 10))
        if kept:
            chosen = [variants[number] for number in kept]
            values[kept] = _few_kept_runs(model, pairs, self._replaced, chosen, between(progress, 10, 50))
        if ablated:
            if self._clean is None:
                tokens = to_device(model, pairs.clean_tokens)
                self._clean = record(model, tokens, CLEAN_NAMES, between(progress, 50, 60))
            chosen, starts = [variants[number] for number in ablated], self._replacements.starts[self._part]
            values[ablated] = few_ablated_runs(
                model, pairs, self._clean, self._replaced, starts, chosen, between(progress, 60, 100)
            )
        return values


def _role_mask(model: Model, circuit: Circuit) -> Bool[np.ndarray, "role layer head"]:
    """True where a circuit keeps a head; the last role is "all"."""
    mask = np.zeros((len(_ROLES_AND_ALL), model.cfg.n_layers, model.cfg.n_heads), dtype=bool)
    for head, role in circuit.members:
        mask[_ROLES_AND_ALL.index(role), head.layer, head.head] = True
    return mask


def _few_kept_runs(
    model: Model, pairs: PromptPairs, replaced: Sequence[Tensor], variants: Sequence[Variant], progress: Progress | None
) -> Float[Tensor, "variant batch"]:
    """Run variants that keep heads at named roles alone."""
    scorer = Scorer(model, "logit_diff", pairs)
    tokens, values = to_device(model, pairs.clean_tokens), model.weights.W_E.new_empty(len(variants), len(pairs))
    variant_bytes = 8 * len(pairs) * len(ROLES) * model.cfg.d_model * model.weights.W_E.element_size()
    chunk_size = max(1, memory_budget() // 3 // variant_bytes)
    for chunk, of_chunk in in_parts(slices(len(variants), chunk_size), progress):
        for keeping, of_prompts in in_parts(_kept_positions(model, pairs, variants[chunk]), of_chunk):
            rows = to_device(model, np.array(keeping.prompts))
            final, of = run_few_kept(model, tokens[rows], [z[rows] for z in replaced], keeping, of_prompts)
            values[chunk][:, rows] = scorer(final, rows)[:, of].T
    return values


def _kept_positions(model: Model, pairs: PromptPairs, variants: Sequence[Variant]) -> list[KeptPositions]:
    """Group the prompts by the order of the roles in the sentence; roles may share a position."""
    named = {role for v in variants for circuit in (v.kept, v.removed) if circuit for role in circuit.roles}
    used = [role for role in ROLES if role in named or role == "END"]
    kept = np.stack([_role_mask(model, v.kept or NO_HEADS) for v in variants])  # [variant role layer head]
    removed = np.stack([_role_mask(model, v.removed) for v in variants])
    groups = []
    for order, rows in _orders(pairs, used).items():
        here = [[ROLES.index(used[n]) for n, rank in enumerate(order) if rank == r] for r in range(max(order) + 1)]
        keeps = [kept[:, roles].any(1) & ~removed[:, [*roles, -1]].any(1) for roles in here]
        positions = np.stack([np.unique([pairs.roles[role][row] for role in used]) for row in rows])
        groups.append(KeptPositions(tuple(rows), positions, np.stack(keeps, 1)))
    return groups


def _orders(pairs: PromptPairs, roles: Sequence[str]) -> dict[tuple[int, ...], list[int]]:
    """Order of the roles in the sentence, as a rank of each, -> the rows with this order."""
    orders: dict[tuple[int, ...], list[int]] = {}
    for row, at in enumerate(np.stack([pairs.roles[role] for role in roles], 1)):
        _, ranks = np.unique(at, return_inverse=True)
        orders.setdefault(tuple(ranks.tolist()), []).append(row)
    return orders


def few_ablated_runs(
    model: Model,
    pairs: PromptPairs,
    clean: Trace,
    replaced: Sequence[Tensor],
    starts: Int[np.ndarray, " batch"],
    variants: Sequence[Variant],
    progress: Progress | None,
) -> Float[Tensor, "variant batch"]:
    """Run variants of the whole model, each from where it first differs from the clean run.

    Args:
        clean: trace with `CLEAN_NAMES`; replaced: per layer, the z of ablated heads.
        starts: of `Replacements`.
    """
    scorer = Scorer(model, "logit_diff", pairs)
    unablated = scorer.per_prompt(at_positions(clean[-1]["resid_post"], pairs.roles["END"]))
    values = unablated.expand(len(variants), -1).clone()
    changes = (np.arange(pairs.clean_tokens.shape[1]) >= starts[:, None])[:, :, None, None]
    longest = Group((0,), 0, int(pairs.roles["END"].max()), 0, True, range(1))
    chunk_size = max(1, memory_budget() // 2 // (len(pairs) * cell_bytes(model, longest)))
    for chunk, of_chunk in in_parts(slices(len(variants), chunk_size), progress):
        numbers_here = range(len(variants))[chunk]
        ablated = {number: ablated_cells(model, pairs, variants[number]) & changes for number in numbers_here}
        cells = FewAblated(model, clean, replaced, ablated)
        for group, numbers, final in cells.finals(pairs.roles["END"], of_chunk):
            prompts = group.rows(model)
            values[to_device(model, np.array(numbers))[:, None], prompts] = scorer(final, prompts).T
    return values


def ablated_cells(model: Model, pairs: PromptPairs, variant: Variant) -> Bool[np.ndarray, "batch pos layer head"]:
    """True where a variant replaces z, prompt by prompt."""
    has_role = np.zeros((len(pairs), pairs.clean_tokens.shape[1], len(_ROLES_AND_ALL)), dtype=bool)
    for role, positions in pairs.roles.items():
        has_role[np.arange(len(pairs)), positions, _ROLES_AND_ALL.index(role)] = True
    has_role[:, :, -1] = True
    removed = np.tensordot(has_role, _role_mask(model, variant.removed), 1)  # of bools: True if any role says so
    if variant.kept is None:
        return removed
    return removed | ~np.tensordot(has_role, _role_mask(model, variant.kept), 1)
