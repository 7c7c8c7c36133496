"""Call every public function with one wrong argument after another and print what came of it, as JSON.

Run as a script, in a process without the type checks that the tests switch on: a user has none either.
"""

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch

import ioi_core
from ioi_core import IOIError

WRONG: dict[str, object] = {
    "None": None,
    "int": 7,
    "nan": float("nan"),
    "str": "of no use",
    "list": [object()],
    "empty list": [],
    "dict": {"a": 1},
    "tensor": torch.ones(2, 3),
    "object": object(),
}


def arguments(folder: str, data_set: str) -> dict[str, dict[str, Any]]:
    """Arguments of every public function with which it works, all of a function's parameters that need one."""
    model = ioi_core.load_model(folder)
    pairs = ioi_core.ioi_dataset(model, 4, corruption="abc")
    of_pairs: dict[str, Any] = {"model": model, "pairs": pairs}
    of_circuit = of_pairs | {"circuit": {"1.1": "END", "0.2": "S2"}}
    patched = {
        "estimate": ioi_core.estimate_patching(model, pairs, "z"),
        "exact": ioi_core.patch_activations(model, pairs, "z"),
    }
    measured = {
        "predicted": ioi_core.predictions(model, pairs),
        "direct": ioi_core.attribute_heads(model, pairs),
        "attention": ioi_core.role_attention(model, pairs),
        "scores": ioi_core.head_scores(model, n=5, batch=2),
        "copying": ioi_core.copy_scores(model, ["Mary"]),
        "at_end": ioi_core.patch_activations(model, pairs, "z", positions="END"),
    }
    flips = {flip: ioi_core.with_twins(model, pairs, flip) for flip in ioi_core.SIGNAL_FLIPS}
    of_edges: dict[str, Any] = {"model": model, "edges": [("embed", "1.1<v>"), ("1.1", "logits")]}
    edges_file = data_set + ".edges.csv"
    ioi_core.write_edges(model, edges_file, of_edges["edges"])
    swept, few = data_set + ".sweep", {"model": model, "analysis": "attribute_layers", "prompts": 2}
    ioi_core.sweep(**few, path=swept)
    of_scores = of_pairs | {"scores": ioi_core.edge_scores(model, pairs, "eap")}
    special: dict[str, dict[str, Any]] = {
        "load_model": {"name": folder},
        "arena_pairs": {"model": model},
        "arena25_pairs": {"model": model},
        "ioi_dataset": {"model": model, "n": 2},
        "read_pairs": {"model": model, "path": data_set},
        "parse_rows": {"text": "clean\nx"},
        "pairs_of": {"model": model, "rows": ioi_core.parse_rows('clean\n"When Mary and John met, John told"')},
        "task_dataset": {"model": model, "task": "capital", "n": 2},
        "prompt_pairs": {"model": model, "clean": "When Mary and John went out, John spoke to"},
        "with_twins": of_pairs | {"corruption": "abc"},
        "run": {"model": model, "tokens": pairs},
        "lens_tokens": {"model": model, "tokens": pairs},
        "attention_patterns": {"model": model, "tokens": pairs},
        "head_scores": {"model": model, "n": 5, "batch": 2},
        "copy_scores": {"model": model, "names": ["Mary"]},
        "copied_tokens": {"model": model, "head": "1.1", "tokens": [5]},
        "published_class": {"model": model, "head": "1.1"},
        "patch_activations": of_pairs | {"site": "z"},
        "estimate_patching": of_pairs | {"site": "z"},
        "explain_attention": of_pairs | {"head": "1.1"},
        "backup_heads": of_pairs | {"heads": ["1.1"]},
        "ablate": of_pairs | {"heads": ["1.1"]},
        "contrast_methods": of_pairs | {"heads": ["1.1"]},
        "evaluate_circuit": of_circuit,
        "minimality": of_circuit,
        "completeness_sets": of_circuit | {"n_random": 1, "n_greedy": 1, "steps": 1},
        "completeness": of_circuit | {"removed": "1.1"},
        "edit_circuit": of_circuit | {"removed": "1.1"},
        "edge_scores": of_pairs | {"method": "eap"},
        "evaluate_edges": of_pairs | of_edges,
        "edge_curve": of_scores | {"shares": [0.1]},
        "minimal_edges": of_scores | {"bound": 0.05},
        "edges_as_csv": of_edges,
        "edges_as_json": of_edges,
        "edges_as_neuronpedia": of_pairs | of_edges,
        "largest_edges": {"model": model, "scores": of_scores["scores"], "number": 3},
        "parse_edges": {"model": model, "data": "0.1->3.2<q>"},
        "read_heads": {"text": "1.1:END, -0.2"},
        "read_edges": {"model": model, "path": edges_file},
        "write_edges": of_edges | {"path": edges_file},
        "sweep": few,
        "read_sweep": {"path": swept},
        "token_and_position": {"model": model, "flips": flips, "heads": ["1.1"]},
        "bootstrap_interval": {"per_prompt": measured["direct"].per_prompt},
        "correlation": patched,
        "infer_roles": measured,
    }
    functions = [name for name in ioi_core.__all__ if inspect.isfunction(getattr(ioi_core, name))]
    return {name: special.get(name, of_pairs) for name in functions}


def outcomes(function: Callable[..., object], right: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every (argument, error) that is not the package's own."""
    for name in inspect.signature(function).parameters:
        for kind, wrong in WRONG.items():
            try:
                function(**right | {name: wrong})
            except IOIError as error:
                if not str(error):
                    yield f"{name}={kind}", "an error without words"
            except Exception as error:
                yield f"{name}={kind}", f"{type(error).__name__}: {error}"


def main() -> None:
    torch.set_num_threads(1)
    found = {}
    for name, right in arguments(*sys.argv[1:]).items():
        function = getattr(ioi_core, name)
        function(**right)
        found[name] = dict(outcomes(function, right))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
