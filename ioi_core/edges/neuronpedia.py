"""A circuit of edges as a graph for Neuronpedia's viewer.

The format is its "attribution graph" JSON schema, version 1.0.0, which neuronpedia.org/graph/validator shows
(`apps/webapp/app/api/graph/graph-schema.json` of its code). What that format has and edges do not: positions (every
node stands at END of the one prompt that is shown) and features (none). A head's query, key and value are one node
there: a link's weight is the sum of their scores, with the sign turned round, so that what adds to logit_diff is above
0.
"""

import json

import numpy as np

from ioi_core.edges.evaluation import edge_values
from ioi_core.edges.graph import EdgeGraph
from ioi_core.edges.notation import EMBED, LOGITS, EdgeError, node_of
from ioi_core.engine.checks import check_pairs
from ioi_core.inputs import EdgeChoice, EdgeValues
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs

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
        EdgeError: no edges, or edges or scores that do not fit the model.
    """
    check_pairs(model, pairs)
    graph = EdgeGraph.of(model)
    mask = graph.mask(edges)
    if not mask.any():
        raise EdgeError("there are no edges to draw: give at least one")
    weights = mask.astype(np.float64) if scores is None else -edge_values(graph, scores)
    end = int(pairs.roles["END"][0])
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
            "nodes": [_node(graph, name, end) for name in graph.in_circuit(mask)],
            "links": [
                {"source": _identifier(source, end), "target": _identifier(target, end), "weight": weight}
                for (source, target), weight in links.items()
            ],
        },
        allow_nan=False,
    )


def _node(graph: EdgeGraph, name: str, position: int) -> dict[str, object]:
    if name == EMBED:
        layer, kind, label = "E", "embedding", "embedding"
    elif name == LOGITS:
        layer, kind, label = str(graph.n_layers + 1), "logit", "logit_diff"
    elif name.startswith("mlp "):
        layer, kind, label = name.removeprefix("mlp "), "mlp", name
    else:
        layer, kind, label = name.partition(".")[0], "attention head", f"head {name}"
    identifier = _identifier(name, position)
    return {
        "node_id": identifier,
        "feature": None,
        "layer": layer,
        "ctx_idx": position,
        "feature_type": kind,
        "jsNodeId": f"{identifier}-0",
        "clerp": label,
    }


def _identifier(name: str, position: int) -> str:
    return f"{name.replace(' ', '')}_{position}"
