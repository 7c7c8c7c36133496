"""The effect of an edge: what one component's output changes in another's input (Wang et al. 2022, appendix B).

Two runs make one cell. In the first, the base run, the sender's output is taken from the source run and every other
head's z stays frozen; MLPs and LayerNorms are recomputed, and the receivers' inputs are kept. In the second, only those
inputs are replaced and everything else is recomputed.

With all z frozen a sender's output acts at its own position alone, so the first run is no forward pass: `residuals`
carries all senders together through the MLPs above them, position by position. The stream that arrives at a receiver
changes that head's z, and from there `engine.wavefront` carries the second run to END like any patched run.

Senders of a layer are its heads, in order, then its MLP if MLPs are senders; "below a layer" counts them from layer 0.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.engine.forward import normalize
from ioi_core.engine.progress import between, with_progress
from ioi_core.engine.recording import Trace, record, record_source, swap_if_denoising
from ioi_core.engine.tensors import to_device
from ioi_core.engine.wavefront import CellStarts, Group, add_mlps, mix, wavefront
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress
from ioi_core.vocabulary import Direction

ReceiverInput = Literal["q", "k", "v"]

_BASE = ("q", "k", "v", "z", "attn_out", "resid_pre", "resid_mid", "mlp_out", "resid_post")
_SOURCE = ("z", "mlp_out", "resid_post")
RECORDED = (*_BASE, *_SOURCE)
"""The activations that are kept of both runs together."""


@dataclass(frozen=True, eq=False)
class Paths:
    """All senders of one model between two recorded runs.

    Attributes:
        base: the run that receives; source: the run that the senders' outputs come from.
        through_mlps: MLPs between sender and receiver are recomputed (appendix B), else as in the base run.
        senders_a_layer: n_heads, and one more if MLPs are senders.
    """

    model: Model
    base: Trace
    source: Trace
    through_mlps: bool
    senders_a_layer: int

    @classmethod
    def record(
        cls, model: Model, pairs: PromptPairs, direction: Direction, *, through_mlps: bool, include_mlps: bool
    ) -> "Paths":
        """Record both runs."""
        base_tokens, _ = swap_if_denoising(direction, pairs.clean_tokens, pairs.corrupted_tokens)
        base = record(model, to_device(model, base_tokens), _BASE)
        source = record_source(model, pairs, direction, _SOURCE, base)
        return cls(model, base, source, through_mlps, model.cfg.n_heads + include_mlps)

    def residuals(
        self,
        prompts: Sequence[int],
        positions: Int[np.ndarray, "batch pos"],
        layers: Sequence[int],
        progress: Progress | None = None,
    ) -> Iterator[Float[Tensor, "batch sender pos d_model"]]:
        """Yield the residual streams before layer 0, 1, ... and after the last, one for each sender below it.

        What was yielded is overwritten by the next step.

        Args:
            positions: where senders send; nothing changes anywhere else.
            layers: those of the senders.
        """
        at = to_device(self.model, np.array(prompts))[:, None], to_device(self.model, positions)
        streams = self.base[0]["resid_pre"][at][:, None][:, :0]
        for index, layer in enumerate(with_progress(self.model.weights.layers, progress)):
            yield streams
            base = {name: self.base[index][name][at] for name in _BASE[3:]}  # [batch pos ...]
            source = {name: self.source[index][name][at] for name in ("z", "mlp_out")}
            streams = streams.add_(base["attn_out"][:, None])  # in place: the caller has read what was yielded
            if index in layers:
                written = self._written(index, slice(None), (source["z"] - base["z"])[:, None])
                streams = torch.cat([streams, base["resid_mid"][:, None] + written[:, 0]], dim=1)
            if self.through_mlps:
                [streams] = add_mlps(self.model, layer, [streams])
            else:
                streams = streams + base["mlp_out"][:, None]
            if index in layers and self.senders_a_layer > self.model.cfg.n_heads:
                mlp_sender = base["resid_post"] + (source["mlp_out"] - base["mlp_out"])
                streams = torch.cat([streams, mlp_sender[:, None]], dim=1)
        yield streams

    def _written(
        self, layer: int, heads: slice | list[int], change: Float[Tensor, "batch cell pos head d_head"]
    ) -> Float[Tensor, "batch cell head pos d_model"]:
        """Write a change of some heads' z into the residual stream, head by head."""
        W_O = self.model.weights.layers[layer].W_O.unflatten(0, (self.model.cfg.n_heads, self.model.cfg.d_head))
        return torch.einsum("bcphd,hdm->bchpm", change, W_O[heads])

    def inputs(
        self,
        layer: int,
        name: ReceiverInput,
        heads: Sequence[int],
        group: Group,
        streams: Float[Tensor, "batch sender pos d_model"],
    ) -> Float[Tensor, "batch sender span head d_head"]:
        """The heads' queries, keys or values over the group's span; the base run's where nothing was sent."""
        cfg, weights = self.model.cfg, self.model.weights.layers[layer]
        of_heads = np.array(heads) + "qkv".index(name) * cfg.n_heads
        columns = to_device(self.model, (of_heads[:, None] * cfg.d_head + np.arange(cfg.d_head)).ravel())
        normed = normalize(streams, cfg.eps).flatten(0, 2)
        sent = torch.addmm(weights.b_QKV[columns], normed, weights.W_QKV[:, columns])
        sent = sent.view(*streams.shape[:3], len(heads), cfg.d_head)
        if group.whole:
            return sent
        rest = self._base(layer, name, group)[:, group.start + 1 :, list(heads)]
        return torch.cat([sent, rest[:, None].expand(-1, sent.shape[1], -1, -1, -1)], dim=2)

    def _base(self, layer: int, name: str, group: Group) -> Float[Tensor, "batch pos *rest"]:
        """An activation of the group's prompts in the base run, up to END."""
        return self.base[layer][name][group.rows(self.model), : group.end + 1]

    def written_by_receivers(
        self,
        layer: int,
        name: ReceiverInput,
        heads: Sequence[int],
        group: Group,
        replaced: Float[Tensor, "batch cell span head d_head"],
    ) -> Float[Tensor, "batch cell head pos d_model"]:
        """The change of what each receiver writes if its input is replaced; in the last layer at END alone."""
        return self._written(layer, list(heads), self.z_changes(layer, name, heads, group, replaced))

    def z_changes(
        self,
        layer: int,
        name: ReceiverInput,
        heads: Sequence[int],
        group: Group,
        replaced: Float[Tensor, "batch cell span head d_head"],
    ) -> Float[Tensor, "batch cell pos head d_head"]:
        """The change of each receiver's z if its input is replaced; in the last layer at END alone."""
        cells, chosen = replaced.shape[1], list(heads)
        querying = self._querying(layer, group)
        inputs = {n: self._base(layer, n, group)[:, None, :, chosen].expand(-1, cells, -1, -1, -1) for n in "qkv"}
        inputs[name] = torch.cat([inputs[name][:, :, : group.start], replaced], dim=2)
        z = mix(inputs["q"][:, :, querying], inputs["k"], inputs["v"])
        return z - self._base(layer, "z", group)[:, None, querying, chosen]

    def resid_mid(self, layer: int, group: Group) -> Float[Tensor, "batch 1 pos d_model"]:
        """The base run's residual stream after attention, over the group's span; in the last layer at END alone."""
        return self._base(layer, "resid_mid", group)[:, None, self._querying(layer, group)]

    def _querying(self, layer: int, group: Group) -> slice:
        return slice(group.end, None) if layer == self.model.cfg.n_layers - 1 else group.span


