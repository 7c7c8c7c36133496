"""Sentences of the four other parts of the Circuit page, held against results of every sign and size."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.circuit.backup.words import cause_story, expected_story, movers_story
from app.circuit.methods.words import contrast_story, total_story
from app.circuit.signals.words import fit_story, letters
from app.words.effects import least
from app.words.phrases import number, size
from ioi_core import bootstrap_interval
from ioi_core.circuit.methods import METHODS
from ioi_core.circuit.signals import SIGNALS
from tests.app.circuit.made_up import backup_movers, backup_stages, contrasts, signal_fits, two_effects
from tests.app.made_up import NUMBER


@given(backup_stages())
def test_what_is_made_up_for_was_lost_and_came_back(made) -> None:
    before, stage, n = made
    text = expected_story(before, stage, n)
    lost = before.real - stage.naive
    assert f"of {number(stage.naive)} instead of {number(before.real)}; the model has {number(stage.real)}" in text
    if "made up for" in text:
        assert lost > 0
        assert stage.repair > 0
        assert ("more than made up for" in text) == (stage.repair > lost)
    if "By themselves these heads lower logit_diff" in text:
        assert lost < 0
    if said := re.search(r"ends ([\d.]+) logits \(.*?\) (above|below)", text):
        assert (stage.repair > 0) == (said[2] == "above")
        assert said[1] == size(stage.repair)
    if "logits less than expected" in text:
        assert stage.real < stage.naive
    if re.search("nothing makes up|nothing to make up|that is what happens", text):
        assert abs(stage.repair) < max(least(before.real), 0.05 * abs(lost))
    if "is uncertain" in text:
        assert stage.repair_interval[0] <= 0 <= stage.repair_interval[1]


@given(backup_stages())
def test_other_heads_step_in_only_where_there_are_any(made) -> None:
    before, stage, _ = made
    text = cause_story(before, stage, 2)
    assert ("is what was expected" in text) == (abs(stage.repair) < least(before.real))
    if "is what was expected" in text:
        return
    assert f"logits {'above' if stage.repair >= 0 else 'below'} what was expected" in text
    last = all(head.layer == 1 for head in stage.gone)
    assert ("No other head could notice" in text) == last
    if "So other heads" in text:
        assert stage.by_heads > 0
        assert stage.repair > 0
    if cause := re.search("above all (LayerNorm|the MLPs)", text):
        parts = {"LayerNorm": stage.by_scale, "the MLPs": stage.by_rest}
        assert parts[cause[1]] == max(*parts.values(), stage.by_heads) > 0
    counts = re.search("counts for (more|less|about the same)", text)
    assert counts
    if counts[1] != "about the same":
        assert (stage.scale < before.scale) == (counts[1] == "more")


@given(backup_movers(), backup_stages())
def test_the_movers_named_move_most(moved, made) -> None:
    stage = made[1]
    text = movers_story(moved, stage)
    changes = {str(mover.head): mover.change for mover in moved}
    if "next to nothing" in text:
        assert max(map(abs, changes.values())) < least(stage.real)
        return
    named = re.findall(rf"(\d\.\d) \({NUMBER} to {NUMBER}\)", text)
    assert named
    assert all(abs(changes[name]) >= least(stage.real) for name in named)
    assert abs(changes[named[0]]) == max(map(abs, changes.values()))


@given(contrasts())
def test_methods_are_compared_by_their_numbers(result) -> None:
    text = contrast_story(result, "ABC twin")
    changes = dict(zip(METHODS, result.changes.mean(-1), strict=True))
    assert ("not show it" in text) == (max(map(abs, changes.values())) < least(result.clean))
    if "not show it" in text:
        return
    for method in ("zero", "mean", "resample"):
        assert f"{number(changes[method])} ({method})" in text
    gap = result.clean - result.corrupted
    shares = re.findall(r"goes (?:≈ )?(-?[\d.]+) % of the way", text)
    low, high = bootstrap_interval(result.clean_per_prompt - result.corrupted_per_prompt)
    assert bool(shares) == (abs(gap) >= least(result.clean) and not low <= 0 <= high)
    assert ("no share of the way" in text) == (not shares)
    for share, method in zip(shares, ("noising", "denoising"), strict=False):
        end = result.corrupted if method == "noising" else result.clean
        start = result.clean if method == "noising" else result.corrupted
        assert float(share) == pytest.approx(100 * changes[method] / (end - start), abs=0.51)
    ways = [-changes["noising"] / gap, changes["denoising"] / gap] if shares else [0]
    assert ("away from there" in text) == (min(ways) <= -0.0005)


@given(two_effects())
def test_the_heads_farthest_from_the_line_are_named_on_its_right_side(result) -> None:
    text = total_story(result)
    direct, total = result.values
    gap = total - direct
    if "does not show it" in text:
        assert np.abs(result.values).max() < least()
        return
    for where, layer, head in re.findall(r"Farthest (above|below) the line: head (\d)\.(\d)", text):
        at = int(layer), int(head)
        assert gap[at] == (gap.max() if where == "above" else gap.min())
        assert (gap[at] > 0) == (where == "above")
    if after := re.search(r"No head comes after (.*?): the", text):
        assert all(name.startswith("1.") for name in re.findall(r"\d\.\d", after[1]))
    if opposite := re.search(r"For (\d+) heads? the two even have opposite signs", text):
        assert int(opposite[1]) <= (direct * total < 0).sum()
    if small := re.search(r"(\d+) heads? with hardly any direct effect would be missed", text):
        assert int(small[1]) <= (total > 0).sum()


@given(signal_fits())
def test_a_signal_counts_only_where_something_changes(result) -> None:
    text = fit_story(result)
    place, token = map(abs, result.coefficients)
    clean = float(result.values[0])
    changed = np.abs(result.values - clean).max()
    assert ("do not show it" in text) == (max(place, token, changed) < least(clean))
    assert ("signal neither" in text) == (max(place, token) < least(clean) <= changed)
    if max(place, token) < least(clean):
        return
    if which := re.search(r"tell which (position|token)|Both count: the (position|token)", text):
        assert result.mean_error <= 0.2 * abs(clean) * 1.001
        assert (which[1] or which[2]) == ("position" if place > token else "token")
    if times := re.search(r"([\d.]+) times as much", text):
        assert float(times[1]) == pytest.approx(max(place, token) / min(place, token), abs=0.051)
    assert ("do not simply add up" in text) == (result.relative_error > 0.2)


@given(st.sampled_from(list(SIGNALS)), st.booleans())
def test_codes_are_the_letters_in_the_sentence(flip, io_first) -> None:
    place, token = SIGNALS[flip]
    first, second, repeated = letters(flip, io_first=io_first)
    assert repeated in (first, second)
    assert repeated == {1: "B", -1: "A"}.get(token, repeated)
    assert (repeated == second) == ((place == 1) == io_first)
