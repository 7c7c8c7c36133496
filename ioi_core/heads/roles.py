"""The roles of all heads, by stated rules on measurements: `rules` applied to the results of other analyses.

`infer_roles` puts the results side by side as one table of quantities and reads every rule off it. `head_roles` is the
same with all of them computed first. The published classes of GPT-2 small play no part (`published`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from ioi_core.activation_patching.exact import PatchResult, patch_activations
from ioi_core.attention.patterns import role_attention
from ioi_core.attention.repeated_tokens import head_scores
from ioi_core.attribution.direct import attribute_heads
from ioi_core.attribution.predictions import Predictions, predictions
from ioi_core.engine.checks import check_pairs
from ioi_core.engine.progress import in_parts
from ioi_core.errors import IOIError
from ioi_core.heads.copying import copy_scores
from ioi_core.heads.rules import HEAD_ROLES, QUANTITIES, Evidence
from ioi_core.inputs import Choice, OneHead, as_choice, as_head
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs, check_roles
from ioi_core.results import Progress, Result, check_result
from ioi_core.vocabulary import Direction, Head

_PREDICTS_IO = 0.75  # of the prompts: below it, a share of the mean logit_diff says little about any of them
_TOP_TOKENS = 10  # IO must be among these: chance prefers it to S half the time, but never puts it here
_NEED = "head roles are told apart on IOI prompts"


@dataclass(frozen=True, eq=False, kw_only=True)
class HeadRoles(Result):
    """`values` [role layer head]: 1 where all conditions of the role hold, else 0; nan where one cannot be measured.

    Attributes:
        measurements: values [quantity layer head], the fractions that the rules read (`rules.QUANTITIES`).
    """

    measurements: Result

    def roles_of(self, head: OneHead) -> tuple[str, ...]:
        """The roles of a head; most have none."""
        head = as_head(head)
        has = self.at(layer=head.layer, head=head.head).values == 1
        return tuple(role for role, held in zip(self.axes["role"], has, strict=True) if held)

    def heads(self, role: str) -> tuple[Head, ...]:
        """The heads of a role, by layer."""
        return tuple(Head(int(layer), int(head)) for layer, head in np.argwhere(self.at(role=role).values == 1))

    def evidence(self, head: OneHead, role: Choice) -> tuple[Evidence, ...]:
        """The measured value of each condition of a role, whether or not they hold."""
        head, role = as_head(head), as_choice(role, "role", tuple(HEAD_ROLES))
        of_head = self.measurements.at(layer=head.layer, head=head.head)
        return tuple(Evidence(c, float(of_head.at(quantity=c.quantity).values)) for c in HEAD_ROLES[role])


def head_roles(model: Model, pairs: PromptPairs, *, progress: Progress | None = None) -> HeadRoles:
    """Measure every head and read its roles off the rules; `infer_roles` with everything computed.

    Args:
        pairs: IOI prompts. z at END is patched from their corrupted twins into the clean run (noising, as Wang et al.
            found S-inhibition heads): one head's clean z in a run on other names may say nothing there.
    Raises:
        PromptError: the model cannot read the prompts, or they are no IOI prompts.
    """
    check_roles(_NEED, check_pairs(model, pairs).roles)
    steps: Sequence[Callable[..., Any]] = (
        partial(predictions, model, pairs),
        partial(attribute_heads, model, pairs),
        partial(role_attention, model, pairs),
        partial(head_scores, model),
        partial(copy_scores, model),
        partial(patch_activations, model, pairs, "z", direction=Direction.NOISING, positions="END"),
    )
    return infer_roles(*(measure(progress=of_step) for measure, of_step in in_parts(steps, progress)))


def infer_roles(
    predicted: Predictions, direct: Result, attention: Result, scores: Result, copying: Result, at_end: PatchResult
) -> HeadRoles:
    """Roles of all heads of one model from results on the same IOI prompts.

    Args:
        predicted: of `predictions`; direct: of `attribute_heads`; attention: of `role_attention`;
        scores: of `head_scores`; copying: of `copy_scores`; at_end: of `patch_activations` with z at END, metric
            logit_diff_recovered, either direction.
    Returns:
        `values` [role layer head] of 1 (the rule holds), 0 or nan, with every measured quantity as evidence. Rules on
        effects are undefined where the model does not predict IO: in three quarters of the prompts it must be ahead
        of S and among the ten most probable tokens, and ahead of S on average.
    Raises:
        PromptError: the prompts are no IOI prompts.
        IOIError: results that are not those named above, or of different prompts or models.
    """
    _check_results(predicted, direct, attention, scores, copying, at_end)
    check_roles(_NEED, attention.axes["query_role"])
    measured = _measure(predicted, direct, attention, scores, copying, at_end)
    values = np.stack([_rule(role, measured) for role in HEAD_ROLES])
    by_head = {name: direct.axes[name] for name in ("layer", "head")}
    reason = _undefined(predicted, at_end) if np.isnan(values).any() else None
    measurements = Result(
        values=np.stack([measured[quantity] for quantity in QUANTITIES]),
        axes={"quantity": tuple(QUANTITIES), **by_head},
        metric="measured",
        unit="fraction",
        n_prompts=len(predicted.clean_logit_diff),
        undefined=reason,
    )
    return HeadRoles(
        values=values,
        axes={"role": tuple(HEAD_ROLES), **by_head},
        metric="holds",
        unit="1 or 0",
        n_prompts=measurements.n_prompts,
        undefined=reason,
        measurements=measurements,
    )


def _check_results(
    predicted: Result, direct: Result, attention: Result, scores: Result, copying: Result, at_end: PatchResult
) -> None:
    """Refuse a result that was given for another one: nothing else would notice."""
    check_result(Predictions, predicted=predicted)
    check_result(PatchResult, at_end=at_end)
    check_result(Result, direct=direct, attention=attention, scores=scores, copying=copying)
    named = {"query_role": attention, "score": scores, "sign": copying}
    if wrong := [result for axis, result in named.items() if axis not in result.axes]:
        raise IOIError(f"results of role_attention, head_scores and copy_scores are wanted, got {wrong[0]!r}")
    shapes = {result.values.shape[-2:] for result in (direct, attention, scores, copying, at_end)}
    prompts = {result.n_prompts for result in (predicted, direct, attention, at_end)}
    if len(shapes) > 1 or len(prompts) > 1:
        raise IOIError(f"results of one model on the same prompts are wanted, got heads {shapes}, prompts {prompts}")
    if (at_end.site, at_end.metric, tuple(at_end.axes)) != ("z", "logit_diff_recovered", ("layer", "head")):
        raise IOIError(f"z patched at END is wanted, got {at_end.site}, {at_end.metric} over {tuple(at_end.axes)}")


def _measure(
    predicted: Predictions, direct: Result, attention: Result, scores: Result, copying: Result, at_end: PatchResult
) -> dict[str, Float[np.ndarray, "layer head"]]:
    """Every quantity of `QUANTITIES` for every head."""
    logit_diff = float(predicted.clean_logit_diff.mean()) if _predicts_io(predicted) else float("nan")
    direct_effect = direct.values / logit_diff
    towards_source = 1 if at_end.direction is Direction.DENOISING else -1
    effect = towards_source * at_end.effects.mean(-1)
    larger = np.maximum(np.abs(direct_effect), np.abs(effect))
    return {
        "direct_effect": direct_effect,
        "effect_at_end": effect,
        "direct_share": np.abs(direct_effect) / np.where(larger == 0, 1, larger),
        "end_to_io": attention.at(query_role="END", key_role="IO").values,
        "end_to_s2": attention.at(query_role="END", key_role="S2").values,
        "s2_to_s1": attention.at(query_role="S2", key_role="S1").values,
        "s2_to_s1_next": attention.at(query_role="S2", key_role="S1+1").values,
        "s1_next_to_s1": attention.at(query_role="S1+1", key_role="S1").values,
        "positive_copy": copying.at(sign="positive").values,
        "negative_copy": copying.at(sign="negative").values,
        **{score: scores.at(score=score).values for score in ("previous_token", "duplicate_token", "induction")},
    }


def _share_predicted(predicted: Predictions) -> float:
    """Share of the clean prompts in which IO is ahead of S and among the most probable tokens."""
    io_ranks = predicted.answer_ranks[0, :, 0]  # [run batch answer]
    return float(((predicted.clean_logit_diff > 0) & (io_ranks < _TOP_TOKENS)).mean())


def _predicts_io(predicted: Predictions) -> bool:
    return bool(predicted.clean_logit_diff.mean() > 0) and _share_predicted(predicted) >= _PREDICTS_IO


def _rule(role: str, measured: dict[str, Float[np.ndarray, "layer head"]]) -> Float[np.ndarray, "layer head"]:
    """1 where all conditions hold, 0 where one fails, nan where one is undefined."""
    values = np.stack([measured[condition.quantity] for condition in HEAD_ROLES[role]])
    holds = np.stack([c.holds(value) for c, value in zip(HEAD_ROLES[role], values, strict=True)])
    return np.where(np.isnan(values).any(0), np.nan, holds.all(0))


def _undefined(predicted: Predictions, at_end: PatchResult) -> str:
    """The reason why some rules are undefined."""
    reasons = [at_end.undefined] if at_end.undefined else []
    if not _predicts_io(predicted):
        reasons.insert(
            0,
            f"IO is ahead of S and among the model's {_TOP_TOKENS} most probable tokens in only "
            f"{_share_predicted(predicted):.0%} of the prompts (mean logit_diff "
            f"{predicted.clean_logit_diff.mean():.2f}), so effects on logit_diff say nothing about roles",
        )
    return "; ".join(reasons)
