"""The atlas of edges: every head into every later head's query, key or value, one edge at a time, exactly.

One cell means what it means in `edges`, with a single sender and a single receiver. The senders' streams are carried
once for all receivers; at each layer every sender below it changes every head's input there, and `engine.wavefront`
carries these edges to END. A layer's edges are a part: parts that are kept are not computed again, so an atlas that was
cancelled, or whose process died, is resumed.
"""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, replace
from math import comb

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ioi_core.engine.memory import blocks, cut_groups, held_bytes, memory_budget
from ioi_core.engine.parts import KeptParts, Parts
from ioi_core.engine.progress import in_parts
from ioi_core.engine.recording import swap_if_denoising
from ioi_core.engine.scoring import PATH_UNITS, Scale, Scorer, two_run_fields
from ioi_core.engine.tensors import joined_columns
from ioi_core.engine.wavefront import CellStarts, Group, wavefront
from ioi_core.errors import ChoiceError
from ioi_core.inputs import Choice, Flag, shown
from ioi_core.model.weights import Model
from ioi_core.path_patching.edges import RECORDED, Paths, sender_positions
from ioi_core.path_patching.patch import LOGITS, PathPlan, path_groups, plan, record_runs
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, TwoRunResult
from ioi_core.vocabulary import ALL, Direction


@dataclass(frozen=True, eq=False, kw_only=True)
class EdgeAtlas(TwoRunResult):
    """Effects of all edges between heads.

    Attributes:
        receiver_input: "q", "k" or "v" of the receivers.
        through_mlps: MLPs between sender and receiver were recomputed (Wang et al.), else kept.
    """

    receiver_input: str
    through_mlps: bool


@torch.inference_mode()
def edge_atlas(
    model: Model,
    pairs: PromptPairs,
    receiver_input: Choice = "q",
    *,
    direction: Choice = Direction.NOISING,
    through_mlps: Flag = True,
    metric: Choice = "logit_diff",
    progress: Progress | None = None,
    parts: Parts | None = None,
) -> EdgeAtlas:
    """Patch every edge from a head to a later head's query, key or value, one edge at a time.

    Args:
        receiver_input: "q", "k" or "v".
        direction, through_mlps, metric: as in `patch_paths`; with DENOISING and through_mlps=False the edges are those
            of TransformerLens's `get_act_patch_direct_path_all_sources`.
        parts: where finished parts are kept; those of an earlier call with the same other arguments are reused.
    Returns:
        `values` [sender_layer sender_head receiver_layer receiver_head]; nan where the receiver is not above the
        sender.
    Raises:
        ChoiceError, MetricError, PromptError: say what was got and what is allowed.
    """
    request = plan(model, pairs, LOGITS, receiver_input, ALL, direction, metric, through_mlps, include_mlps=False)
    if parts is not None and not isinstance(parts, MutableMapping):
        raise ChoiceError(f"parts must be a mapping that can be changed, such as a dict, got {shown(parts)}")
    raw = joined_columns(
        _atlas_block(model, pairs.take(rows), request, rows.start, parts, of_block)
        for rows, of_block in in_parts(blocks(model, pairs, RECORDED), progress)
    )
    return _as_atlas(model, request, *raw)


def count_cells(model: Model, **_: object) -> int:
    """Return how many edges `edge_atlas` patches in each prompt: from every head to every head of a later layer."""
    return comb(model.cfg.n_layers, 2) * model.cfg.n_heads**2


