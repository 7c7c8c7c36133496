"""Completeness for many K at once: classes, random sets and sets chosen greedily (Wang et al. 2022, section 4.2).

Each K is a point (F(C \\ K), F(M \\ K)), on the diagonal for a complete circuit. A random K holds each member with
probability 1/2. A greedy K starts empty; at each step a few members that it lacks are drawn, and of these the one
joins that takes F(C \\ K) and F(M \\ K) furthest apart. Greedy K are grown side by side, each from draws of its own.
"""

from collections.abc import Sequence

import numpy as np
import torch

from ioi_core.circuit.definition import Circuit, CircuitError, Member, check_circuit
from ioi_core.circuit.evaluation import M, result_fields
from ioi_core.circuit.results import Completeness
from ioi_core.circuit.runs import Variant, VariantRuns
from ioi_core.engine.progress import between, in_parts
from ioi_core.heads.published import PUBLISHED_CLASSES, published_class_on
from ioi_core.inputs import Choice, Heads, WholeNumber, as_whole_number, check_ablation
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress
from ioi_core.vocabulary import Ablation

TRIES = 5
"""The number of members that are tried in one step of a greedy K."""

_MOST = 100


@torch.inference_mode()
def completeness_sets(
    model: Model,
    pairs: PromptPairs,
    circuit: Heads,
    *,
    n_random: WholeNumber = 10,
    n_greedy: WholeNumber = 3,
    steps: WholeNumber = 10,
    seed: WholeNumber = 0,
    ablation: Choice = Ablation.MEAN,
    progress: Progress | None = None,
) -> Completeness:
    """F(C \\ K) and F(M \\ K) for K = nothing, each class of the circuit, random sets and greedy ones.

    Args:
        n_random, n_greedy: the number of K of each kind, 0 to 100.
        steps: members that a greedy K comes to hold, 1 to 100; at most all of the circuit.
        seed: of the draws.
        ablation: as in `ablate`.
    Returns:
        `values` [run set]; `kinds` says "empty", "class", "random" or "greedy" of each set, `removed` holds the sets.
        A class is one of the published ones in GPT-2 small on IOI prompts, and all members at one role elsewhere.
    Raises:
        CircuitError: a circuit without heads.
        HeadError, ChoiceError, PromptError: say what was got and what is allowed.
    """
    checked, ablation = check_circuit(model, pairs, circuit), check_ablation(ablation)
    if not checked:
        raise CircuitError("completeness asks what becomes of a circuit without some of its heads: this one has none")
    counts = [as_whole_number(n, name, 0, _MOST) for n, name in ((n_random, "n_random"), (n_greedy, "n_greedy"))]
    steps = min(as_whole_number(steps, "steps", 1, _MOST), len(checked.members))
    draws = np.random.default_rng(as_whole_number(seed, "seed", 0, 2**63 - 1))
    classes = circuit_classes(model, pairs, checked)
    run = VariantRuns(model, pairs, ablation, between(progress, 0, 5))
    sets = {"nothing": ("empty", Circuit())}
    sets |= {name: ("class", removed) for name, removed in classes.items()}
    sets |= {f"random {n + 1}": ("random", _random_members(checked, draws)) for n in range(counts[0])}
    grown = 5 + 95 * steps // (steps + 1) if counts[1] else 5  # per cent: a step takes about as long as all sets do
    greedy = _greedy(run, checked, counts[1], steps, draws, between(progress, 5, grown))
    sets |= {f"greedy {n + 1}": ("greedy", removed) for n, removed in enumerate(greedy)}
    kinds, removed = zip(*sets.values(), strict=True)
    whole, *runs = run([M, *_variants(checked, removed)], between(progress, grown, 100))
    axes = {"run": ("circuit", "model"), "set": tuple(sets)}
    per_prompt = np.stack(runs).reshape(2, len(sets), len(pairs))
    fields = result_fields(pairs, ablation, per_prompt, axes, whole)
    return Completeness(**fields, circuit=checked, removed=removed, kinds=kinds)


def circuit_classes(model: Model, pairs: PromptPairs, circuit: Circuit) -> dict[str, Circuit]:
    """The circuit's classes by name: on IOI prompts published ones for GPT-2 small's published heads, else roles."""
    classes: dict[str, Circuit] = {}
    for head, role in circuit.members:
        group = published_class_on(model, pairs, head)
        name = group.name if group and group.kept_at == role else f"at {role}"
        classes[name] = classes.get(name, Circuit()).with_({head: role})
    published = [group.name for group in PUBLISHED_CLASSES]
    return {name: classes[name] for name in (*published, *sorted(set(classes) - {*published})) if name in classes}


def _random_members(circuit: Circuit, draws: np.random.Generator) -> Circuit:
    chosen = draws.random(len(circuit.members)) < 0.5
    return Circuit.of([member for member, taken in zip(circuit.members, chosen, strict=True) if taken])


def _variants(circuit: Circuit, removed: Sequence[Circuit]) -> list[Variant]:
    """C \\ K of each K, then M \\ K of each."""
    return [Variant(kept, k) for kept in (circuit, None) for k in removed]


def _greedy(
    run: VariantRuns, circuit: Circuit, n_sets: int, steps: int, draws: np.random.Generator, progress: Progress | None
) -> list[Circuit]:
    """Grow greedy K side by side: each round adds a member to every one of them."""
    grown = [Circuit()] * n_sets
    for _, part in in_parts(range(steps if n_sets else 0), progress):
        tried = [[k.with_(Circuit.of([member])) for member in _drawn_members(circuit, k, draws)] for k in grown]
        flat = [k for candidates in tried for k in candidates]
        of_circuit, of_model = run(_variants(circuit, flat), part).mean(-1).reshape(2, -1)
        distances = dict(zip(flat, np.abs(of_circuit - of_model).tolist(), strict=True))
        grown = [max(candidates, key=distances.__getitem__) for candidates in tried]
    return grown


def _drawn_members(circuit: Circuit, removed: Circuit, draws: np.random.Generator) -> list[Member]:
    """Draw a few members that K lacks."""
    left = [member for member in circuit.members if member not in removed.members]
    return [left[n] for n in draws.choice(len(left), min(TRIES, len(left)), replace=False)]
