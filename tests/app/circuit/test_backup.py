"""Backup heads: numbers, words, figures and page are the core's, on the prompts and heads asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.circuit.backup.charts import change_heatmap, mover_bars, stage_bars
from app.circuit.backup.numbers import Mover, Stage, changes_of_others, movers, stages
from app.circuit.backup.tables import changes_frame, movers_frame, stages_frame
from app.circuit.backup.words import cause_story, changes_story, expected_story, step_in_story
from app.words.phrases import interval, mean_over, number, size
from ioi_core import (
    Backup,
    Head,
    Model,
    PromptPairs,
    arena_pairs,
    attribute_heads,
    attribute_layers,
    backup_heads,
    bootstrap_interval,
    ioi_dataset,
    load_model,
    prompt_pairs,
)
from ioi_core.engine.recording import record
from tests.app.circuit.part_pages import FRANCE, page, table
from tests.app.pages import Loader, assert_fine, body, gpt2_is, says
from tests.models.bundled import BACKUP, INHIBITION, MOVERS, NEGATIVE, SHAPE
from tests.models.random_gpt2 import save_random_gpt2

pytestmark = pytest.mark.usefixtures("loader")


@pytest.fixture(scope="module")
def knocked(small_model: Model, small_abc: PromptPairs) -> Backup:
    """A random model, so that later heads do react."""
    return backup_heads(small_model, small_abc, [Head(1, 2), Head(3, 0), Head(2, 3)])


@pytest.fixture(scope="module")
def all_stages(small_model: Model, small_abc: PromptPairs, knocked: Backup) -> list[Stage]:
    return stages(knocked, attribute_layers(small_model, small_abc))


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


def test_layernorms_part_is_the_clean_stream_without_the_heads_divided_again(
    small_model: Model, small_abc: PromptPairs, knocked: Backup, all_stages: list[Stage]
) -> None:
    with torch.inference_mode():
        stream, written = residual_at_end(small_model, small_abc)
        io, s = torch.tensor(small_abc.answers).T
        direction, bias = (small_model.weights.W_U[:, io] - small_model.weights.W_U[:, s]).T, small_model.weights.b_U
        for gone, stage in enumerate(all_stages):
            left = stream - sum(written[:, head.layer, head.head] for head in stage.gone)
            left = left - left.mean(-1, keepdim=True)
            with_old, with_new = (
                (left * direction).sum(-1) / torch.tensor(knocked.scale_per_prompt[n]) + bias[io] - bias[s]
                for n in (0, gone)
            )
            assert stage.naive == pytest.approx(float(with_old.mean()), abs=1e-4)
            assert stage.by_scale == pytest.approx(float((with_new - with_old).mean()), abs=1e-4)


def test_the_three_parts_add_up_and_only_later_heads_write_something_else(
    knocked: Backup, all_stages: list[Stage]
) -> None:
    for gone, stage in enumerate(all_stages):
        assert stage.by_scale + stage.by_heads + stage.by_rest == pytest.approx(stage.repair, abs=1e-5)
        assert stage.repair == pytest.approx(knocked.logit_diff[gone] - knocked.naive[gone], abs=1e-5)
        first = min((head.layer for head in stage.gone), default=99)
        for mover in movers(knocked, gone):
            if mover.head.layer <= first:
                assert mover.change == pytest.approx(mover.by_scale, abs=1e-5)
    assert abs(all_stages[1].by_heads) > 1e-3, "in a random model later heads react"
    assert all_stages[0].repair == all_stages[0].by_scale == all_stages[0].by_heads == 0


def test_heads_of_the_last_layer_leave_no_head_to_step_in(demo_model: Model, abc: PromptPairs) -> None:
    assert {head.layer for head in NEGATIVE} == {SHAPE[0] - 1}
    before, without = stages(backup_heads(demo_model, abc, NEGATIVE), attribute_layers(demo_model, abc))
    assert without.by_heads == pytest.approx(0, abs=1e-4)
    story = cause_story(before, without, SHAPE[0])
    assert "No other head could notice" in story
    assert "other heads ≈ 0, " in story, "nothing, but for rounding"


def test_where_name_movers_are_gone_the_backup_steps_in(demo_model: Model, abc: PromptPairs) -> None:
    backup = backup_heads(demo_model, abc, MOVERS)
    before, *_, without = stages(backup, attribute_layers(demo_model, abc))
    assert without.by_heads > 0.6 * without.repair > 0
    assert "So other heads do step in" in cause_story(before, without, SHAPE[0])
    of_backup = next(mover for mover in movers(backup, len(MOVERS)) if mover.head == BACKUP[0])
    assert of_backup.low > 0


def test_movers_are_all_others_ranked(knocked: Backup) -> None:
    for count in range(1, 4):
        moved = movers(knocked, count)
        gone = set(knocked.knocked_out[:count])
        assert {mover.head for mover in moved} == {Head(n, m) for n in range(4) for m in range(4)} - gone
        assert [abs(mover.change) for mover in moved] == sorted((abs(mover.change) for mover in moved), reverse=True)
        low, high = bootstrap_interval(knocked.changes_per_prompt[count])
        for mover in moved:
            at = mover.head.layer, mover.head.head
            assert mover.before == pytest.approx(knocked.values[0][at], abs=1e-6)
            assert mover.after == pytest.approx(knocked.values[count][at], abs=1e-6)
            assert mover.change == pytest.approx(knocked.changes[count][at], abs=1e-6)
            assert (mover.low, mover.high) == pytest.approx((low[at], high[at]), abs=1e-6)
        others = changes_of_others(knocked, count).mean(-1)
        assert {tuple(at) for at in np.argwhere(np.isnan(others))} == {(head.layer, head.head) for head in gone}


def stage(**values: float) -> Stage:
    numbers = dict.fromkeys(("real", "naive", "repair", "scale", "by_scale", "by_heads", "by_rest"), 0.0) | values
    intervals = {f"{name}_interval": (np.nan, np.nan) for name in ("real", "naive", "repair", "scale")}
    return Stage(gone=(Head(9, 9),), **numbers, **intervals)


@pytest.mark.parametrize(
    ("real", "naive", "words"),
    [
        (2.92, 0.57, "Of the 2.98 logits that these heads wrote, 2.35 logits (mean over 8 prompts) are made up for."),
        (3.92, 0.57, "The 2.98 logits that these heads wrote are more than made up for"),
        (0.57, 0.57, "nothing makes up for these heads"),
        (-0.5, 0.57, "That is 1.07 logits less than expected"),
        (4.0, 4.5, "By themselves these heads lower logit_diff"),
        (1.0, 3.54, "yet logit_diff ends 2.54 logits (mean over 8 prompts) below: they work by way of others"),
        (3.53, 3.54, "nothing to make up for"),
    ],
)
def test_what_was_expected_in_words(real: float, naive: float, words: str) -> None:
    before = stage(real=3.55, naive=3.55)
    story = expected_story(before, stage(real=real, naive=naive, repair=real - naive), 8)
    assert words in story
    assert f"Without 9.9 one would expect a logit_diff of {number(naive)} instead of +3.55" in story
    assert f"the model has {number(real)}.\n" in story


def mover(head: str, before: float, after: float, by_scale: float = 0.0, low: float = 0.1) -> Mover:
    return Mover(Head.parse(head), before, after, after - before, low, 9.0, by_scale)


HELD_BACK, IN_PLACE = mover("10.7", -1.9, -0.71), mover("10.10", 0.48, 1.23)


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        (
            [HELD_BACK, IN_PLACE],
            "head 10.10 steps in (direct effect from +0.480 to +1.23 logits); 10.7 takes less away.",
        ),
        ([IN_PLACE], "head 10.10 steps in (direct effect from +0.480 to +1.23 logits)."),
        (
            [mover("10.2", 0.1, 0.3), mover("10.6", 0.1, 0.5), IN_PLACE, HELD_BACK],
            "heads 10.10 (direct effect +0.480 to +1.23) and 10.6 (+0.100 to +0.500) step in most; "
            "10.7 takes less away.",
        ),
        ([HELD_BACK], "No head steps in without 9.9, but 10.7 takes less away."),
        ([mover("10.10", 1.0, 1.4, by_scale=0.4)], "No head steps in without 9.9: none writes clearly more towards"),
        ([mover("10.10", 1.0, 1.4, low=-0.1)], "No head steps in without 9.9: none"),
        ([mover("10.10", 1.4, 1.0), mover("10.6", 1.0, 1.02)], "No head steps in without 9.9: none"),
        ([], "No head steps in without 9.9: none"),
    ],
)
def test_who_steps_in_is_named_in_words(moved: list[Mover], words: str) -> None:
    before, after = stage(real=3.55, naive=3.55), stage(real=2.92, naive=0.57, repair=2.35)
    [text] = step_in_story(moved, before, after)
    assert words in text
    assert len(text.split()) <= 25 - 4, "up to three heads are named as ablated, which takes four words instead of one"
    many = replace(after, gone=tuple(Head(9, n) for n in range(4)))
    assert "ithout these heads" in step_in_story(moved, before, many)[0]
    assert step_in_story(moved, before, stage(real=4.0, naive=4.5)) == [], (
        "without a head that does harm none is missed"
    )


@pytest.mark.parametrize(
    ("by_scale", "by_heads", "by_rest", "n_layers", "words"),
    [
        (0.2, 2.0, 0.15, 12, "So other heads do step in."),
        (2.2, 0.1, 0.05, 12, "So it is hardly any other head: what looks like backup is above all LayerNorm."),
        (2.3, 0.0, 0.05, 10, "So it is no other head: what looks like backup is above all LayerNorm."),
        (0.1, 0.1, 2.15, 12, "what looks like backup is above all the MLPs"),
        (1.2, 1.0, 0.15, 12, "but they are not all of it"),
    ],
)
def test_who_makes_up_for_it_in_words(
    by_scale: float, by_heads: float, by_rest: float, n_layers: int, words: str
) -> None:
    before = stage(real=3.55, naive=3.55, scale=20)
    after = stage(
        real=2.92, naive=0.57, repair=2.35, scale=19, by_scale=by_scale, by_heads=by_heads, by_rest=by_rest
    )  # fmt: skip
    story = cause_story(before, after, n_layers)
    assert words in story
    assert "(-5 %), so whatever is left counts for more" in story
    assert ("last layer" in story) == (n_layers == 10), "9.9 is gone"


# Figures and page


def test_how_many_other_heads_move_is_counted() -> None:
    changes = np.zeros((4, 2, 3))
    changes[1, 0] = [0.5, 0.1, 0.3]
    changes[3, 1] = -0.02
    changes[2, 0] = [1, -1, 0]
    changes[0, 0] = np.nan
    assert changes_story(changes, stage(real=1.5)) == (
        "2 of 7 other heads move by 0.015 logits or more, in layers 1 and 3."
    )


def test_backup_figures_draw_the_cores_numbers(knocked: Backup, all_stages: list[Stage]) -> None:
    real, _, naive = stage_bars(all_stages, knocked).data
    np.testing.assert_allclose(real.x, knocked.logit_diff, atol=1e-5)
    np.testing.assert_allclose(naive.x, knocked.naive, atol=1e-5)
    low, high = bootstrap_interval(knocked.logit_diff_per_prompt)
    np.testing.assert_allclose(np.array(real.x) + real.error_x.array, high, atol=1e-5)
    np.testing.assert_allclose(np.array(real.x) - real.error_x.arrayminus, low, atol=1e-5)
    moved = movers(knocked, 2)
    bars, _, alone = mover_bars(moved, all_stages[2], knocked).data
    assert [key for key, _ in bars.customdata] == [str(mover.head) for mover in moved[: len(bars.x)]]
    np.testing.assert_allclose(
        bars.x, [knocked.changes[2][mover.head.layer, mover.head.head] for mover in moved[:10]], atol=1e-6
    )
    np.testing.assert_allclose(alone.x, [mover.by_scale for mover in moved[:10]])
    others = changes_of_others(knocked, 2)
    figure = change_heatmap(others, all_stages[2], knocked)
    np.testing.assert_allclose(figure.data[0].z, others.mean(-1), atol=1e-6)
    low, high = bootstrap_interval(others[3, 1])
    [hover_text] = [hover_text for key, hover_text in figure.data[1].customdata if key == "3.1"]
    assert f"({interval(float(low), float(high), mean_over(knocked.n_prompts))})" in hover_text
    assert [note.text for note in figure.layout.annotations] == ["✕", "✕"]
    gone = {f"{head}" for head in all_stages[2].gone}
    assert {key for key, hover_text in figure.data[1].customdata if hover_text.endswith("is ablated")} == gone
    assert list(stages_frame(all_stages, knocked)["heads_ablated"]) == ["none", "1.2", "1.2 3.0", "1.2 3.0 2.3"]
    by_size, by_layer = (frame(moved, all_stages[2].gone, knocked) for frame in (movers_frame, changes_frame))
    assert len(by_size) == 14
    assert by_layer["head"].tolist() == sorted(by_size["head"], key=Head.parse)
    assert not {"before", "after"} & set(by_layer.columns), "the second figure's file is not the first's again"


def test_the_backup_page_says_the_cores_numbers(demo_model: Model) -> None:
    at = page("backup heads", prompts="generated", n="8", corruption="ABC")
    assert_fine(at)
    assert at.title[0].value == "Who steps in when a head is ablated?"
    pairs = ioi_dataset(demo_model, 8, corruption="abc")
    direct = attribute_heads(demo_model, pairs).values
    strongest = [Head(*divmod(int(n), SHAPE[1])) for n in np.argsort(-direct, axis=None)[:2]]
    assert at.multiselect(key="knock_out").value == [str(head) for head in strongest]
    backup = backup_heads(demo_model, pairs, strongest)
    for stage_number in (1, 2):
        expected = f"the model has {number(float(backup.logit_diff[stage_number]))}."
        assert any(
            expected in text and f"of {number(float(backup.naive[stage_number]))} instead" in text for text in says(at)
        )
    risen = backup.changes[2].copy()
    risen[*zip(*((head.layer, head.head) for head in strongest), strict=True)] = 0
    risen[backup.values[2] <= 0] = 0
    first = Head(*divmod(int(risen.argmax()), SHAPE[1]))
    effects = " to ".join(number(float(backup.values[n][first.layer, first.head])) for n in (0, 2))
    assert first in BACKUP
    assert f"head {first} steps in (direct effect from {effects} logits)" in says(at)[0]
    np.testing.assert_allclose(table(at, "layernorm_scale")["layernorm_scale"], backup.scale, atol=1e-4)
    next(box for box in at.selectbox if box.label == "Ablated heads").select_index(0).run()
    assert_fine(at)
    assert any(f"it divides by {size(backup.scale[1])} instead of {size(backup.scale[0])}" in text for text in says(at))


@pytest.mark.parametrize("ablation", ["mean", "resample"])
def test_what_stands_in_for_a_head_comes_from_abc_twins(demo_model: Model, ablation: str) -> None:
    at = page("backup heads", knock_out_by=ablation, knock_out=[str(MOVERS[0])], prompts="generated", n="6")
    assert_fine(at)
    pairs = ioi_dataset(demo_model, 6)
    io, s = ([demo_model.token_text(token) for token in column] for column in pairs.answers.T.tolist())
    twins = prompt_pairs(demo_model, list(pairs.clean_text), None, io, s, corruption="abc")
    same = replace(pairs, corrupted_tokens=twins.corrupted_tokens)
    backup = backup_heads(demo_model, same, MOVERS[:1], ablation=ablation)
    assert any(f"the model has {number(float(backup.logit_diff[1]))}.\n" in text for text in says(at))
    assert any("ABC twins" in caption.value for caption in at.caption)


@pytest.mark.parametrize("ablation", ["zero", "mean", "resample"])
def test_on_another_task_the_prompts_own_twins_stand_in_for_a_head(demo_model: Model, ablation: str) -> None:
    at = page("backup heads", knock_out_by=ablation, knock_out=[str(MOVERS[0])], **FRANCE)
    assert_fine(at)
    capitals = prompt_pairs(demo_model, FRANCE["text"], FRANCE["corrupted"], FRANCE["io"], FRANCE["s"])
    backup = backup_heads(demo_model, capitals, MOVERS[:1], ablation=ablation)
    assert any(f"the model has {number(float(backup.logit_diff[1]))}" in text for text in says(at))
    assert any("in the corrupted prompts of these pairs" in caption.value for caption in at.caption) is (
        ablation != "zero"
    )


def test_heads_that_nobody_chose_follow_the_prompts_and_chosen_ones_stay(demo_model: Model) -> None:
    at = page("backup heads")
    classic = at.multiselect(key="knock_out").value
    direct = attribute_heads(demo_model, arena_pairs(demo_model)).values
    assert classic == [str(Head(*divmod(int(n), SHAPE[1]))) for n in np.argsort(-direct, axis=None, kind="stable")[:2]]
    chosen = [str(INHIBITION[0]), str(MOVERS[1])]
    at.multiselect(key="knock_out").set_value(chosen).run()
    at.radio(key="prompts").set_value("generated").run()
    assert_fine(at)
    assert at.multiselect(key="knock_out").value == chosen
    assert any(f"Without {' and '.join(chosen)} one would expect" in text for text in says(at))
    at.multiselect(key="knock_out").set_value([]).run()
    assert_fine(at)
    assert any("Choose at least one head" in text.value for text in at.markdown)


def test_a_link_with_heads_of_another_model_is_answered_in_words() -> None:
    at = page("backup heads", knock_out=["9.9", str(MOVERS[1]), "<b>x</b>"])
    assert_fine(at)
    assert at.multiselect(key="knock_out").value == [str(MOVERS[1])]
    assert "9.9, &lt;b&gt;x&lt;/b&gt;" in body(at)


def test_on_gpt2_small_the_published_name_movers_are_knocked_out(loader: Loader, tmp_path: Path) -> None:
    shaped = load_model(str(save_random_gpt2(tmp_path / "shaped", 12, 24, 12)))
    loader.gpt2 = replace(shaped, name="gpt2-small", is_gpt2_small=True)
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
