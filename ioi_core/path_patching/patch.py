"""Path patching: the effect of every edge from any sender into chosen receivers, exactly (Wang et al. 2022).

`edges` says what one cell means and computes it; this file plans the groups of prompts and positions, scores END and
puts the scores on the metric's scale.
"""

from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ioi_core.engine.checks import check_pairs
from ioi_core.engine.memory import blocks, cut_groups
from ioi_core.engine.progress import in_parts
from ioi_core.engine.recording import swap_if_denoising
from ioi_core.engine.scoring import PATH_UNITS, Scale, Scorer, check_metric, two_run_fields
from ioi_core.engine.tensors import at_positions, joined_columns
from ioi_core.engine.wavefront import Group
from ioi_core.errors import HeadError
from ioi_core.inputs import Choice, Flag, Receivers, as_choice, as_flag, as_heads, check_direction
from ioi_core.model.weights import Model
from ioi_core.path_patching.edges import RECORDED, Paths, ReceiverInput, to_end
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, TwoRunResult
from ioi_core.vocabulary import ALL, Direction, Head

LOGITS = "logits"
RECEIVER_INPUTS: tuple[ReceiverInput, ...] = ("q", "k", "v")


@dataclass(frozen=True, eq=False, kw_only=True)
class PathResult(TwoRunResult):
    """Effects of the paths from every sender into the receivers.

    Attributes:
        mlp_values, mlp_per_prompt: [layer] and [layer batch], the MLPs as senders; None if they were left out.
        receivers: the receiving heads, in order; none means the logits.
        receiver_input: "q", "k" or "v" of the receivers; None for the logits.
        sender_position: "all", or the role at which senders send.
        through_mlps: MLPs between sender and receiver were recomputed (Wang et al.), else kept.
    """

    mlp_values: Float[np.ndarray, " layer"] | None
    mlp_per_prompt: Float[np.ndarray, "layer batch"] | None
    receivers: tuple[Head, ...]
    receiver_input: str | None
    sender_position: str
    through_mlps: bool

    @property
    def mlp_effects(self) -> Float[np.ndarray, "layer batch"] | None:
        """Each MLP's change against the unpatched run, prompt by prompt."""
        return None if self.mlp_per_prompt is None else self.mlp_per_prompt - self.unpatched


@torch.inference_mode()
def patch_paths(
    model: Model,
    pairs: PromptPairs,
    receivers: Receivers = LOGITS,
    *,
    receiver_input: Choice = "q",
    sender_position: Choice = ALL,
    direction: Choice = Direction.NOISING,
    metric: Choice = "logit_diff_change",
    through_mlps: Flag = True,
    include_mlps: Flag = True,
    progress: Progress | None = None,
) -> PathResult:
    """Patch the paths from every head and MLP into the receivers, one sender at a time (Wang et al. 2022, appendix B).

    Args:
        receivers: "logits" (the final residual stream at END: direct effects), or one or several heads of any layers
            together, each as "9.9", (9, 9) or `Head(9, 9)`.
        receiver_input: what the receivers read through: "q", "k" or "v"; replaced at every position. Not used for the
            logits.
        sender_position: "all", or a role: the sender's output is exchanged there alone. With every other head frozen
            a path to the logits leaves from END alone: senders at other positions have an effect of exactly 0.
        direction: NOISING puts outputs of the corrupted run into the clean run, DENOISING the reverse.
        metric: "logit_diff_change" (0 = clean, -1 = corrupted), "percent_of_clean" (0 = clean, -100 = a logit_diff of
            0), "logit_diff_recovered" (0 = corrupted, 1 = clean), all three ratios of means over prompts; "logit_diff",
            or "prob_diff", the probability of IO minus that of S, summed where answers are sets.
        through_mlps: True recomputes the MLPs between sender and receiver. False keeps them: another quantity,
            TransformerLens's direct path.
        include_mlps: MLPs are senders too.
    Returns:
        `values` [layer head] and `mlp_values` [layer]; nan where there is no path: senders in or above the last
        receiver's layer.
    Raises:
        HeadError, ChoiceError, MetricError, PromptError: say what was got and what is allowed.
    """
    request = plan(
        model, pairs, receivers, receiver_input, sender_position, direction, metric, through_mlps, include_mlps
    )
    raw = joined_columns(
        patch_senders(model, pairs.take(rows), request, of_block)
        for rows, of_block in in_parts(blocks(model, pairs, RECORDED), progress)
    )
    return _as_result(model, request, *raw)


def count_cells(model: Model, *, include_mlps: bool, **_: object) -> int:
    """Return how many senders `patch_paths` patches in each prompt."""
    return model.cfg.n_layers * (model.cfg.n_heads + include_mlps)


@dataclass(frozen=True)
class PathPlan:
    """The arguments of `patch_paths`, checked; no receivers means the logits."""

    receivers: tuple[Head, ...]
    receiver_input: ReceiverInput
    sender_position: str
    direction: Direction
    metric: str
    through_mlps: bool
    include_mlps: bool

    @property
    def by_layer(self) -> dict[int, tuple[int, ...]]:
        """Receiving heads of each layer, ascending."""
        by_layer = groupby(self.receivers, lambda head: head.layer)
        return {layer: tuple(head.head for head in heads) for layer, heads in by_layer}

    def last(self, model: Model) -> int:
        """The layer before which every sender with a path lies; one past the last layer for the logits."""
        return self.receivers[-1].layer if self.receivers else model.cfg.n_layers


