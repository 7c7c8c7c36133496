"""Results that commit 6d97833 kept on disk, before the code was laid out in rooms: read as they are, or not at all.

`kept_by_6d97833` is a cache folder that this commit wrote: the ioi-demo of then (4 layers of 6 heads, name movers 3.1,
3.2 and 3.4) on the CPU, TransformerLens's eight prompts, each request as a page asked it. Results have gained kinds
since then (`PromptResult`), keys have changed on purpose (an enum counts as its text, and a default that is left out
as the same one spelled out), and ioi-demo is another model: none of these numbers is its.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ioi_core
from app.questions.ask import Request, ask
from cache.computations import Computations
from cache.store.disk import DiskStore
from ioi_core import Ablation, Circuit, Direction, Head, Model, arena_pairs, find_circuit, load_model
from ioi_core.prompts.twins import with_twins
from tests.models import bundled

KEPT = Path(__file__).parent / "kept_by_6d97833"
FINGERPRINT = "a70cfe76c32562c56f53f561770f164fefb64e59f120f563a23d47969d40f107"
"""Of the ioi-demo of then."""
MOVERS = (Head(3, 2), Head(3, 4), Head(3, 1))
"""Its name movers, the strongest first."""
LOGIT_DIFFS = [22.71, 17.15, 28.59, 25.91, 33.50, 35.81, 29.57, 29.53]
"""Of the eight prompts with BOS, as its card said."""


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("ioi-demo", device="cpu")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DiskStore:
    folder = tmp_path_factory.mktemp("kept") / "cache"
    shutil.copytree(KEPT, folder)  # SQLite writes even where it only reads
    return DiskStore(folder, 2**30)


@pytest.fixture(scope="module")
def kept(store: DiskStore) -> Mapping[str, Any]:
    """The start of each key in the folder -> its result."""
    return {start_of(key): store.get(key) for key in store.keys("")}


def start_of(key: str) -> str:
    return key[: key.index(":") + 5]


def requests(model: Model, movers: tuple[Head, ...], circuit: Circuit) -> Mapping[str, Request[object]]:
    """The start of each key in the folder -> the request of today for the same of a model with these heads."""
    pairs = arena_pairs(model)
    twins = with_twins(model, pairs, "abc")
    first, answers = pairs.clean_tokens[:1, : pairs.lengths[0]], pairs.answers[:1]
    paths = {"pairs": pairs, "direction": Direction.NOISING, "metric": "logit_diff_change"}
    denoising, noising = ({"pairs": pairs, "direction": direction} for direction in Direction)
    into_one = {"receivers": [movers[0]], **paths}
    asked: dict[str, tuple[Callable[..., object], Mapping[str, object]]] = {
        "predictions:c5be": (ioi_core.predictions, {"pairs": pairs}),
        "logit_lens:e882": (ioi_core.logit_lens, {"pairs": pairs}),
        "lens_tokens:b96f": (ioi_core.lens_tokens, {"tokens": first, "top_k": 1, "track": answers}),
        "attribute_layers:861d": (ioi_core.attribute_layers, {"pairs": pairs}),
        "attribute_heads:e92f": (ioi_core.attribute_heads, {"pairs": pairs}),
        "patch_activations:7c64": (ioi_core.patch_activations, {"site": "z", **denoising}),
        "head_scores:cc79": (ioi_core.head_scores, {}),
        "copy_scores:f6ad": (ioi_core.copy_scores, {}),
        "patch_activations:ad2f": (ioi_core.patch_activations, {"site": "z", "positions": "END", **noising}),
        "patch_activations:7104": (ioi_core.patch_activations, {"site": "resid_pre", **denoising}),
        "estimate_patching:88fa": (ioi_core.estimate_patching, {"site": "resid_pre", **denoising}),
        "patch_paths:d8aa": (ioi_core.patch_paths, {"receivers": "logits", **paths}),
        "patch_paths:6485": (
            ioi_core.patch_paths,
            {"receivers": sorted(movers), "receiver_input": "q", **paths},
        ),
        "patch_paths:671f": (ioi_core.patch_paths, {"receiver_input": "q", **into_one}),
        "patch_paths:3f21": (ioi_core.patch_paths, {"receiver_input": "k", **into_one}),
        "patch_paths:b492": (ioi_core.patch_paths, {"receiver_input": "v", **into_one}),
        "attention_patterns:6b58": (ioi_core.attention_patterns, {"tokens": first}),
        "attention_patterns:6c47": (ioi_core.attention_patterns, {"tokens": first, "layer": 3}),
        "role_attention:ac54": (ioi_core.role_attention, {"pairs": pairs}),
        "explain_attention:8b39": (ioi_core.explain_attention, {"pairs": pairs, "head": movers[0]}),
        "find_circuit:eb86": (ioi_core.find_circuit, {"pairs": twins}),
        "evaluate_circuit:6455": (
            ioi_core.evaluate_circuit,
            {"pairs": twins, "circuit": circuit, "ablation": Ablation.MEAN},
        ),
        "edit_circuit:8cb6": (
            ioi_core.edit_circuit,
            {"pairs": twins, "circuit": circuit, "removed": Circuit(), "ablation": Ablation.MEAN},
        ),
        "backup_heads:fb46": (
            ioi_core.backup_heads,
            {"pairs": pairs, "heads": list(movers), "ablation": Ablation.ZERO},
        ),
    }
    return {key: ask(function, **parameters) for key, (function, parameters) in asked.items()}


@pytest.fixture(scope="module")
def asked_then(model: Model, kept: Mapping[str, Any]) -> Mapping[str, Request[object]]:
    return requests(model, MOVERS, kept["find_circuit:eb86"].circuit)


@pytest.fixture(scope="module")
def asked_today(model: Model) -> Mapping[str, Request[object]]:
    found = find_circuit(model, with_twins(model, arena_pairs(model), "abc"))
    return requests(model, (*bundled.MOVERS, *bundled.BACKUP), found.circuit)


def kind_of(value: object) -> object:
    """What a result is but for sizes and numbers: classes, fields, axes, metrics, units, dtypes and dimensions."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.ndim
    if not is_dataclass(value):
        return type(value)
    parts = {field.name: getattr(value, field.name) for field in fields(value)}
    told = {name: parts[name] for name in ("metric", "unit") if name in parts}
    return type(value), {name: list(part) if name == "axes" else kind_of(part) for name, part in parts.items()} | told


