"""What a patched run is scored by, read from its final residual stream at END.

logit_diff needs only the two answers' columns of the unembedding; prob and kl need all 50,257 logits, which are made a
slab of rows at a time.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.answers import answer_bias, answer_direction
from ioi_core.errors import IOIError
from ioi_core.forward import normalize, to_device, unembed
from ioi_core.inputs import Choice, shown
from ioi_core.memory import memory_budget
from ioi_core.model import Model

UNITS = {"logit_diff": "logits", "logit_diff_recovered": "fraction", "prob": "probability", "kl": "nats"}
"""Metrics of patching -> their unit. logit_diff_recovered is logit_diff on the scale 0 = corrupted, 1 = clean."""


class MetricError(IOIError):
    """A metric that does not exist."""


def check_metric(metric: Choice) -> str:
    """Return `metric` if it exists.

    Raises:
        MetricError: says which ones do.
    """
    if metric not in UNITS:
        raise MetricError(f"metric {shown(metric)} is not known: use one of {', '.join(UNITS)}")
    return metric


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores final residual streams of some prompts, on their device.

    Attributes:
        metric: "logit_diff" (also for logit_diff_recovered), "prob" or "kl".
        reference: [batch d_vocab] log-probabilities of the clean run; for kl only.
    """

    model: Model
    metric: str
    answers: Int[np.ndarray, "batch 2"]
    reference: Float[Tensor, "batch d_vocab"] | None = None

    @classmethod
    def of(
        cls,
        model: Model,
        metric: str,
        answers: Int[np.ndarray, "batch 2"],
        clean_final: Float[Tensor, "batch d_model"],
    ) -> "Scorer":
        """The scorer of a metric; kl is measured from the clean run's prediction."""
        reference = unembed(model, clean_final).log_softmax(-1) if metric == "kl" else None
        return cls(model, metric, answers, reference)

    def __call__(self, final: Float[Tensor, "rows cell d_model"], rows: Int[Tensor, " rows"]) -> Tensor:
        """Metric of each cell: [rows cell]; `rows` says which prompt each row of `final` belongs to."""
        if self.metric in ("prob", "kl"):
            return self._full_vocabulary(final, rows)
        direction = answer_direction(self.model, self.answers)[rows]
        bias = answer_bias(self.model, self.answers)[rows]
        return (normalize(final, self.model.cfg.eps) @ direction[:, :, None])[..., 0] + bias[:, None]

    def _full_vocabulary(self, final: Float[Tensor, "rows cell d_model"], rows: Int[Tensor, " rows"]) -> Tensor:
        n_cells = final.shape[1]
        prompts = rows.repeat_interleave(n_cells)
        flat, parts = final.flatten(0, 1), []
        # Logits, their exponentials and differences: about eight copies of a row are held while it is scored.
        step = max(1, memory_budget() // 4 // (8 * self.model.cfg.d_vocab * flat.element_size()))
        for start in range(0, len(flat), step):
            slab = slice(start, start + step)
            log_probs = unembed(self.model, flat[slab]).log_softmax(-1)
            if self.metric == "prob":
                io = to_device(self.model, self.answers[:, 0])[prompts[slab]]
                parts.append(log_probs.gather(1, io[:, None])[:, 0].exp())
            else:
                assert self.reference is not None
                expected = self.reference[prompts[slab]]
                parts.append((expected.exp() * (expected - log_probs)).sum(-1))
        return torch.cat(parts).view(-1, n_cells)
