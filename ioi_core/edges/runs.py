"""Runs of edge circuits: every receiver's input is put together from what the circuit lets it read.

The clean prompt is run; a receiver reads of each earlier sender what it puts out in this very run if their edge is in
the circuit, and what it put out in the corrupted run if not. So its input is the corrupted run's residual stream plus
the sum, over the edges into it, of what their senders now put out less what they did there: one matrix product a
layer, of a mask [sender receiver] with the senders' changes [sender batch pos d_model]. Several circuits are run side
by side. Before the first token that differs all of them agree with both runs, so they begin there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ioi_core.edges.graph import EdgeGraph, EdgeMask
from ioi_core.engine.forward import embed, mlp, normalize
from ioi_core.engine.memory import blocks, memory_budget
from ioi_core.engine.progress import in_parts
from ioi_core.engine.recording import Trace, first_difference, record, record_source
from ioi_core.engine.scoring import Scorer
from ioi_core.engine.tensors import at_positions, slices, to_device
from ioi_core.engine.wavefront import mix
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress
from ioi_core.vocabulary import Direction

_CORRUPTED = ("z", "mlp_out", "resid_pre", "resid_mid", "resid_post")
_CLEAN = ("k", "v", *_CORRUPTED)

METRIC = "logit_diff"
METRIC_UNITS = {METRIC: "logits"}


def edge_blocks(model: Model, pairs: PromptPairs) -> list[slice]:
    """Blocks of prompts of which both runs, and what every sender changes, can be held at once."""
    return blocks(model, pairs, (*_CLEAN, *_CORRUPTED), more_vectors=3 * (model.cfg.n_heads + 1))


def sender_changes(
    model: Model,
    clean_embedded: Float[Tensor, "batch span d_model"],
    corrupted_embedded: Float[Tensor, "batch span d_model"],
    clean: Sequence[Mapping[str, Tensor]],
    corrupted: Sequence[Mapping[str, Tensor]],
) -> Float[Tensor, "batch sender span d_model"]:
    """Return what each sender puts out in the corrupted run less what it does in the clean one.

    Args:
        clean, corrupted: "z" and "mlp_out" of each layer over the span.
    """
    changes = [(corrupted_embedded - clean_embedded)[:, None]]
    for weights, own, given in zip(model.weights.layers, clean, corrupted, strict=True):
        W_O = weights.W_O.unflatten(0, (model.cfg.n_heads, model.cfg.d_head))
        changes += [
            torch.einsum("bphd,hdm->bhpm", given["z"] - own["z"], W_O),
            (given["mlp_out"] - own["mlp_out"])[:, None],
        ]
    return torch.cat(changes, 1)


@dataclass(frozen=True, eq=False)
class EdgeRuns:
    """The clean and the corrupted run of some prompts, and edge circuits between them.

    Attributes:
        start: the first position at which any prompt differs from its corrupted one.
        clean: trace over all positions; corrupted: trace, nan before `start`.
    """

    model: Model
    pairs: PromptPairs
    start: int
    clean: Trace
    corrupted: Trace

    @classmethod
    def record(cls, model: Model, pairs: PromptPairs) -> "EdgeRuns":
        """Record both runs."""
        clean = record(model, to_device(model, pairs.clean_tokens), _CLEAN)
        corrupted = record_source(model, pairs, Direction.NOISING, _CORRUPTED, clean)
        return cls(model, pairs, first_difference(pairs), clean, corrupted)

    @property
    def span(self) -> slice:
        """The positions that can differ, up to the last END."""
        return slice(self.start, int(self.pairs.roles["END"].max()) + 1)

    @property
    def ends(self) -> Int[np.ndarray, " batch"]:
        """Each prompt's END within the span."""
        return self.pairs.roles["END"] - self.start

    @cached_property
    def graph(self) -> EdgeGraph:
        """The model's edges."""
        return EdgeGraph.of(self.model)

    @cached_property
    def scorer(self) -> Scorer:
        """Reads logit_diff off final residual streams."""
        return Scorer(self.model, METRIC, self.pairs)

    def of_clean(self) -> Float[Tensor, " batch"]:
        """logit_diff of the clean run."""
        return self.scorer.per_prompt(at_positions(self.clean[-1]["resid_post"], self.pairs.roles["END"]))

    def of_corrupted(self) -> Float[Tensor, " batch"]:
        """logit_diff of the corrupted run, with the clean prompt's answers."""
        return self.scorer.per_prompt(at_positions(self.corrupted[-1]["resid_post"], self.pairs.roles["END"]))

    def embedded(self) -> tuple[Tensor, Tensor]:
        """The clean and the corrupted embedding over the span, each [batch span d_model]."""
        tokens = (self.pairs.clean_tokens, self.pairs.corrupted_tokens)
        clean, corrupted = (embed(self.model, to_device(self.model, ids[:, self.span]), self.start) for ids in tokens)
        return clean, corrupted

    def changes(self) -> Float[Tensor, "batch sender span d_model"]:
        """Return what each sender puts out in the corrupted run less what it does in the clean one.

        Exactly 0 before a prompt's own first difference and behind its END.
        """
        clean, corrupted = (
            [{name: layer[name][:, self.span] for name in ("z", "mlp_out")} for layer in trace]
            for trace in (self.clean, self.corrupted)
        )
        changes = sender_changes(self.model, *self.embedded(), clean, corrupted)
        return changes * self._can_differ[:, None, :, None]

    @property
    def _can_differ(self) -> Bool[Tensor, "batch span"]:
        differs = np.logical_or.accumulate(self.pairs.clean_tokens != self.pairs.corrupted_tokens, axis=1)
        before_end = np.arange(differs.shape[1]) <= self.pairs.roles["END"][:, None]
        return to_device(self.model, (differs & before_end)[:, self.span])

    def circuits(self, masks: Sequence[EdgeMask], progress: Progress | None = None) -> Float[Tensor, "circuit batch"]:
        """logit_diff of the run of each circuit; edges on no path to the logits change none."""
        pruned = np.stack([self.graph.pruned(mask) for mask in masks])
        scores = [
            self.scorer(self._finals(pruned[some]), torch.arange(len(self.pairs), device=self.model.device)).T
            for some, _ in in_parts(slices(len(pruned), self._at_once()), progress)
        ]
        return torch.cat(scores)

    def _at_once(self) -> int:
        """Return how many circuits fit the memory budget side by side."""
        cfg, span = self.model.cfg, self.span
        vectors = self.graph.n_senders + 12 * cfg.n_heads + 2 * cfg.d_mlp // cfg.d_model + 8
        a_circuit = len(self.pairs) * (span.stop - span.start) * cfg.d_model * vectors
        return max(1, memory_budget() // 3 // (a_circuit * self.model.weights.W_E.element_size()))

    def _finals(self, masks: Bool[np.ndarray, "circuit sender receiver"]) -> Float[Tensor, "batch circuit d_model"]:
        """Final residual streams at END."""
        run = _Composed(self, masks)
        for layer in range(self.model.cfg.n_layers):
            run.attend(layer)
            run.add_mlp(layer)
        return run.final()


class _Composed:
    """Circuits on their way through the layers.

    `changes` [circuit sender batch span d_model]: what each sender that any circuit reads puts out less what it did in
    the corrupted run; `n_done` of them are known so far.
    """

    def __init__(self, runs: EdgeRuns, masks: Bool[np.ndarray, "circuit sender receiver"]) -> None:
        self.runs, self.model, self.graph = runs, runs.model, runs.graph
        self.read = np.asarray(masks.any((0, 2)))  # [sender]
        self.masks = to_device(self.model, masks[:, self.read]).to(self.model.weights.W_E.dtype)
        clean, corrupted = runs.embedded()
        self.changes = clean.new_zeros(len(masks), int(self.read.sum()), *clean.shape)
        self.n_done = 0
        self._put([0], (clean - corrupted)[None, None])

    def attend(self, layer: int) -> None:
        """Run the heads of a layer that are read."""
        first = self.graph.below(layer)
        heads = np.flatnonzero(self.read[first : first + self.model.cfg.n_heads])
        if not len(heads):
            return
        q, k, v = self._queries_keys_values(layer, heads)
        before = {name: self.runs.clean[layer][name][:, : self.runs.start, heads] for name in ("k", "v")}
        keys, values = (
            torch.cat([before[name][:, None].expand(-1, own.shape[1], -1, -1, -1), own], 2)
            for name, own in (("k", k), ("v", v))
        )
        change = mix(q, keys, values) - self._corrupted(layer, "z")[:, None, :, heads]
        W_O = self.model.weights.layers[layer].W_O.unflatten(0, (self.model.cfg.n_heads, -1))
        self._put(first + heads, torch.einsum("bcphd,hdm->chbpm", change, W_O[heads]))

    def _queries_keys_values(self, layer: int, heads: np.ndarray) -> list[Float[Tensor, "batch circuit span head d"]]:
        cfg, weights = self.model.cfg, self.model.weights.layers[layer]
        chosen = (np.arange(3)[:, None] * cfg.n_heads + heads).ravel()  # queries, then keys, then values
        read = self._inputs(self.graph.inputs(layer).start + chosen, self._corrupted(layer, "resid_pre"))
        normed = normalize(read, cfg.eps).transpose(0, 1)  # [input circuit batch span d_model]
        W = weights.W_QKV.unflatten(1, (3 * cfg.n_heads, cfg.d_head)).transpose(0, 1)[chosen]
        b = weights.b_QKV.unflatten(0, (3 * cfg.n_heads, cfg.d_head))[chosen]
        own = torch.baddbmm(b[:, None], normed.flatten(1, 3), W).unflatten(1, normed.shape[1:4])
        return [of_heads.permute(2, 1, 3, 0, 4) for of_heads in own.chunk(3)]

    def add_mlp(self, layer: int) -> None:
        """Run the MLP of a layer if it is read."""
        node = self.graph.below_mlp(layer)
        if self.read[node]:
            [read] = self._inputs(self.graph.inputs(layer).stop, self._corrupted(layer, "resid_mid")).unbind(1)
            out = mlp(self.model.weights.layers[layer], read, self.model.cfg.eps)
            self._put([node], (out - self._corrupted(layer, "mlp_out"))[:, None])

    def final(self) -> Float[Tensor, "batch circuit d_model"]:
        """The final residual streams at END."""
        ends = at_positions(self.changes.permute(2, 3, 0, 1, 4), self.runs.ends)  # [batch circuit sender d_model]
        corrupted = at_positions(self._corrupted(self.model.cfg.n_layers - 1, "resid_post"), self.runs.ends)
        return corrupted[:, None] + torch.einsum("cs,bcsm->bcm", self.masks[:, :, -1], ends)

    def _inputs(
        self, columns: int | np.ndarray, corrupted: Float[Tensor, "batch span d_model"]
    ) -> Float[Tensor, "circuit receiver batch span d_model"]:
        masks = self.masks[:, : self.n_done, np.atleast_1d(columns)]
        sums = masks.transpose(1, 2) @ self.changes[:, : self.n_done].flatten(2)
        return sums.unflatten(2, corrupted.shape) + corrupted

    def _put(self, senders: Sequence[int] | np.ndarray, changes: Tensor) -> None:
        """Keep the changes of some senders, the next ones in their order that are read."""
        read = int(self.read[senders].sum())
        self.changes[:, self.n_done : self.n_done + read] = changes[:, :read]
        self.n_done += read

    def _corrupted(self, layer: int, name: str) -> Float[Tensor, "batch span *rest"]:
        return self.runs.corrupted[layer][name][:, self.runs.span]
