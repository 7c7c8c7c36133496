"""Circuits of the small random model and of the bundled one, prompts, and what the whole model says."""

import numpy as np

from ioi_core import Circuit, Head, Model, PromptPairs, ioi_dataset, run
from ioi_core.prompts.corruptions import SIGNAL_FLIPS
from tests.models.bundled import BACKUP, DUPLICATE, INDUCTION, INHIBITION, MOVERS, NEGATIVE, PREVIOUS

CIRCUIT = Circuit({
    Head(0, 1): "S1+1", Head(0, 3): ("S2", "IO"), Head(1, 0): "S2", Head(1, 2): ("S1", "S1+1"), Head(2, 1): "END",
    Head(2, 3): ("S2", "END"), Head(3, 0): "END", Head(3, 2): "S1",
})  # fmt: skip
K = Circuit({Head(0, 3): "S2", Head(2, 3): "END", Head(3, 0): "END"})
OF_THE_BUNDLED_MODEL = Circuit({
    **dict.fromkeys(PREVIOUS, "S1+1"), **dict.fromkeys((*DUPLICATE, *INDUCTION), "S2"),
    **dict.fromkeys((*INHIBITION, *MOVERS, *BACKUP, *NEGATIVE), "END"),
})  # fmt: skip
"""Its heads where their roles say that they matter."""


def logit_diff(model: Model, pairs: PromptPairs) -> np.ndarray:
    rows = np.arange(len(pairs))
    logits = run(model, pairs.clean_tokens, pairs.roles["END"])
    return logits[rows, pairs.answers[:, 0]] - logits[rows, pairs.answers[:, 1]]


def flips_of(model: Model, n: int, **options) -> dict[str, PromptPairs]:
    return {flip: ioi_dataset(model, n, corruption=flip, **options) for flip in SIGNAL_FLIPS}
