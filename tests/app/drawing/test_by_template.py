"""Means over prompts come with their interval and, on request, template by template."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drawing import by_template, by_template_charts
from app.drawing.frames import mean_frame
from app.logit_lens import charts
from app.path_patching.charts import split_bars
from app.path_patching.words import split_shares
from app.prompt.charts import prompt_bars
from ioi_core import (
    Model,
    arena_pairs,
    attribute_heads,
    attribute_layers,
    bootstrap_interval,
    explain_attention,
    ioi_dataset,
    logit_lens,
    predictions,
)
from tests.app.made_up import of_prompts
from tests.app.pages import assert_fine, opened
from tests.models.bundled import MOVERS, SHAPE


@pytest.fixture(scope="module")
def pairs(demo_model: Model):
    return ioi_dataset(demo_model, 20, seed=3)  # the 14 mixed templates, six of them twice


def test_templates_partition_the_prompts(pairs):
    groups = by_template_charts.template_groups(pairs)
    assert sorted(int(row) for group in groups for row in group.rows) == list(range(20))
    assert all(len(set(pairs.templates[group.rows])) == 1 for group in groups)
    assert groups[0].name == "template 0, BABA"
    assert groups[0].text.startswith("template 0, BABA (2 prompts, such as:)<br>")
    assert groups[1].name == "template 50, ABBA"
    assert groups[1].example == pairs.clean_text[groups[1].rows[0]]


def test_prompts_that_are_a_template_each_are_called_prompts(demo_model):
    groups = by_template_charts.template_groups(arena_pairs(demo_model))
    assert [group.name for group in groups] == [f"prompt {n}" for n in range(1, 9)]


@given(st.data())
def test_the_cell_that_differs_most_is_named_and_equal_ones_are_called_alike(data):
    groups = [
        by_template_charts.TemplateGroup(f"template {n}", np.array(rows), "") for n, rows in enumerate(([0, 2], [1]))
    ]
    flat, cells = data.draw(of_prompts(3, 4)), ["a", "b", "c", "d"]
    text = by_template._story(flat, cells, groups, 3, "template")
    apart = flat[:, [0, 2]].mean(-1) - flat[:, 1]
    if named := re.search(r"Most apart: (\w), from (.+?) \((.*?)\) to (.+?) \((.*?)\)", text):
        cell = cells.index(named[1])
        assert abs(apart[cell]) == pytest.approx(np.abs(apart).max())
        assert (named[3] == "template 0") == (apart[cell] < 0)
        assert named[2] != named[4]
    assert ("All of these are alike" in text) == (named is None)


def test_no_more_than_fit_a_screen(demo_model):
    many = ioi_dataset(demo_model, 40, templates=list(range(40)))
    assert len(by_template_charts.template_groups(many)) == by_template_charts.MOST


def test_each_small_curve_is_its_templates_mean(demo_model, pairs):
    result = logit_lens(demo_model, pairs)
    groups = by_template_charts.template_groups(pairs)
    figure = by_template_charts.template_curves(result.per_prompt, groups, result.axes["stage"], "t", "logits")
    behind, own = figure.data[::2], figure.data[1::2]
    assert len(own) == len(groups) == 14
    for curve, group in zip(own, groups, strict=True):
        np.testing.assert_allclose(
            curve.y, result.per_prompt[:, pairs.templates == pairs.templates[group.rows[0]]].mean(1)
        )
    for curve in behind:
        np.testing.assert_allclose(curve.y, result.values, rtol=1e-5)


def test_each_small_heatmap_is_its_templates_mean_on_one_scale(demo_model, pairs):
    result = attribute_heads(demo_model, pairs)
    groups = by_template_charts.template_groups(pairs)
    keys = [["head"] * SHAPE[1]] * SHAPE[0]
    figure = by_template_charts.template_heatmaps(result.per_prompt, groups, keys, "t", "logits")
    for heatmap, group in zip(figure.data, groups, strict=True):
        np.testing.assert_allclose(heatmap.z, result.per_prompt[..., group.rows].mean(-1), rtol=1e-5)
    largest = max(np.abs(heatmap.z).max() for heatmap in figure.data)
    axis = figure.layout.coloraxis
    assert (axis.cmin, axis.cmax) == pytest.approx((-largest, largest))
    assert axis.colorscale[2] == (0.5, "#FFFFFF")


def test_each_bar_is_its_templates_mean_and_each_dot_a_prompt(pairs):
    per_prompt = np.random.default_rng(0).normal(size=(2, 20)).astype(np.float32)
    groups = by_template_charts.template_groups(pairs)
    figure = by_template_charts.template_bars(per_prompt, groups, ["a", "b"], "t", "logits")
    for bars, dots, values in zip(figure.data[::2], figure.data[1::2], per_prompt, strict=True):
        np.testing.assert_allclose(bars.x, [values[group.rows].mean() for group in groups], rtol=1e-5)
        assert sorted(dots.x) == pytest.approx(sorted(values.tolist()))
        for x, y, said in zip(dots.x, dots.y, dots.customdata, strict=True):
            row = int(said.split(":")[0].removeprefix("prompt ")) - 1
            assert row in groups[y].rows
            assert x == pytest.approx(float(values[row]))
    dotted = [shape.x0 for shape in figure.layout.shapes]
    assert dotted == pytest.approx(per_prompt.mean(1).tolist(), abs=1e-6)
    alone = [by_template_charts.TemplateGroup(f"prompt {row + 1}", np.array([row]), "x") for row in range(20)]
    figure = by_template_charts.template_bars(per_prompt, alone, ["a", "b"], "t", "logits")
    assert [trace.type for trace in figure.data] == ["bar", "bar"], "a dot at each bar's end would say nothing"


def test_a_mean_is_over_the_prompts_where_it_is_defined():
    values = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan], [0.0, 0.0, 3.0]])
    np.testing.assert_array_equal(by_template_charts.defined_mean(values), [2, np.nan, 1])


def test_what_is_most_apart_is_said_and_the_file_has_every_cell(pairs):
    groups = by_template_charts.template_groups(pairs)
    flat = np.random.default_rng(1).normal(size=(3, 20))
    flat[1, groups[4].rows] += 100
    said = by_template._story(flat, ["a", "b", "c"], groups, 20, "template")
    lowest = min(groups, key=lambda group: flat[1, group.rows].mean())
    assert said.startswith("Most apart: b, from ")
    assert f"({lowest.name}) to" in said
    assert said.endswith(f"({groups[4].name}).")
    frame = by_template._frame(flat, ["a", "b", "c"], groups)
    row = frame[(frame["template"] == groups[4].name) & (frame["cell"] == "b")].iloc[0]
    own = flat[1, groups[4].rows]
    assert (row["mean"], row["smallest"], row["largest"]) == pytest.approx((own.mean(), own.min(), own.max()))
    assert row["example"] == groups[4].example


def test_a_mean_of_bars_is_shaded_by_its_interval(demo_model, pairs):
    found = predictions(demo_model, pairs)
    shaded = [shape for shape in prompt_bars(found, 0).layout.shapes if shape.type == "rect"]
    for shape, values in zip(shaded, (found.clean_logit_diff, found.corrupted_logit_diff), strict=True):
        assert (shape.y0, shape.y1) == pytest.approx([float(bound) for bound in bootstrap_interval(values)])


def test_the_curves_band_and_the_bars_whiskers_are_the_intervals(demo_model, pairs):
    lens, layers = logit_lens(demo_model, pairs), attribute_layers(demo_model, pairs)
    low, high = bootstrap_interval(lens.per_prompt)
    band = charts.lens_curves(lens, logit_lens(demo_model, pairs, scale="per_layer")).data[2]
    np.testing.assert_allclose(band.y, np.concatenate([high, low[::-1]]))
    low, high = bootstrap_interval(layers.per_prompt)
    assert (low <= layers.values).all()
    assert (layers.values <= high).all()
    [bars] = charts.layer_bars(layers).data
    np.testing.assert_allclose(bars.error_x.array, high - layers.values)
    np.testing.assert_allclose(bars.error_x.arrayminus, layers.values - low)
    frame = mean_frame(layers)
    np.testing.assert_allclose(frame["low_95"], low)


def test_shares_of_an_attention_logit_have_their_intervals_and_add_up(demo_model, pairs):
    split = explain_attention(demo_model, pairs, MOVERS[0])
    for n, side in enumerate(("query", "key")):
        names, shares = split_shares(split, side, 4)
        assert len(names) == 5
        assert names[-1].startswith("the other ")
        np.testing.assert_allclose(shares.sum(0), split.logits, atol=1e-3)
        first = np.argmax(np.abs(split.values[n]))
        np.testing.assert_allclose(shares[0], split.per_prompt[n, first])
        [bars] = split_bars(split, side).data
        low, high = bootstrap_interval(split.per_prompt[n, first])
        assert bars.x[0] == pytest.approx(split.values[n, first], abs=1e-5)
        assert bars.error_x.array[0] == pytest.approx(high - bars.x[0], abs=1e-4)
        assert bars.error_x.arrayminus[0] == pytest.approx(bars.x[0] - low, abs=1e-4)


def test_one_prompt_has_no_interval_and_no_templates(demo_model):
    one = arena_pairs(demo_model).take(slice(0, 1))
    lens = logit_lens(demo_model, one)
    assert len(charts.lens_curves(lens, logit_lens(demo_model, one, scale="per_layer")).data) == 2
    [bars] = charts.layer_bars(attribute_layers(demo_model, one)).data
    assert bars.error_x.array is None
    assert "interval" not in bars.customdata[0][1]


@pytest.mark.parametrize(
    ("page", "switches"),
    [
        ("prompt", ["logit_diff"]),
        ("logit_lens", ["lens", "heads"]),
        ("activation_patching", ["patching"]),
        ("path_patching", ["paths", "split_query", "split_key"]),
        ("heads", ["head_direct", "role_attention", "head_sites"]),
    ],
)
def test_pages_offer_it_by_a_switch_and_by_a_link(loader, page, switches):
    at = opened(f"../pages/{page}.py", model="ioi-demo")
    without = len(at.get("plotly_chart"))
    for switch in switches:
        at.toggle(key=f"templates_{switch}").set_value(True)
    at.run()
    assert_fine(at)
    assert len(at.get("plotly_chart")) == without + len(switches)
    linked = opened(f"../pages/{page}.py", model="ioi-demo", **{f"templates_{switch}": "true" for switch in switches})
    assert_fine(linked)
    assert len(linked.get("plotly_chart")) == without + len(switches)


def test_groups_of_other_labels_stay_apart(pairs):
    labels = ("no label", "", *["x" * 40 + "a", "x" * 40 + "b"] * 9)
    groups = by_template_charts.template_groups(replace(pairs, labels=labels))
    assert sum(len(group.rows) for group in groups) == len(pairs)
    assert len({group.name for group in groups}) == len(groups) == 4
    assert groups[0].by == "label"