def plan(
    model: Model,
    pairs: PromptPairs,
    receivers: Receivers,
    receiver_input: Choice,
    sender_position: Choice,
    direction: Choice,
    metric: Choice,
    through_mlps: Flag,
    include_mlps: Flag,
) -> PathPlan:
    """Check the arguments of `patch_paths`; its errors are raised here."""
    check_pairs(model, pairs)
    check_metric(metric, PATH_UNITS)
    return PathPlan(
        _receivers(model, receivers),
        as_choice(receiver_input, "receiver_input", RECEIVER_INPUTS),
        as_choice(sender_position, "sender_position", (ALL, *pairs.roles)),
        check_direction(direction),
        metric,
        as_flag(through_mlps, "through_mlps"),
        as_flag(include_mlps, "include_mlps"),
    )


def _receivers(model: Model, receivers: Receivers) -> tuple[Head, ...]:
    if isinstance(receivers, str) and receivers == LOGITS:
        return ()
    try:
        heads = as_heads(receivers)
    except HeadError as error:
        raise HeadError(f'receivers are "{LOGITS}" or heads: {error}') from error
    if not heads:
        raise HeadError(f'there are no receivers: give "{LOGITS}" or at least one head')
    return tuple(sorted({model.check_head(head) for head in heads}))


def path_groups(pairs: PromptPairs, sender_position: str, last: int) -> list[Group]:
    """Prompts whose senders send from the same position on, up to the same END; none for what cannot differ."""
    spans: dict[tuple[int, int], list[int]] = {}
    differs = pairs.clean_tokens != pairs.corrupted_tokens
    for row in np.flatnonzero(differs.any(1)):
        first, end = int(differs[row].argmax()), int(pairs.roles["END"][row])
        start = first if sender_position == ALL else int(pairs.roles[sender_position][row])
        if first <= start <= end:
            spans.setdefault((start, end), []).append(int(row))
    whole, layers = sender_position == ALL, range(last)
    return [Group(tuple(rows), start, end, 0, whole, layers) for (start, end), rows in spans.items() if layers]


def _groups(pairs: PromptPairs, request: PathPlan, model: Model) -> list[Group]:
    """Plan the groups; the logits read END alone, so for them all prompts make one group whose span is END."""
    if request.receivers:
        return path_groups(pairs, request.sender_position, request.last(model))
    rows = {row for group in path_groups(pairs, "END", 1) for row in group.prompts}
    if request.sender_position != ALL:
        rows &= set(np.flatnonzero(pairs.roles[request.sender_position] == pairs.roles["END"]).tolist())
    return [Group(tuple(sorted(rows)), 0, 0, 0, True, range(model.cfg.n_layers))] if rows else []


def record_runs(
    model: Model, pairs: PromptPairs, request: PathPlan, progress: Progress | None
) -> tuple[Paths, Scorer, Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Record both runs; return them with a scorer, and the score of the base and of the source run."""
    paths = Paths.record(
        model, pairs, request.direction, through_mlps=request.through_mlps, include_mlps=request.include_mlps
    )
    if progress:
        progress(0, 1)  # a chance to cancel
    scorer, ends = Scorer(model, request.metric, pairs), pairs.roles["END"]
    unpatched, of_source = (
        scorer.per_prompt(at_positions(run[-1]["resid_post"], ends)) for run in (paths.base, paths.source)
    )
    return paths, scorer, unpatched, of_source


def patch_senders(
    model: Model, pairs: PromptPairs, request: PathPlan, progress: Progress | None
) -> tuple[Float[Tensor, "layer sender batch"], Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """The raw metric of every cell with a path, of the clean and of the corrupted run; runs on any device."""
    paths, scorer, unpatched, of_source = record_runs(model, pairs, request, progress)
    senders, ends = paths.senders_a_layer, pairs.roles["END"]
    values = unpatched.expand(request.last(model), senders, -1).clone()
    for group, of_group in in_parts(cut_groups(model, senders, _groups(pairs, request, model)), progress):
        prompts = group.rows(model)
        if request.receivers:
            final = to_end(paths, request.receiver_input, request.by_layer, group, of_group)
        else:
            *_, streams = paths.residuals(group.prompts, ends[list(group.prompts), None], group.layers, of_group)
            final = streams[:, :, 0]
        scores = scorer(final, prompts).unflatten(1, (len(group.layers), senders))
        values[group.layers[0] : group.layers[-1] + 1, :, prompts] = scores.permute(1, 2, 0)
    return values, *swap_if_denoising(request.direction, unpatched, of_source)


def _as_result(
    model: Model,
    request: PathPlan,
    raw: Float[np.ndarray, "layer sender batch"],
    clean: Float[np.ndarray, " batch"],
    corrupted: Float[np.ndarray, " batch"],
) -> PathResult:
    scale, n_heads = Scale.of(request.metric, clean, corrupted), model.cfg.n_heads
    per_prompt = np.full((model.cfg.n_layers, *raw.shape[1:]), np.nan, raw.dtype)
    per_prompt[: len(raw)] = scale(raw)
    mlps = per_prompt[:, n_heads].copy() if request.include_mlps else None
    heads = per_prompt[:, :n_heads].copy()
    undefined = scale.undefined
    if undefined is None and request.receivers:
        undefined = f"senders in layer {request.last(model)} and above have no path to any receiver"
    return PathResult(
        **two_run_fields(heads, scale, request.direction, clean, corrupted),
        axes=model.head_axes,
        metric=request.metric,
        unit=PATH_UNITS[request.metric],
        undefined=undefined,
        mlp_values=None if mlps is None else mlps.mean(-1),
        mlp_per_prompt=mlps,
        receivers=request.receivers,
        receiver_input=request.receiver_input if request.receivers else None,
        sender_position=request.sender_position,
        through_mlps=request.through_mlps,
    )
