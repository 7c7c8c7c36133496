"""GPT-2 small is known by its weights: its shape, and what it says of the eight published prompts."""

from pathlib import Path

import pytest
from transformers import GPT2LMHeadModel

from ioi_core import Head, Model, load_model, predictions, published_class
from ioi_core.model import identity
from ioi_core.prompts.arena import arena_pairs, arena_texts
from ioi_core.prompts.names import read_data


def test_the_eight_prompts_and_figures_are_the_notebooks() -> None:
    texts = [(clean, f" {io}", f" {s}") for clean, _, io, s in arena_texts()]
    assert [(text, io, s) for text, io, s, _ in identity.PUBLISHED] == texts
    assert [row[-1] for row in identity.PUBLISHED] == read_data("notebook_figures.json")["logit_diff_per_prompt"]


@pytest.mark.slow
def test_random_weights_gpt2_shaped_are_not_gpt2_small(
    gpt2_shaped_folder: Path, gpt2_shaped_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOI_MODEL_DIR", str(gpt2_shaped_folder))
    for model, name in (
        (load_model("gpt2-small"), identity.OTHER_WEIGHTS),
        (gpt2_shaped_model, str(gpt2_shaped_folder)),
    ):
        assert not model.is_gpt2_small
        assert model.name == name
        assert published_class(model, Head(9, 9)) is None


def check_identity(model: Model, folder: Path, monkeypatch: pytest.MonkeyPatch, off: float, accepted: bool) -> None:
    """Published are here what random weights say, one figure a little off; asked anew, since answers are remembered."""
    ours = predictions(model, arena_pairs(model)).clean_logit_diff
    offs = [0.0] * 7 + [off]
    told = [(*row[:3], float(ld) + o) for row, ld, o in zip(identity.PUBLISHED, ours, offs, strict=True)]
    monkeypatch.setattr(identity, "PUBLISHED", told)
    monkeypatch.setattr(identity, "_known", {})
    monkeypatch.setenv("IOI_MODEL_DIR", str(folder))
    model = load_model("gpt2-small")
    assert model.is_gpt2_small is accepted
    assert (model.name == "gpt2-small") is accepted
    assert (published_class(model, Head(9, 9)) is not None) is accepted
    assert identity._known == {model.fingerprint: accepted}


@pytest.mark.slow
def test_a_gpt2_shaped_model_that_gives_the_published_figures_is_accepted(
    gpt2_shaped_folder: Path, gpt2_shaped_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_identity(gpt2_shaped_model, gpt2_shaped_folder, monkeypatch, off=0.0005, accepted=True)


@pytest.mark.parametrize(("off", "accepted"), [(0.0, True), (0.0005, True), (0.002, False), (float("nan"), False)])
def test_no_figure_may_be_off(
    small_folder: Path, small_model: Model, monkeypatch: pytest.MonkeyPatch, off: float, accepted: bool
) -> None:
    monkeypatch.setattr(identity, "_SHAPE", {"n_layer": 4, "n_head": 4, "n_embd": 64, "n_positions": 1024})
    check_identity(small_model, small_folder, monkeypatch, off, accepted)


def test_the_shape_comes_first() -> None:
    config = {"n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024}
    assert identity.has_shape(config)
    assert identity.has_shape(config | {"n_inner": 3072})
    for field in (*config, "n_inner"):
        assert not identity.has_shape(config | {field: 11})


def test_the_answer_is_remembered_by_fingerprint(
    small_gpt2: GPT2LMHeadModel, small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024}
    monkeypatch.setattr(identity, "_known", {"a": True, "b": False})
    monkeypatch.setattr(identity, "_differences", lambda *_: pytest.fail("it was asked again"))
    assert identity.is_gpt2_small(small_gpt2, config, small_model.tokenizer, "a")
    assert not identity.is_gpt2_small(small_gpt2, config, small_model.tokenizer, "b")
    assert not identity.is_gpt2_small(small_gpt2, config | {"n_layer": 4}, small_model.tokenizer, "a")


@pytest.mark.gpt2
def test_the_real_weights_are_gpt2_small(gpt2: Model) -> None:
    assert gpt2.is_gpt2_small
    assert gpt2.name == "gpt2-small"
