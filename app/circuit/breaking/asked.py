"""What is asked for of a circuit that is broken, and where its numbers are."""

from dataclasses import dataclass
from typing import Any

import ioi_core
from app.circuit.breaking.controls import Plan
from app.circuit.members import EVERYWHERE
from app.circuit.requests import edit_request
from app.questions.ask import Request, ask
from app.questions.shown import PROMPT, Shown
from ioi_core import Ablation, Circuit, CircuitEvaluation, PromptPairs

MOST_EVERYWHERE = 30
"""Members at every position whose minimality is asked for: each takes two runs of nearly the whole model."""


@dataclass(frozen=True)
class Asked:
    """What is asked for of a circuit that is broken, and where its numbers are.

    Attributes:
        requests: the first is of the circuit as it is now.
        evaluation, minimality: where they are in its result, "" where it is the evaluation itself.
        complete, before: as in `Broken`.
    """

    requests: tuple[Request[Any], ...]
    evaluation: str
    minimality: str
    complete: Shown
    before: Shown

    @property
    def now(self) -> Shown:
        """The circuit's logit_diff."""
        return Shown(f"{self.evaluation}per_prompt")

    @property
    def members(self) -> Shown | None:
        """The minimality of each member; None where it is not asked for."""
        field = f"{self.minimality}signed_scores_per_prompt"
        return Shown(field, axes=("member", PROMPT)) if self.minimality else None


def asked_for(pairs: PromptPairs, plan: Plan, ablation: Ablation) -> Asked:
    """Return what is asked for of a circuit that is broken: as much as possible in one request."""
    whole = evaluate_request(pairs, plan.circuit, ablation)
    if len(plan.left.at(EVERYWHERE)) > MOST_EVERYWHERE:
        left = evaluate_request(pairs, plan.left, ablation)
        both = ask(ioi_core.completeness, pairs=pairs, circuit=plan.circuit, removed=plan.off, ablation=ablation)
        return Asked((left, both, whole), "", "", Shown("per_prompt", 1), Shown("per_prompt", 2))
    edited = edit_request(pairs, plan.circuit, plan.off, ablation)
    before = Shown("per_prompt", 1) if plan.off else Shown("evaluation.per_prompt")
    asked = (edited, whole) if plan.off else (edited,)
    return Asked(asked, "evaluation.", "minimality.", Shown("completeness.per_prompt"), before)


def evaluate_request(pairs: PromptPairs, circuit: Circuit, ablation: Ablation) -> Request[CircuitEvaluation]:
    """Ask for F(C)."""
    return ask(ioi_core.evaluate_circuit, pairs=pairs, circuit=circuit, ablation=ablation)
