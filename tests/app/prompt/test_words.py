"""Sentences of the Prompt page, held against predictions of every sign and size."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.prompt.charts import prompt_bars
from app.prompt.words import all_prompts_story, answer_form_hint, may_have_hint
from app.words.phrases import number
from ioi_core import Model, Predictions, Result, arena_pairs
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


@given(st.lists(st.integers(0, 50256), min_size=8, max_size=8), st.integers(0, 50256) | st.just(float("nan")))
def test_no_hint_is_missed_for_want_of_asking(demo_model: Model, given_ranks: list[int], other: float) -> None:
    pairs, n = arena_pairs(demo_model), 8
    ranks = np.zeros((2, n, 2), int)
    ranks[0, :, 0] = given_ranks
    none, median = np.zeros((2, n, 1)), float(np.median(given_ranks))
    result = Predictions(
        **over_prompts(none[..., 0]), axes={"run": RUNS}, metric="logit_diff", unit="logits", top_ids=none.astype(int),
        top_probs=none, answer_probs=np.zeros((2, n, 2)), answer_ranks=ranks,
    )  # fmt: skip
    axes = {"form": ("given", "other")}
    forms = Result(values=np.array([median, other]), axes=axes, metric="median_rank", unit="tokens", n_prompts=n)
    hint = answer_form_hint(demo_model, pairs, forms)
    assert (hint is not None) == (10 * (other + 1) <= median + 1)
    assert may_have_hint(pairs, result) or hint is None
    sets = tuple(((int(io),), (int(s),)) for io, s in pairs.answers)
    assert may_have_hint(replace(pairs, answer_sets=sets), result)
