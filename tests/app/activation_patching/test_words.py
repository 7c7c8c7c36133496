"""Sentences of the Activation patching page."""

import pytest

from app.activation_patching.cells import effect_grid
from app.activation_patching.words import cell_story
from ioi_core import Model, ioi_dataset, patch_activations


@pytest.mark.parametrize(("n", "told"), [(1, False), (4, False), (5, True)])
def test_an_interval_is_told_from_five_prompts_on(demo_model: Model, n: int, told: bool) -> None:
    pairs = ioi_dataset(demo_model, n, templates=[0])
    result = patch_activations(demo_model, pairs, "z")
    grid = effect_grid(demo_model, pairs, 0, result)
    assert ("95 % interval" in cell_story(result, grid, grid.ranking[0])) == told
