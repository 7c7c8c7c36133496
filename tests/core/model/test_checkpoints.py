"""Checkpoints in every form: several files, old keys, tied or not; equal to Hugging Face's own logits, or refused."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel, PretrainedConfig

from ioi_core import Model, ModelUnavailableError, load_model, run
from ioi_core.model.checks import checked_config
from tests.core.model.folders import edit_config
from tests.models.random_gpt2 import save_random_gpt2
from tests.models.random_pairs import random_pairs

PAIRS = random_pairs([9, 6])


def edit_weights(folder: Path, edit: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    path = folder / "model.safetensors"
    save_file(edit(load_file(path)), path, metadata={"format": "pt"})


def assert_as_hugging_face(folder: Path) -> Model:
    """Hugging Face reads the same folder; END of each prompt, compared as log-probabilities."""
    with torch.no_grad():
        theirs = GPT2LMHeadModel.from_pretrained(folder).eval()(torch.tensor(PAIRS.clean_tokens)).logits
    theirs = theirs[torch.arange(2), torch.tensor(PAIRS.roles["END"])].log_softmax(-1)
    model = load_model(str(folder))
    ours = torch.tensor(run(model, PAIRS.clean_tokens, PAIRS.roles["END"])).log_softmax(-1)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    return model


def in_several_files(folder: Path, suffix: str) -> Path:
    """The folder with its weights in two files and their index."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    stem, save = ("model", save_file) if suffix == "safetensors" else ("pytorch_model", torch.save)
    names = [f"{stem}-0000{n}-of-00002.{suffix}" for n in (1, 2)]
    places = {key: names[n % 2] for n, key in enumerate(sorted(tensors))}
    for name in names:
        part = {key: tensor for key, tensor in tensors.items() if places[key] == name}
        save(part, folder / name, **({"metadata": {"format": "pt"}} if suffix == "safetensors" else {}))
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps(index))
    return folder


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_weights_in_several_files_are_the_same_model(folder: Path, small_model: Model, suffix: str) -> None:
    assert load_model(str(in_several_files(folder, suffix))).fingerprint == small_model.fingerprint


def lose_a_part(folder: Path) -> None:
    in_several_files(folder, "safetensors")
    (folder / "model-00002-of-00002.safetensors").unlink()


