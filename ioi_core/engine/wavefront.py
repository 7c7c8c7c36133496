"""Exact patched runs, many at a time: the one loop behind every patching analysis.

A cell of a heatmap is a run that receives some activations of another run. Computing each with a full forward repeats
almost everything, so a cell is carried through the layers only where it can differ from the base run:

1. causality: positions before the first patched one keep the base run's keys and values;
2. depth: a cell begins at its own layer, from the base run's activations there;
3. the last layer is computed at END only, and metrics read END only;
4. wavefront: one walk over the layers carries all cells; each layer appends the cells that begin there, so weights are
   read once and every matrix product is large.

`Group` is a block of cells that begin at the same position in prompts that end at the same one, so its tensors have no
gaps: [batch cell pos d_model]. Products over positions run on all groups' rows at once; attention runs group by group.
Nothing here approximates; nothing leaves the model's device.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from ioi_core.engine.forward import attention_pattern, mlp, normalize
from ioi_core.engine.recording import Trace
from ioi_core.engine.tensors import slices, to_device
from ioi_core.model.weights import LayerWeights, Model
from ioi_core.results import Progress

Stage = Literal["pre", "mid", "post"]
_MLP_SLAB = 1024  # rows through an MLP at once: its hidden layer then stays in cache
_MLP_SLAB_ELSEWHERE = 8192  # on a GPU small products are mostly launches; 100 MB of hidden layer in GPT-2 small


@dataclass(frozen=True)
class Group:
    """Cells that begin at position `start` in some prompts that all end at position `end`.

    Attributes:
        prompts: rows of the traces, one or more.
        column: the column of the grid that these cells fill.
        whole: patch every position from `start` on; else `start` alone.
        layers: the layers where cells of this group begin, ascending.
    """

    prompts: tuple[int, ...]
    start: int
    end: int
    column: int
    whole: bool
    layers: Sequence[int]

    @property
    def span(self) -> slice:
        """The positions that can differ from the base run."""
        return slice(self.start, self.end + 1)

    @property
    def width(self) -> int:
        """The number of positions in the span."""
        return self.end + 1 - self.start

    def rows(self, model: Model) -> Int[Tensor, " batch"]:
        """The prompts as an index on the model's device."""
        if model.device not in self._on_device:
            self._on_device[model.device] = to_device(model, np.array(self.prompts))
        return self._on_device[model.device]

    @cached_property
    def _on_device(self) -> dict[torch.device, Tensor]:
        """The index where it has been asked for: every layer asks, and each copy to a GPU makes it wait."""
        return {}


@dataclass(frozen=True)
class CellStarts:
    """The stage of their layer at which cells begin, and their residual streams there.

    Attributes:
        stage: "pre" (before attention), "mid" (between attention and MLP) or "post" (after the MLP).
        make: (layer, group) -> [batch cell pos d_model] over the group's span; the cells of that layer.
    """

    stage: Stage
    make: Callable[[int, Group], Float[Tensor, "batch cell pos d_model"]]


Overwrite = Callable[[int, Group, Mapping[Literal["q", "k", "v"], Tensor]], None]
"""Called in each layer with the queries, keys and values [batch cell pos head d_head] that a group's cells computed
there (queries at END alone in the last layer), to set some of them in place."""

ReplaceZ = Callable[[int, Group, Tensor], Tensor]
"""Called in each layer with the z of a group's cells, [batch cell pos head d_head] (at END alone in the last layer);
returns the z that is written instead."""


def wavefront(
    model: Model,
    base: Trace,
    groups: Sequence[Group],
    starts: CellStarts,
    progress: Progress | None = None,
    overwrite: Overwrite | None = None,
    replace_z: ReplaceZ | None = None,
) -> list[Float[Tensor, "batch cell d_model"]]:
    """Carry all cells through the layers and return their final residual streams at END.

    Args:
        base: trace of the base run with "k" and "v", over prompts that the groups' indices refer to.
        progress: called after each layer with the rows (cells times positions) carried so far.
        overwrite: sets queries, keys or values that are not to be computed; replace_z: the same for z.
    Returns:
        One tensor a group, its cells layer after layer.
    """
    rows = [group.rows(model) for group in groups]
    cells = [model.weights.W_E.new_empty(len(group.prompts), 0, group.width, model.cfg.d_model) for group in groups]
    done = _rows_done(model, groups)
    for index, layer in enumerate(model.weights.layers):
        end_only = index == model.cfg.n_layers - 1
        cells = _with_new_cells(cells, starts, "pre", index, groups)
        cells = _attend(model, index, base, groups, rows, cells, overwrite, replace_z)
        cells = _with_new_cells(cells, starts, "mid", index, groups, end_only)
        cells = _with_new_cells(add_mlps(model, layer, cells), starts, "post", index, groups, end_only)
        if progress:
            progress(done[index], done[-1])
    return [of_group[:, :, -1] for of_group in cells]


def _rows_done(model: Model, groups: Sequence[Group]) -> list[int]:
    """Rows that have been carried after each layer, up to the number of cells that a group begins in a layer."""
    begun = np.zeros(model.cfg.n_layers, dtype=np.int64)
    for group in groups:
        begun[list(group.layers)] += len(group.prompts) * group.width
    return [int(rows) for rows in begun.cumsum().cumsum()]


def _with_new_cells(
    cells: list[Tensor], starts: CellStarts, stage: Stage, layer: int, groups: Sequence[Group], end_only: bool = False
) -> list[Float[Tensor, "batch cell pos d_model"]]:
    """The cells carried so far, and behind them those that begin at this stage of this layer."""
    if starts.stage != stage:
        return cells
    extended = list(cells)
    for number, group in enumerate(groups):
        if layer in group.layers:
            begun = starts.make(layer, group)
            extended[number] = torch.cat([cells[number], begun[:, :, -1:] if end_only else begun], dim=1)
    return extended


