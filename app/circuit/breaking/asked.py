"""What is asked for of a circuit that is broken, and where its numbers are."""

from dataclasses import dataclass

from app.circuit.breaking.controls import Plan
from app.circuit.members import EVERYWHERE
from app.circuit.requests import completeness_request, evaluate_request, minimality_request
from app.questions.ask import Request
from app.questions.shown import PROMPT, Shown
from ioi_core import Ablation, CircuitEvaluation, Completeness, Minimality, PromptPairs

MOST_EVERYWHERE = 30
"""Members at every position whose minimality is asked for: each takes two runs of nearly the whole model."""

NOW, COMPLETE, BEFORE = Shown("per_prompt"), Shown("per_prompt", 1), Shown("per_prompt", 2)
"""Where the numbers of `Broken` are in the results of `Asked.broken`."""

MEMBERS = Shown("signed_scores_per_prompt", axes=("member", PROMPT))
"""What each member adds, in the result of `Asked.members`."""


@dataclass(frozen=True)
class Asked:
    """What is asked for of a circuit C from which K was switched off.

    Attributes:
        now: of C \\ K; complete: of C and K; before: of C.
        members: of each member of C \\ K; None where none is on, or too many heads are kept at every position.
    """

    now: Request[CircuitEvaluation]
    complete: Request[Completeness]
    before: Request[CircuitEvaluation]
    members: Request[Minimality] | None

    @property
    def broken(self) -> tuple[Request[CircuitEvaluation], Request[Completeness], Request[CircuitEvaluation]]:
        """The requests of `Broken`."""
        return self.now, self.complete, self.before


def asked_for(pairs: PromptPairs, plan: Plan, ablation: Ablation) -> Asked:
    """Return what is asked for of a circuit that is broken."""
    few = plan.left and len(plan.left.at(EVERYWHERE)) <= MOST_EVERYWHERE
    return Asked(
        evaluate_request(pairs, plan.left, ablation),
        completeness_request(pairs, plan.circuit, plan.off, ablation),
        evaluate_request(pairs, plan.circuit, ablation),
        minimality_request(pairs, plan.left, ablation) if few else None,
    )