def _atlas_block(
    model: Model,
    pairs: PromptPairs,
    request: PathPlan,
    first_prompt: int,
    parts: Parts | None,
    progress: Progress | None,
) -> tuple[Tensor, Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Raw logit_diff [layer head layer head batch] where there is a path, of the clean and of the corrupted run."""
    cfg = model.cfg
    paths, scorer, unpatched, of_source = record_runs(model, pairs, request, progress)
    values = unpatched.expand(cfg.n_layers, cfg.n_heads, cfg.n_layers, cfg.n_heads, -1).clone()
    groups = cut_groups(model, cfg.n_heads, path_groups(pairs, ALL, cfg.n_layers - 1))
    for group, of_group in in_parts(groups, progress):
        of_senders = f" senders {group.layers[0]}-{group.layers[-1]}"
        kept = KeptParts.of(parts, first_prompt, group, of_senders)
        for layer, scores in _layers(paths, request, group, scorer, kept, of_group):
            senders = slice(group.layers[0], group.layers[0] + scores.shape[0] // cfg.n_heads)
            edges = scores.unflatten(0, (-1, cfg.n_heads)).to(values)  # [layer head head batch]
            values[senders, :, layer][..., group.rows(model)] = edges
    return values, *swap_if_denoising(request.direction, unpatched, of_source)


def _layers(
    paths: Paths, request: PathPlan, group: Group, scorer: Scorer, kept: KeptParts, progress: Progress | None
) -> Iterator[tuple[int, Float[Tensor, "sender head batch"]]]:
    """logit_diff of every edge into each layer that the group's senders reach."""
    n_heads, residuals = paths.model.cfg.n_heads, paths.residuals(group.prompts, sender_positions(group), group.layers)
    for layer, of_layer in in_parts(range(paths.model.cfg.n_layers), progress):
        streams = next(residuals)
        if not streams.shape[1]:
            continue
        part = kept.get(f"layer {layer}", (streams.shape[1], n_heads, len(group.prompts)))
        if part is None:
            part = torch.cat(list(_edges_into(paths, request, group, layer, streams, scorer, of_layer)))
            kept.put(f"layer {layer}", part)
        yield layer, part


def _edges_into(
    paths: Paths,
    request: PathPlan,
    group: Group,
    layer: int,
    streams: Float[Tensor, "batch sender pos d_model"],
    scorer: Scorer,
    progress: Progress | None,
) -> Iterator[Float[Tensor, "sender head batch"]]:
    """Edges into one layer, some senders at a time."""
    model, name = paths.model, request.receiver_input
    heads, prompts = range(model.cfg.n_heads), group.rows(model)
    suffix = replace(group, layers=(layer,))
    step = max(1, memory_budget() // 2 // held_bytes(model, len(heads), suffix))
    for chunk, of_chunk in in_parts(streams.split(step, dim=1), progress):

        def begin(layer: int, group: Group, chunk: Tensor = chunk) -> Tensor:
            inputs = paths.inputs(layer, name, heads, group, chunk)
            written = paths.written_by_receivers(layer, name, heads, group, inputs)
            return paths.resid_mid(layer, group) + written.flatten(1, 2)

        [final] = wavefront(model, paths.base, [suffix], CellStarts("mid", begin), of_chunk)
        yield scorer(final, prompts).unflatten(1, (-1, len(heads))).permute(1, 2, 0)


def _as_atlas(
    model: Model,
    request: PathPlan,
    raw: Float[np.ndarray, "layer head layer head batch"],
    clean: Float[np.ndarray, " batch"],
    corrupted: Float[np.ndarray, " batch"],
) -> EdgeAtlas:
    scale, layers = Scale.of(request.metric, clean, corrupted), np.arange(model.cfg.n_layers)
    sizes = {"layer": model.cfg.n_layers, "head": model.cfg.n_heads}
    per_prompt = scale(raw)
    per_prompt.swapaxes(1, 2)[layers[:, None] >= layers] = np.nan
    return EdgeAtlas(
        **two_run_fields(per_prompt, scale, request.direction, clean, corrupted),
        axes={
            f"{end}_{axis}": tuple(str(label) for label in range(size))
            for end in ("sender", "receiver")
            for axis, size in sizes.items()
        },
        metric=request.metric,
        unit=PATH_UNITS[request.metric],
        undefined=scale.undefined or "a head has no path into its own layer or those below",
        receiver_input=request.receiver_input,
        through_mlps=request.through_mlps,
    )
