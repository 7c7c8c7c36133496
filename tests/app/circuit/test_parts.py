"""Four parts of the Circuit page: what they say and draw is the core's, on the prompts and heads asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.circuit.backup.charts import change_heatmap, mover_bars, stage_bars
from app.circuit.backup.numbers import Stage, changes_of_others, movers, movers_frame, stages, stages_frame
from app.circuit.backup.words import cause_story, expected_story
from app.circuit.methods.charts import method_bars, total_scatter
from app.circuit.methods.words import contrast_frame, outliers, total_frame, total_story
from app.circuit.signals.charts import signal_bars
from app.circuit.signals.words import coefficients, fit_story, flips_frame
from app.drawing.parts import CLASS_COLOURS, CORRUPTED
from app.hosting import services
from app.warm import requests
from app.words.phrases import interval, over_prompts
from ioi_core import (
    Ablation,
    Backup,
    Head,
    Model,
    PromptPairs,
    Result,
    SignalFit,
    arena_pairs,
    attribute_heads,
    attribute_layers,
    backup_heads,
    bootstrap_interval,
    contrast_methods,
    direct_and_total,
    head_roles,
    ioi_dataset,
    load_model,
    prompt_pairs,
    token_and_position,
)
from ioi_core.circuit.methods import METHODS
from ioi_core.circuit.signals import SIGNALS
from ioi_core.engine.recording import record
from ioi_core.prompts.corruptions import SIGNAL_FLIPS
from tests.app.pages import Loader, assert_fine, body, gpt2_is, opened, says
from tests.models.random_gpt2 import save_random_gpt2

PAGE = "../pages/circuit.py"
PARTS = ("backup heads", "token or position", "direct and total", "ways to ablate")
FRANCE = {
    "prompts": "own", "text": "The capital of France is", "corrupted": "The capital of Italy is", "io": "Paris",
    "s": "Rome",
}  # fmt: skip
SENTENCE = "When John and Mary went to the shops, John gave the bag to"

pytestmark = pytest.mark.usefixtures("loader")


def page(part: str, **query: str | list[str]) -> AppTest:
    return opened(PAGE, circuit_part=part, **({"model": "ioi-demo"} | query))


def table(at: AppTest, column: str):
    return next(frame.value for frame in at.dataframe if column in frame.value.columns)


@pytest.fixture(scope="module")
def abc(demo_model: Model) -> PromptPairs:
    return ioi_dataset(demo_model, 8, corruption="abc")


@pytest.fixture(scope="module")
def small_abc(small_model: Model) -> PromptPairs:
    return ioi_dataset(small_model, 8, corruption="abc")


@pytest.fixture(scope="module")
def knocked(small_model: Model, small_abc: PromptPairs) -> Backup:
    """A random model, so that later heads do react."""
    return backup_heads(small_model, small_abc, [Head(1, 2), Head(3, 0), Head(2, 3)])


@pytest.fixture(scope="module")
def found(small_model: Model, small_abc: PromptPairs, knocked: Backup) -> list[Stage]:
    return stages(knocked, attribute_layers(small_model, small_abc))


# Backup heads: numbers


def residual_at_end(model: Model, pairs: PromptPairs) -> tuple[torch.Tensor, torch.Tensor]:
    """[batch d_model] the last residual stream at END, and [batch layer head d_model] what heads write there."""
    trace = record(model, torch.tensor(pairs.clean_tokens), ("z", "resid_post"))
    rows, ends = torch.arange(len(pairs)), torch.tensor(pairs.roles["END"])
    written = [
        torch.stack([layer["z"][rows, ends, h] @ weights.W_O.view(model.cfg.n_heads, model.cfg.d_head, -1)[h]
                     for h in range(model.cfg.n_heads)], 1)
        for layer, weights in zip(trace, model.weights.layers, strict=True)
    ]  # fmt: skip
    return trace[-1]["resid_post"][rows, ends], torch.stack(written, 1)


def test_layernorms_part_is_the_clean_stream_without_the_heads_divided_anew(
    small_model: Model, small_abc: PromptPairs, knocked: Backup, found: list[Stage]
) -> None:
    with torch.inference_mode():
        stream, written = residual_at_end(small_model, small_abc)
        io, s = torch.tensor(small_abc.answers).T
        direction, bias = (small_model.weights.W_U[:, io] - small_model.weights.W_U[:, s]).T, small_model.weights.b_U
        for number, stage in enumerate(found):
            left = stream - sum(written[:, head.layer, head.head] for head in stage.gone)
            left = left - left.mean(-1, keepdim=True)
            with_old, with_new = (
                (left * direction).sum(-1) / torch.tensor(knocked.scale_per_prompt[n]) + bias[io] - bias[s]
                for n in (0, number)
            )
            assert stage.naive == pytest.approx(float(with_old.mean()), abs=1e-4)
            assert stage.by_scale == pytest.approx(float((with_new - with_old).mean()), abs=1e-4)


def test_the_three_parts_add_up_and_only_later_heads_write_something_else(knocked: Backup, found: list[Stage]) -> None:
    for number, stage in enumerate(found):
        assert stage.by_scale + stage.by_heads + stage.by_rest == pytest.approx(stage.repair, abs=1e-5)
        assert stage.repair == pytest.approx(knocked.logit_diff[number] - knocked.naive[number], abs=1e-5)
        first = min((head.layer for head in stage.gone), default=99)
        for mover in movers(knocked, number):
            if mover.head.layer <= first:
                assert mover.change == pytest.approx(mover.by_scale, abs=1e-5)
    assert abs(found[1].by_heads) > 1e-3, "in a random model later heads react"
    assert found[0].repair == found[0].by_scale == found[0].by_heads == 0


def test_heads_of_the_last_layer_leave_no_head_to_step_in(demo_model: Model, abc: PromptPairs) -> None:
    backup = backup_heads(demo_model, abc, [Head(3, 2), Head(3, 4)])
    found = stages(backup, attribute_layers(demo_model, abc))
    assert found[-1].by_heads == pytest.approx(0, abs=1e-4)
    assert found[-1].repair > 1, "and yet something makes up for them"
    assert "no head steps in" in cause_story(found, found[-1], demo_model.cfg.n_layers)


def test_movers_are_all_others_ranked(knocked: Backup) -> None:
    for number in range(1, 4):
        moved = movers(knocked, number)
        gone = set(knocked.knocked_out[:number])
        assert {mover.head for mover in moved} == {Head(n, m) for n in range(4) for m in range(4)} - gone
        assert [abs(mover.change) for mover in moved] == sorted((abs(mover.change) for mover in moved), reverse=True)
        low, high = bootstrap_interval(knocked.changes_per_prompt[number])
        for mover in moved:
            at = mover.head.layer, mover.head.head
            assert mover.before == pytest.approx(knocked.values[0][at], abs=1e-6)
            assert mover.after == pytest.approx(knocked.values[number][at], abs=1e-6)
            assert mover.change == pytest.approx(knocked.changes[number][at], abs=1e-6)
            assert (mover.low, mover.high) == pytest.approx((low[at], high[at]), abs=1e-6)
        others = changes_of_others(knocked, number).mean(-1)
        assert {tuple(at) for at in np.argwhere(np.isnan(others))} == {(head.layer, head.head) for head in gone}


def stage(**values: float) -> Stage:
    numbers = dict.fromkeys(("real", "naive", "repair", "scale", "by_scale", "by_heads", "by_rest"), 0.0) | values
    intervals = {f"{name}_interval": (0.0, 0.0) for name in ("real", "naive", "repair", "scale")}
    return Stage(gone=(Head(9, 9),), **numbers, **intervals)


@pytest.mark.parametrize(
    ("real", "naive", "words"),
    [
        (2.92, 0.57, "Of the 2.98 logits that these heads wrote, 2.35 are made up for"),
        (0.57, 0.57, "nothing makes up for these heads"),
        (-0.5, 0.57, "That is 1.07 less than expected"),
        (4.0, 4.5, "These heads write against the answer"),
        (3.5, 3.54, "nothing to make up for"),
    ],
)
def test_what_was_expected_in_words(real: float, naive: float, words: str) -> None:
    before = stage(real=3.55, naive=3.55)
    said = expected_story([before], stage(real=real, naive=naive, repair=real - naive), 8)
    assert words in said
    assert f"Without 9.9 one would expect a logit_diff of {naive:+.2f} instead of +3.55" in said
    assert f"the model still has {real:+.2f}" in said


@pytest.mark.parametrize(
    ("by_scale", "by_heads", "by_rest", "words"),
    [
        (0.2, 2.0, 0.15, "So other heads do step in."),
        (2.2, 0.1, 0.05, "So no head steps in here: what looks like backup is mostly LayerNorm."),
        (0.1, 0.1, 2.15, "what looks like backup is mostly the MLPs"),
        (1.2, 1.0, 0.15, "but they are not all of it"),
    ],
)
def test_who_makes_up_for_it_in_words(by_scale: float, by_heads: float, by_rest: float, words: str) -> None:
    before = stage(real=3.55, naive=3.55, scale=20)
    after = stage(
        real=2.92, naive=0.57, repair=2.35, scale=19, by_scale=by_scale, by_heads=by_heads, by_rest=by_rest
    )  # fmt: skip
    said = cause_story([before, after], after, 12)
    assert words in said
    assert "(-5 %), so whatever is left counts for more" in said
    assert "last layer" not in said


# Backup heads: figures and page


def test_backup_figures_draw_the_cores_numbers(knocked: Backup, found: list[Stage]) -> None:
    real, _, naive = stage_bars(found, knocked).data
    np.testing.assert_allclose(real.x, knocked.logit_diff, atol=1e-5)
    np.testing.assert_allclose(naive.x, knocked.naive, atol=1e-5)
    low, high = bootstrap_interval(knocked.logit_diff_per_prompt)
    np.testing.assert_allclose(np.array(real.x) + real.error_x.array, high, atol=1e-5)
    np.testing.assert_allclose(np.array(real.x) - real.error_x.arrayminus, low, atol=1e-5)
    moved = movers(knocked, 2)
    bars, _, alone = mover_bars(moved, found[2], knocked).data
    assert [key for key, _ in bars.customdata] == [str(mover.head) for mover in moved[: len(bars.x)]]
    np.testing.assert_allclose(
        bars.x, [knocked.changes[2][one.head.layer, one.head.head] for one in moved[:10]], atol=1e-6
    )
    np.testing.assert_allclose(alone.x, [mover.by_scale for mover in moved[:10]])
    others = changes_of_others(knocked, 2)
    figure = change_heatmap(others, found[2], knocked)
    np.testing.assert_allclose(figure.data[0].z, others.mean(-1), atol=1e-6)
    low, high = bootstrap_interval(others[3, 1])
    [said] = [said for key, said in figure.data[1].customdata if key == "3.1"]
    assert f"({interval(float(low), float(high), over_prompts(knocked.n_prompts))})" in said
    assert [note.text for note in figure.layout.annotations] == ["gone", "gone"]
    gone = {f"{head}" for head in found[2].gone}
    assert {key for key, said in figure.data[1].customdata if said.endswith("is gone")} == gone
    assert list(stages_frame(found, knocked)["heads_gone"]) == ["none", "1.2", "1.2 3.0", "1.2 3.0 2.3"]
    assert len(movers_frame(moved, found[2].gone, knocked)) == 14


def test_the_backup_page_says_the_cores_numbers(demo_model: Model) -> None:
    at = page("backup heads", prompts="generated", n="8", corruption="ABC")
    assert_fine(at)
    assert at.header[0].value == "Who steps in when a head is gone?"
    pairs = ioi_dataset(demo_model, 8, corruption="abc")
    direct = attribute_heads(demo_model, pairs).values
    strongest = [Head(*divmod(int(n), 6)) for n in np.argsort(-direct, axis=None)[:3]]
    assert at.multiselect(key="knock_out").value == [str(head) for head in strongest]
    backup = backup_heads(demo_model, pairs, strongest)
    for stage_number in (1, 3):
        expected = f"the model still has {backup.logit_diff[stage_number]:+.2f}"
        assert any(expected in text and f"of {backup.naive[stage_number]:+.2f} instead" in text for text in says(at))
    np.testing.assert_allclose(table(at, "layernorm_scale")["layernorm_scale"], backup.scale, atol=1e-4)
    next(box for box in at.selectbox if box.label == "Heads that are gone").select_index(0).run()
    assert_fine(at)
    assert any(f"it divides by {backup.scale[1]:.2f} instead of {backup.scale[0]:.2f}" in text for text in says(at))


@pytest.mark.parametrize("ablation", ["mean", "resample"])
def test_what_stands_in_for_a_head_comes_from_abc_twins(demo_model: Model, ablation: str) -> None:
    at = page("backup heads", knock_out_by=ablation, knock_out=["3.2"], prompts="generated", n="6")
    assert_fine(at)
    pairs = ioi_dataset(demo_model, 6)
    io, s = ([demo_model.token_text(token) for token in column] for column in pairs.answers.T.tolist())
    twins = prompt_pairs(demo_model, list(pairs.clean_text), None, io, s, corruption="abc")
    same = replace(pairs, corrupted_tokens=twins.corrupted_tokens)
    backup = backup_heads(demo_model, same, [Head(3, 2)], ablation=ablation)
    assert any(f"the model still has {backup.logit_diff[1]:+.2f}" in text for text in says(at))
    assert any("ABC twins" in caption.value for caption in at.caption)


def test_zero_ablation_needs_no_roles_and_the_other_ways_say_what_they_need() -> None:
    at = page("backup heads", **FRANCE)
    assert_fine(at)
    assert any("one would expect" in text for text in says(at))
    at.radio(key="knock_out_by").set_value("mean").run()
    assert not at.exception
    assert "these prompts have no IO" in body(at)


def test_heads_that_nobody_chose_follow_the_prompts_and_chosen_ones_stay(demo_model: Model) -> None:
    at = page("backup heads")
    classic = at.multiselect(key="knock_out").value
    direct = attribute_heads(demo_model, arena_pairs(demo_model)).values
    assert classic == [f"{n // 6}.{n % 6}" for n in np.argsort(-direct, axis=None, kind="stable")[:3]]
    at.multiselect(key="knock_out").set_value(["2.0", "3.1"]).run()
    at.radio(key="prompts").set_value("generated").run()
    assert_fine(at)
    assert at.multiselect(key="knock_out").value == ["2.0", "3.1"]
    assert any("Without 2.0 and 3.1 one would expect" in text for text in says(at))
    at.multiselect(key="knock_out").set_value([]).run()
    assert_fine(at)
    assert any("Choose at least one head" in text.value for text in at.markdown)


def test_a_link_with_heads_of_another_model_is_answered_in_words() -> None:
    at = page("backup heads", knock_out=["9.9", "3.1", "<b>x</b>"])
    assert_fine(at)
    assert at.multiselect(key="knock_out").value == ["3.1"]
    assert "9.9, &lt;b&gt;x&lt;/b&gt;" in body(at)


def test_on_gpt2_small_the_published_name_movers_are_knocked_out(loader: Loader, tmp_path: Path) -> None:
    shaped = load_model(str(save_random_gpt2(tmp_path / "shaped", 12, 24, 12)))
    loader.gpt2 = replace(shaped, name="gpt2-small")
    page("backup heads", model="gpt2-small")
    gpt2_is("ready")
    at = page("backup heads", model="gpt2-small")
    assert_fine(at)
    assert set(at.multiselect(key="knock_out").value) == {"9.6", "9.9", "10.0"}
    at = page("backup heads")
    assert not {"9.9", "9.6"} & set(at.multiselect(key="knock_out").value)
    at.selectbox(key="model").select("gpt2-small").run()
    assert set(at.multiselect(key="knock_out").value) == {"9.6", "9.9", "10.0"}, "nobody chose the demo's heads"
    at = page("token or position", model="gpt2-small")
    assert at.multiselect(key="signal_heads").value == ["7.3", "7.9", "8.6", "8.10"]
    assert any("GPT-2 small's S-inhibition heads" in caption.value for caption in at.caption)


# Token or position


def flips_of(model: Model, pairs: PromptPairs) -> dict[str, PromptPairs]:
    io, s = ([model.token_text(token) for token in column] for column in pairs.answers.T.tolist())
    return {
        flip: prompt_pairs(
            model, list(pairs.clean_text), None, io, s, corruption=flip, prepend_bos=pairs.prepend_bos
        )
        for flip in SIGNAL_FLIPS
    }  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [{}, {"prompts": "generated", "n": "5", "bos": "false"}, {"prompts": "own", "text": SENTENCE}],
    ids=["classic", "generated", "typed"],
)
def test_the_signals_of_any_ioi_prompts_are_told_apart(demo_model: Model, query: dict[str, str]) -> None:
    at = page("token or position", **query)
    assert_fine(at)
    pairs = {
        "generated": ioi_dataset(demo_model, 5, prepend_bos=False), "own": prompt_pairs(demo_model, [SENTENCE])
    }.get(query.get("prompts", ""), arena_pairs(demo_model))  # fmt: skip
    heads = head_roles(demo_model, pairs).heads("S-inhibition")
    assert at.multiselect(key="signal_heads").value == [str(head) for head in heads]
    assert any("measure as S-inhibition heads on these prompts" in caption.value for caption in at.caption)
    result = token_and_position(demo_model, flips_of(demo_model, pairs), heads)
    position, token = result.coefficients
    [said] = [text for text in says(at) if "S_tok" in text]
    assert f"logit_diff = {position:+.2f} S_pos {'+' if token > 0 else '-'} {abs(token):.2f} S_tok" in said
    assert f"off by {result.mean_error:.2f} logits" in said
    examples = table(at, "the variant of the prompt shown")
    assert list(examples["flip"]) == list(SIGNALS)
    assert examples["the variant of the prompt shown"].iloc[0] == pairs.clean_text[0]


def test_generated_flips_are_those_of_the_data_set(demo_model: Model) -> None:
    """New names aside, which the two draw apart: the four flips without new names are the very same prompts."""
    pairs = ioi_dataset(demo_model, 28, prepend_bos=False)
    for flip, made in flips_of(demo_model, pairs).items():
        drawn = ioi_dataset(demo_model, 28, corruption=flip, prepend_bos=False)
        if flip in ("CDD", "DCD"):
            continue
        np.testing.assert_array_equal(made.corrupted_tokens, drawn.corrupted_tokens)


def test_prompts_without_names_have_no_flips() -> None:
    at = page("token or position", **FRANCE)
    assert not at.exception
    assert "the six flips exchange the two names, and these prompts have no IO" in body(at)
    assert "Something went wrong" not in body(at)


def test_the_signal_figure_draws_the_cores_numbers(demo_model: Model, abc: PromptPairs) -> None:
    result = token_and_position(demo_model, flips_of(demo_model, abc), [Head(2, 0), Head(2, 3)])
    bars, _, formula = signal_bars(result).data
    np.testing.assert_allclose(bars.x, result.values, atol=1e-6)
    np.testing.assert_allclose(formula.x, result.fitted, atol=1e-6)
    low, high = bootstrap_interval(result.per_prompt)
    np.testing.assert_allclose(np.array(bars.x) + bars.error_x.array, high, atol=1e-5)
    np.testing.assert_allclose(np.array(bars.x) - bars.error_x.arrayminus, low, atol=1e-5)
    assert list(flips_frame(result)["flip"]) == list(SIGNALS)
    found = coefficients(result)
    for value, (least, most) in (
        (found.position, found.position_interval),
        (found.token, found.token_interval),
    ):
        assert least <= value <= most
    one = replace(result, per_prompt=result.per_prompt[:, :1], n_prompts=1)
    assert "interval" not in fit_story(one, coefficients(one))


@pytest.mark.parametrize(
    ("position", "token", "words"),
    [
        (2.31, 0.99, "Both count: the place 2.3 times as much as the token."),
        (0.05, 20.0, "which token is repeated, and next to nothing about the place"),
        (-3.0, 0.1, "which place is repeated, and next to nothing about the token"),
        (0.0, 0.0, "neither"),
    ],
)
def test_which_signal_counts_in_words(position: float, token: float, words: str) -> None:
    values = np.array([position * p + token * t for p, t in SIGNALS.values()])
    result = SignalFit(
        values, {"flip": tuple(SIGNALS)}, "logit_diff", "logits", 2, values[:, None].repeat(2, 1), None,
        (Head(7, 3),), (position, token),
    )  # fmt: skip
    assert words in fit_story(result, coefficients(result))


# Direct and total


@pytest.fixture(scope="module")
def effects(demo_model: Model, abc: PromptPairs) -> Result:
    return direct_and_total(demo_model, abc)


def test_every_head_is_a_point_of_its_class(effects: Result) -> None:
    classes = {Head(3, 2): "name mover", Head(2, 0): "S-inhibition"}
    figure = total_scatter(effects, classes, "mean")
    line, *groups = figure.data
    assert line.x == line.y
    points = {
        key: (x, y, group.marker.color, group.name)
        for group in groups
        for (key, _), x, y in zip(group.customdata, group.x, group.y, strict=True)
    }
    assert len(points) == 24
    for layer in range(4):
        for head in range(6):
            x, y, colour, name = points[f"{layer}.{head}"]
            assert (x, y) == pytest.approx(tuple(effects.values[:, layer, head]))
            group = classes.get(Head(layer, head))
            assert name == (group or "no class")
            assert group is None or colour == CLASS_COLOURS[group]
    written = {text for group in groups for text in group.text if text}
    assert written == {f"<b>{head}</b>" for head in outliers(effects)}
    direct, total = effects.values
    farthest = Head(*divmod(int(np.abs(total - direct).argmax()), 6))
    assert farthest in outliers(effects)
    frame = total_frame(effects, classes, "mean")
    np.testing.assert_allclose(frame["total_effect"], total.ravel())
    np.testing.assert_allclose(frame["direct_low_95"], bootstrap_interval(effects.per_prompt)[0][0].ravel())


@pytest.mark.parametrize(
    ("direct", "total", "words"),
    [
        (0.1, 9.0, "does more by way of others than by what it writes itself"),
        (0.1, -9.0, "does more against the answer by way of others"),
        (9.0, 0.1, "writes more than is missed without it"),
        (-9.0, -0.1, "writes more against the answer than its loss helps"),
        (9.0, 9.1, "All heads lie near the line"),
    ],
)
def test_what_it_means_that_two_effects_differ(direct: float, total: float, words: str) -> None:
    values = np.array([[[direct, 0.0]], [[total, 0.0]]])
    assert words in total_story(_two_effects(np.stack([values, values], -1)))


def _two_effects(per_prompt: np.ndarray) -> Result:
    axes = {"effect": ("direct", "total"), "layer": ("0",), "head": ("0", "1")}
    return Result(per_prompt.mean(-1), axes, "", "logits", per_prompt.shape[-1], per_prompt)


def test_opposite_signs_are_claimed_only_where_both_are_certain() -> None:
    effects = np.zeros((2, 1, 2, 20))
    effects[0, 0, 0], effects[1, 0, 0] = 9, -9
    assert "For 1 head the two even have opposite signs." in total_story(_two_effects(effects))
    effects = effects.copy()
    effects[1, 0, 0, :9] = 10  # mean -0.45: some of the resampled prompt sets are above 0
    effects[0, 0, 1] = 20  # what stands out
    assert "opposite signs" not in total_story(_two_effects(effects))


@pytest.mark.parametrize("ablation", Ablation)
def test_the_direct_and_total_page_says_the_cores_numbers(demo_model: Model, ablation: Ablation) -> None:
    at = page("direct and total", prompts="generated", n="8", corruption="ABC", ablation=ablation.value)
    assert_fine(at)
    pairs = ioi_dataset(demo_model, 8, corruption="abc")
    direct, total = direct_and_total(demo_model, pairs, ablation=ablation).values
    layer, head = np.unravel_index((total - direct).argmax(), total.shape)
    said = (
        f"Head {layer}.{head} does more by way of others than by what it writes itself: "
        f"direct effect {direct[layer, head]:+.2f}, total {total[layer, head]:+.2f}."
    )
    assert any(said in text for text in says(at))


def test_the_gallery_asks_as_the_page_does(demo_model: Model) -> None:
    assert_fine(page("direct and total"))
    asked = [one for analysis, one in requests(demo_model, "classic") if analysis == "direct_and_total"]
    assert len(asked) == 1
    assert all(services.computations().is_kept("direct_and_total", demo_model, **one) for one in asked)


# Ways to ablate


def test_methods_are_drawn_side_by_side(demo_model: Model, abc: PromptPairs) -> None:
    result = contrast_methods(demo_model, abc, {Head(3, 2): "END", Head(2, 1): "END"})
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
    at = page("ways to ablate", prompts="generated", n="8", corruption="ABC", method_heads=["3.2", "3.4"])
    assert_fine(at)
    pairs = ioi_dataset(demo_model, 8, corruption="abc")
    result = contrast_methods(demo_model, pairs, {Head(3, 2): "END", Head(3, 4): "END"})
    zero, mean, *_ = result.values - result.clean
    assert any(f"changes by {zero:+.2f} (zero), {mean:+.2f} (mean)" in text for text in says(at))
    backup = backup_heads(demo_model, pairs, [Head(3, 2), Head(3, 4)])
    assert any(f"zero ablation there leaves {backup.logit_diff[-1]:+.2f}" in text for text in says(at))
    text = " ".join(one.value for one in at.markdown)
    for warning in ("whether heads are enough", "hide ablations", "scale held still", "off distribution"):
        assert warning in text
    at.selectbox(key="method_at").select("S2").run()
    assert_fine(at)
    at_s2 = contrast_methods(demo_model, pairs, {Head(3, 2): "S2", Head(3, 4): "S2"}).values
    assert any(f"changes by {at_s2[0] - result.clean:+.2f} (zero)" in text for text in says(at))
    assert not any("Direct effects would make it" in text for text in says(at)), "those are of END"


# Every part


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("query", [{}, {"prompts": "own", "text": SENTENCE}, {"prompts": "generated", "n": "1"}])
def test_every_part_opens_on_any_ioi_prompts(part: str, query: dict[str, str]) -> None:
    at = page(part, **query)
    assert_fine(at)
    assert says(at)
    assert "nan" not in " ".join(says(at))


@pytest.mark.parametrize("part", PARTS[1:])
def test_other_tasks_are_refused_in_words(part: str) -> None:
    at = page(part, **FRANCE)
    assert not at.exception
    assert "Something went wrong" not in body(at)
    assert "these prompts have no IO" in body(at)


@pytest.mark.parametrize("part", PARTS)
def test_templates_stand_side_by_side_on_request(part: str) -> None:
    names = {"backup heads": "backup_stages", "token or position": "signal_fit", "direct and total": "direct_and_total"}
    at = page(part, **{f"templates_{names.get(part, 'methods')}": "true"})
    assert_fine(at)
    assert any("Most apart: " in text and "a template of its own" in text for text in says(at))
