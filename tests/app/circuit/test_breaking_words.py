"""Sentences on a broken circuit, held against results of every sign and size."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.circuit.breaking.charts import minimality_bars
from app.circuit.breaking.numbers import Broken, TemplateFaithfulness, no_share
from app.circuit.breaking.words import (
    broken_story,
    circuit_story,
    compare_story,
    completeness_story,
    faithfulness_words,
    minimality_story,
    template_story,
)
from app.circuit.members import member_words
from app.circuit.starts import found_story
from app.words.effects import least
from app.words.phrases import in_percent, number
from ioi_core import (
    NO_HEADS,
    Ablation,
    Circuit,
    Head,
    Model,
    PromptPairs,
    arena_pairs,
    bootstrap_interval,
    completeness,
    evaluate_circuit,
    find_circuit,
    ioi_dataset,
    with_twins,
)
from tests.app.circuit.made_up import CIRCUIT, completenesses, evaluations, minimalities
from tests.app.made_up import NUMBER


def prefers_the_answer(per_prompt: np.ndarray) -> bool:
    """F(M) is above 0, not next to nothing, and its interval as well."""
    low, _ = bootstrap_interval(per_prompt)
    return per_prompt.mean() >= 0.01 * max(1, per_prompt.mean()) and not low <= 0


@given(evaluations())
def test_there_is_faithfulness_where_the_model_prefers_the_answer(result) -> None:
    text = faithfulness_words(result)
    if prefers_the_answer(result.model_per_prompt):
        share = result.per_prompt[0].mean() / result.model_per_prompt.mean()
        assert f"Faithfulness is {in_percent(float(share))}" in text
    else:
        assert text.startswith("There is no faithfulness here:")
        assert "%" not in text.replace("95 % interval", "")


@given(st.data())
def test_what_is_said_of_a_broken_circuit_is_true_of_its_numbers(data) -> None:
    now = data.draw(evaluations())
    before = data.draw(evaluations(now.model_per_prompt))
    complete = data.draw(completenesses(now.model_per_prompt))
    off = data.draw(st.sampled_from((Circuit(), Circuit({Head(1, 0): "END"}))))
    text = broken_story(Broken(before, now, complete), CIRCUIT, off)
    runs = [now.logit_diff, now.model_logit_diff, before.logit_diff, float(complete.model_values)]
    assert ("does not show it" in text) == (max(map(abs, runs)) < least())
    if "does not show it" in text:
        return
    assert f"logit_diff is {number(now.logit_diff)} against {number(now.model_logit_diff)}" in text
    if "More than 100 %" in text:
        assert now.logit_diff > now.model_logit_diff > 0
    if "less than half as much" in text:
        lost = before.logit_diff - now.logit_diff
        assert now.model_logit_diff - float(complete.model_values) < lost / 2
        assert lost > 0
    assert ("Without what you switched off" in text) == bool(off)


@given(minimalities())
def test_the_members_named_are_those_that_change_most(result) -> None:
    text, changes = minimality_story(result, is_claimed=True), result.changes.mean(-1)
    whole = result.model_per_prompt
    if not prefers_the_answer(whole):
        assert text.startswith("There is no minimality here")
        return
    shares = changes / whole.mean()
    assert ("None of the" in text) == (np.abs(shares) < 0.01).all()
    by_name = {member_words(member): share for member, share in zip(result.members, shares, strict=True)}
    if named := re.search(r"Most changes with (\S+ at \S+) \(", text):
        assert abs(by_name[named[1]]) == pytest.approx(np.abs(shares).max())
    if below := re.search(r"rises without that member: (.*?)\.(?: \d| Each|$)", text):
        for name in re.findall(r"(\d\.\d at \w+) \(", below[1]):
            assert by_name[name] < -0.01 * 0.999
    if few := re.search(r"(\d+) of (\d+) change less than 1 %", text):
        assert int(few[1]) == (np.abs(shares) < 0.01).sum()
        assert text.endswith(": the circuit is not minimal.")
    assert "not minimal" not in minimality_story(result, is_claimed=False)
    bars = minimality_bars(result).layout.yaxis.ticktext
    assert sorted(bars) == sorted(f"{name} {in_percent(float(share))}" for name, share in by_name.items())


@given(completenesses())
def test_the_set_that_tells_them_apart_most_is_named(sets) -> None:
    text, gaps = completeness_story(sets), sets.circuit_values - sets.model_values
    largest = int(np.abs(gaps).argmax())
    if "do the same" in text:
        assert np.abs(gaps).max() < least(sets.model_logit_diff)
        return
    assert ("the circuit has more" in text) == (gaps[largest] > 0)
    assert ("the model has more" in text) == (gaps[largest] < 0)
    typical = re.search(rf"differ by at least ({NUMBER}) logits", text)
    assert typical
    if typical[1] != "≈ 0":
        assert (np.abs(gaps) >= 0.994 * float(typical[1])).sum() >= len(gaps) / 2, "it has three digits"


TEMPLATES = st.lists(st.sampled_from((float("nan"), -0.4, 0.0, 0.8, 0.995, 1.0, 1.004, 1.7)), max_size=5)


@given(TEMPLATES)
def test_templates_that_do_not_differ_are_not_told_apart(values) -> None:
    templates = [TemplateFaithfulness(f"template {n}, ABBA", n, value, ()) for n, value in enumerate(values)]
    text = template_story(templates, 0.9)
    defined = [value for value in values if not math.isnan(value)]
    if told := re.search(r"From (.*?) in (template \d, \w+) to (.*?) in (template \d, \w+);", text):
        assert told[2] != told[4]
        assert (told[1], told[3]) == (in_percent(min(defined)), in_percent(max(defined)))
    assert ("cancel out" in text) == (bool(told) and min(defined) < 1 < max(defined))
    assert ("nothing to compare" in text) == (len(defined) < 2)
    assert "nan" not in text


@given(st.data())
def test_who_is_ahead_is_counted(data) -> None:
    one = data.draw(evaluations())
    other = data.draw(evaluations(one.model_per_prompt))
    text = compare_story((one, other), ("this circuit", "start: empty"))
    ahead = int((one.per_prompt[0] > other.per_prompt[0]).sum())
    alike = bool((one.per_prompt[0] == other.per_prompt[0]).all())
    assert (f"ahead in {ahead} of {one.n_prompts} prompt" in text) != alike
    assert "Both do the same in every prompt" in compare_story((one, one), ("this circuit", "start: empty"))


def test_a_found_circuit_says_under_which_ablation_it_was_found(demo_model: Model, abc: PromptPairs) -> None:
    found = find_circuit(demo_model, abc, ablation=Ablation.RESAMPLE)
    share = in_percent(found.evaluation.faithfulness)
    text = found_story(found)
    assert "under resample ablation" in text
    assert f"Under resample ablation its faithfulness is {share} there, so it is likely to be lower" in text
    assert no_share(found.evaluation) is None


def test_a_circuit_found_on_half_is_judged_on_the_others(demo_model: Model, abc: PromptPairs) -> None:
    found = find_circuit(demo_model, abc[:4], held_out=abc[4:])
    held_out = evaluate_circuit(demo_model, abc[4:], found.circuit)
    share, there = (in_percent(judged.faithfulness) for judged in (found.evaluation, held_out))
    text = found_story(found)
    assert f"its faithfulness is {share} there, and {there} (95 % interval" in text
    assert "4 prompts held out" in text


def test_where_nothing_keeps_as_much_the_share_is_said_to_tell_nothing(demo_model: Model) -> None:
    few = with_twins(demo_model, arena_pairs(demo_model), "abc")
    told = []
    for pairs in (few, ioi_dataset(demo_model, 56, corruption="abc")):
        found = find_circuit(demo_model, pairs).circuit
        result, sets = evaluate_circuit(demo_model, pairs, found), completeness(demo_model, pairs, found, NO_HEADS)
        told.append(circuit_story(Broken(result, result, sets), found, NO_HEADS, is_whole=False))
        nothing = in_percent(result.empty_logit_diff / result.model_logit_diff)
        assert told[-1].endswith(f"no head at all {nothing}: choose prompts that need the heads.") == (pairs is few)
        none = evaluate_circuit(demo_model, pairs, NO_HEADS)
        nobody = Broken(none, none, completeness(demo_model, pairs, NO_HEADS, NO_HEADS))
        alone = f"Without any head the model keeps {nothing} of the whole model's logit_diff"
        assert circuit_story(nobody, NO_HEADS, NO_HEADS, is_whole=False).startswith(alone)
