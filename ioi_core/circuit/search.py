"""A circuit for any model, by a stated procedure: patching scores rank, members join in that order, some leave again.

1. Rank every (head, role) by the size of its total effect: z at that role taken from the corrupted prompt into the
   clean run (noising), mean change of logit_diff over the prompts. The roles are those of the prompts. Where END is the
   only one and all heads kept at END do not come within the tolerance, it is "all" instead: heads kept everywhere.
2. Add members in that order until F(C) is within half the tolerance of F(M), so that step 3 has room; where no number
   of members gets there, up to the number that gets closest.
3. Prune: of all members whose leaving keeps F(C) within the tolerance (or, if it is not within, as close as it is),
   the one leaves whose leaving brings F(C) closest to F(M). Repeat until none can leave. A run that keeps heads
   everywhere costs much more, so those members are asked once each, the last of the ranking first.

Nothing is drawn at random: equal arguments give equal circuits. The circuit is found and judged on the same prompts,
so its faithfulness flatters it; `held_out` judges it on others as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float

from ioi_core.activation_patching.exact import patch_activations
from ioi_core.circuit.definition import Circuit, CircuitError, Member
from ioi_core.circuit.evaluation import EMPTY, M, evaluate_circuit, evaluation
from ioi_core.circuit.results import CircuitEvaluation
from ioi_core.circuit.runs import Variant, VariantRuns
from ioi_core.engine.checks import check_pairs
from ioi_core.engine.progress import between, in_parts
from ioi_core.errors import PromptError
from ioi_core.inputs import Choice, Fraction, as_fraction, check_ablation, shown
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, PromptResult, over_prompts
from ioi_core.vocabulary import ALL, ROLES, Ablation, Direction, Head

TOLERANCE = 0.1
MOST_MEMBERS = 100
"""The largest number of members that step 2 adds."""

Distances = Callable[[Sequence[Circuit], Progress | None], Float[np.ndarray, " circuit"]]
"""How far F(C) / F(M) of each of some circuits is from 1."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FoundCircuit(PromptResult):
    """`values` [role layer head]: each member's total effect by noising, in logits; step 1 ranks by its size.

    The axis "role" names where heads could be kept: the prompts' roles, or "all" alone.

    Attributes:
        circuit: the members left after step 3.
        evaluation: F(C), F(M) and faithfulness of `circuit` on these prompts.
        held_out: the same on other prompts, None if none were given.
        ranking: all members, the largest effect first.
        growth: [size] F(C) of the first 0, 1, 2, ... members of the ranking.
        n_added: the number of members that step 2 added.
        pruned: members that step 3 took out, in that order.
        tolerance: the largest distance of F(C) / F(M) from 1.
    """

    circuit: Circuit
    evaluation: CircuitEvaluation
    ranking: tuple[Member, ...]
    growth: Float[np.ndarray, " size"]
    n_added: int
    pruned: tuple[Member, ...]
    tolerance: float
    held_out: CircuitEvaluation | None


@torch.inference_mode()
def find_circuit(
    model: Model,
    pairs: PromptPairs,
    *,
    ablation: Choice = Ablation.MEAN,
    tolerance: Fraction = TOLERANCE,
    held_out: PromptPairs | None = None,
    progress: Progress | None = None,
) -> FoundCircuit:
    """Find a circuit whose faithfulness is within `tolerance` of 1, if ranking by patching leads to one.

    Args:
        pairs: prompts and their corrupted twins (corruption="abc" is meant).
        ablation: as in `ablate`. tolerance: a fraction of F(M), above 0 and below 1.
        held_out: other prompts and twins with the circuit's roles, to judge it on; means are over these alone.
    Raises:
        CircuitError: F(M) is 0 or less, so that there is no behaviour to be faithful to.
        ChoiceError, PromptError: say what was got and what is allowed.
    """
    check_pairs(model, pairs)
    if held_out is not None:
        _check_held_out(model, held_out, pairs)
    ablation = check_ablation(ablation)
    tolerance = as_fraction(tolerance, "tolerance")
    run = VariantRuns(model, pairs, ablation, between(progress, 0, 5))
    roles = _places(model, pairs, run, tolerance)
    effects = _effects(model, pairs, roles, between(progress, 5, 45))
    ranking = _ranked(effects.mean(-1), roles)
    whole, growth = _grown(ranking, run, between(progress, 45, 60))
    distances = np.abs(growth / whole - 1)
    near = distances <= tolerance / 2
    n_added = int(near.argmax()) if near.any() else int(distances.argmin())
    allowed = max(tolerance, float(distances[n_added]))

    def distances_of(circuits: Sequence[Circuit], part: Progress | None) -> Float[np.ndarray, " circuit"]:
        return np.abs(run([*map(Variant, circuits)], part).mean(-1) / whole - 1)

    prune = _prune_once if ALL in roles else _prune
    circuit, pruned = prune(ranking[:n_added], distances_of, allowed, between(progress, 60, 92))
    runs = run([Variant(circuit), M, EMPTY], between(progress, 92, 96))
    judged = None
    if held_out is not None:
        judged = evaluate_circuit(model, held_out, circuit, ablation=ablation, progress=between(progress, 96, 100))
    return FoundCircuit(
        **over_prompts(effects),
        axes={"role": roles, **model.head_axes},
        metric="logit_diff_change",
        unit="logits",
        circuit=circuit,
        evaluation=evaluation(pairs, ablation, circuit, runs),
        ranking=ranking,
        growth=growth,
        n_added=n_added,
        pruned=pruned,
        tolerance=tolerance,
        held_out=judged,
    )


