"""A circuit of edges as a graph for Neuronpedia's viewer.

The format is its "attribution graph" JSON schema, version 1.0.0, which neuronpedia.org/graph/validator shows
(`apps/webapp/app/api/graph/graph-schema.json` of github.com/hijohnnylin/neuronpedia). What that format has and edges do
not: positions (every node stands at END of the one prompt that is shown) and features. A head's query, key and value
are one node there: a link's weight is the sum of their scores, with the sign turned round, so that what adds to
logit_diff is above 0.

The viewer (`app/[modelId]/graph/utils.ts` there) wants more than its schema, and is given it: a probability in the
logits' label, "(p=0.63)"; a number as every node's feature, by which it tells the nodes of a layer apart (below 0, as
its own error nodes have it: the number of no feature); and a part above layer 0. It labels nodes of type "embedding" by
the token at their position, so the embedding of all tokens is of another type.
"""

import json

import numpy as np
import torch

from ioi_core.edges.evaluation import edge_values
from ioi_core.edges.graph import EdgeGraph, EdgeMask
from ioi_core.edges.notation import EMBED, LOGITS, EdgeError, node_of
from ioi_core.engine.checks import check_pairs
from ioi_core.engine.recording import record
from ioi_core.engine.scoring import Scorer
from ioi_core.engine.tensors import at_positions, to_device
from ioi_core.inputs import EdgeChoice, EdgeValues
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.vocabulary import Head

_DESCRIPTION = (
    "Edges between attention heads, MLPs, embedding and logits. Positions are not told apart: every node stands at the "
    "last token. A weight is the drop of logit_diff when the edge reads from the corrupted run."
)


def edges_as_neuronpedia(
    model: Model, pairs: PromptPairs, edges: EdgeChoice, scores: EdgeValues | None = None, *, slug: str = "ioi-edges"
) -> str:
    """Return a circuit as the text of a graph that Neuronpedia's viewer reads.

    Args:
        pairs: the first of them is the prompt that is shown.
        edges: as for `evaluate_edges`; scores: as for `edge_curve`, without them every weight is 1.
        slug: the graph's name in its address.
    Raises:
        EdgeError: no edges, or edges or scores that do not fit the model, or no part above layer 0.
    """
    check_pairs(model, pairs)
    graph = EdgeGraph.of(model)
    mask = graph.mask(edges)
    if not mask.any():
        raise EdgeError("there are no edges to draw: give at least one")
    if not has_viewer_layers(graph, mask):
        raise EdgeError(
            "Neuronpedia's viewer draws no graph without a part above layer 0: give edges of later layers too"
        )
    weights = mask.astype(np.float64) if scores is None else -edge_values(graph, scores)
    end = int(pairs.roles["END"][0])
    label, probability = _answers(model, pairs[:1])
    tokens = [model.token_text(token) for token in pairs.clean_tokens[0, : pairs.lengths[0]].tolist()]
    links: dict[tuple[str, str], float] = {}
    for row, column in np.argwhere(mask):
        ends = graph.senders[row], node_of(graph.receivers[column])
        links[ends] = links.get(ends, 0.0) + float(weights[row, column])
    return json.dumps(
        {
            "metadata": {
                "slug": str(slug),
                "scan": model.name,
                "prompt_tokens": tokens,
                "prompt": "".join(tokens[int(pairs.prepend_bos) :]),
                "info": {"description": _DESCRIPTION, "generator": {"name": "IOI Explorer"}},
            },
            "qParams": {"pinnedIds": [], "supernodes": [], "linkType": "both", "clickedId": ""},
            "nodes": [_node(graph, name, end, label, probability) for name in graph.in_circuit(mask)],
            "links": [
                {"source": _identifier(source, end), "target": _identifier(target, end), "weight": weight}
                for (source, target), weight in links.items()
            ],
        },
        allow_nan=False,
    )


def has_viewer_layers(graph: EdgeGraph, mask: EdgeMask) -> bool:
    """Return whether edges touch a head or an MLP above layer 0, without which the viewer draws nothing."""
    first = {EMBED, LOGITS, *graph.senders[: graph.below(1)]}
    return not set(graph.in_circuit(mask)) <= first


@torch.inference_mode()
def _answers(model: Model, pairs: PromptPairs) -> tuple[str, float]:
    """Return what the logits are called, and the probability of the right answer in the clean run."""
    final = record(model, to_device(model, pairs.clean_tokens), ("resid_post",))[-1]["resid_post"]
    ends = at_positions(final, pairs.roles["END"])
    probability = float(Scorer.of(model, "prob", pairs, ends).per_prompt(ends)[0])
    right, wrong = (model.token_text(token) for token in pairs.answers[0].tolist())
    return f'logit_diff: "{right}" over {wrong!r} (p={probability:.3f})', probability


def _node(graph: EdgeGraph, name: str, position: int, answers: str, probability: float) -> dict[str, object]:
    number = -1
    if name == EMBED:
        layer, kind, label = "E", "all tokens and positions", "embedding of all tokens and positions"
    elif name == LOGITS:
        layer, kind, label = str(graph.n_layers + 1), "logit", answers
    elif name.startswith("mlp "):
        layer, kind, label = name.removeprefix("mlp "), "mlp", name
        number -= graph.n_heads
    else:
        head = Head.parse(name)
        layer, kind, label = str(head.layer), "attention head", f"head {name}"
        number -= head.head
    identifier = _identifier(name, position)
    return {
        "node_id": identifier,
        "feature": number,
        "layer": layer,
        "ctx_idx": position,
        "feature_type": kind,
        "jsNodeId": f"{identifier}-0",
        "clerp": label,
        **({"token_prob": probability, "is_target_logit": True} if name == LOGITS else {}),
    }


def _identifier(name: str, position: int) -> str:
    return f"{name.replace(' ', '')}_{position}"
