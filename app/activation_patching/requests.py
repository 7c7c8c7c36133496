"""Requests of the Activation patching page. No Streamlit here."""

from dataclasses import dataclass

import ioi_core
from app.questions.ask import Request, ask
from ioi_core import ALL, Direction, PatchResult, PromptPairs


@dataclass(frozen=True)
class PatchChoice:
    """The visitor's choices, arguments of `patch_activations`; by default those the page opens with."""

    site: str = "z"
    direction: Direction = Direction.DENOISING
    positions: str = ALL
    metric: str = "logit_diff_recovered"


def patch_requests(pairs: PromptPairs, choice: PatchChoice) -> tuple[Request[PatchResult], Request[PatchResult]]:
    """Ask for the first-order estimate, and for the exact runs."""
    estimate, exact = (
        ask(
            function, pairs=pairs, site=choice.site, direction=choice.direction, positions=choice.positions,
            metric=choice.metric,
        )
        for function in (ioi_core.estimate_patching, ioi_core.patch_activations)
    )  # fmt: skip
    return estimate, exact
