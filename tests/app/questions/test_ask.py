"""Requests: the function itself is asked, every parameter is part of the key, and equal requests share one."""

import inspect
import subprocess
import sys

import pytest

import ioi_core
from app.questions import compute as waiting
from app.questions.ask import Request, ask
from app.questions.compute import compute, compute_all
from cache.analyses import ANALYSES
from cache.keys import request_key
from ioi_core import Direction, Head, Model, PromptPairs, arena_pairs
from tests import ROOT


@pytest.fixture(scope="module")
def pairs(demo_model: Model) -> PromptPairs:
    return arena_pairs(demo_model)


def key(request: Request[object]) -> str:
    return request_key(request.analysis, 1, "fingerprint", request.parameters)


def test_every_analysis_is_the_public_function_of_its_name():
    assert all(entry.function is getattr(ioi_core, name) for name, entry in ANALYSES.items())


@pytest.mark.parametrize("analysis", ANALYSES)
def test_every_default_is_part_of_the_key(analysis: str):
    """With a default that no key can be made of, this raises TypeError."""
    function = ANALYSES[analysis].function
    model, *others = inspect.signature(function).parameters.values()
    needed = {one.name: 0 for one in others if one.default is one.empty}
    asked = ask(function, **needed)
    assert model.name == "model"
    assert asked.analysis == analysis
    assert set(asked.parameters) == {one.name for one in others} - {"progress", "parts"}
    keys = {key(asked)}
    for name in asked.parameters:
        keys.add(key(ask(function, **needed | {name: "another"})))
    assert len(keys) == 1 + len(asked.parameters)


def test_a_default_that_is_spelled_out_is_the_same_request(pairs: PromptPairs):
    short = ask(ioi_core.patch_activations, pairs=pairs, site="z")
    same = [
        ask(ioi_core.patch_activations, pairs, "z"),
        ask(ioi_core.patch_activations, pairs=pairs, site="z", positions=None, direction=Direction.DENOISING),
        ask(ioi_core.patch_activations, site="z", metric="logit_diff_recovered", direction="denoising", pairs=pairs),
    ]
    others = [
        ask(ioi_core.estimate_patching, pairs=pairs, site="z"),
        ask(ioi_core.patch_activations, pairs=pairs, site="q"),
        ask(ioi_core.patch_activations, pairs=pairs, site="z", positions="all"),
        ask(ioi_core.patch_activations, pairs=pairs, site="z", direction="noising"),
        ask(ioi_core.patch_activations, pairs=pairs.take(slice(4)), site="z"),
    ]
    assert {key(one) for one in same} == {key(short)}
    assert len({key(one) for one in (short, *others)}) == 1 + len(others)


def test_one_model_and_one_run_are_not_part_of_a_request(pairs: PromptPairs):
    asked = ask(ioi_core.edge_atlas, pairs=pairs, parts={}, progress=print)
    assert key(asked) == key(ask(ioi_core.edge_atlas, pairs=pairs))
    assert not {"model", "progress", "parts"} & set(asked.parameters)


@pytest.mark.parametrize("wrong", [{"sight": "z"}, {}, {"site": "z", "model": None}])
def test_a_parameter_that_does_not_exist_or_is_missing_is_refused(pairs: PromptPairs, wrong: dict[str, object]):
    with pytest.raises(TypeError):
        ask(ioi_core.patch_activations, pairs=pairs, **wrong)


def test_how_many_cells_are_asked_for_is_what_the_result_has(demo_model: Model, pairs: PromptPairs):
    def cells(request: Request[object]) -> int:
        return ANALYSES[request.analysis].cells(demo_model, **request.parameters)

    uneven = ioi_core.ioi_dataset(demo_model, 3)
    assert len(set(uneven.lengths.tolist())) > 1
    for some, site, positions in [
        (pairs, "z", None), (pairs, "q", "each"), (pairs, "resid_pre", "each"), (pairs, "mlp_out", "roles"),
        (uneven, "resid_post", "each"), (uneven, "v", "S2"),
    ]:  # fmt: skip
        asked = ask(ioi_core.estimate_patching, pairs=some, site=site, positions=positions)
        count = cells(ask(ioi_core.patch_activations, pairs=some, site=site, positions=positions))
        assert count == asked.function(demo_model, **asked.parameters).values.size
    few = pairs.take(slice(1))
    paths = ioi_core.patch_paths(demo_model, few)
    assert cells(ask(ioi_core.patch_paths, pairs=few)) == paths.values.size + paths.mlp_values.size
    without = ask(ioi_core.patch_paths, pairs=few, receivers=[Head(2, 1)], include_mlps=False)
    assert cells(without) == paths.values.size
    layers, heads = demo_model.cfg.n_layers, demo_model.cfg.n_heads
    later = sum(heads * heads for layer in range(layers) for other in range(layer))
    assert cells(ask(ioi_core.edge_atlas, pairs=few)) == later


def test_one_result_comes_alone_and_several_in_their_order(monkeypatch, demo_model: Model, pairs: PromptPairs):
    monkeypatch.setattr(waiting, "compute_all", lambda model, requests: [one.analysis for one in requests])
    scores, copying = ask(ioi_core.head_scores), ask(ioi_core.copy_scores)
    assert compute(demo_model, scores) == "head_scores"
    assert compute(demo_model, scores, copying) == ("head_scores", "copy_scores")
    assert compute(demo_model, copying, scores, scores) == ("copy_scores", "head_scores", "head_scores")


def test_no_requests_have_no_results(demo_model: Model):
    assert compute_all(demo_model, []) == []


SNIPPET = """
from app.questions.ask import ask
from app.questions.compute import compute
import ioi_core

def numbers(model: ioi_core.Model, pairs: ioi_core.PromptPairs) -> ioi_core.PatchResult:
    ask(ioi_core.patch_activations, pairs=pairs, sight="z")
    ask(ioi_core.patch_activations, pairs=pairs, site=3)
    ask(ioi_core.patch_activations, pairs=pairs)
    scores, found = compute(model, ask(ioi_core.head_scores), ask(ioi_core.patch_activations, pairs=pairs, site="z"))
    return scores
"""


@pytest.mark.slow
def test_a_type_checker_holds_every_parameter_and_result_against_the_analysis(tmp_path):
    path = tmp_path / "snippet.py"
    path.write_text(SNIPPET)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", path], cwd=ROOT, capture_output=True, text=True, timeout=500, check=False
    )
    wrong = [
        line.split(": error: ")[1] for line in done.stdout.splitlines() if "snippet.py" in line and ": error: " in line
    ]
    assert len(wrong) == 4, done.stdout + done.stderr
    assert 'Unexpected keyword argument "sight"' in wrong[0]
    assert 'Argument "site" to "ask" has incompatible type "int"' in wrong[1]
    assert 'Missing positional argument "site"' in wrong[2]
    assert wrong[3].startswith("Incompatible return value type")
