"""What a measurement asks for, noted while it is computed: the recipe of a reveal's figure. No Streamlit here."""

from typing import Any

import numpy as np

from app.questions.ask import Compute, Request
from app.questions.shown import Shown, shown_by_default
from ioi_core import PromptPairs


class Recipe:
    """Computes as another does, and notes each request once.

    Attributes:
        requests: in the order in which they were asked; shown: the main numbers of those whose results have some.
    """

    def __init__(self, compute: Compute):
        self._compute = compute
        self.requests: list[Request[Any]] = []
        self.shown: list[Shown] = []

    def __call__(self, request: Request[Any], /) -> Any:
        """Return the result."""
        result = self._compute(request)
        if not any(_same(request, before) for before in self.requests):
            [main] = shown_by_default([request])
            if isinstance(getattr(result, main.field, None), np.ndarray):
                self.shown.append(Shown(main.field, len(self.requests)))
            self.requests.append(request)
        return result


def _same(a: Request[Any], b: Request[Any]) -> bool:
    if a.analysis != b.analysis:
        return False
    pairs = zip(a.parameters.values(), b.parameters.values(), strict=True)
    return all(one is other or (not isinstance(one, PromptPairs) and bool(one == other)) for one, other in pairs)
