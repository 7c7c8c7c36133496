"""Exact patched runs, many at a time: the one loop behind every patching analysis.

A cell of a heatmap is a run that receives some activations of another run. Computing each with a full forward repeats
almost everything, so a cell is carried through the layers only where it can differ from the base run:

1. causality: positions before the first patched one keep the base run's keys and values;
2. depth: a cell begins at its own layer, from the base run's activations there;
3. the last layer is computed at END only, and metrics read END only;
4. wavefront: one walk over the layers carries all cells; each layer appends the cells that begin there, so weights are
   read once and every matrix product is large.

`Group` is a block of cells that begin at the same position in prompts that end at the same one, so its tensors are
dense: [batch cell pos d_model]. Products over positions run on all groups' rows at once; attention runs group by group.
Nothing here approximates; nothing leaves the model's device.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ioi_core.engine.forward import attention_pattern, mlp, normalize
from ioi_core.engine.recording import Trace
from ioi_core.engine.tensors import to_device
from ioi_core.model.weights import LayerWeights, Model

Stage = Literal["pre", "mid", "post"]
_MLP_SLAB = 1024  # rows through an MLP at once: its hidden layer then stays in cache


@dataclass(frozen=True)
class Group:
    """Cells that begin at position `start` in some prompts that all end at position `end`.

    Attributes:
        prompts: rows of the traces, one or more.
        column: which column of the grid these cells fill.
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


@dataclass(frozen=True)
class Seeds:
    """Where cells begin: at which stage of their layer, and with which residual stream there.

    Attributes:
        stage: "pre" (before attention), "mid" (between attention and MLP) or "post" (after the MLP).
        make: (layer, group) -> [batch cell pos d_model] over the group's span; the cells of that layer.
    """

    stage: Stage
    make: Callable[[int, Group], Float[Tensor, "batch cell pos d_model"]]


Overwrite = Callable[[int, Group, Mapping[Literal["q", "k", "v"], Tensor]], None]
"""Told in each layer the queries, keys and values [batch cell pos head d_head] that a group's carried cells computed
there (queries at END alone in the last layer), to set some of them in place."""

ReplaceZ = Callable[[int, Group, Tensor], Tensor]
"""Given in each layer what a group's carried cells' heads put out, z [batch cell pos head d_head] (at END alone in the
last layer), returns what is to be written instead."""


def wavefront(
    model: Model,
    base: Trace,
    groups: Sequence[Group],
    seeds: Seeds,
    progress: Callable[[int], None] | None = None,
    overwrite: Overwrite | None = None,
    replace_z: ReplaceZ | None = None,
) -> list[Float[Tensor, "batch cell d_model"]]:
    """The final residual stream at END of every cell of every group.

    Args:
        base: trace of the base run with "k" and "v", over prompts that the groups' indices refer to.
        progress: told after each layer how many rows (cells times positions) it carried.
        overwrite: sets queries, keys or values that are not to be computed; replace_z: the same of heads' outputs.
    Returns:
        One tensor a group, its cells layer after layer.
    """
    prefix = [to_device(model, np.array(group.prompts)) for group in groups]
    carried = [_no_cells(model, group) for group in groups]
    for index, layer in enumerate(model.weights.layers):
        last = index == model.cfg.n_layers - 1

        def begin(stage: Stage, waves: list[Tensor], index: int = index, last: bool = last) -> list[Tensor]:
            if seeds.stage != stage:
                return waves
            return [_append(wave, seeds, index, group, last) for wave, group in zip(waves, groups, strict=True)]

        carried = begin("pre", carried, last=False)
        setters = _Setters(
            partial(overwrite, index) if overwrite else None, partial(replace_z, index) if replace_z else None
        )
        carried = begin("mid", _attend(model, layer, base[index], groups, prefix, carried, last, setters))
        carried = begin("post", add_mlp(model, layer, carried))
        if progress:
            sizes = zip(groups, carried, strict=True)
            progress(sum(wave.shape[0] * wave.shape[1] * (group.end + 1 - group.start) for group, wave in sizes))
    return [wave[:, :, -1] for wave in carried]


