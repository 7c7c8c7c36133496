"""Direct and total effects, and ways to ablate: words, figures and pages are the core's."""

import math

import numpy as np
import pytest

from app.circuit.methods.charts import method_bars, total_scatter
from app.circuit.methods.names import MARK
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
    line, *groups = figure.data
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
    assert {note.text for note in figure.layout.annotations} == {f"<b>{head}</b>" for head in outliers(effects)}
    direct, total = effects.values
    farthest = Head(*divmod(int(np.abs(total - direct).argmax()), SHAPE[1]))
    assert farthest in outliers(effects)
    frame = total_frame(effects, classes, "mean")
    np.testing.assert_allclose(frame["total_effect"], total.ravel())
    np.testing.assert_allclose(frame["direct_low_95"], bootstrap_interval(effects.per_prompt)[0][0].ravel())


@pytest.mark.parametrize(
    ("direct", "total", "words"),
    [
        (0.1, 9.0, "Farthest above the line: head 0.0, direct effect +0.100, total +9.00 logits."),
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
        f"{number(total[layer, head])} logits."
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


# Names of points


def _single(values: np.ndarray) -> PromptResult:
    """The same of one prompt, which has no intervals: the plot is as wide as its points are apart."""
    axes = {"effect": ("direct", "total"), "layer": tuple("0123456789ab"), "head": tuple("0123456789ab")}
    return PromptResult(
        values=values, axes=axes, metric="", unit="logits", n_prompts=1, per_prompt=values[..., None]
    )  # fmt: skip


def _hard(kind: str, seed: int) -> PromptResult:
    """GPT-2's 144 heads: a few far away, or few large and all others at 0, or all that are large in one place."""
    random = np.random.default_rng(seed)
    if kind == "far":
        return _single(random.standard_t(1.5, (2, 12, 12)))
    values = random.normal(0, 0.03, (2, 12, 12))
    if kind == "few":
        values[:, 9:11, :6] = random.normal(0, 0.3, (2, 2, 6))
    else:
        values[0, 8:, ::2] = random.normal(1, 0.1, (4, 6))
        values[1, 8:, ::2] = random.normal(1.3, 0.1, (4, 6))
    return _single(values)


SIZES = {
    "phone": ((260, 300), (16.3, 13), False),
    "laptop": ((880, 410), (16.3, 13), False),
    "projector": ((812, 196), (21.7, 17), True),
    "large projector": ((1335, 340), (21.7, 17), True),
}
"""Pixels between the outermost things drawn, and of a name of three letters, as measured in Chromium; large?"""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "result", ["bundled", *((kind, seed) for kind in ("far", "few", "one place") for seed in (2, 8))], ids=str
)
def test_a_reader_can_tell_the_point_of_each_name(effects: PromptResult, result: str | tuple, size: str) -> None:
    shown = effects if result == "bundled" else _hard(*result)
    plot, (wide, high), large = SIZES[size]
    figure = total_scatter(shown, {}, "mean", large=large)
    low, high_end = (np.nan_to_num(bound, nan=0) for bound in shown.interval())
    named = [Head.parse(note.text[3:-4]) for note in figure.layout.annotations]
    assert set(named) == set(outliers(shown))
    at = (slice(None), [head.layer for head in named], [head.head for head in named])
    ends = np.concatenate([shown.values.reshape(2, -1), low[at], high_end[at]], 1)
    scale = np.array(plot) / np.ptp(ends, axis=1)
    points = scale * shown.values.reshape(2, -1).T
    own = scale * shown.values[at].T
    away = [
        (note.ax, -note.ay) if note.showarrow is not False else (note.xshift, note.yshift)
        for note in figure.layout.annotations
    ]
    joined = np.array([note.showarrow is not False for note in figure.layout.annotations])
    middles = own + away
    halves = np.array([(wide * len(str(head)) / 3 / 2, high / 2) for head in named])
    for n in range(len(named)):
        gaps = np.maximum(np.abs(points - middles[n]) - halves[n], 0)
        to_own = np.maximum(np.abs(own - middles[n]) - halves[n], 0)
        far, far_named = np.linalg.norm(gaps, axis=1), np.linalg.norm(to_own, axis=1)
        assert far_named.min() >= MARK / 2 - 1, f"{named[n]} covers a named point"
        assert joined[n] or far_named[n] == far.min(), f"{named[n]} is nearer to another point"
        line = own[n] + np.linspace(0, 1, 100)[:, None] * (middles[n] - own[n])
        for other in range(len(named)):
            over = np.abs(middles[n] - middles[other]) < halves[n] + halves[other]
            assert other == n or not over.all(), f"{named[n]} and {named[other]} overlap"
            if joined[n] and other != n:
                through = (np.abs(line - middles[other]) < halves[other]).all(1)
                assert not through.any(), f"the line of {named[n]} goes through {named[other]}"
                on_its_mark = np.linalg.norm(own[n] - own[other]) < MARK
                passed = np.linalg.norm(line - own[other], axis=1).min() < 3
                assert on_its_mark or not passed, f"the line of {named[n]} passes the point of {named[other]}"
    assert result != "bundled" or 0 < joined.sum() < len(named) / 2


def test_an_only_name_stands_outwards_beside_its_point() -> None:
    values = np.zeros((2, 12, 12))
    values[:, 3, 4] = -1, 1
    [note] = total_scatter(_single(values), {}, "mean").layout.annotations
    assert not note.showarrow
    assert (note.xshift < 0, note.yshift > 0) == (True, True)