def cut_a_part(folder: Path) -> None:
    in_several_files(folder, "safetensors")
    path = folder / "model-00002-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def point_elsewhere(folder: Path) -> None:
    in_several_files(folder, "safetensors")
    index = {"weight_map": {"transformer.wte.weight": "../model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def half_of_a_bin(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    path = folder / "pytorch_model.bin"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def part_of_an_old_bin(left: float) -> Callable[[Path], object]:
    def cut(folder: Path) -> None:
        path = folder / "pytorch_model.bin"
        torch.save(load_file(folder / "model.safetensors"), path, _use_new_zipfile_serialization=False)
        (folder / "model.safetensors").unlink()
        size = path.stat().st_size
        path.write_bytes(path.read_bytes()[: size - 1 if left == 1 else int(left * size)])

    return cut


def replaced(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content)


COMMENT = "<!-- x --><HTML><title>Log in</title></HTML>"
HEAD = "<head><title>Log in</title></head>"
JSON_ERROR = '{"error": "Repository not found"}'
ENTRY = "Entry not found"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 548105171\n"
LOG_IN = "\n<!DOCTYPE html><html><title>Log in</title></html>"
NOT_ITSELF: dict[str, tuple[Callable[[Path], object], str]] = {
    "a part is missing": (lose_a_part, r"names 2 files, of which model-00002-of-00002.safetensors is not there"),
    "half of a part": (cut_a_part, r"00002-of-00002.safetensors is half a download: [\d,]+ of [\d,]+ bytes"),
    "an index that points elsewhere": (point_elsewhere, "names of files beside it"),
    "half of a .bin": (half_of_a_bin, "pytorch_model.bin is half a download"),
    **{
        f"{left} of an old .bin": (part_of_an_old_bin(left), r"pytorch_model.bin is half a download: [\d,]+")
        for left in (0.00002, 0.5, 1)
    },
    "a few bytes": (lambda f: (f / "model.safetensors").write_bytes(b"\1\0\0"), "cannot be read|half a download"),
    **{
        f"{kind}: {name}": (replaced(name, content), f"{name} is {words}")
        for name in ("model.safetensors", "config.json", "vocab.json", "merges.txt")
        for kind, content, words in (
            ("LFS", LFS, "a Git LFS pointer"), ("HTML", LOG_IN, "a web page"), ("empty", " \n", "empty"),
            ("a comment", COMMENT, "a web page"), ("a head", HEAD, "a web page"),
            ("JSON error", JSON_ERROR, "a server's error message.*Repository not found"),
            ("not found", ENTRY, "a server's error message.*Entry not found"),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_ITSELF)
def test_what_lies_in_a_files_place_is_called_by_its_name(folder: Path, case: str) -> None:
    spoil, message = NOT_ITSELF[case]
    spoil(folder)
    with pytest.raises(ModelUnavailableError, match=message):
        load_model(str(folder))


def test_keys_without_prefix_and_old_masks_are_the_same_model(folder: Path, small_model: Model) -> None:
    """As OpenAI's first checkpoint on the hub: no "transformer.", and the causal mask among the weights."""
    mask = {f"h.{layer}.attn.bias": torch.ones(1, 1, 8, 8) for layer in range(4)}
    edit_weights(folder, lambda tensors: {key.removeprefix("transformer."): t for key, t in tensors.items()} | mask)
    assert load_model(str(folder)).fingerprint == small_model.fingerprint


def test_a_bin_as_torch_wrote_it_before_2020_is_the_same_model(folder: Path, small_model: Model) -> None:
    tensors = load_file(folder / "model.safetensors")
    torch.save(tensors, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    (folder / "model.safetensors").unlink()
    assert load_model(str(folder)).fingerprint == small_model.fingerprint


@pytest.mark.parametrize("tied", [True, False], ids=["config says tied", "config says untied"])
def test_an_lm_head_of_its_own_is_computed_as_hugging_face_does(folder: Path, small_model: Model, tied: bool) -> None:
    head = torch.randn(50257, 64, generator=torch.Generator().manual_seed(5))
    edit_weights(folder, lambda tensors: tensors | {"lm_head.weight": head})
    edit_config(folder, tie_word_embeddings=tied)
    assert assert_as_hugging_face(folder).fingerprint != small_model.fingerprint


def test_an_lm_head_that_equals_the_embedding_is_the_same_model(folder: Path, small_model: Model) -> None:
    edit_weights(folder, lambda tensors: tensors | {"lm_head.weight": tensors["transformer.wte.weight"].clone()})
    assert assert_as_hugging_face(folder).fingerprint == small_model.fingerprint


def test_untied_without_an_lm_head_is_refused(folder: Path) -> None:
    edit_config(folder, tie_word_embeddings=False)
    with pytest.raises(ModelUnavailableError, match=r"lack \['lm_head.weight'\]"):
        load_model(str(folder))


@pytest.mark.parametrize(
    "changes",
    [
        {"activation_function": "gelu_pytorch_tanh"},
        {"reorder_and_upcast_attn": True},
        {"n_positions": 12},
        {"resid_pdrop": 0.9, "attn_pdrop": 0.9, "embd_pdrop": 0.9},
    ],
    ids=str,
)
def test_fields_that_leave_the_function_as_it_is(tmp_path: Path, changes: dict[str, object]) -> None:
    assert_as_hugging_face(save_random_gpt2(tmp_path, 2, 32, 2, **changes))


OTHER_ARITHMETIC = {
    "activation_function": "gelu",
    "scale_attn_weights": False,
    "scale_attn_by_inverse_layer_idx": True,
    "add_cross_attention": True,
    "is_causal": False,
    "quantization_config": {"quant_method": "bitsandbytes"},
    "pruned_heads": {"0": [1]},
    "auto_map": {"AutoModelForCausalLM": "own.py"},
    "n_inner": 0,
    "num_attention_heads": 2,
}


@pytest.mark.parametrize("field", OTHER_ARITHMETIC)
def test_other_arithmetic_is_refused_by_the_name_of_its_field(folder: Path, field: str) -> None:
    edit_config(folder, **{field: OTHER_ARITHMETIC[field]})
    with pytest.raises(ModelUnavailableError, match=rf"{field}\b.* in config\.json"):
        load_model(str(folder))


@pytest.mark.parametrize(
    ("field", "value", "shape"),
    [("n_inner", 100, 256), ("n_positions", 2048, 1024), ("n_positions", 7, 1024), ("n_embd", 32, 64)],
)
def test_a_size_that_the_weights_do_not_have_is_named(folder: Path, field: str, value: int, shape: int) -> None:
    tensors = load_file(folder / "model.safetensors")
    assert shape in (*tensors["transformer.wpe.weight"].shape, *tensors["transformer.h.0.mlp.c_fc.weight"].shape)
    edit_config(folder, **{field: value})
    with pytest.raises(
        ModelUnavailableError, match=rf"config.json: {field}.* is {value} there, and {shape} by the shape"
    ):
        load_model(str(folder))


@pytest.mark.parametrize(("layers", "width", "heads"), [(6, 768, 12), (12, 768, 12), (24, 1024, 16), (36, 1280, 20),
                                                        (48, 1600, 25)])  # fmt: skip
def test_another_number_of_heads_is_refused_where_gpt2s_own_is_known(
    folder: Path, layers: int, width: int, heads: int
) -> None:
    """It divides the width, so the weights would load, cut into other heads; no tensor's shape tells."""
    edit_config(folder, n_layer=layers, n_embd=width, n_head=heads)
    assert checked_config(folder)["n_head"] == heads
    wrong = f"n_head = {2 * heads}.* GPT-2 of {layers} layers of width {width} has {heads} heads"
    edit_config(folder, n_head=2 * heads)
    with pytest.raises(ModelUnavailableError, match=wrong):
        checked_config(folder)
    edit_config(folder, n_layer=layers + 1)  # a size that nobody has published may have any
    assert checked_config(folder)["n_head"] == 2 * heads


def test_every_field_of_hugging_faces_config_is_looked_at() -> None:
    """A new version of transformers with a new field fails here: does the field change the forward pass?"""
    own = {field.name for field in fields(GPT2Config)} - {field.name for field in fields(PretrainedConfig)}
    sizes = {"vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner", "layer_norm_epsilon"}
    checked = {"activation_function", "scale_attn_weights", "scale_attn_by_inverse_layer_idx", "add_cross_attention"}
    same_function = {"reorder_and_upcast_attn", "use_cache", "tie_word_embeddings"}
    training = {"resid_pdrop", "embd_pdrop", "attn_pdrop", "initializer_range", "summary_first_dropout"}
    other_heads = {"summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels"}
    tokens = {"bos_token_id", "eos_token_id", "pad_token_id"}
    assert own <= sizes | checked | same_function | training | other_heads | tokens


def test_an_adapter_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelUnavailableError, match="adapter"):
        load_model(str(folder))


def test_a_medium_shaped_model_loads(tmp_path: Path) -> None:
    """Heads of 64 in another number than GPT-2 small's; 24 layers would only take longer."""
    folder = save_random_gpt2(tmp_path, 2, 1024, 16)
    assert assert_as_hugging_face(folder).cfg.n_heads == 16
