"""The parts of the app that need no browser: tokens, sentences, charts, exports, settings, models."""

import io
import re
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drawing.about import ABOUT
from app.drawing.frames import csv_bytes, neutral
from app.hosting.models import ModelState, ResidentModels
from app.hosting.settings import Settings
from app.logit_lens import charts
from app.logit_lens import words as lens_words
from app.logit_lens.grid import grid_labels
from app.logit_lens.tables import lens_frame
from app.prompt.charts import prompt_bars
from app.words import phrases
from app.words.tokens import chips, row_labels, row_roles, token_bytes, token_label, visible
from cache.environment import SettingsError
from ioi_core import (
    HeadAttribution,
    Model,
    ModelUnavailableError,
    Result,
    arena_pairs,
    attribute_heads,
    attribute_layers,
    lens_tokens,
    logit_lens,
    predictions,
    prompt_pairs,
)


@given(st.text())
def test_tokens_spell_every_byte_of_any_text(demo_model: Model, text: str):
    text = text.encode("utf-8", "ignore").decode()
    assert b"".join(token_bytes(demo_model, token) for token in demo_model.encode(text)) == text.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" John", "·John"),
        ("John", "John"),
        ("  ", "··"),
        ("\n\t\r", "\\n\\t\\r"),
        ("\x07\x7f\x85", "\\x07\\x7f\\x85"),
        ("\u200b\u202e\ufeff", "\\u200b\\u202e\\ufeff"),
        ("\xa0", "\\xa0"),
        ("\u0301a", "◌\u0301a"),
        ("é中😀", "é中😀"),
        ("\U000e0001", "\\U000e0001"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text, shown):
    assert visible(text) == shown


@given(st.text())
def test_nothing_visible_is_lost_and_nothing_invisible_is_left(text):
    shown = visible(text)
    assert all(letter.isprintable() for letter in shown)
    assert len(shown) >= len(text)


def test_a_character_in_pieces_shows_its_bytes(demo_model):
    ids = demo_model.encode("😀")
    assert len(ids) > 1
    assert "".join(token_label(demo_model, token) for token in ids) == "\\xf0\\x9f\\x98\\x80"
    assert token_label(demo_model, 50256) == "<|endoftext|>"


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5), st.text())
def test_chips_hold_no_markup_but_their_own(labels, name):
    drawn = chips(labels, {0: ["S2", "END"]}, frozenset({0}), name)
    tags = set(re.findall(r"<[^>]*>", drawn))
    assert all(tag.startswith(("<div class=", "<span class=", "</div>", "</span>")) for tag in tags)
    assert len(re.findall("<", drawn)) == 2 + 6 * len(labels)


def test_chips_say_roles_in_words(demo_model):
    pairs = arena_pairs(demo_model)
    labels, roles = row_labels(demo_model, pairs, 0), row_roles(pairs, 0)
    assert labels[:3] == ["BOS", "When", "·John"]
    drawn = chips(labels, roles)
    assert "position 4: ·Mary (IO: indirect object, the right answer)" in drawn
    assert ">S1+1</span>" in drawn


