"""The graph for Neuronpedia's viewer: against its schema, and against what its viewer's code reads.

`neuronpedia_schema.json` holds the required fields of its schema and names its source and licence. What the viewer
itself wants was read in its code (`formatCLTGraphData`) and is tested here in the same words; the viewer was not run.
"""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ioi_core import EdgeGraph, IOIError, Model, edges_as_neuronpedia, predictions
from tests.core.edges.test_files import EDGES, PAIRS, scores_of

SCHEMA = json.loads((Path(__file__).parent / "neuronpedia_schema.json").read_text(encoding="utf-8"))
WITH_KEY = (*EDGES, ("0.1", "3.3<k>"), ("0.1", "3.2<v>"), ("3.2", "logits"))


@pytest.fixture(scope="module")
def graph(small_model: Model) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(edges_as_neuronpedia(small_model, PAIRS, WITH_KEY, scores_of(small_model)))
    return written


def test_the_schema_is_kept(graph: dict[str, Any]) -> None:
    jsonschema.validate(graph, SCHEMA, jsonschema.Draft7Validator)
    for part in ("metadata", "qParams", "nodes", "links"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in graph.items() if name != part}, SCHEMA)


def test_the_viewer_reads_it(small_model: Model, graph: dict[str, Any]) -> None:
    nodes = graph["nodes"]
    [logit] = [node for node in nodes if node["feature_type"] == "logit"]
    says = float(logit["clerp"].split("(p=")[1].split(")")[0])  # it fails on a label without
    probability = predictions(small_model, PAIRS[:1]).answer_probs[0, 0, 0]
    assert logit["token_prob"] == pytest.approx(probability, rel=1e-4)
    assert says == pytest.approx(probability, abs=5e-4)
    layers = [int(node["layer"]) for node in nodes if node["feature_type"] != "logit" and node["layer"] != "E"]
    assert max(layers) > 0, "else it says that there is no layer"
    ids = [(node["layer"], node["feature"], node["ctx_idx"]) for node in nodes]
    assert len(set(ids)) == len(ids), "it finds a node under the pointer by these three"
    assert all(node["feature"] < 0 for node in nodes), "else it fetches another's feature"
    assert "embedding" not in {node["feature_type"] for node in nodes}, "else it labels it by the token at END"
    assert {end for link in graph["links"] for end in (link["source"], link["target"])} == {
        node["node_id"] for node in nodes
    }


def test_what_it_says(small_model: Model, graph: dict[str, Any]) -> None:
    metadata = graph["metadata"]
    assert (metadata["slug"], metadata["scan"]) == ("ioi-edges", small_model.name)
    assert len(metadata["prompt_tokens"]) == 5
    assert metadata["prompt"] == "".join(metadata["prompt_tokens"][1:])
    labels = [node["clerp"] for node in graph["nodes"]]
    assert labels[1:-1] == ["head 0.1", "mlp 2", "head 3.2", "head 3.3"]
    right, wrong = (small_model.token_text(token) for token in PAIRS.answers[0].tolist())
    assert labels[-1].startswith(f'logit_diff: "{right}" over {wrong!r}')
    weights = {(link["source"], link["target"]): link["weight"] for link in graph["links"]}
    axes, scores = EdgeGraph.of(small_model), scores_of(small_model)
    both = [scores[axes.senders.index("0.1"), axes.receivers.index(f"3.3<{name}>")] for name in "qk"]
    assert weights["0.1_4", "3.3_4"] == pytest.approx(-sum(both))


def test_what_it_cannot_draw_is_refused(small_model: Model) -> None:
    with pytest.raises(IOIError, match="no edges"):
        edges_as_neuronpedia(small_model, PAIRS, ())
    with pytest.raises(IOIError, match="above layer 0"):
        edges_as_neuronpedia(small_model, PAIRS, [("embed", "0.1<v>"), ("0.1", "mlp 0"), ("mlp 0", "logits")])
