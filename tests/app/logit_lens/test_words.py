"""The logit lens page's sentences on made-up results."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.logit_lens import words as lens_words
from app.words.effects import least
from app.words.phrases import number, size
from ioi_core import PromptResult, bootstrap_interval
from ioi_core.results import over_prompts
from tests.app.made_up import COUNTS, of_prompts


def test_effects_name_who_adds_and_who_takes():
    said = lens_words.effects(["head 9.9", "head 10.7", "head 0.0"], np.array([2.985, -1.899, 0.001]), 8)
    assert said == "Head 9.9 adds +2.98 logits, head 10.7 takes 1.90 away.\nMean over 8 prompts."
    assert "Nothing stands out" in lens_words.effects(["a"] * 40, np.full(40, 0.1), 1)
    assert "does not show it" in lens_words.effects(["a", "b"], np.zeros(2), 1)


def test_lens_story_names_the_largest_step():
    stages = ("0_pre", "0_mid", "1_pre", "1_mid", "final_post")
    values = np.array([0, 0.1, 3.0, 3.2, -1.0])
    result = PromptResult(
        values=values, axes={"stage": stages}, metric="logit_diff", unit="logits", n_prompts=1,
        per_prompt=values[:, None],
    )  # fmt: skip
    said = lens_words.lens_story(result)
    assert "The largest step comes from the MLP of layer 1: -4.20 logits." in said
    assert said.endswith("At the end the model favours the other answer.\nlogit_diff there: -1.00 (1 prompt).")


@given(st.data())
def test_the_step_named_is_the_largest_and_the_verdict_is_the_last_points(data) -> None:
    stages = ("0_pre", "0_mid", "1_pre", "1_mid", "final_post")
    per_prompt = data.draw(of_prompts(data.draw(COUNTS), len(stages)))
    result = PromptResult(**over_prompts(per_prompt), axes={"stage": stages}, metric="logit_diff", unit="logits")
    said, steps, end = lens_words.lens_story(result), np.diff(result.values), float(result.values[-1])
    assert ("does not show it" in said) == (np.abs(result.values).max() < 0.01)
    if "does not show it" in said:
        return
    assert ("No step stands out" in said) == (np.abs(steps).max() < least(end))
    if step := re.search(r"The largest step comes from the (attention|MLP) of layer (\d): (\S+) logits", said):
        n = 2 * int(step[2]) + (step[1] == "MLP")
        assert abs(steps[n]) == np.abs(steps).max()
        assert step[3] == number(float(steps[n]))
    low, high = bootstrap_interval(result.per_prompt[-1])
    assert ("favours the right answer" in said) == (end >= 0.01 and not low <= 0 <= high)
    assert ("favours the other answer" in said) == (end <= -0.01 and not low <= 0 <= high)
    assert ("favours neither answer" in said) == (abs(end) < 0.01)


@given(st.data())
def test_who_adds_adds_and_who_takes_takes(data) -> None:
    values = data.draw(of_prompts(1, 5))[:, 0]
    names = [f"head 0.{n}" for n in range(5)]
    said = lens_words.effects(names, values, 1)
    by_name = dict(zip(names, values, strict=True))
    for name, verb, said_size in re.findall(r"(head \d\.\d) (adds|takes) \+?([\d.]+)", said.replace("Head", "head")):
        assert by_name[name] * (1 if verb == "adds" else -1) > 0
        assert said_size == size(by_name[name], np.abs(values).max())
    threshold = max(0.05 * np.abs(values).sum(), 0.01)
    assert ("does not show it" in said) == (np.abs(values).max() < 0.01)
    nothing = "does not show it" in said or "Nothing stands out" in said
    assert nothing == (np.abs(values) <= threshold).all()
