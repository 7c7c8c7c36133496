"""The logit lens page's sentences on made-up results."""

import numpy as np

from app.logit_lens import words as lens_words
from ioi_core import PromptResult


def test_effects_name_who_adds_and_who_takes():
    said = lens_words.effects(["head 9.9", "head 10.7", "head 0.0"], np.array([2.985, -1.899, 0.001]), 8)
    assert said == "Head 9.9 adds +2.98 logits, head 10.7 takes 1.90 away (mean over 8 prompts)."
    assert "Nothing stands out" in lens_words.effects(["a"] * 40, np.full(40, 0.1), 1)
    assert "Nothing stands out" in lens_words.effects(["a", "b"], np.zeros(2), 1)


def test_lens_story_names_the_largest_step():
    stages = ("0_pre", "0_mid", "1_pre", "1_mid", "final_post")
    values = np.array([0, 0.1, 3.0, 3.2, -1.0])
    result = PromptResult(
        values=values, axes={"stage": stages}, metric="logit_diff", unit="logits", n_prompts=1,
        per_prompt=values[:, None],
    )  # fmt: skip
    said = lens_words.lens_story(result)
    assert "The largest step is MLP 1's: -4.20 logits." in said
    assert "-1.00 (1 prompt): it favours the other answer" in said
