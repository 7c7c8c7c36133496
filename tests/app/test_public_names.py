"""What pages take from `ioi_core` a user of the library has a public name for, or it is listed here why not."""

import ast
from importlib import import_module

import ioi_core
from tests import ROOT

# Reason -> names that pages import from behind `from ioi_core import ...`.
BEHIND = {
    "of the host: its settings, which models it offers, whether their files will do, its memory": {
        "HOW_TO_GET", "NAMES", "OTHER_WEIGHTS", "SettingsError", "check_shape", "check_tokenizer_files",
        "check_weight_files", "checked_config", "checkpoints", "device_for", "release_memory",
    },
    "a step of a public function, which does the whole": {
        "answer_token",  # prompt_pairs
        "as_text",  # read_pairs
        "has_viewer_layers",  # edges_as_neuronpedia
        "heads_of",  # what an edge's two names say
        "is_known",  # prompt_pairs, which finds the people in a prompt
        "ranking", "strongest_mask",  # largest_edges
        "layouts",  # Ablation.MEAN
        "pearson",  # correlation
        "published_class_on",  # published_class
        "sweep_of",  # read_sweep
    },
    "a check that public functions make themselves, made earlier by a page": {"check_circuit", "check_roles"},
    "signs in the text that read_heads takes": {"ARROW", "LONGEST_TEXT", "OFF"},
    "what an axis of Predictions is, said where it is": {"ANSWERS", "RUNS"},
    "a base of results that are public": {"BetweenRuns"},
}  # fmt: skip


def imported() -> dict[str, set[str]]:
    """Name -> the modules below `ioi_core` that pages import it from."""
    names: dict[str, set[str]] = {}
    for folder in ("pages", "app"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ioi_core."):
                    for name in node.names:
                        names.setdefault(name.name, set()).add(str(node.module))
                assert not isinstance(node, ast.Import) or all(
                    name.name == "ioi_core" or not name.name.startswith("ioi_core.") for name in node.names
                ), f"{path} imports a room of ioi_core whole"
    return names


def test_what_a_page_uses_is_exported_or_listed_with_its_reason() -> None:
    listed = [name for names in BEHIND.values() for name in names]
    assert len(set(listed)) == len(listed)
    assert sorted(imported()) == sorted(listed)


def test_what_is_exported_is_imported_by_its_public_name() -> None:
    public = {id(getattr(ioi_core, name)): name for name in ioi_core.__all__}
    taken = {f"{module}.{name}": public.get(id(getattr(import_module(module), name)))
             for name, modules in imported().items() for module in modules}  # fmt: skip
    assert {where: name for where, name in taken.items() if name is not None} == {}
