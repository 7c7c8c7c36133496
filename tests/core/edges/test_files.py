"""Circuits of edges in files: written, read again, and files that are refused in words."""

import json
from pathlib import Path

import numpy as np
import pytest

from ioi_core import (
    EdgeGraph,
    Head,
    IOIError,
    Model,
    edges_as_csv,
    edges_as_json,
    evaluate_edges,
    parse_edges,
    read_edges,
    write_edges,
)
from ioi_core.edges import files
from tests.models.random_pairs import random_pairs

EDGES = (("embed", "0.1<v>"), ("0.1", "mlp 2"), ("0.1", "3.3<q>"), ("mlp 2", "logits"))
PAIRS = random_pairs([5, 7], bos=True)


def scores_of(model: Model) -> np.ndarray:
    graph = EdgeGraph.of(model)
    values = np.random.default_rng(2).normal(size=graph.exists.shape)
    values[~graph.exists] = np.nan
    return values


def test_text_and_bytes_are_read_as_the_file_is(small_model: Model) -> None:
    text = edges_as_csv(small_model, EDGES)
    for given in (text, text.encode(), ", ".join(f"{sender}->{receiver}" for sender, receiver in EDGES)):
        assert set(parse_edges(small_model, given)) == set(EDGES)


@pytest.mark.parametrize("ending", [".json", ".csv"])
def test_what_is_written_is_read_again(small_model: Model, tmp_path: Path, ending: str) -> None:
    path, scores = tmp_path / f"circuit{ending}", scores_of(small_model)
    write_edges(small_model, path, EDGES, scores)
    found = read_edges(small_model, path)
    assert set(found) == set(found.edges) == set(EDGES)
    np.testing.assert_array_equal(found.values, scores)
    assert "4 of 479 edges, 479 with a score" in repr(found)
    again = evaluate_edges(small_model, PAIRS, found)
    assert again.logit_diff == evaluate_edges(small_model, PAIRS, EDGES).logit_diff


def test_mib_s_names_and_fields(small_model: Model) -> None:
    """Those of `Graph.to_json` in EAP-IG's code, whose `from_json` wants every one of them."""
    saved = json.loads(edges_as_json(small_model, EDGES))
    assert list(saved) == ["cfg", "nodes", "edges"]
    assert saved["cfg"] == {"n_layers": 4, "n_heads": 4, "parallel_attn_mlp": False, "d_model": 64}
    assert list(saved["nodes"])[:6] == ["input", "a0.h0", "a0.h1", "a0.h2", "a0.h3", "m0"]
    assert [name for name, node in saved["nodes"].items() if node["in_graph"]] == [
        "input",
        "a0.h1",
        "m2",
        "a3.h3",
        "logits",
    ]
    assert len(saved["edges"]) == 479
    assert saved["edges"]["a0.h1->a3.h3<q>"] == {"score": 1.0, "in_graph": True}
    assert saved["edges"]["input->logits"] == {"score": 0.0, "in_graph": False}