def _check_held_out(model: Model, held_out: PromptPairs, pairs: PromptPairs) -> None:
    """Refuse prompts that a circuit found on `pairs` cannot be judged on, before it is searched for."""
    check_pairs(model, held_out)
    if held_out.roles.keys() != pairs.roles.keys():
        got, needed = (", ".join(some.roles) for some in (held_out, pairs))
        raise PromptError(f"held_out has the roles {got}: give prompts with those of the others, {needed}")


def _grown(
    ranking: Sequence[Member], run: VariantRuns, progress: Progress | None
) -> tuple[float, Float[np.ndarray, " size"]]:
    """Return F(M), and F(C) of the first 0, 1, 2, ... members of the ranking."""
    prefixes = [Circuit.of(ranking[:size]) for size in range(min(MOST_MEMBERS, len(ranking)) + 1)]
    whole, *grown = (per_prompt.mean() for per_prompt in run([M, *map(Variant, prefixes)], progress))
    _check_behaviour(float(whole))
    return float(whole), np.array(grown)


def _places(model: Model, pairs: PromptPairs, run: VariantRuns, tolerance: float) -> tuple[str, ...]:
    """The roles that step 1 ranks heads at."""
    roles = tuple(role for role in ROLES if role in pairs.roles)
    if roles != ("END",):
        return roles
    at_end, whole = run([Variant(Circuit(dict.fromkeys(model.heads, "END"))), M]).mean(-1)
    return roles if abs(at_end - whole) <= tolerance * abs(whole) else (ALL,)


def _prune(
    members: Sequence[Member], distances_of: Distances, allowed: float, progress: Progress | None
) -> tuple[Circuit, tuple[Member, ...]]:
    """Take out the member that is missed least, again and again; return what is left and what left."""
    circuit, pruned = Circuit.of(members), []
    for _, part in in_parts(range(len(members)), progress):
        fewer = [circuit.without(Circuit.of([member])) for member in circuit.members]
        distances = distances_of(fewer, part)
        best = int(distances.argmin())
        if distances[best] > allowed:
            break
        pruned.append(circuit.members[best])
        circuit = fewer[best]
    return circuit, tuple(pruned)


def _prune_once(
    members: Sequence[Member], distances_of: Distances, allowed: float, progress: Progress | None
) -> tuple[Circuit, tuple[Member, ...]]:
    """Take out each member that is not missed, the last of the ranking first; return as `_prune`."""
    circuit, pruned = Circuit.of(members), []
    for member, part in in_parts(members[::-1], progress):
        fewer = circuit.without(Circuit.of([member]))
        if distances_of([fewer], part)[0] <= allowed:
            circuit = fewer
            pruned.append(member)
    return circuit, tuple(pruned)


def _ranked(effects: Float[np.ndarray, "role layer head"], roles: tuple[str, ...]) -> tuple[Member, ...]:
    """All members, the largest effect first; equal ones in the order of the axes."""
    order = np.argsort(-np.abs(effects), axis=None, kind="stable")
    cells = zip(*np.unravel_index(order, effects.shape), strict=True)
    return tuple((Head(int(layer), int(head)), roles[role]) for role, layer, head in cells)


def _check_behaviour(whole: float) -> None:
    if whole <= 0:
        raise CircuitError(
            f"the model's mean logit_diff on these prompts is {shown(round(whole, 3) + 0.0)}: it does not prefer the "
            "right answer, and there is no behaviour for a circuit to be faithful to",
            "choose prompts on which the model prefers the right answer",
        )


def _effects(
    model: Model, pairs: PromptPairs, roles: tuple[str, ...], progress: Progress | None
) -> Float[np.ndarray, "role layer head batch"]:
    """The change of logit_diff by noising z of each head at each role."""
    patch = partial(patch_activations, model, pairs, "z", direction=Direction.NOISING, metric="logit_diff")
    return np.stack([patch(positions=role, progress=part).effects for role, part in in_parts(roles, progress)])