def sender_positions(group: Group) -> Int[np.ndarray, "batch pos"]:
    """The positions at which a group's senders send: all of its span, or its first one."""
    span = np.arange(group.start, group.end + 1 if group.whole else group.start + 1)
    return np.broadcast_to(span, (len(group.prompts), len(span)))


def to_end(
    paths: Paths,
    name: ReceiverInput,
    receivers: Mapping[int, Sequence[int]],
    group: Group,
    progress: Progress | None = None,
) -> Float[Tensor, "batch sender d_model"]:
    """Return the final residual streams at END with the receivers' inputs as each sender changes them.

    Args:
        receivers: layer -> its receiving heads.
        group: prompts, positions and the layers of the senders.
    Returns:
        One stream a sender of the group's layers below the last receiver.
    """
    replaced: dict[int, Tensor] = {}
    residuals = paths.residuals(group.prompts, sender_positions(group), group.layers, between(progress, 0, 30))
    for layer, streams in enumerate(residuals):
        if layer in receivers and streams.shape[1]:
            replaced[layer] = paths.inputs(layer, name, receivers[layer], group, streams)
        if layer == max(receivers):
            break
    # Senders join the second run at the first receiver above them; it already carries those below a lower receiver.
    layers = tuple(replaced)
    carried = dict(zip(layers, [0, *(replaced[layer].shape[1] for layer in layers)], strict=False))

    def begin(layer: int, group: Group) -> Tensor:
        new = replaced[layer][:, carried[layer] :]
        written = paths.written_by_receivers(layer, name, receivers[layer], group, new)
        return paths.resid_mid(layer, group) + written.sum(2)

    def overwrite(layer: int, group: Group, inputs: Mapping[Literal["q", "k", "v"], Tensor]) -> None:
        if layer in replaced:
            own = inputs[name]
            own[:, :, :, list(receivers[layer])] = replaced[layer][:, : own.shape[1], -own.shape[2] :]

    suffix = replace(group, layers=layers)
    second_run = between(progress, 30, 100)
    [final] = wavefront(paths.model, paths.base, [suffix], CellStarts("mid", begin), second_run, overwrite)
    return final
