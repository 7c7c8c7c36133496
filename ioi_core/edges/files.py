"""Circuits of edges in files: MIB's JSON in and out, tables in and out, text in, Neuronpedia's graphs out.

MIB's JSON (Mueller et al. 2025; `Graph.to_json` of EAP-IG's code) has `cfg`, `nodes` and `edges`, each edge with a
`score` and `in_graph`. A table has columns sender, receiver, score, in_graph. Whatever a file says is compared with the
model's own graph: it is bounded, never run, and refused in words where it does not fit.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ioi_core.edges.evaluation import edge_values
from ioi_core.edges.graph import EdgeGraph
from ioi_core.edges.notation import LOGITS, Edge, EdgeError, as_edge, as_receiver, as_sender, heads_in, mib_name
from ioi_core.inputs import EdgeChoice, EdgeValues, FilePath, FileText, shown
from ioi_core.model.weights import Model, check_model
from ioi_core.notation import ARROW, CircuitTextError
from ioi_core.vocabulary import Head

MOST_BYTES = 32 * 2**20
"""The size of a file that is read; GPT-2 small's whole graph takes about 2 MB."""

COLUMNS = ("sender", "receiver", "score", "in_graph")
_KINDS = {".json": "mib", ".csv": "csv"}


@dataclass(frozen=True, eq=False)
class EdgeCircuit:
    """Edges of one shape of models, some of them in a circuit; `evaluate_edges` and `edge_curve` take it as it is.

    Attributes:
        mask: [sender receiver] which edges are in the circuit.
        values: [sender receiver] scores; nan where there is no edge or the file has no score.
        heads: those that it was given as, if it was a circuit of heads (`EdgeGraph.among`).
    """

    graph: EdgeGraph
    mask: Bool[np.ndarray, "sender receiver"]
    values: Float[np.ndarray, "sender receiver"]
    heads: tuple[Head, ...] | None = None

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges of the circuit by name."""
        return self.graph.edges(self.mask)

    def __iter__(self) -> Iterator[Edge]:
        return iter(self.edges)

    def __repr__(self) -> str:
        scored = int(np.isfinite(self.values).sum())
        return f"EdgeCircuit({int(self.mask.sum())} of {self.graph.n_edges} edges, {scored} with a score)"


def read_edges(model: Model, path: FilePath) -> EdgeCircuit:
    """Return the circuit and the scores of a file: MIB's JSON, or CSV with columns sender, receiver, score, in_graph.

    Also a circuit as text: edges "0.1->3.2<q>, embed->mlp 0", or heads "9.9:END, 4.1", which are all edges among them
    (`EdgeGraph.among`).

    Raises:
        HeadError: the model lacks a head that is named.
        EdgeError: the file cannot be read, or does not fit the model: says where and why.
    """
    check_model(model)
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, TypeError, ValueError) as error:
        raise EdgeError(f"the file {shown(path)} cannot be read: {type(error).__name__}") from error
    return parse_edges(model, data)


def parse_edges(model: Model, data: FileText) -> EdgeCircuit:
    """Return the circuit and the scores that a file holds; as `read_edges`, from its text or bytes.

    Raises:
        HeadError: the model lacks a head that is named.
        EdgeError: neither text nor bytes, or they do not fit the model: says where and why.
    """
    check_model(model)
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
    if not isinstance(data, bytes):
        raise EdgeError(f"the text or the bytes of a file are wanted, got {shown(data)}: read_edges takes its path")
    if len(data) > MOST_BYTES:
        raise EdgeError(f"the file is larger than {MOST_BYTES // 2**20} MB", "give a file of this model's edges alone")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise EdgeError("the file is no text in UTF-8", "give MIB's circuit JSON, or CSV") from None
    graph = EdgeGraph.of(model)
    if (in_words := _in_notation(graph, text)) is not None:
        return in_words
    rows = _json_rows(graph, text) if text.lstrip()[:1] == "{" else _table_rows(text)
    mask = np.zeros(graph.exists.shape, dtype=bool)
    values = np.full(graph.exists.shape, np.nan)
    seen = np.zeros_like(mask)
    for edge, score, in_graph in rows:
        [cell] = np.argwhere(graph.mask([edge]))
        if seen[*cell]:
            raise EdgeError(f"the edge {ARROW.join(edge)} stands in the file twice", "name each edge once")
        seen[*cell], mask[*cell], values[*cell] = True, in_graph, np.nan if score is None else score
    return EdgeCircuit(graph, mask, values)


def _in_notation(graph: EdgeGraph, text: str) -> EdgeCircuit | None:
    """Return a circuit written as edges or as heads; None if it is neither, but JSON or a table, or nothing."""
    if not text.strip() or text.lstrip()[0] == "{" or text.lstrip().casefold().startswith(COLUMNS[0]):
        return None
    heads: tuple[Head, ...] | None = None
    if ARROW not in text:
        try:
            heads = heads_in(text)
        except CircuitTextError as error:
            if "," in text.splitlines()[0] and not text.lstrip()[0].isdigit():
                return None  # a table of other columns
            raise EdgeError(
                f"it is neither a file that is known nor a circuit as text: {error.got}", error.change
            ) from error
    mask = graph.mask(text) if heads is None else graph.among(heads)
    return EdgeCircuit(graph, mask, np.full(graph.exists.shape, np.nan), heads)


_Row = tuple[Edge, float | None, bool]


def _json_rows(graph: EdgeGraph, text: str) -> Iterable[_Row]:
    try:
        saved = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise EdgeError(f"the file is no JSON that can be read: {error!s:.120}", "copy all of the file") from None
    cfg, edges = saved.get("cfg"), saved.get("edges")
    if not isinstance(cfg, dict) or not isinstance(edges, dict):
        raise EdgeError("the JSON has no cfg and edges", "give MIB's circuit file, with cfg, nodes and edges")
    _check_cfg(graph, cfg)
    nodes = saved.get("nodes")
    if isinstance(nodes, dict) and any(isinstance(node, dict) and "neurons" in node for node in nodes.values()):
        raise EdgeError("the file chooses single neurons", "give a circuit of edges alone")
    for name, entry in edges.items():
        yield as_edge(name), _score(name, entry), _in_graph(name, entry)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name stands in an object twice")
    return fields


def _check_cfg(graph: EdgeGraph, cfg: Mapping[str, object]) -> None:
    wanted = {"n_layers": graph.n_layers, "n_heads": graph.n_heads}
    for name, number in wanted.items():
        if cfg.get(name) != number or isinstance(cfg.get(name), bool):
            raise EdgeError(
                f"the file is of a model whose {name} is {shown(cfg.get(name))}, here it is {number}",
                "choose the model that the circuit was found in",
            )
    if cfg.get("parallel_attn_mlp"):
        raise EdgeError(
            "the file is of a model whose heads and MLP read the same stream: GPT-2's MLP reads its heads",
            "choose the model that the circuit was found in",
        )


def _score(name: str, entry: object) -> float | None:
    score = entry.get("score") if isinstance(entry, dict) else None
    if score is None:
        return None
    if isinstance(score, bool) or not isinstance(score, int | float) or not _is_finite(score):
        raise EdgeError(f"the score of {shown(name)} is {shown(score)}", "give each score as a finite number")
    return float(score)


def _is_finite(number: int | float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond floats
        return False


def _in_graph(name: str, entry: object) -> bool:
    in_graph = entry.get("in_graph") if isinstance(entry, dict) else entry
    if not isinstance(in_graph, bool):
        raise EdgeError(f"in_graph of {shown(name)} is {shown(in_graph)}", "write true or false")
    return in_graph


def _table_rows(text: str) -> Iterable[_Row]:
    try:
        table = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if any(row)]
    except csv.Error as error:
        raise EdgeError(f"the file is no table: {error!s:.120}", "copy all of the file") from None
    names = [name.strip().casefold() for name in table[0]] if table else []
    if names[:2] != list(COLUMNS[:2]) or not set(names) <= set(COLUMNS) or len(set(names)) < len(names):
        raise EdgeError(
            "the file is neither MIB's circuit JSON nor a table of edges",
            f"name the columns {', '.join(COLUMNS)} (the last two may be missing)",
        )
    for number, cells in enumerate(table[1:], 2):
        if len(cells) != len(names):
            raise EdgeError(f"line {number} has {len(cells)} cells", f"give each line {len(names)}, one a column")
        row = dict(zip(names, cells, strict=True))
        yield (as_sender(row["sender"]), as_receiver(row["receiver"])), *_cells(number, row)


def _cells(number: int, row: Mapping[str, str]) -> tuple[float | None, bool]:
    score, in_graph = row.get("score", "").strip(), row.get("in_graph", "true").strip().casefold()
    if in_graph not in ("true", "false"):
        raise EdgeError(f"in_graph in line {number} is {shown(in_graph)}", "write true or false")
    try:
        value = float(score) if score else None
    except ValueError:
        value = math.nan
    if value is not None and not math.isfinite(value):
        raise EdgeError(f"the score in line {number} is {shown(score)}", "give each score as a finite number")
    return value, in_graph == "true"


def write_edges(model: Model, path: FilePath, edges: EdgeChoice = (), scores: EdgeValues | None = None) -> None:
    """Write a circuit and the scores of all edges: MIB's JSON if the path ends in .json, a table if in .csv.

    Args:
        edges: those in the circuit, as for `evaluate_edges`; scores: as for `edge_curve`. Without scores an edge's is
            written as 1 in the circuit and 0 outside.
    Raises:
        EdgeError: edges or scores that do not fit the model, another ending, or a path that cannot be written to.
    """
    target = Path(path) if isinstance(path, str | Path) else None
    if target is None or target.suffix not in _KINDS:
        raise EdgeError(f"{shown(path)} does not end in {' or '.join(_KINDS)}: MIB's JSON or a table is written")
    as_text = edges_as_json if _KINDS[target.suffix] == "mib" else edges_as_csv
    try:
        target.write_text(as_text(model, edges, scores), encoding="utf-8")
    except (OSError, ValueError) as error:
        raise EdgeError(f"{shown(str(path))} cannot be written: {type(error).__name__}") from error


def edges_as_json(model: Model, edges: EdgeChoice = (), scores: EdgeValues | None = None) -> str:
    """Return a circuit and scores as the text of MIB's circuit JSON; arguments as for `write_edges`."""
    graph, mask, values = _given(model, edges, scores)
    in_circuit = set(graph.in_circuit(mask)) | {LOGITS}
    cfg = {
        "n_layers": graph.n_layers,
        "n_heads": graph.n_heads,
        "parallel_attn_mlp": False,
        "d_model": model.cfg.d_model,
    }
    names = [ARROW.join(map(mib_name, edge)) for edge in graph.edges(graph.exists)]
    cells = zip(names, values[graph.exists].tolist(), mask[graph.exists].tolist(), strict=True)
    saved = {
        "cfg": cfg,
        "nodes": {mib_name(node): {"in_graph": node in in_circuit} for node in graph.nodes},
        "edges": {name: {"score": score, "in_graph": in_graph} for name, score, in_graph in cells},
    }
    return json.dumps(saved, allow_nan=False)


def edges_as_csv(model: Model, edges: EdgeChoice = (), scores: EdgeValues | None = None) -> str:
    """Return a circuit and scores as a table, one row an edge; arguments as for `write_edges`."""
    graph, mask, values = _given(model, edges, scores)
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for (sender, receiver), score, in_graph in zip(
        graph.edges(graph.exists), values[graph.exists].tolist(), mask[graph.exists].tolist(), strict=True
    ):
        table.writerow([sender, receiver, repr(score), str(in_graph).lower()])
    return text.getvalue()


def _given(
    model: Model, edges: EdgeChoice, scores: EdgeValues | None
) -> tuple[EdgeGraph, Bool[np.ndarray, "sender receiver"], Float[np.ndarray, "sender receiver"]]:
    check_model(model)
    graph = EdgeGraph.of(model)
    mask = graph.mask(edges)
    return graph, mask, mask.astype(np.float64) if scores is None else edge_values(graph, scores)
