"""Metrics of a run at END, and the scales on which they are shown.

logit_diff is read along the direction in the residual stream in which the two answers differ; probabilities and the KL
divergence need the whole vocabulary.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.engine.forward import normalize, unembed
from ioi_core.engine.memory import memory_budget
from ioi_core.engine.recording import swap_if_denoising
from ioi_core.engine.tensors import slices, to_device
from ioi_core.errors import IOIError
from ioi_core.inputs import Choice, shown
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import over_prompts
from ioi_core.vocabulary import Direction


def answer_ids(pairs: PromptPairs) -> tuple[Int[np.ndarray, "batch 2 k"], Float[np.ndarray, "batch 2 k"]]:
    """Token ids of the right and of the wrong answers of each row, padded to one width, and 1 / 0 for real / padding.

    One id each where an answer is no set.
    """
    if pairs.answer_sets is None:
        return pairs.answers[:, :, None], np.ones((len(pairs), 2, 1))
    width = max(len(ids) for row in pairs.answer_sets for ids in row)
    ids, real = np.zeros((len(pairs), 2, width), dtype=np.int64), np.zeros((len(pairs), 2, width))
    for number, row in enumerate(pairs.answer_sets):
        for side, answers in enumerate(row):
            ids[number, side, : len(answers)] = answers
            real[number, side, : len(answers)] = 1
    return ids, real


def answer_direction(model: Model, pairs: PromptPairs) -> Float[Tensor, "batch d_model"]:
    """W_U[:, IO] - W_U[:, S] of each row: logit_diff is the normalised final residual along it, plus a bias.

    Where an answer is a set of tokens, the mean over the set stands for its column.
    """
    right, wrong = _set_means(model, model.weights.W_U.T, pairs)
    return right - wrong


def answer_bias(model: Model, pairs: PromptPairs) -> Float[Tensor, " batch"]:
    """b_U[IO] - b_U[S] of each row, or the sets' means; b_U carries the final LayerNorm's bias."""
    right, wrong = _set_means(model, model.weights.b_U[:, None], pairs)
    return (right - wrong)[:, 0]


def _set_means(model: Model, by_token: Float[Tensor, "d_vocab n"], pairs: PromptPairs) -> tuple[Tensor, ...]:
    """Means of the rows of `by_token` over each prompt's right and wrong answers: [batch n] of each."""
    ids, real = answer_ids(pairs)
    on_device, means = to_device(model, ids), []
    for side in (0, 1):
        weights = to_device(model, real[:, side] / real[:, side].sum(1, keepdims=True)).to(by_token.dtype)
        # Answer by answer: [batch k d_model] of all at once would be large where sets are.
        parts = (by_token[on_device[:, side, k]] * weights[:, k, None] for k in range(ids.shape[2]))
        means.append(sum(parts, by_token.new_zeros(())))
    return tuple(means)


UNITS = {
    "logit_diff": "logits",
    "logit_diff_recovered": "fraction",
    "prob": "probability",
    "prob_diff": "probability",
    "kl": "nats",
}
"""Metrics of patching -> their unit. logit_diff_recovered is logit_diff on the scale 0 = corrupted, 1 = clean."""

PATH_UNITS = {
    "logit_diff_change": "fraction",
    "percent_of_clean": "%",
    "logit_diff_recovered": "fraction",
    "logit_diff": "logits",
    "prob_diff": "probability",
}
"""Metrics of path patching -> their unit; all but prob_diff are logit_diff on a scale of its own, see `Scale`."""

_SMALLEST_GAP = 1e-4
"""Relative size of a mean below which it is rounding: nothing is divided by that."""


class MetricError(IOIError):
    """A metric that does not exist."""


def check_metric(metric: Choice, units: Mapping[str, str] = UNITS) -> str:
    """Return `metric` if it is one of `units`, else raise a MetricError that names these."""
    if not isinstance(metric, str) or metric not in units:
        raise MetricError(f"metric {shown(metric)} is not known: use one of {', '.join(units)}")
    return metric