@pytest.mark.parametrize(
    ("rank", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th"), (1021, "1,021st")]
)
def test_ranks_read_as_people_say_them(rank, said):
    assert phrases.ordinal(rank) == said


def test_effects_name_who_adds_and_who_takes():
    said = lens_words.effects(["head 9.9", "head 10.7", "head 0.0"], np.array([2.985, -1.899, 0.001]), 8)
    assert said == "Head 9.9 adds +2.98 logits, head 10.7 takes 1.90 away (mean over 8 prompts)."
    assert "Nothing stands out" in lens_words.effects(["a"] * 40, np.full(40, 0.1), 1)
    assert "Nothing stands out" in lens_words.effects(["a", "b"], np.zeros(2), 1)


def test_small_probabilities_are_not_rounded_to_nothing():
    assert [phrases.percent(p) for p in (0.4149, 0.0312, 0.0004, 0.99949, 1.0)] == [
        "41 %",
        "3.1 %",
        "less than 0.05 %",
        "99.95 %",
        "over 99.99 %",
    ]


def heads_result(values, bias) -> HeadAttribution:
    axes = {"layer": ("0", "1"), "head": ("0", "1", "2")}
    values = np.array(values, float)
    per_prompt = np.stack([values - 1, values + 1], -1)
    return HeadAttribution(values, axes, "logit_diff", "logits", 2, per_prompt, bias=np.array(bias, float))


def test_effects_are_white_at_zero_and_b_o_stands_apart():
    figure = charts.head_heatmap(heads_result([[1, -0.5, 0], [0, 0, 0]], [-3, 0]))
    cells, bias, targets = figure.data
    assert (cells.zmin, cells.zmax) == (bias.zmin, bias.zmax) == (-3, 3)
    assert cells.colorscale == bias.colorscale
    assert cells.colorscale[2] == (0.5, "#FFFFFF")
    assert list(figure.layout.xaxis.ticktext) == ["0", "1", "2", "b_O"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1], "layer 0 is on top"
    over = "mean over 2 prompts, 95 % interval -1.50 to +0.50, sign uncertain"
    said = f"Head 0.1 takes 0.500 logits away from logit_diff<br>({over})"
    assert cells.customdata[0][1] == said
    clicked = [data[0] for data in targets.customdata]
    assert clicked == ["0.0", "0.1", "0.2", "", "1.0", "1.1", "1.2", ""], "b_O belongs to no head"
    assert targets.customdata[1][1] == said


def test_undefined_cells_are_never_painted():
    with pytest.raises(ValueError, match="undefined"):
        charts.head_heatmap(heads_result([[1, np.nan, 0], [0, 0, 0]], [0, 0]))


def test_every_figure_names_metric_unit_and_prompts(demo_model):
    pairs = arena_pairs(demo_model)
    figures = [
        charts.lens_curves(logit_lens(demo_model, pairs), logit_lens(demo_model, pairs, scale="per_layer")),
        charts.layer_bars(attribute_layers(demo_model, pairs)),
        charts.head_heatmap(attribute_heads(demo_model, pairs)),
        prompt_bars(predictions(demo_model, pairs), 0),
    ]
    for figure in figures:
        assert "logit_diff" in figure.layout.title.text
        assert "logits" in figure.layout.title.subtitle.text
        assert "8 prompts" in figure.layout.title.subtitle.text


@pytest.mark.parametrize("cells", charts.CELLS)
def test_the_token_grid_keeps_equal_tokens_apart_and_escapes_them(demo_model, cells):
    pairs = prompt_pairs(demo_model, "<b>x</b> $x$ John John Mary John to", io="Mary", s="John")
    lens = lens_tokens(demo_model, pairs.clean_tokens, top_k=1, track=pairs.answers)
    labels = grid_labels(demo_model, pairs, 0, lens)
    figure = charts.token_grid(lens, labels, cells)
    ticks = figure.layout.xaxis.ticktext
    assert len(ticks) == len(set(figure.layout.xaxis.tickvals)) == pairs.lengths[0]
    assert sum(tick.startswith("·John") for tick in ticks) == 3
    raw = [re.sub(r'<br>|<span style="color:#[0-9A-F]{6}">■</span>', "", tick) for tick in ticks]
    assert not any("<" in tick or "$" in tick for tick in raw)
    assert figure.data[0].z.shape == (demo_model.cfg.n_layers + 1, pairs.lengths[0])
    assert "1 prompt" in figure.layout.title.subtitle.text


def test_long_tokens_are_wrapped_and_never_cut(demo_model):
    text = "John and Mary met. John gave a disproportionately large telecommunications bag to"
    pairs = prompt_pairs(demo_model, text)
    lens = lens_tokens(demo_model, pairs.clean_tokens, top_k=1, track=pairs.answers)
    figure = charts.token_grid(lens, grid_labels(demo_model, pairs, 0, lens), "top token")
    ticks = [tick.replace("<br>", "").split("<span")[0] for tick in figure.layout.xaxis.ticktext]
    assert ticks == row_labels(demo_model, pairs, 0)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r", "＝1", "＋", "－", "＠"])
def test_formulas_are_neutralised_and_stay_readable(text):
    assert neutral(text) == "'" + text
    cells = pd.read_csv(io.BytesIO(csv_bytes(pd.DataFrame({"token": [text]}))), dtype=str, keep_default_na=False)
    assert cells["token"][0].lstrip("'").strip() == text.strip()
    assert cells["token"][0].startswith("'")


def test_numbers_and_ordinary_texts_are_exported_as_they_are():
    frame = pd.DataFrame({"token": [" John", "a,b", 'say "x"', "é\n"], "value": [-1.5, 2.0, np.nan, 1e-9]})
    read = pd.read_csv(io.BytesIO(csv_bytes(frame)))
    pd.testing.assert_frame_equal(read, frame)


def test_the_lens_exports_every_cell(demo_model):
    pairs = arena_pairs(demo_model)
    one = slice(3, 4)
    lens = lens_tokens(demo_model, pairs.clean_tokens[one], top_k=1, track=pairs.answers[one])
    frame = lens_frame(demo_model, pairs, 3, lens)
    assert len(frame) == (demo_model.cfg.n_layers + 1) * pairs.lengths[3]
    last = frame.iloc[-1]
    assert last["residual_stream"] == "final"
    assert last["IO_probability"] == pytest.approx(predictions(demo_model, pairs).answer_probs[0, 3, 0], abs=1e-4)


def test_settings_have_defaults_and_refuse_what_makes_no_sense():
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment({"IOI_MAX_PROMPTS": " 50 "}).max_prompts == 50
    for value in ("many", "-1", "0", "1e3", "99999999999999999999", "5.5", "²"):
        with pytest.raises(SettingsError, match="IOI_MAX_PROMPTS"):
            Settings.from_environment({"IOI_MAX_PROMPTS": value})


def wait_for(models: ResidentModels, state: ModelState) -> None:
    done = threading.Event()
    for _ in range(200):
        if models.status("gpt2-small").state is state:
            return
        done.wait(0.02)
    raise AssertionError(f"gpt2-small is {models.status('gpt2-small')}, not {state}")


def test_the_demo_is_there_at_once_while_gpt2_loads_with_progress(demo_model):
    gate = threading.Event()

    def load(name, progress=None):
        if name == "ioi-demo":
            return demo_model
        progress(10, 100)
        gate.wait(10)
        return demo_model

    models = ResidentModels(load)
    assert models.demo is demo_model
    wait_for(models, ModelState.LOADING)
    assert models.get("gpt2-small") is None
    gate.set()
    wait_for(models, ModelState.READY)
    assert models.get("gpt2-small") is demo_model


@pytest.mark.parametrize("error", [ModelUnavailableError("no network"), RuntimeError("secret")])
def test_a_model_that_cannot_be_had_says_why_and_can_be_tried_again(demo_model, error):
    calls: list[str] = []

    def load(name, progress=None):
        calls.append(name)
        if name == "gpt2-small" and calls.count(name) == 1:
            raise error
        return demo_model

    models = ResidentModels(load)
    wait_for(models, ModelState.UNAVAILABLE)
    reason = models.status("gpt2-small").reason
    assert ("no network" in reason) == isinstance(error, ModelUnavailableError)
    assert "secret" not in reason
    models.start_loading("gpt2-small")
    wait_for(models, ModelState.READY)
    models.start_loading("gpt2-small")
    assert calls.count("gpt2-small") == 2


def test_lens_story_names_the_largest_step():
    stages = ("0_pre", "0_mid", "1_pre", "1_mid", "final_post")
    values = np.array([0, 0.1, 3.0, 3.2, -1.0])
    result = Result(values, {"stage": stages}, "logit_diff", "logits", 1, values[:, None])
    said = lens_words.lens_story(result)
    assert "MLP 0's: +2.90" in said
    assert "-1.00 (1 prompt)" in said
    assert "the wrong name" in said


def test_every_definition_names_its_source():
    assert all("Source:" in text for text in ABOUT.values())
