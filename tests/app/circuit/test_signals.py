"""Token or position: words, figure and page are the core's, on the prompts and heads asked for."""

import re
from dataclasses import replace

import numpy as np
import pytest

from app.circuit.signals.charts import signal_bars
from app.circuit.signals.tables import flips_frame
from app.circuit.signals.words import coefficient_intervals, fit_story, letters
from app.words.phrases import size
from ioi_core import (
    Head,
    Model,
    PromptPairs,
    SignalFit,
    arena_pairs,
    bootstrap_interval,
    head_roles,
    ioi_dataset,
    prompt_pairs,
    token_and_position,
)
from ioi_core.circuit.signals import SIGNALS
from ioi_core.prompts.corruptions import SIGNAL_FLIPS
from tests.app.circuit.part_pages import SENTENCE, page, table
from tests.app.pages import assert_fine, says
from tests.models.bundled import INHIBITION

pytestmark = pytest.mark.usefixtures("loader")


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
    largest = max(abs(position), abs(token))
    first, then = "-" if position < 0 else "", "+" if token > 0 else "-"
    assert f"logit_diff = {first}{size(position, largest)} S_pos {then} {size(token, largest)} S_tok" in said
    assert f"off by {size(result.mean_error)} logits" in said
    examples = table(at, "the variant of the prompt shown")
    io_first = bool(pairs.roles["IO"][0] < pairs.roles["S1"][0])
    assert list(examples["letters"]) == [letters(flip, io_first=io_first) for flip in SIGNALS]
    names = dict(zip("AB", (demo_model.token_text(token) for token in pairs.answers[0].tolist()), strict=True))
    for code, text in zip(examples["letters"], examples["the variant of the prompt shown"], strict=True):
        if set(code) <= set(names):
            assert [name for name in re.findall("|".join(names.values()), f" {text}")] == [names[x] for x in code]
    assert examples["the variant of the prompt shown"].iloc[0] == pairs.clean_text[0]


def test_generated_flips_are_those_of_the_data_set(demo_model: Model) -> None:
    """New names aside, which the two draw apart: the four flips without new names are the very same prompts."""
    pairs = ioi_dataset(demo_model, 28, prepend_bos=False)
    for flip, made in flips_of(demo_model, pairs).items():
        drawn = ioi_dataset(demo_model, 28, corruption=flip, prepend_bos=False)
        if flip in ("CDD", "DCD"):
            continue
        np.testing.assert_array_equal(made.corrupted_tokens, drawn.corrupted_tokens)


def test_the_signal_figure_draws_the_cores_numbers(demo_model: Model, abc: PromptPairs) -> None:
    result = token_and_position(demo_model, flips_of(demo_model, abc), INHIBITION)
    bars, _, formula = signal_bars(result).data
    np.testing.assert_allclose(bars.x, result.values, atol=1e-6)
    np.testing.assert_allclose(formula.x, result.fitted, atol=1e-6)
    low, high = bootstrap_interval(result.per_prompt)
    np.testing.assert_allclose(np.array(bars.x) + bars.error_x.array, high, atol=1e-5)
    np.testing.assert_allclose(np.array(bars.x) - bars.error_x.arrayminus, low, atol=1e-5)
    assert list(flips_frame(result)["flip"]) == list(SIGNALS)
    intervals = coefficient_intervals(result)
    assert intervals is not None
    for value, (low_end, high_end) in zip(result.coefficients, intervals, strict=True):
        assert low_end <= value <= high_end
    single = replace(result, per_prompt=result.per_prompt[:, :1], n_prompts=1)
    assert "interval" not in fit_story(single)


@pytest.mark.parametrize(
    ("position", "token", "words"),
    [
        (2.31, 0.99, "Both count: the position 2.33 times as much as the token."),
        (0.05, 20.0, "which token is repeated, and next to nothing about the position"),
        (-3.0, 0.1, "which position is repeated, and next to nothing about the token"),
        (0.0, 0.0, "no variant changes logit_diff"),
    ],
)
def test_which_signal_counts_in_words(position: float, token: float, words: str) -> None:
    values = np.array([position * p + token * t for p, t in SIGNALS.values()])
    result = SignalFit(
        values=values, axes={"flip": tuple(SIGNALS)}, metric="logit_diff", unit="logits", n_prompts=2,
        per_prompt=values[:, None].repeat(2, 1), heads=(Head(7, 3),), coefficients=(position, token),
    )  # fmt: skip
    assert words in fit_story(result)
