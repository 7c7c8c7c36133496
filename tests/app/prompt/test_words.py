"""Sentences of the Prompt page, held against predictions of every sign and size."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.prompt.charts import prompt_bars
from app.prompt.words import all_prompts_story
from app.words.phrases import number
from ioi_core import Predictions
from ioi_core.attribution.predictions import RUNS
from ioi_core.results import over_prompts
from tests.app.made_up import COUNTS, of_prompts


@st.composite
def predicted(draw) -> Predictions:
    n = draw(COUNTS)
    none = np.zeros((2, n, 1))
    return Predictions(
        **over_prompts(draw(of_prompts(n, 2))), axes={"run": RUNS}, metric="logit_diff", unit="logits",
        top_ids=none.astype(int), top_probs=none,
        answer_probs=np.zeros((2, n, 2)), answer_ranks=np.zeros((2, n, 2), int),
    )  # fmt: skip


@given(predicted())
def test_prompts_are_counted_and_one_prompt_is_no_mean(result) -> None:
    text, clean = all_prompts_story(result), result.clean_logit_diff
    ahead = int((clean > 0).sum())
    if len(clean) == 1:
        assert ("is not ahead of" in text) == (not ahead)
        assert "mean" not in text.lower()
        assert "prompts" not in text
    else:
        assert f"in {ahead} of {len(clean)} prompts" in text
    assert f"{number(float(clean.mean()))} on the clean prompt" in text


@given(predicted())
def test_each_bar_says_which_answer_is_ahead(result) -> None:
    for bars, values in zip(prompt_bars(result, 0).data, result.per_prompt, strict=True):
        for text, value in zip(bars.customdata, values, strict=True):
            said = "the right answer is" if value > 0 else "the other answer is" if value < 0 else "neither answer is"
            assert f"{said} ahead" in text
