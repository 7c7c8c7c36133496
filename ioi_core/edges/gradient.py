"""Edge attribution patching: all edges to first order (EAP, Syed et al. 2023; EAP-IG, Hanna et al. 2024).

An edge's score is (the sender's corrupted - clean output) . d logit_diff / d (the receiver's input), summed over
positions. EAP takes the gradient at the clean run. EAP-IG (inputs) takes its mean over runs whose embedding is
corrupted + k / steps (clean - corrupted), k = 0 ... steps - 1, with everything above following.

One backward pass gives the gradients of all queries, keys, values and of the residual stream before and after each
MLP; those of the receivers' inputs follow in closed form, through the receiver's own weights and the derivative of
LayerNorm. The residual stream's gradient before an MLP less that after it is what passes through the MLP itself.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ioi_core.edges.graph import EdgeGraph
from ioi_core.edges.runs import EdgeRuns
from ioi_core.engine.forward import LayerRun, layer_norm_scale, layer_runs, normalize
from ioi_core.engine.progress import with_progress
from ioi_core.engine.tensors import at_positions
from ioi_core.model.weights import LayerWeights, Model
from ioi_core.results import Progress

_GRADIENTS = ("q", "k", "v", "resid_mid", "resid_post")


def gradient_scores(
    runs: EdgeRuns, steps: int | None, progress: Progress | None = None
) -> Float[Tensor, "sender receiver batch"]:
    """First-order scores, 0 where there is no edge.

    Args:
        steps: of EAP-IG; None for EAP.
    """
    with torch.no_grad():
        changes, (clean, corrupted) = runs.changes(), runs.embedded()
    points = [clean] if steps is None else [corrupted + k / steps * (clean - corrupted) for k in range(steps)]
    scores = changes.new_zeros(len(changes), runs.graph.n_senders, runs.graph.n_receivers)
    for point in with_progress(points, progress):
        with torch.inference_mode(False), torch.enable_grad():  # both are per thread: the caller's may differ
            _add_scores(runs, point, changes, scores)
    return scores.permute(1, 2, 0) / len(points)


def _add_scores(
    runs: EdgeRuns,
    embedded: Float[Tensor, "batch span d_model"],
    changes: Float[Tensor, "batch sender span d_model"],
    scores: Float[Tensor, "batch sender receiver"],
) -> None:
    """Add the scores with the gradient at the run of one embedding."""
    model, graph = runs.model, runs.graph
    before = [{name: layer[name][:, : runs.start] for name in ("k", "v")} for layer in runs.clean]
    layers = list(layer_runs(model, embedded.clone().requires_grad_(), before))
    score = runs.scorer.per_prompt(at_positions(layers[-1].resid_post, runs.ends)).sum()
    wanted = [getattr(layer, name) for layer in layers for name in _GRADIENTS]
    gradients = torch.autograd.grad(score, wanted)
    with torch.no_grad():
        for index, layer in enumerate(layers):
            of_layer = gradients[index * len(_GRADIENTS) :][: len(_GRADIENTS)]
            _add_layer(model, graph, index, layer, of_layer, changes, scores)
        scores[:, :, -1] += _products(changes, gradients[-1][:, None])[:, :, 0]


def _add_layer(
    model: Model,
    graph: EdgeGraph,
    index: int,
    layer: LayerRun,
    gradients: tuple[Tensor, ...],
    changes: Float[Tensor, "batch sender span d_model"],
    scores: Float[Tensor, "batch sender receiver"],
) -> None:
    *of_heads, of_mid, of_post = gradients
    into = input_gradients(model, model.weights.layers[index], layer.resid_pre, torch.stack(of_heads, 1))
    below, below_mlp, columns = graph.below(index), graph.below_mlp(index), graph.inputs(index)
    scores[:, :below, columns] += _products(changes[:, :below], into)
    scores[:, :below_mlp, columns.stop] += _products(changes[:, :below_mlp], (of_mid - of_post)[:, None])[:, :, 0]


def _products(changes: Tensor, gradients: Tensor) -> Float[Tensor, "batch sender receiver"]:
    """Products of each sender's change with each receiver's gradient, summed over positions and d_model."""
    return changes.flatten(2) @ gradients.flatten(2).transpose(1, 2)


def input_gradients(
    model: Model,
    weights: LayerWeights,
    resid: Float[Tensor, "batch span d_model"],
    of_heads: Float[Tensor, "batch 3 span head d_head"],
) -> Float[Tensor, "batch receiver span d_model"]:
    """Gradients of the residual stream that each query, key and value reads, given those of q, k and v themselves.

    With x the normalised stream and s its scale, a gradient g of x becomes (g - mean(g) - x mean(g x)) / s.
    """
    W = weights.W_QKV.unflatten(1, (3, model.cfg.n_heads, model.cfg.d_head))
    g = torch.einsum("btphd,mthd->bthpm", of_heads, W).flatten(1, 2)
    x = normalize(resid, model.cfg.eps)[:, None]
    g -= g.mean(-1, keepdim=True) + x * (g * x).mean(-1, keepdim=True)
    return g / layer_norm_scale(resid, model.cfg.eps)[:, None]