def test_the_folder_opens_without_a_word(
    store: DiskStore, kept: Mapping[str, Any], asked_then: Mapping[str, Request[object]]
) -> None:
    assert store.usable
    assert kept.keys() == asked_then.keys()
    assert store.warning is None


def test_every_result_is_read_as_what_todays_analysis_returns(
    model: Model, kept: Mapping[str, Any], asked_today: Mapping[str, Request[object]]
) -> None:
    for start, request in asked_today.items():
        assert kind_of(kept[start]) == kind_of(request.function(model, **request.parameters)), start


def test_their_numbers_are_those_of_then(kept: Mapping[str, Any]) -> None:
    """What the card of then said; and all of them say the same of one model, each in its own way."""
    by_prompt = kept["predictions:c5be"].clean_logit_diff
    np.testing.assert_allclose(by_prompt, LOGIT_DIFFS, atol=0.0051)
    mean = pytest.approx(by_prompt.mean(), rel=1e-5)
    layers, heads = kept["attribute_layers:861d"], kept["attribute_heads:e92f"]
    attention = [layers.values[layers.axes["component"].index(f"{layer}_attn_out")] for layer in range(4)]
    assert kept["logit_lens:e882"].values[-1] == mean
    assert layers.values.sum() == mean
    np.testing.assert_allclose(heads.values.sum(1) + heads.bias, attention, atol=1e-5)
    backup = kept["backup_heads:fb46"]
    assert backup.logit_diff[0] == mean
    np.testing.assert_allclose(backup.values[0], heads.values, atol=1e-5)
    for start, result in kept.items():
        if start.startswith(("patch_", "estimate_")):
            assert result.clean == mean, start
    at_the_bottom = kept["patch_activations:7104"].values[0]
    np.testing.assert_allclose(np.sort(at_the_bottom), [0] * 14 + [1], atol=1e-4)  # the twins differ in one token
    split = kept["explain_attention:8b39"]
    np.testing.assert_allclose(split.per_prompt.sum(1), [split.logits] * 2, atol=1e-5)
    every_layer, last = kept["attention_patterns:6b58"].values, kept["attention_patterns:6c47"].values
    np.testing.assert_array_equal(every_layer[:, 3:], last)
    np.testing.assert_allclose(every_layer.sum(-1), 1, atol=1e-5)
    found, evaluation, edit = kept["find_circuit:eb86"], kept["evaluate_circuit:6455"], kept["edit_circuit:8cb6"]
    assert found.circuit == evaluation.circuit == edit.evaluation.circuit
    np.testing.assert_allclose(found.evaluation.values, evaluation.values, atol=1e-4)
    np.testing.assert_allclose(edit.evaluation.values, evaluation.values, atol=1e-4)
    copying = {Head(*map(int, at)) for at in np.argwhere(kept["copy_scores:f6ad"].values[0] > 0.5)}
    assert copying == set(MOVERS)


def test_a_request_of_then_finds_nothing_but_its_own_result(
    store: DiskStore, model: Model, asked_then: Mapping[str, Request[object]]
) -> None:
    computations, of_then = Computations(store), replace(model, fingerprint=FINGERPRINT)
    keys = {start: computations.key(asked.analysis, of_then, asked.parameters) for start, asked in asked_then.items()}
    found = {start: key for start, key in keys.items() if store.get(key) is not None}
    assert found, "some keys are made today as they were then"
    assert all(start_of(key) == start for start, key in found.items())


def test_none_is_taken_for_a_result_of_the_model_of_today(
    store: DiskStore,
    model: Model,
    asked_then: Mapping[str, Request[object]],
    asked_today: Mapping[str, Request[object]],
) -> None:
    computations = Computations(store)
    for asked in (*asked_then.values(), *asked_today.values()):
        assert store.get(computations.key(asked.analysis, model, asked.parameters)) is None, asked.analysis