def _rounded(per_prompt: Float[np.ndarray, " batch"]) -> str:
    """Return a mean for a message, never "-0.0"."""
    return shown(round(float(per_prompt.mean()), 3) + 0.0)


@dataclass(frozen=True, eq=False)
class Scale:
    """The linear scale that a metric puts raw values on: (raw - zero) / unit.

    Attributes:
        zero: [batch] each prompt's value that is shown as 0.
        unit: the mean over prompts that is shown as 1; nan where nothing may be divided by it.
        gaps: [batch] each prompt's share of `unit`, mean 1, where values are ratios of means: a resampled mean must be
            divided by the resampled share.
        undefined: why `unit` is nan.
    """

    zero: Float[np.ndarray, " batch"]
    unit: float = 1.0
    gaps: Float[np.ndarray, " batch"] | None = None
    undefined: str | None = None

    @classmethod
    def of(cls, metric: str, clean: Float[np.ndarray, " batch"], corrupted: Float[np.ndarray, " batch"]) -> "Scale":
        """The scale of `metric`, from the logit_diff of both runs; raw values for a metric that has none.

        logit_diff_recovered: 0 = corrupted, 1 = clean. logit_diff_change: 0 = clean, -1 = corrupted (ARENA).
        percent_of_clean: 0 = clean, -100 = a logit_diff of 0 (Wang et al. 2022).
        """
        size = max(abs(float(clean.mean())), abs(float(corrupted.mean())))
        match metric:
            case "logit_diff_recovered" | "logit_diff_change":
                zero = corrupted if metric == "logit_diff_recovered" else clean
                undefined = (
                    "the clean and the corrupted prompts have the same mean logit_diff "
                    f"({_rounded(clean)}), so there is nothing to recover"
                )
                return cls._divided_by(clean - corrupted, zero, size, undefined)
            case "percent_of_clean":
                undefined = f"the clean prompts' mean logit_diff is {_rounded(clean)}: no per cent can be taken of it"
                return cls._divided_by(clean, clean, size, undefined, factor=0.01)
            case _:
                return cls(np.zeros_like(clean))

    @classmethod
    def fractions_of(cls, whole: Float[np.ndarray, " batch"]) -> "Scale":
        """The scale on which the mean of some logit_diff is 1, and a logit_diff of 0 is 0."""
        undefined = f"the model's mean logit_diff is {_rounded(whole)}: there is nothing to take a fraction of"
        return cls._divided_by(whole, np.zeros_like(whole), abs(float(whole.mean())), undefined)

    @classmethod
    def _divided_by(
        cls,
        parts: Float[np.ndarray, " batch"],
        zero: Float[np.ndarray, " batch"],
        size: float,
        undefined: str,
        factor: float = 1.0,
    ) -> "Scale":
        """The scale whose unit is `factor` times the mean of `parts`.

        Undefined where that mean is rounding beside `size`, that of the runs' means.
        """
        mean = float(parts.mean(dtype=np.float64))
        if abs(mean) < _SMALLEST_GAP * max(1.0, size):
            return cls(zero, float("nan"), None, undefined)
        return cls(zero, factor * mean, (parts / mean).astype(parts.dtype))

    def __call__(self, raw: Float[np.ndarray, "*cells batch"]) -> Float[np.ndarray, "*cells batch"]:
        """Raw values on this scale."""
        return ((raw - self.zero) / self.unit).astype(raw.dtype)


_NOTED: ContextVar[list[np.ndarray] | None] = ContextVar("noted", default=None)


@contextmanager
def noted_runs() -> Iterator[list[Float[np.ndarray, "run batch"]]]:
    """Within it, note the raw metric of the clean and the corrupted run, prompt by prompt, of each `TwoRunResult`.

    The result itself keeps of the two runs no more than what its own scale and intervals need.
    """
    noted: list[np.ndarray] = []
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)


