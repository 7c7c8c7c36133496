"""The logit lens page's charts, and the prompt page's: what they draw is the result, with metric, unit and prompts."""

import re

import numpy as np
import pytest

from app.logit_lens import charts
from app.logit_lens.grid import grid_labels
from app.prompt.charts import prompt_bars
from app.words.tokens import row_labels
from ioi_core import (
    HeadAttribution,
    arena_pairs,
    attribute_heads,
    attribute_layers,
    lens_tokens,
    logit_lens,
    predictions,
    prompt_pairs,
)


def heads_result(values, bias) -> HeadAttribution:
    axes = {"layer": ("0", "1"), "head": ("0", "1", "2")}
    values = np.array(values, float)
    per_prompt = np.stack([values - 1, values + 1], -1)
    return HeadAttribution(
        values=values, axes=axes, metric="logit_diff", unit="logits", n_prompts=2, per_prompt=per_prompt,
        bias=np.array(bias, float), bias_per_prompt=np.stack([bias, bias], -1).astype(float),
    )  # fmt: skip


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
    raw = [re.sub(r'<br>|<span style="[^"<>]*">|</span>', "", tick) for tick in ticks]
    assert not any("<" in tick or "$" in tick for tick in raw)
    assert figure.data[0].z.shape == (demo_model.cfg.n_layers + 1, pairs.lengths[0])
    assert "1 prompt" in figure.layout.title.subtitle.text


def test_cells_that_repeat_their_own_token_are_grey(demo_model):
    pairs = prompt_pairs(demo_model, "John and Mary met. John gave a bag to")
    lens = lens_tokens(demo_model, pairs.clean_tokens, top_k=1, track=pairs.answers)
    coloured, grey = charts.token_grid(lens, grid_labels(demo_model, pairs, 0, lens), "top token").data
    repeats = lens.ids[:, 0, :, 0] == pairs.clean_tokens[0]
    assert repeats[0].any()
    for drawn, there in ((coloured, ~repeats), (grey, repeats)):
        np.testing.assert_array_equal(np.isfinite(np.asarray(drawn.z, dtype=float)), there)
        np.testing.assert_array_equal(np.asarray(drawn.text) != "", there)


def test_a_long_token_is_neither_broken_nor_cut_but_smaller(demo_model):
    text = "John and Mary met together. John gave a disproportionately large telecommunications bag to"
    pairs = prompt_pairs(demo_model, text)
    lens = lens_tokens(demo_model, pairs.clean_tokens, top_k=1, track=pairs.answers)
    labels = grid_labels(demo_model, pairs, 0, lens)
    figure = charts.token_grid(lens, labels, "top token")
    names = [tick.rsplit("<br>", 1)[0] for tick in figure.layout.xaxis.ticktext]
    assert [re.sub("<[^>]*>", "", name) for name in names] == row_labels(demo_model, pairs, 0)
    assert not any("<br>" in name for name in names)
    smaller = [re.match('<span style="font-size:(.*)%">(.*)</span>', name) for name in names if "<" in name]
    size = {found[2]: float(found[1]) / 100 for found in smaller if found}
    assert min(map(len, size)) == len("·together")
    room = (labels.pixels - 60) / len(names)
    for name in names:
        plain = re.sub("<[^>]*>", "", name)
        assert 6.6 * len(plain) * size.get(plain, 1) <= room
        assert 12 * size.get(plain, 1) >= 8  # pixels: still legible
