"""Direct and total effects, and ways to ablate: words, figures and pages are the core's."""

import itertools
import math

import numpy as np
import pytest

from app.circuit.methods.charts import _label_sides, method_bars, total_scatter
from app.circuit.methods.tables import contrast_frame, total_frame
from app.circuit.methods.words import outliers, total_story
from app.colours import CLASS_COLOURS, CORRUPTED
from app.hosting import services
from app.words.effects import least
from app.words.phrases import number
from ioi_core import (
    Ablation,
    Head,
    Model,
    PromptPairs,
    PromptResult,
    backup_heads,
    bootstrap_interval,
    contrast_methods,
    direct_and_total,
    ioi_dataset,
)
from ioi_core.circuit.methods import METHODS
from tests.app.circuit.part_pages import page
from tests.app.pages import assert_fine, first_requests, says
from tests.models.bundled import INHIBITION, MOVERS, SHAPE

pytestmark = pytest.mark.usefixtures("loader")


# Direct and total


@pytest.fixture(scope="module")
def effects(demo_model: Model, abc: PromptPairs) -> PromptResult:
    return direct_and_total(demo_model, abc)


def test_every_head_is_a_point_of_its_class(effects: PromptResult) -> None:
    classes = {MOVERS[0]: "name mover", INHIBITION[0]: "S-inhibition"}
    figure = total_scatter(effects, classes, "mean")
    line, *groups, names = figure.data
    assert line.x == line.y
    points = {
        key: (x, y, group.marker.color, group.name)
        for group in groups
        for (key, _), x, y in zip(group.customdata, group.x, group.y, strict=True)
    }
    assert len(points) == math.prod(SHAPE)
    for layer, head in np.ndindex(SHAPE):
        x, y, colour, name = points[f"{layer}.{head}"]
        assert (x, y) == pytest.approx(tuple(effects.values[:, layer, head]))
        group = classes.get(Head(layer, head))
        assert name == (group or "no class")
        assert group is None or colour == CLASS_COLOURS[group]
    assert set(names.text) == {f"<b>{head}</b>" for head in outliers(effects)}
    direct, total = effects.values
    farthest = Head(*divmod(int(np.abs(total - direct).argmax()), SHAPE[1]))
    assert farthest in outliers(effects)
    frame = total_frame(effects, classes, "mean")
    np.testing.assert_allclose(frame["total_effect"], total.ravel())
    np.testing.assert_allclose(frame["direct_low_95"], bootstrap_interval(effects.per_prompt)[0][0].ravel())


@pytest.mark.parametrize(
    ("direct", "total", "words"),
    [
        (0.1, 9.0, "Farthest above the line: head 0.0, direct effect +0.100, total +9.00."),
        (0.1, -9.0, "Farthest below the line: head 0.0"),
        (9.0, 0.1, "No head comes after 0.0"),
        (-9.0, -0.1, "Farthest above the line: head 0.0"),
        (0.0, 0.002, "does not show it on these prompts: no head has an effect of 0.01 logits or more"),
        (9.0, 9.1, "All heads lie near the line"),
    ],
)
def test_what_it_means_that_two_effects_differ(direct: float, total: float, words: str) -> None:
    values = np.array([[[direct, 0.0]], [[total, 0.0]]])
    assert words in total_story(_two_effects(np.stack([values, values], -1)))


def _two_effects(per_prompt: np.ndarray) -> PromptResult:
    axes = {"effect": ("direct", "total"), "layer": ("0",), "head": ("0", "1")}
    return PromptResult(
        values=per_prompt.mean(-1), axes=axes, metric="", unit="logits", n_prompts=per_prompt.shape[-1],
        per_prompt=per_prompt,
    )  # fmt: skip


def test_opposite_signs_are_claimed_only_where_both_are_certain() -> None:
    effects = np.zeros((2, 1, 2, 20))
    effects[0, 0, 0], effects[1, 0, 0] = 9, -9
    assert "For 1 head the two even have opposite signs." in total_story(_two_effects(effects))
    effects = effects.copy()
    effects[1, 0, 0, :9] = 10  # mean -0.45: some of the resampled prompt sets are above 0
    effects[0, 0, 1] = 20  # what stands out
    assert "opposite signs" not in total_story(_two_effects(effects))


def test_a_direct_effect_of_uncertain_sign_is_hardly_any() -> None:
    effects = np.zeros((2, 1, 2, 20))
    effects[0, 0, 0, ::2], effects[0, 0, 0, 1::2] = 0.01, -0.01
    effects[1, 0, 0] = 9
    assert "1 head with hardly any direct effect would be missed." in total_story(_two_effects(effects))
    effects = effects.copy()
    effects[1, 0, 0, ::2] = -8  # mean 0.5: what is missed may as well be nothing
    effects[0, 0, 1], effects[1, 0, 1] = 2, 4  # what stands out
    assert "would be missed" not in total_story(_two_effects(effects))


