"""Results as bytes: what comes back is what was put in, bit by bit, or nothing."""

import ast
import dataclasses
import hashlib
import io
import json
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save

from cache.analyses import ANALYSES
from cache.store import codec
from cache.store.codec import DamagedPayloadError, decode, encode
from ioi_core import (
    Ablation,
    Circuit,
    CopiedTokens,
    Direction,
    Head,
    HeadAttribution,
    Model,
    PatchResult,
    Predictions,
    PromptResult,
    Result,
    arena_pairs,
    ioi_dataset,
)
from ioi_core.prompts.corruptions import SIGNAL_FLIPS
from tests.app.pages import first_requests
from tests.cache.store.disk_checks import Evil
from tests.fuzz import cases

dtypes = st.sampled_from(codec._DTYPES)
arrays = dtypes.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
heads = st.builds(Head, st.integers(0, 47), st.integers(0, 47))
texts = st.text(st.characters(exclude_categories=["Cs"]))
atoms = (
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from([*Direction, *Ablation]) | heads
    | arrays | st.sampled_from([np.float32("nan"), np.float64(1.5), np.int64(3), np.bool_(True)])
)  # fmt: skip
hashable = st.none() | st.booleans() | st.integers() | texts | heads
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(hashable, inner, max_size=3)
    ),
    max_leaves=10,
)


