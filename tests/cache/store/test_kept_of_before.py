"""Results that commit 6d97833 kept on disk, before the code was laid out in rooms: read as they are, or not at all.

`kept_by_6d97833` is a cache folder that this commit wrote: ioi-demo on the CPU, TransformerLens's eight prompts, each
request as a page asked it. Results have gained kinds since then (`PromptResult`), and keys have changed on purpose: an
enum counts as its text, and a default that is left out as the same one spelled out.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest

import ioi_core
from app.questions.ask import Request, ask
from cache.computations import Computations
from cache.store.disk import DiskStore
from ioi_core import Ablation, Circuit, Direction, Head, Model, Result, arena_pairs, load_model
from ioi_core.prompts.twins import with_twins

KEPT = Path(__file__).parent / "kept_by_6d97833"


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("ioi-demo", device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    folder = tmp_path / "cache"
    shutil.copytree(KEPT, folder)  # SQLite writes even where it only reads
    return DiskStore(folder, 2**30)


@pytest.fixture(scope="module")
def requests(model: Model) -> Mapping[str, Request[object]]:
    """The start of each key in the folder -> the request of today for the same numbers."""
    pairs = arena_pairs(model)
    twins = with_twins(model, pairs, "abc")
    first, answers = pairs.clean_tokens[:1, : pairs.lengths[0]], pairs.answers[:1]
    circuit = ioi_core.find_circuit(model, twins).circuit
    paths = {"pairs": pairs, "direction": Direction.NOISING, "metric": "logit_diff_change"}
    denoising, noising = ({"pairs": pairs, "direction": direction} for direction in Direction)
    into_3_2 = {"receivers": [Head(3, 2)], **paths}
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
            {"receivers": [Head(3, 1), Head(3, 2), Head(3, 4)], "receiver_input": "q", **paths},
        ),
        "patch_paths:671f": (ioi_core.patch_paths, {"receiver_input": "q", **into_3_2}),
        "patch_paths:3f21": (ioi_core.patch_paths, {"receiver_input": "k", **into_3_2}),
        "patch_paths:b492": (ioi_core.patch_paths, {"receiver_input": "v", **into_3_2}),
        "attention_patterns:6b58": (ioi_core.attention_patterns, {"tokens": first}),
        "attention_patterns:6c47": (ioi_core.attention_patterns, {"tokens": first, "layer": 3}),
        "role_attention:ac54": (ioi_core.role_attention, {"pairs": pairs}),
        "explain_attention:8b39": (ioi_core.explain_attention, {"pairs": pairs, "head": Head(3, 2)}),
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
            {"pairs": pairs, "heads": [Head(3, 2), Head(3, 4), Head(3, 1)], "ablation": Ablation.ZERO},
        ),
    }
    return {key: ask(function, **parameters) for key, (function, parameters) in asked.items()}


@pytest.fixture(scope="module")
def computed(model: Model, requests: Mapping[str, Request[object]]) -> Mapping[str, object]:
    """The start of each key -> what today's analysis computes."""
    return {key: request.function(model, **request.parameters) for key, request in requests.items()}


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield (path, value) of everything in a result that holds nothing itself."""
    if is_dataclass(value) and not isinstance(value, Head):
        yield f"{path}:", type(value).__name__
        items = [(field.name, getattr(value, field.name)) for field in fields(value)]
    elif isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        yield path, value
        return
    for name, item in items:
        yield from leaves(item, f"{path}.{name}")


def assert_same(kept: object, expected: object) -> None:
    """Classes, labels, units and settings are equal; numbers agree to 1e-5."""
    kept_leaves, expected_leaves = dict(leaves(kept)), dict(leaves(expected))
    assert kept_leaves.keys() == expected_leaves.keys()
    for path, want in expected_leaves.items():
        got = kept_leaves[path]
        if isinstance(want, np.ndarray | np.generic | float):
            got, want = np.asarray(got), np.asarray(want)
            assert got.dtype == want.dtype, path
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5, err_msg=path)
        else:
            assert got == want, path


def test_the_folder_opens_without_a_word(store: DiskStore, requests: Mapping[str, Request[object]]) -> None:
    assert store.usable
    assert store.warning is None
    assert sorted(key[: key.index(":") + 5] for key in store.keys("")) == sorted(requests)


def test_every_result_is_read_as_what_todays_analysis_computes(
    store: DiskStore, computed: Mapping[str, object]
) -> None:
    for key in store.keys(""):
        kept = store.get(key)
        assert kept is not None, key
        assert_same(kept, computed[key[: key.index(":") + 5]])
    assert store.warning is None


def test_no_request_of_today_finds_anything_but_its_own_result(
    store: DiskStore, model: Model, requests: Mapping[str, Request[object]], computed: Mapping[str, object]
) -> None:
    computations = Computations(store)
    for start, request in requests.items():
        kept = store.get(computations.key(request.analysis, model, request.parameters))
        if kept is not None:
            assert_same(kept, computed[start])
    assert store.warning is None


def test_a_result_that_differs_is_told_apart(store: DiskStore, computed: Mapping[str, object]) -> None:
    """`assert_same` would not pass just anything: every array counts, and so does what it is of."""
    [layers, heads] = (computed[key] for key in ("attribute_layers:861d", "attribute_heads:e92f"))
    assert isinstance(layers, Result)
    nudged = type(layers)(**vars(layers) | {"values": layers.values + np.float32(1e-3)})
    for other in (heads, nudged):
        with pytest.raises(AssertionError):
            assert_same(other, layers)