@pytest.mark.parametrize("ablation", Ablation)
def test_the_direct_and_total_page_says_the_cores_numbers(demo_model: Model, ablation: Ablation) -> None:
    at = page("direct and total", prompts="generated", n="8", corruption="ABC", ablation=ablation.value)
    assert_fine(at)
    pairs = ioi_dataset(demo_model, 8, corruption="abc")
    direct, total = direct_and_total(demo_model, pairs, ablation=ablation).values
    layer, head = np.unravel_index((total - direct).argmax(), total.shape)
    said = (
        f"Farthest above the line: head {layer}.{head}, direct effect {number(direct[layer, head])}, total "
        f"{number(total[layer, head])}."
    )
    assert any(said in text for text in says(at))


def test_the_gallery_asks_as_the_page_does(demo_model: Model) -> None:
    assert_fine(page("direct and total"))
    [asked] = [one for one in first_requests(demo_model) if one.analysis == "direct_and_total"]
    assert services.computations().is_kept("direct_and_total", demo_model, **asked.parameters)


# Ways to ablate


def test_methods_are_drawn_side_by_side(demo_model: Model, abc: PromptPairs) -> None:
    result = contrast_methods(demo_model, abc, {MOVERS[0]: "END", INHIBITION[0]: "END"})
    [bars] = method_bars(result).data
    expected = [
        result.per_prompt[n].mean() - (result.corrupted if method == "denoising" else result.clean)
        for n, method in enumerate(METHODS)
    ]
    np.testing.assert_allclose(bars.x, expected, atol=1e-5)
    assert bars.x[METHODS.index("resample")] == bars.x[METHODS.index("noising")]
    low, high = bootstrap_interval(result.changes)
    np.testing.assert_allclose(np.array(bars.x) + bars.error_x.array, high, atol=1e-5)
    np.testing.assert_allclose(np.array(bars.x) - bars.error_x.arrayminus, low, atol=1e-5)
    frame = contrast_frame(result).set_index("method")
    gap = result.clean - result.corrupted
    np.testing.assert_allclose(frame["share_of_clean_minus_corrupted"], np.array(expected) / gap, atol=1e-6)
    assert frame.loc["denoising", "start"] == pytest.approx(result.corrupted)
    assert bars.error_x.color == CORRUPTED


def test_the_methods_page_says_the_cores_numbers_and_the_warnings(demo_model: Model) -> None:
    at = page("ways to ablate", prompts="generated", n="8", corruption="ABC", method_heads=list(map(str, MOVERS)))
    assert_fine(at)
    pairs = ioi_dataset(demo_model, 8, corruption="abc")
    result = contrast_methods(demo_model, pairs, dict.fromkeys(MOVERS, "END"))
    zero, mean, *_ = result.values - result.clean
    assert any(f"changes by {number(zero)} (zero), {number(mean)} (mean)" in text for text in says(at))
    backup = backup_heads(demo_model, pairs, MOVERS)
    assert any(f"zero ablation there leaves {number(float(backup.logit_diff[-1]))}" in text for text in says(at))
    text = " ".join(one.value for one in at.markdown)
    for warning in ("whether heads are enough", "hide ablations", "scale held still", "off distribution"):
        assert warning in text
    at.selectbox(key="method_at").select("S2").run()
    assert_fine(at)
    at_s2 = contrast_methods(demo_model, pairs, dict.fromkeys(MOVERS, "S2"))
    assert np.abs(at_s2.changes.mean(-1)).max() < least(result.clean)
    assert any("by none of the methods does logit_diff change" in text for text in says(at))
    assert not any("Direct effects would make it" in text for text in says(at)), "those are of END"


@pytest.mark.parametrize(("wide", "high"), [(260, 300), (880, 410), (660, 170)])
def test_names_of_heads_that_are_near_each_other_stand_apart(wide: int, high: int) -> None:
    """On a phone, a laptop and a projector: four points a few pixels from each other and two far away."""
    at = np.array([[0.5, 0.51, 0.5, 0.52, 0, 1], [0.5, 0.51, 0.475, 0.53, 1, 0]])
    sides = _label_sides(at[:, None], np.ones(2), [Head(0, n) for n in range(6)])
    ways = {"top": 1, "bottom": -1, "middle": 0, "right": 1, "left": -1, "center": 0}
    middles = [
        (wide * x + 16 * ways[side.split()[1]], high * y + 11 * ways[side.split()[0]])
        for side, x, y in zip(sides.values(), *at, strict=True)
    ]
    for (x, y), (other_x, other_y) in itertools.combinations(middles, 2):
        assert abs(x - other_x) >= 16 or abs(y - other_y) >= 14, sides
    assert sides[Head(0, 4)] == "top right", "where there is room, as everywhere"


def test_a_name_stands_nearest_to_its_own_point() -> None:
    low_and_high = np.array([[0.5, 0.5, 0, 1], [0.5, 0.54, 0, 1]])
    sides = _label_sides(low_and_high[:, None], np.ones(2), [Head(0, 0), Head(0, 1)])
    assert [side.split()[0] for side in sides.values()] == ["bottom", "top"]
