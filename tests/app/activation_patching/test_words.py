"""Sentences of the Activation patching page, held against their numbers."""

import re

import numpy as np
import pytest
from hypothesis import given

from app.activation_patching.cells import effect_grid
from app.activation_patching.charts import patch_heatmap, prompt_effects
from app.activation_patching.words import cell_story, estimate_story, runs_story, strongest
from app.drawing.heatmap import EffectGrid
from app.words.effects import least_effect
from app.words.phrases import number
from ioi_core import Direction, Model, PatchResult, ioi_dataset, patch_activations
from tests.app.made_up import named, patched


@pytest.mark.parametrize(("n", "told"), [(1, False), (4, False), (5, True)])
def test_an_interval_is_told_from_five_prompts_on(demo_model: Model, n: int, told: bool) -> None:
    pairs = ioi_dataset(demo_model, n, templates=[0])
    result = patch_activations(demo_model, pairs, "z")
    grid = effect_grid(demo_model, pairs, 0, result)
    assert ("95 % interval" in cell_story(result, grid, grid.ranking[0])) == told


def grid_of(result: PatchResult) -> EffectGrid:
    keys = tuple(tuple(f"head {layer}.{head}" for head in "012") for layer in "01")
    effects = result.effects
    return EffectGrid(
        effects.mean(-1), effects, ("0", "1"), ("0", "1", "2"), ((),) * 3, "layer", "head", keys, keys,
        least_effect(result),
    )  # fmt: skip


@given(patched())
def test_the_strongest_cells_are_the_strongest_and_nothing_is_called_nothing(made) -> None:
    result, _ = made
    grid, text = grid_of(result), strongest(grid_of(result), result)
    sizes = np.abs(grid.effects)
    assert ("does not show it" in text) == (sizes.max() < grid.least)
    if "does not show it" in text:
        return
    answer, told = text.split("\n")
    found = named(told)
    values = {key: grid.effects[at] for at, key in np.ndenumerate(np.array(grid.keys))}
    assert all(value == float(number(values[name])) for name, value in found)
    assert [abs(values[name]) for name, _ in found] == sorted(sizes.ravel())[::-1][: len(found)]
    assert all(abs(values[name]) >= grid.least for name, _ in found)
    good = (1 if result.direction is Direction.DENOISING else -1) * (-1 if result.metric == "kl" else 1)
    carriers = re.findall(r"head \d\.\d", answer)
    best = sorted((value for value in good * grid.effects.ravel() if value >= grid.least), reverse=True)
    assert [good * values[name] for name in carriers] == best[:3]
    assert ("Nothing here carries the answer" in answer) == (not best)


@given(patched(("logit_diff", "logit_diff_recovered")))
def test_where_the_corrupted_runs_score_higher_it_is_said(made) -> None:
    result, _ = made
    text = runs_story(result)
    recovered = result.metric == "logit_diff_recovered"
    assert ("The corrupted runs score higher" in text) == (recovered and result.clean < result.corrupted)
    gap = result.clean - result.corrupted
    if abs(gap) < 0.1 * max(abs(result.clean), abs(result.corrupted)):
        assert ("hardly differ" in text) == recovered
    assert f"is {number(result.clean)} in the clean runs and {number(result.corrupted)} in the corrupted" in text


@given(patched())
def test_blue_is_where_the_figure_says_it_is(made) -> None:
    result, changes = made
    figure = patch_heatmap(grid_of(result), result, None)
    cells = figure.data[0]
    towards = -1 if cells.reversescale else 1  # of a positive value: 1 is blue
    gap = result.clean - result.corrupted
    for at, change in np.ndenumerate(changes.mean(-1)):
        blue = towards * cells.z[at]
        meant = {"logit_diff_recovered": change * gap, "kl": -change}.get(result.metric, change)
        assert blue * meant >= -1e-6 * abs(blue)
    assert cells.zmax >= 5 * least_effect(result) * 0.999, "nothing is never in full colour"
    bars = prompt_effects(grid_of(result), result, (0, 0), 0)
    assert ("mean gap" in bars.layout.yaxis.title.text) == (result.metric == "logit_diff_recovered")


@given(patched(), patched())
def test_an_estimate_is_judged_only_where_there_is_something(made, other) -> None:
    grid, estimate = grid_of(made[0]), grid_of(other[0])
    text = estimate_story(estimate, grid, float("nan"))
    largest = max(np.abs(grid.effects).max(), np.abs(estimate.effects).max())
    assert ("There is nothing to estimate" in text) == (largest < grid.least)
    assert "Here it is" not in text, "no verdict without a correlation"