def test_a_table_of_some_edges(small_model: Model, tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("sender,receiver\ninput,a0.h1<v>\n0.1,logits\n", encoding="utf-8")
    found = read_edges(small_model, path)
    assert found.edges == (("embed", "0.1<v>"), ("0.1", "logits"))
    assert np.isnan(found.values).all()
    assert edges_as_csv(small_model, EDGES).splitlines()[:2] == [
        "sender,receiver,score,in_graph",
        "embed,0.0<q>,0.0,false",
    ]


@pytest.mark.parametrize("text", ["embed->0.1<v>, 0.1->logits", "input->a0.h1<v>\na0.h1->logits\n"])
def test_edges_as_text(small_model: Model, tmp_path: Path, text: str) -> None:
    path = tmp_path / "circuit.txt"
    path.write_text(text, encoding="utf-8")
    found = read_edges(small_model, path)
    assert found.edges == (("embed", "0.1<v>"), ("0.1", "logits"))
    assert found.heads is None


def test_heads_as_text(small_model: Model, tmp_path: Path) -> None:
    path = tmp_path / "circuit.txt"
    path.write_text("3.1:END, 0.2 at S2 END\n", encoding="utf-8")
    found = read_edges(small_model, path)
    assert found.heads == (Head(0, 2), Head(3, 1))
    graph = EdgeGraph.of(small_model)
    np.testing.assert_array_equal(found.mask, graph.mask("0.2, 3.1"))


def _circuit(edges: str = "{}", cfg: str = '{"n_layers": 4, "n_heads": 4}') -> str:
    return f'{{"cfg": {cfg}, "nodes": {{}}, "edges": {edges}}}'


REFUSED = {
    "no text": (b"\xff\xfe\x00", "no text in UTF-8"),
    "no JSON": ("{", "no JSON that can be read"),
    "deep JSON": ('{"cfg":' + "[" * 100_000, "no JSON that can be read"),
    "no edges": ('{"cfg": {}}', "no cfg and edges"),
    "another model": (_circuit(cfg='{"n_layers": 12, "n_heads": 12}'), "n_layers is 12, here it is 4"),
    "true for a number": (_circuit(cfg='{"n_layers": 4, "n_heads": true}'), "n_heads is True"),
    "parallel": (_circuit(cfg='{"n_layers": 4, "n_heads": 4, "parallel_attn_mlp": true}'), "read the same stream"),
    "no edge": (_circuit('{"a1.h1->a0.h0<q>": {"score": 1, "in_graph": true}}'), "an edge goes to a later part"),
    "no name": (_circuit('{"<b>": {"score": 1, "in_graph": true}}'), "is no edge"),
    "twice": (_circuit('{"m0->logits": true, "m0->logits": true}'), "stands in an object twice"),
    "twice, spelt differently": (_circuit('{"m0->logits": true, "mlp 0->logits": true}'), "in the file twice"),
    "no number": (_circuit('{"m0->logits": {"score": "1", "in_graph": true}}'), "a finite number"),
    "infinite": (_circuit('{"m0->logits": {"score": 1e999, "in_graph": true}}'), "a finite number"),
    "huge": (_circuit('{"m0->logits": {"score": 1' + "0" * 400 + ', "in_graph": true}}'), "a finite number"),
    "no truth": (_circuit('{"m0->logits": {"score": 1, "in_graph": "yes"}}'), "write true or false"),
    "neurons": (
        '{"cfg": {"n_layers": 4, "n_heads": 4}, "nodes": {"m0": {"neurons": []}}, "edges": {}}',
        "single neurons",
    ),
    "empty": ("", "neither MIB's circuit JSON nor a table"),
    "other columns": ("a,b\n1,2\n", "neither MIB's circuit JSON nor a table"),
    "too few cells": ("sender,receiver\nembed\n", "line 2 has 1 cells"),
    "no score": ("sender,receiver,score\nembed,logits,nan\n", "the score in line 2"),
    "no circuit": ("nine\n", "nor a circuit as text"),
    "heads of a larger model": ("9.9:END", "head 9.9 does not exist"),
    "heads switched off": ("-3.1:END", "nor a circuit as text"),
    "edges of a larger model": ("9.9->logits", "does not exist"),
    "no sender": ("sender,receiver\n=1+1,logits\n", "is no sender"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_do_not_fit_are_refused(small_model: Model, tmp_path: Path, name: str) -> None:
    content, says = REFUSED[name]
    path = tmp_path / "circuit"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(IOIError, match=says) as refused:
        read_edges(small_model, path)
    assert len(str(refused.value)) < 300


def test_a_file_is_read_up_to_a_bound(small_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "circuit.json"
    write_edges(small_model, path, EDGES)
    monkeypatch.setattr(files, "MOST_BYTES", path.stat().st_size - 1)
    with pytest.raises(IOIError, match="larger than"):
        read_edges(small_model, path)
    for wrong in (tmp_path, tmp_path / "none.json", 3):
        with pytest.raises(IOIError, match="cannot be read"):
            read_edges(small_model, wrong)
    with pytest.raises(IOIError, match=r"does not end in \.json"):
        write_edges(small_model, tmp_path / "circuit.txt", EDGES)
    with pytest.raises(IOIError, match="cannot be written"):
        write_edges(small_model, tmp_path / "no" / "circuit.csv", EDGES)
