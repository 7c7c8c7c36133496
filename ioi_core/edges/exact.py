"""Every edge exactly: one edge at a time reads from the corrupted run, everything else from the clean one.

All senders below a layer change every receiver of it. A changed query, key or value changes one head's z; from behind
that layer's MLP on `engine.wavefront` carries the edges to END. What goes into the logits is read at once. Edges into
one layer's queries, keys, values or MLP are a part: parts that are kept are not computed again, so scores that were
cancelled, or whose process died, are resumed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ioi_core.edges.graph import EdgeGraph
from ioi_core.edges.runs import METRIC, sender_changes
from ioi_core.engine.forward import embed, layer_norm_scale, mlp
from ioi_core.engine.memory import cell_bytes, held_bytes, memory_budget
from ioi_core.engine.parts import KeptParts, Parts
from ioi_core.engine.progress import in_parts
from ioi_core.engine.scoring import Scorer
from ioi_core.engine.tensors import at_positions, slices, to_device
from ioi_core.engine.wavefront import CellStarts, Group, wavefront
from ioi_core.model.weights import Model
from ioi_core.path_patching.edges import Paths, ReceiverInput
from ioi_core.path_patching.patch import RECEIVER_INPUTS, path_groups
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress
from ioi_core.vocabulary import ALL, Direction

_Into = Callable[[int, int, Progress | None], Iterator[Tensor]]
"""(layer, senders, progress) -> logit_diff [sender receiver batch] of the edges into some receivers, in chunks."""

Block = tuple[Float[Tensor, "sender receiver batch"], Float[Tensor, " batch"], Float[Tensor, " batch"]]
"""Scores of some prompts, and logit_diff of their clean and of their corrupted run."""


def exact_scores(
    model: Model, pairs: PromptPairs, first_prompt: int, parts: Parts | None, progress: Progress | None = None
) -> Block:
    """Change of logit_diff by each edge; 0 where there is no edge.

    Args:
        first_prompt: the number of these prompts' first one, for the names of parts.
    """
    graph, ends = EdgeGraph.of(model), pairs.roles["END"]
    paths = Paths.record(model, pairs, Direction.NOISING, through_mlps=False, include_mlps=True)
    if progress:
        progress(0, 1)  # a chance to cancel
    scorer = Scorer(model, METRIC, pairs)
    clean, corrupted = (
        scorer.per_prompt(at_positions(run[-1]["resid_post"], ends)) for run in (paths.base, paths.source)
    )
    scores = clean.new_zeros(graph.n_senders, graph.n_receivers, len(pairs))
    for group, of_group in in_parts(_fitting(model, path_groups(pairs, ALL, model.cfg.n_layers)), progress):
        rows, edges = group.rows(model), EdgesOfGroup.of(paths, pairs, group, scorer)
        for columns, part in _parts(graph, edges, KeptParts.of(parts, first_prompt, group), of_group):
            scores[: len(part), columns][:, :, rows] = part.to(scores) - clean[rows]
    return scores, clean, corrupted


def _fitting(model: Model, groups: list[Group]) -> list[Group]:
    """The groups, cut by prompts so that the changes of all senders and the edges of one fit the memory budget."""
    fitting = []
    for group in groups:
        changes = EdgeGraph.of(model).n_senders * group.width * model.cfg.d_model * model.weights.W_E.element_size()
        a_prompt = 2 * changes + model.cfg.n_heads * cell_bytes(model, group)
        for some in slices(len(group.prompts), max(1, memory_budget() // 2 // a_prompt)):
            fitting.append(replace(group, prompts=group.prompts[some]))
    return fitting


def _parts(
    graph: EdgeGraph, edges: "EdgesOfGroup", kept: KeptParts, progress: Progress | None
) -> Iterator[tuple[slice, Float[Tensor, "sender receiver batch"]]]:
    """Yield receivers, and logit_diff of every edge into them; taken from the parts that are kept."""
    for layer, of_layer in in_parts(range(graph.n_layers), progress):
        start, n_heads = graph.inputs(layer).start, graph.n_heads
        receivers: list[tuple[str, int, int, _Into]] = [
            (name, n_heads, graph.below(layer), partial(edges.into_heads, name)) for name in RECEIVER_INPUTS
        ]
        receivers.append(("mlp", 1, graph.below_mlp(layer), edges.into_mlp))
        for (name, n_receivers, n_senders, into), of_part in in_parts(receivers, of_layer):
            part = kept.get(f"into {layer} {name}", (n_senders, n_receivers, len(edges.group.prompts)))
            if part is None:
                part = torch.cat(list(into(layer, n_senders, of_part)))
                kept.put(f"into {layer} {name}", part)
            yield slice(start, start + n_receivers), part
            start += n_receivers
    yield slice(-1, None), edges.into_logits()


@dataclass(frozen=True, eq=False)
class EdgesOfGroup:
    """All edges in prompts whose runs differ from one position on and end at one.

    Attributes:
        changes: what each sender puts out in the corrupted run less what it does in the clean one.
    """

    paths: Paths
    group: Group
    scorer: Scorer
    changes: Float[Tensor, "batch sender span d_model"]

    @classmethod
    def of(cls, paths: Paths, pairs: PromptPairs, group: Group, scorer: Scorer) -> "EdgesOfGroup":
        """Collect what the senders change in some prompts."""
        model, rows = paths.model, group.rows(paths.model)
        embedded = [
            embed(model, to_device(model, tokens[list(group.prompts), group.span]), group.start)
            for tokens in (pairs.clean_tokens, pairs.corrupted_tokens)
        ]
        base, source = (
            [{name: layer[name][rows, group.span] for name in ("z", "mlp_out")} for layer in run]
            for run in (paths.base, paths.source)
        )
        return cls(paths, group, scorer, sender_changes(model, embedded[0], embedded[1], base, source))

    def into_heads(
        self, name: ReceiverInput, layer: int, n_senders: int, progress: Progress | None
    ) -> Iterator[Float[Tensor, "sender head batch"]]:
        """logit_diff of edges into all heads' queries, keys or values of a layer, some senders at a time."""
        paths, heads = self.paths, range(self.paths.model.cfg.n_heads)
        resid_pre = self._base(layer, "resid_pre")
        for some, of_some in in_parts(self._fitting(n_senders, len(heads)), progress):

            def begin(layer: int, group: Group, some: slice = some) -> Tensor:
                inputs = paths.inputs(layer, name, heads, group, resid_pre + self.changes[:, some])
                resid_mid = paths.resid_mid(layer, group)
                return behind_mlp(paths.model, layer, resid_mid, paths.z_changes(layer, name, heads, group, inputs))

            yield self._scores(layer, CellStarts("post", begin), of_some).unflatten(0, (-1, len(heads)))

    def into_mlp(
        self, layer: int, n_senders: int, progress: Progress | None
    ) -> Iterator[Float[Tensor, "sender 1 batch"]]:
        """logit_diff of edges into a layer's MLP."""
        model, resid_mid = self.paths.model, self._base(layer, "resid_mid")
        for some, of_some in in_parts(self._fitting(n_senders, 1), progress):

            def begin(layer: int, group: Group, some: slice = some) -> Tensor:
                return resid_mid + mlp(model.weights.layers[layer], resid_mid + self.changes[:, some], model.cfg.eps)

            yield self._scores(layer, CellStarts("post", begin), of_some)[:, None]

    def into_logits(self) -> Float[Tensor, "sender 1 batch"]:
        """logit_diff of edges into the logits."""
        final = self._base(self.paths.model.cfg.n_layers - 1, "resid_post")[:, :, -1] + self.changes[:, :, -1]
        return self.scorer(final, self.group.rows(self.paths.model)).T[:, None]

    def _fitting(self, n_senders: int, receivers: int) -> list[slice]:
        """The senders in slices whose edges fit half the memory budget."""
        a_sender = held_bytes(self.paths.model, receivers, replace(self.group, layers=(0,)))
        return slices(n_senders, max(1, memory_budget() // 2 // a_sender))

    def _scores(self, layer: int, starts: CellStarts, progress: Progress | None) -> Float[Tensor, "cell batch"]:
        model, suffix = self.paths.model, replace(self.group, layers=(layer,))
        [final] = wavefront(model, self.paths.base, [suffix], starts, progress)
        return self.scorer(final, self.group.rows(model)).T

    def _base(self, layer: int, name: str) -> Float[Tensor, "batch 1 span d_model"]:
        return self.paths.base[layer][name][self.group.rows(self.paths.model), self.group.span][:, None]


def behind_mlp(
    model: Model,
    layer: int,
    resid_mid: Float[Tensor, "batch 1 pos d_model"],
    z_changes: Float[Tensor, "batch sender pos head d_head"],
) -> Float[Tensor, "batch cell pos d_model"]:
    """The residual streams behind a layer's MLP, if one head's z is changed in each: cells sender by sender, then head.

    Such a change has d_head dimensions, not d_model: W_O and W_in become one matrix, which halves the MLP's products.
    """
    weights, cfg = model.weights.layers[layer], model.cfg
    W_in = weights.W_in - weights.W_in.mean(0)  # centred, so that it takes the stream's mean away as LayerNorm does
    hidden, streams = resid_mid @ W_in, []
    for head, W_O in enumerate(weights.W_O.unflatten(0, (cfg.n_heads, cfg.d_head))):
        change = z_changes[:, :, :, head]
        resid = resid_mid + change @ W_O
        shrink = 1 / layer_norm_scale(resid, cfg.eps)
        own = torch.addcmul(weights.b_in, hidden, shrink).flatten(0, 2)  # the base run's share, in one pass
        own.addmm_((change * shrink).flatten(0, 2), W_O @ W_in)
        out = resid.add_(weights.b_out).flatten(0, 2).addmm_(F.gelu(own, approximate="tanh"), weights.W_out)
        streams.append(out.view(resid.shape))
    return torch.stack(streams, 2).flatten(1, 2)
