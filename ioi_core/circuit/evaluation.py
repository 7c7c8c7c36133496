"""Faithfulness, completeness and minimality of a circuit (Wang et al. 2022, section 4).

F(X) is the mean logit_diff of a run that keeps X and ablates every other (head, position); M is the whole model. MLPs,
LayerNorms and embeddings always work. All runs of a request go through `runs.logit_diffs` together.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ioi_core.circuit.definition import NO_HEADS, Circuit, CircuitError, Member, check_circuit
from ioi_core.circuit.results import AblationResult, CircuitEdit, CircuitEvaluation, Completeness, Minimality
from ioi_core.circuit.runs import Variant, logit_diffs
from ioi_core.heads.published import published_class_on
from ioi_core.inputs import Choice, Heads, check_ablation
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, over_prompts
from ioi_core.vocabulary import Ablation

M = Variant(None)
EMPTY = Variant(NO_HEADS)


@torch.inference_mode()
def ablate(
    model: Model,
    pairs: PromptPairs,
    heads: Heads,
    *,
    ablation: Choice = Ablation.MEAN,
    progress: Progress | None = None,
) -> AblationResult:
    """Ablate some heads in the clean run, at some roles or everywhere ("all"), and leave everything else alone.

    Args:
        heads: {head: role, roles or "all"}, a `Circuit`, or heads alone, ablated everywhere; a head is "9.9", (9, 9)
            or `Head(9, 9)`.
        ablation: what z becomes at an ablated (head, position). ZERO: 0, which leaves b_O (it holds the folded b_V).
            MEAN: the mean over the pairs' corrupted prompts (meant for corruption="abc") of the same template, length
            and role positions, at that position. RESAMPLE: z of the same row's corrupted prompt at that position.
    Returns:
        `values` [] F(M \\ K) in logits, mean over prompts, and `per_prompt` [batch].
    Raises:
        HeadError, CircuitError, ChoiceError, PromptError: say what was got and what is allowed.
    """
    removed, ablation = check_circuit(model, pairs, heads), check_ablation(ablation)
    whole, ablated = logit_diffs(model, pairs, [M, Variant(None, removed)], ablation, progress)
    return AblationResult(**result_fields(pairs, ablation, ablated, {}, whole), ablated=removed)


@torch.inference_mode()
def evaluate_circuit(
    model: Model,
    pairs: PromptPairs,
    circuit: Heads,
    *,
    ablation: Choice = Ablation.MEAN,
    progress: Progress | None = None,
) -> CircuitEvaluation:
    """F(C) with everything outside the circuit ablated, F(M), and faithfulness F(C) / F(M).

    Args:
        circuit: the heads that keep their z, and at which roles; a position that plays no role keeps none. In any
            spelling that `ablate` takes, or a result that has a circuit, such as `find_circuit`'s.
        ablation: as in `ablate`.
    Raises:
        HeadError, CircuitError, ChoiceError, PromptError: say what was got and what is allowed.
    """
    checked, ablation = check_circuit(model, pairs, circuit), check_ablation(ablation)
    runs = logit_diffs(model, pairs, [Variant(checked), M, EMPTY], ablation, progress)
    return evaluation(pairs, ablation, checked, runs)


@torch.inference_mode()
def completeness(
    model: Model,
    pairs: PromptPairs,
    circuit: Heads,
    removed: Heads,
    *,
    ablation: Choice = Ablation.MEAN,
    progress: Progress | None = None,
) -> Completeness:
    """F(C \\ K) against F(M \\ K): a complete circuit loses what the model loses, whatever K is taken out of both.

    Args:
        removed: K, usually part of the circuit; heads of K outside the circuit are ablated in the model alone.
    Raises:
        HeadError, CircuitError, ChoiceError, PromptError: say what was got and what is allowed.
    """
    checked, k = (check_circuit(model, pairs, heads) for heads in (circuit, removed))
    ablation = check_ablation(ablation)
    runs = logit_diffs(model, pairs, [M, Variant(checked, k), Variant(None, k)], ablation, progress)
    return _completeness(pairs, ablation, checked, k, runs[1:], runs[0])


@torch.inference_mode()
def minimality(
    model: Model,
    pairs: PromptPairs,
    circuit: Heads,
    *,
    ablation: Choice = Ablation.MEAN,
    progress: Progress | None = None,
) -> Minimality:
    """Compare F(C \\ K) with F(C \\ (K + v)) for each member v and a K of other members: does every member count?

    A member that others can stand in for shows only once they are gone. K is, for a member of a published class of
    GPT-2 small kept at its published role, on IOI prompts, the other members of that class in C (as Wang et al. do,
    section 4.3). For any other member K is nothing or the other members at the same role ("all" counts as one),
    whichever makes the difference larger.

    Raises:
        CircuitError: the circuit has no heads.
        HeadError, ChoiceError, PromptError: say what was got and what is allowed.
    """
    checked, ablation = check_circuit(model, pairs, circuit), check_ablation(ablation)
    if not checked:
        raise CircuitError("minimality asks whether each member counts: this circuit has no heads")
    candidates = _candidates(model, pairs, checked)
    runs = logit_diffs(model, pairs, [M, *_minimality_variants(checked, candidates)], ablation, progress)
    return _minimality(pairs, ablation, checked, candidates, runs[1:], runs[0])


@torch.inference_mode()
def edit_circuit(
    model: Model,
    pairs: PromptPairs,
    circuit: Heads,
    removed: Heads,
    *,
    ablation: Choice = Ablation.MEAN,
    progress: Progress | None = None,
) -> CircuitEdit:
    """Take K out of a circuit: faithfulness and minimality of what is left, and completeness of the circuit for K.

    The same as `evaluate_circuit` and `minimality` of C \\ K and `completeness` of C and K, with the clean run, the
    means and all shared runs computed once. Nothing may be left: minimality then has no members.

    Raises:
        CircuitError: K has single roles of a head that the circuit keeps at every position.
        HeadError, ChoiceError, PromptError: say what was got and what is allowed.
    """
    checked, k = (check_circuit(model, pairs, heads) for heads in (circuit, removed))
    ablation = check_ablation(ablation)
    left = checked.without(k)
    runs = logit_diffs(model, pairs, edit_variants(model, pairs, checked, k), ablation, progress)
    return CircuitEdit(
        evaluation(pairs, ablation, left, runs[:3]),
        _completeness(pairs, ablation, checked, k, runs[[0, 3]], runs[1]),
        _minimality(pairs, ablation, left, _candidates(model, pairs, left), runs[4:], runs[1]),
    )


def edit_variants(model: Model, pairs: PromptPairs, circuit: Circuit, removed: Circuit) -> list[Variant]:
    """Return all runs of `edit_circuit`, some of them more than once."""
    left = circuit.without(removed)
    candidates = _candidates(model, pairs, left)
    return [Variant(left), M, EMPTY, Variant(None, removed), *_minimality_variants(left, candidates)]


def result_fields(
    pairs: PromptPairs,
    ablation: Ablation,
    per_prompt: Float[np.ndarray, "*cells batch"],
    axes: Mapping[str, tuple[str, ...]],
    whole: Float[np.ndarray, " batch"],
) -> dict[str, Any]:
    """The fields that every `CircuitResult` has; `whole` is F(M)."""
    return {
        **over_prompts(per_prompt),
        "axes": axes,
        "metric": "logit_diff",
        "unit": "logits",
        "ablation": ablation,
        "model_per_prompt": whole,
        "templates": pairs.templates,
    }


def evaluation(
    pairs: PromptPairs, ablation: Ablation, circuit: Circuit, runs: Float[np.ndarray, "run batch"]
) -> CircuitEvaluation:
    """The runs "circuit", "model" and "empty" as a result."""
    axes = {"run": ("circuit", "model", "empty")}
    return CircuitEvaluation(**result_fields(pairs, ablation, runs, axes, runs[1]), circuit=circuit)


def _completeness(
    pairs: PromptPairs,
    ablation: Ablation,
    circuit: Circuit,
    removed: Circuit,
    runs: Float[np.ndarray, "run batch"],
    whole: Float[np.ndarray, " batch"],
) -> Completeness:
    fields = result_fields(pairs, ablation, runs, {"run": ("circuit", "model")}, whole)
    return Completeness(**fields, circuit=circuit, removed=(removed,), kinds=("given",))


Candidate = tuple[Member, Circuit]
"""A member v and a K to try for it."""


def _candidates(model: Model, pairs: PromptPairs, circuit: Circuit) -> list[Candidate]:
    """Every member with each K that its rule allows."""
    candidates: list[Candidate] = []
    for head, role in circuit.members:
        published = published_class_on(model, pairs, head)
        peers = Circuit({other: role for other in circuit.at(role) if other != head})
        if published and role == published.kept_at:
            peers = Circuit({other: role for other in peers if other in published.heads})
            candidates.append(((head, role), peers))
        else:
            candidates += [((head, role), removed) for removed in dict.fromkeys((Circuit(), peers))]
    return candidates


def _minimality_variants(circuit: Circuit, candidates: Sequence[Candidate]) -> list[Variant]:
    """C \\ K of every candidate, then C \\ (K + v) of every candidate."""
    without = [Variant(circuit.without(removed)) for _, removed in candidates]
    both = [Variant(circuit.without(removed.with_(Circuit.of([member])))) for member, removed in candidates]
    return [*without, *both]


def _minimality(
    pairs: PromptPairs,
    ablation: Ablation,
    circuit: Circuit,
    candidates: Sequence[Candidate],
    runs: Float[np.ndarray, "run batch"],
    whole: Float[np.ndarray, " batch"],
) -> Minimality:
    """Choose for each member the candidate with the largest difference, the first of equals."""
    per_candidate = runs.reshape(2, len(candidates), len(pairs))
    sizes = np.abs((per_candidate[0] - per_candidate[1]).mean(-1))
    best: dict[Member, int] = {}
    for number, (member, _) in enumerate(candidates):
        if member not in best or sizes[number] > sizes[best[member]]:
            best[member] = number
    labels = tuple(f"{head} {role}" for head, role in best)
    axes = {"run": ("without_k", "without_k_and_member"), "member": labels}
    return Minimality(
        **result_fields(pairs, ablation, per_candidate[:, list(best.values())], axes, whole),
        circuit=circuit,
        members=tuple(best),
        removed=tuple(candidates[number][1] for number in best.values()),
    )