def two_run_fields(
    per_prompt: Float[np.ndarray, "*cells batch"],
    scale: Scale,
    direction: Direction,
    clean: Float[np.ndarray, " batch"],
    corrupted: Float[np.ndarray, " batch"],
) -> dict[str, Any]:
    """Return the fields of a `TwoRunResult` that follow from its values and the raw metric of both runs.

    Args:
        per_prompt: on `scale`; clean, corrupted: not on it.
    """
    if (noted := _NOTED.get()) is not None:
        noted.append(np.stack([clean, corrupted]))
    return {
        **over_prompts(per_prompt),
        "direction": direction,
        "clean": float(clean.mean()),
        "corrupted": float(corrupted.mean()),
        "unpatched": scale(swap_if_denoising(direction, clean, corrupted)[0]),
        "gaps": scale.gaps,
    }


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores final residual streams of some prompts, on their device.

    Attributes:
        metric: "prob", "prob_diff", "kl"; any other is logit_diff, on a scale that `Scale` puts it on.
        pairs: the prompts, for their answers.
        reference: [batch d_vocab] log-probabilities of the clean run; for kl only.
    """

    model: Model
    metric: str
    pairs: PromptPairs
    reference: Float[Tensor, "batch d_vocab"] | None = None

    @classmethod
    def of(cls, model: Model, metric: str, pairs: PromptPairs, clean_final: Float[Tensor, "batch d_model"]) -> "Scorer":
        """The scorer of a metric; kl is measured from the clean run's prediction."""
        reference = unembed(model, clean_final).log_softmax(-1) if metric == "kl" else None
        return cls(model, metric, pairs, reference)

    def __call__(self, final: Float[Tensor, "rows cell d_model"], rows: Int[Tensor, " rows"]) -> Tensor:
        """Metric of each cell: [rows cell]; `rows` are the prompts that the rows of `final` belong to."""
        if self.metric in ("prob", "prob_diff", "kl"):
            return self._full_vocabulary(final, rows)
        direction, bias = (of_all[rows] for of_all in self._direction_and_bias)
        return (normalize(final, self.model.cfg.eps) @ direction[:, :, None])[..., 0] + bias[:, None]

    def per_prompt(self, final: Float[Tensor, "batch d_model"]) -> Float[Tensor, " batch"]:
        """Metric of a single run in each of all prompts."""
        return self(final[:, None], torch.arange(len(final), device=final.device))[:, 0]

    @cached_property
    def _direction_and_bias(self) -> tuple[Float[Tensor, "batch d_model"], Float[Tensor, " batch"]]:
        return answer_direction(self.model, self.pairs), answer_bias(self.model, self.pairs)

    @cached_property
    def _answers(self) -> tuple[Int[Tensor, "batch 2 k"], Float[Tensor, "batch 2 k"]]:
        """`answer_ids`, and 1 for right, -1 (prob_diff) or 0 (prob) for wrong answers, 0 for padding."""
        ids, real = answer_ids(self.pairs)
        signs = np.array([1.0, -1.0 if self.metric == "prob_diff" else 0.0])[:, None] * real
        return to_device(self.model, ids), to_device(self.model, signs).to(self.model.weights.W_U.dtype)

    def _full_vocabulary(self, final: Float[Tensor, "rows cell d_model"], rows: Int[Tensor, " rows"]) -> Tensor:
        n_cells = final.shape[1]
        prompts = rows.repeat_interleave(n_cells)
        flat, parts = final.flatten(0, 1), []
        # Logits, their exponentials and differences: about eight copies of a row are held while it is scored.
        step = max(1, memory_budget() // 4 // (8 * self.model.cfg.d_vocab * flat.element_size()))
        for slab in slices(len(flat), step):
            log_probs = unembed(self.model, flat[slab]).log_softmax(-1)
            if self.reference is None:
                ids, signs = (of_all[prompts[slab]].flatten(1) for of_all in self._answers)
                parts.append((log_probs.gather(1, ids).exp() * signs).sum(1))
            else:
                expected = self.reference[prompts[slab]]
                parts.append((expected.exp() * (expected - log_probs)).sum(-1))
        return torch.cat(parts).view(-1, n_cells)