@dataclass(frozen=True)
class _Setters:
    """`Overwrite` and `ReplaceZ` of one layer."""

    inputs: Callable[[Group, Mapping[Literal["q", "k", "v"], Tensor]], None] | None
    z: Callable[[Group, Tensor], Tensor] | None


def _no_cells(model: Model, group: Group) -> Float[Tensor, "batch cell pos d_model"]:
    shape = (len(group.prompts), 0, group.end + 1 - group.start, model.cfg.d_model)
    return model.weights.W_E.new_empty(shape)


def _append(
    wave: Tensor, seeds: Seeds, layer: int, group: Group, last: bool
) -> Float[Tensor, "batch cell pos d_model"]:
    """The cells carried so far, and those that begin in this layer; in the last layer END alone goes on."""
    if layer not in group.layers:
        return wave
    begun = seeds.make(layer, group)
    return torch.cat([wave, begun[:, :, -1:] if last else begun], dim=1)


def _attend(
    model: Model,
    layer: LayerWeights,
    base: Mapping[str, Tensor],
    groups: Sequence[Group],
    prefix: Sequence[Tensor],
    carried: list[Tensor],
    last: bool,
    setters: _Setters,
) -> list[Float[Tensor, "batch cell pos d_model"]]:
    """Add the attention layer's output; in the last layer at END only."""
    width = model.cfg.n_heads * model.cfg.d_head
    kept = [wave[:, :, -1:] for wave in carried] if last else carried
    normed = normalize(_flat(carried), model.cfg.eps)
    asking = normalize(_flat(kept), model.cfg.eps) if last else normed
    k_v = torch.addmm(layer.b_QKV[width:], normed, layer.W_QKV[:, width:])
    queries = torch.addmm(layer.b_QKV[:width], asking, layer.W_QKV[:, :width])
    mixed = []
    for group, rows, q, kv in zip(groups, prefix, _like(queries, kept), _like(k_v, carried), strict=True):
        keys, values = kv.unflatten(-1, (2, model.cfg.n_heads, model.cfg.d_head)).unbind(-3)
        before = [base[name][rows, : group.start] for name in ("k", "v")]
        q = q.unflatten(-1, (model.cfg.n_heads, model.cfg.d_head))
        if setters.inputs:
            setters.inputs(group, {"q": q, "k": keys, "v": values})
        z = mix(q, _behind(before[0], keys), _behind(before[1], values))
        mixed.append((setters.z(group, z) if setters.z else z).flatten(3))
    written = torch.addmm(layer.b_O, _flat(mixed), layer.W_O)
    return _like(written.add_(_flat(kept)), kept)


def _behind(before: Tensor, own: Tensor) -> Float[Tensor, "batch cell pos head d_head"]:
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


def add_mlp(model: Model, layer: LayerWeights, waves: list[Tensor]) -> list[Float[Tensor, "batch cell pos d_model"]]:
    """Add what the layer's MLP writes, position by position."""
    rows = _flat(waves)
    added = torch.empty_like(rows)
    for start in range(0, len(rows), _MLP_SLAB):
        slab = slice(start, start + _MLP_SLAB)
        torch.add(rows[slab], mlp(layer, rows[slab], model.cfg.eps), out=added[slab])
    return _like(added, waves)


def _flat(waves: Sequence[Tensor]) -> Float[Tensor, "rows d_model"]:
    """All groups' rows one after another: what a product over positions needs."""
    rows = [wave.flatten(0, 2) for wave in waves]
    return torch.cat(rows) if len(rows) > 1 else rows[0]


def _like(rows: Tensor, waves: Sequence[Tensor]) -> list[Tensor]:
    """The reverse of `_flat`, whatever the width of a row."""
    parts = rows.split([wave.shape[:3].numel() for wave in waves])
    return [part.unflatten(0, wave.shape[:3]) for part, wave in zip(parts, waves, strict=True)]