def _attend(
    model: Model,
    index: int,
    base: Trace,
    groups: Sequence[Group],
    rows: Sequence[Tensor],
    cells: list[Tensor],
    overwrite: Overwrite | None,
    replace_z: ReplaceZ | None,
) -> list[Float[Tensor, "batch cell pos d_model"]]:
    """Add the attention layer's output; in the last layer at END only."""
    layer, heads = model.weights.layers[index], (model.cfg.n_heads, model.cfg.d_head)
    width = model.cfg.n_heads * model.cfg.d_head
    normed = normalize(_as_rows(cells), model.cfg.eps)
    keys_values = torch.addmm(layer.b_QKV[width:], normed, layer.W_QKV[:, width:])
    querying = cells
    if index == model.cfg.n_layers - 1:
        querying = [of_group[:, :, -1:] for of_group in cells]
        normed = normalize(_as_rows(querying), model.cfg.eps)
    queries = torch.addmm(layer.b_QKV[:width], normed, layer.W_QKV[:, :width])
    outputs = []
    for group, prompts, q, kv in zip(
        groups, rows, _by_group(queries, querying), _by_group(keys_values, cells), strict=True
    ):
        q, (k, v) = q.unflatten(-1, heads), kv.unflatten(-1, (2, *heads)).unbind(-3)
        if overwrite:
            overwrite(index, group, {"q": q, "k": k, "v": v})
        k_before, v_before = (base[index][name][prompts, : group.start] for name in ("k", "v"))
        z = mix_behind(q, k, v, k_before, v_before)
        outputs.append((replace_z(index, group, z) if replace_z else z).flatten(3))
    written = torch.addmm(layer.b_O, _as_rows(outputs), layer.W_O)
    return _by_group(written.add_(_as_rows(querying)), querying)


def mix_behind(
    q: Float[Tensor, "batch cell query_pos head d_head"],
    k: Float[Tensor, "batch cell own_pos head d_head"],
    v: Float[Tensor, "batch cell own_pos head d_head"],
    k_before: Float[Tensor, "batch pos_before head d_head"],
    v_before: Float[Tensor, "batch pos_before head d_head"],
) -> Float[Tensor, "batch cell query_pos head d_head"]:
    """Causal attention of the last positions to a cell's own and to those before, which all cells of a prompt share.

    Where most positions are shared, one product of all cells with them is up to five times as fast as each cell's copy.
    """
    queries, own, before = q.shape[2], k.shape[2], k_before.shape[1]
    if own > before:
        return mix(q, _in_each_cell(k_before, k), _in_each_cell(v_before, v))
    q = q * q.shape[-1] ** -0.5
    shared_scores = torch.einsum("bcqhd,bkhd->bcqhk", q, k_before)
    later = torch.ones(queries, own, dtype=torch.bool, device=q.device).triu(own - queries + 1)
    own_scores = torch.einsum("bcqhd,bckhd->bcqhk", q, k).masked_fill_(later[:, None], -torch.inf)
    pattern = torch.cat([shared_scores, own_scores], -1).softmax(-1)
    z = torch.einsum("bcqhk,bkhd->bcqhd", pattern[..., :before], v_before)
    return z.add_(torch.einsum("bcqhk,bckhd->bcqhd", pattern[..., before:], v))


def _in_each_cell(before: Tensor, own: Tensor) -> Float[Tensor, "batch cell pos head d_head"]:
    """The base run's keys (or values) before the span, then each cell's own."""
    shared = before[:, None].expand(-1, own.shape[1], -1, -1, -1)
    return torch.cat([shared, own], dim=2)


def mix(
    q: Float[Tensor, "batch cell query_pos head d_head"],
    k: Float[Tensor, "batch cell key_pos head d_head"],
    v: Float[Tensor, "batch cell key_pos head d_head"],
) -> Float[Tensor, "batch cell query_pos head d_head"]:
    """Causal attention of the last positions to all of them."""
    shape = q.shape
    q, k, v = (x.flatten(0, 1) for x in (q, k, v))
    if not q.is_cpu:  # fused kernels of other devices may round float32 products to fewer bits
        return (attention_pattern(q, k) @ v.transpose(1, 2)).transpose(1, 2).view(shape)
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))  # [batch*cell head pos d_head]
    queries, keys = q.shape[-2], k.shape[-2]
    mask = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries) if queries > 1 else None
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(shape)


def add_mlps(model: Model, layer: LayerWeights, cells: list[Tensor]) -> list[Float[Tensor, "batch cell pos d_model"]]:
    """Add the output of the layer's MLP, position by position."""
    rows = _as_rows(cells)
    added = torch.empty_like(rows)
    for slab in slices(len(rows), _MLP_SLAB if rows.is_cpu else _MLP_SLAB_ELSEWHERE):
        torch.add(rows[slab], mlp(layer, rows[slab], model.cfg.eps), out=added[slab])
    return _by_group(added, cells)


def _as_rows(cells: Sequence[Tensor]) -> Float[Tensor, "rows d_model"]:
    """All groups' rows concatenated, for a product over positions."""
    rows = [of_group.flatten(0, 2) for of_group in cells]
    return torch.cat(rows) if len(rows) > 1 else rows[0]


def _by_group(rows: Tensor, cells: Sequence[Tensor]) -> list[Tensor]:
    """Undo `_as_rows`, whatever the width of a row."""
    parts = rows.split([of_group.shape[:3].numel() for of_group in cells])
    return [part.unflatten(0, of_group.shape[:3]) for part, of_group in zip(parts, cells, strict=True)]