def bits(value: object) -> object:
    """A second, independent form in which two values are equal exactly if they are the same bit by bit."""
    if isinstance(value, np.ndarray | np.generic):
        return type(value), value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, dict):
        return dict, [(bits(key), bits(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [bits(item) for item in value]
    if dataclasses.is_dataclass(value):
        return type(value), [(field.name, bits(getattr(value, field.name))) for field in dataclasses.fields(value)]
    return type(value), value


def a_result() -> HeadAttribution:
    values = np.array([[0.0, -0.0, np.nan], [np.inf, -np.inf, 1e-300]])
    axes = {"layer": ("0", "1"), "head": ("0", "1", "2")}
    per_prompt = np.stack([values, -values], -1)
    return HeadAttribution(
        values=values, axes=axes, metric="logit_diff", unit="logits", n_prompts=2, per_prompt=per_prompt,
        bias=np.float32([1, 2]), bias_per_prompt=np.float32([[0, 2], [2, 2]]),
    )  # fmt: skip


def sealed(key: str, body: bytes) -> bytes:
    """A payload whose checksum fits, whatever it holds."""
    return codec._FORMAT + codec._checksum(key, body) + body


def file_of(tree: object, **others: np.ndarray) -> bytes:
    return save({"tree": np.frombuffer(json.dumps(tree).encode(), np.uint8)} | others)


@given(values)
def test_every_value_comes_back_as_it_was(value):
    assert bits(decode("key", encode("key", value))) == bits(value)


def test_a_nan_keeps_its_payload():
    [strange] = struct.unpack(">d", bytes.fromhex("fff8000000000abc"))
    assert struct.pack(">d", decode("k", encode("k", strange))).hex() == "fff8000000000abc"


def test_results_come_back_with_their_class_and_read_only():
    back = decode("key", encode("key", a_result()))
    assert bits(back) == bits(a_result())
    assert type(back) is HeadAttribution
    for array in (back.values, back.bias, decode("key", encode("key", {"part": np.ones(3)}))["part"]):
        assert not array.flags.writeable


SOME_HEADS = Circuit({Head(3, 2): "END", Head(1, 0): ("S1+1", "S2")})
BESIDES_PAIRS = {
    "edit_circuit": {"circuit": SOME_HEADS, "removed": Circuit({Head(3, 2): "all"})},
    "backup_heads": {"heads": [Head(3, 2), Head(3, 1)]},
    "contrast_methods": {"heads": SOME_HEADS},
    "edge_scores": {"method": "eap"},
    "evaluate_edges": {"edges": (("embed", "0.1<v>"), ("0.1", "logits"))},
    "edge_curve": {"scores": np.zeros((31, 79)), "shares": (0.5,)},
    "minimal_edges": {"scores": np.zeros((31, 79)), "bound": 0.01},
}
"""Analysis -> what it must be given besides the pairs, where no page asks for it first."""


@pytest.fixture(scope="module")
def asked(demo_model: Model) -> dict[str, Mapping[str, object]]:
    """Analysis -> what pages ask of it first."""
    return {request.analysis: request.parameters for request in reversed([*first_requests(demo_model)])}


def some_parameters(model: Model, analysis: str) -> Mapping[str, object]:
    """A little, for analyses that no page asks for first."""
    if analysis == "token_and_position":
        flips = {flip: ioi_dataset(model, 2, corruption=flip) for flip in SIGNAL_FLIPS}
        return {"flips": flips, "heads": [Head(2, 1)]}
    return {"pairs": arena_pairs(model)} | BESIDES_PAIRS.get(analysis, {})


@pytest.mark.parametrize("analysis", ANALYSES)
def test_every_analysis_gives_what_can_be_kept(demo_model: Model, asked, analysis: str):
    result = ANALYSES[analysis].function(demo_model, **(asked.get(analysis) or some_parameters(demo_model, analysis)))
    assert bits(decode(analysis, encode(analysis, result))) == bits(result)


def test_every_flipped_bit_is_found():
    payload = encode("key", a_result())
    for place in range(len(payload)):
        flipped = bytearray(payload)
        flipped[place] ^= 1 << (place % 8)
        with pytest.raises(DamagedPayloadError):
            decode("key", bytes(flipped))


@given(st.data())
@cases(200)
def test_cut_lengthened_or_overwritten_payloads_are_found(data):
    payload = encode("key", a_result())
    start = data.draw(st.integers(0, len(payload) - 1))
    stop = data.draw(st.integers(start, len(payload)))
    changed = payload[:start] + data.draw(st.binary(max_size=40)) + payload[stop:]
    if changed != payload:
        with pytest.raises(DamagedPayloadError):
            decode("key", changed)


@given(st.binary(max_size=300))
def test_no_bytes_are_taken_for_a_result(noise):
    for payload in (noise, sealed("key", noise)):
        with pytest.raises(DamagedPayloadError):
            decode("key", payload)


def test_a_payload_under_another_key_is_refused():
    with pytest.raises(DamagedPayloadError):
        decode("other", encode("key", a_result()))
    with pytest.raises(DamagedPayloadError):
        decode("ab", sealed("a", file_of(1)))
    assert decode("a", sealed("a", file_of(1))) == 1


def test_a_pickle_is_never_loaded(tmp_path: Path):
    mark = tmp_path / "executed"
    objects = np.empty(1, object)
    objects[0] = Evil(mark)
    npz = io.BytesIO()
    np.savez(npz, tree=objects)
    for body in (pickle.dumps(Evil(mark)), npz.getvalue(), file_of(["pickle", pickle.dumps(Evil(mark)).hex()])):
        with pytest.raises(DamagedPayloadError):
            decode("key", sealed("key", body))
    assert not mark.exists()
    pickle.loads(pickle.dumps(Evil(mark)))  # the bait is live
    assert mark.exists()


FIELDS = {"values": ["array", "0"], "axes": ["dict", [["x", ["tuple", ["a", "b"]]]]], "metric": "m", "unit": "u",
          "n_prompts": 1, "per_prompt": None, "undefined": None}  # fmt: skip


def test_the_hand_made_payload_is_good():
    back = decode("key", sealed("key", file_of(["object", "Result", FIELDS], **{"0": np.zeros(2)})))
    assert isinstance(back, Result)
    assert back.axes == {"x": ("a", "b")}


ARRAYS = {"0": np.zeros(2), "1": np.zeros((2, 1)), "2": np.zeros((2, 1), int)}
WITH_PROMPTS = FIELDS | {"per_prompt": ["array", "1"]}
OF_TOKENS = {"ids": ["array", "2"], "own": ["array", "0"]}


def test_results_kept_before_there_was_a_prompt_result_are_read_as_what_they_are():
    """Then a plain `Result` might hold prompts, and every other class had `per_prompt`, whether it held any or not."""
    trees = [["object", "Result", WITH_PROMPTS], ["object", "CopiedTokens", FIELDS | OF_TOKENS]]
    plain, of_tokens = (decode("key", sealed("key", file_of(tree, **ARRAYS))) for tree in trees)
    assert type(plain) is PromptResult
    assert type(of_tokens) is CopiedTokens
    assert plain.per_prompt.shape == of_tokens.ids.shape == (2, 1)


@pytest.mark.parametrize(
    "tree",
    [
        ["object", "PromptResult", FIELDS],
        ["object", "PromptResult", {name: part for name, part in FIELDS.items() if name != "per_prompt"}],
        ["object", "Result", FIELDS | {"per_prompt": 1}],
        ["object", "CopiedTokens", WITH_PROMPTS | OF_TOKENS],
        ["object", "HeadAttribution", FIELDS | {"bias": None, "bias_per_prompt": None}],
    ],
)
def test_half_empty_results_are_refused(tree):
    with pytest.raises(DamagedPayloadError):
        decode("key", sealed("key", file_of(tree, **ARRAYS)))


@pytest.mark.parametrize(
    "tree",
    [
        ["object", "Path", {}],
        ["object", "Model", {}],
        ["object", "IOIError", {}],
        ["object", "Direction", {"value": "noising"}],
        ["enum", "Head", "layer"],
        ["enum", "Direction", "SIDEWAYS"],
        ["object", "Result", {k: v for k, v in FIELDS.items() if k != "unit"}],
        ["object", "Result", FIELDS | {"more": 1}],
        ["object", "Result", FIELDS | {"axes": ["dict", [["x", ["tuple", ["a"]]]]]}],
        ["object", "Result", FIELDS | {"values": "text"}],
        ["array", "7"],
        ["array", "tree"],
        ["float", "xx"],
        ["unknown", 1],
        ["dict", [[["list", []], 1]]],
        [],
        {},
        1.5,
    ],
)
def test_what_no_result_holds_is_refused(tree):
    with pytest.raises(DamagedPayloadError):
        decode("key", sealed("key", file_of(tree, **{"0": np.zeros(2)})))


def test_a_tree_too_deep_and_an_array_too_large_are_refused():
    deep = save({"tree": np.frombuffer(b'["list",[' * 100_000 + b"]]" * 100_000, np.uint8)})
    header = json.dumps({"tree": {"dtype": "F64", "shape": [2**50], "data_offsets": [0, 2**53]}}).encode()
    for body in (deep, struct.pack("<Q", len(header)) + header, struct.pack("<Q", 2**60)):
        with pytest.raises(DamagedPayloadError, match="Error"):
            decode("key", sealed("key", body))


def test_reading_parses_no_python_source(monkeypatch):
    payload = encode("key", a_result())

    def refused(*args, **kwargs):
        raise SystemError("AST constructor recursion depth mismatch")  # as when another thread parses just now

    for name in ("parse", "literal_eval"):
        monkeypatch.setattr(ast, name, refused)
    assert bits(decode("key", payload)) == bits(a_result())


@dataclasses.dataclass(frozen=True)
class Head2(Head):
    """A subclass, which would come back as something else."""


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        object(), b"bytes", {1, 2}, 1j, Path("/"), Head2(1, 1), Text("a"), [lambda: 0], np.array([object()]),
        np.array(["a"]), np.array([1j]), np.ones(1, ">f8"), np.ones(1, np.longdouble), np.ma.masked_array([1.0]),
    ],
)  # fmt: skip
def test_what_would_not_come_back_is_not_kept(value):
    with pytest.raises(TypeError, match="cannot be kept"):
        encode("key", value)


def test_text_that_is_no_unicode_is_not_kept():
    with pytest.raises(ValueError, match="surrogates"):
        encode("key", "\ud800\udc00")


def test_only_frozen_public_types_can_be_constructed():
    assert {Result, PatchResult, Predictions, Head, Direction} <= set(codec.CONSTRUCTIBLE.values())
    assert Model not in codec.CONSTRUCTIBLE.values()
    for kind in codec.CONSTRUCTIBLE.values():
        assert kind.__module__.startswith("ioi_core.")
        assert not dataclasses.is_dataclass(kind) or kind.__dataclass_params__.frozen


def test_the_checksum_is_sha256_of_key_and_file():
    payload = encode("key", 1)
    body = payload[len(codec._FORMAT) + 32 :]
    assert payload[len(codec._FORMAT) :][:32] == hashlib.sha256(b"3:key" + body).digest()
