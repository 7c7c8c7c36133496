"""What counts as an effect, on results of every sign and size."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.words.effects import NOTHING, least, least_effect, logits_a_unit, sure
from app.words.phrases import interval, number, size
from tests.app.made_up import patched, paths


@given(st.one_of(patched(("logit_diff", "logit_diff_recovered")), paths()))
def test_a_unit_turns_effects_back_into_logits(made):
    result, changes = made
    mlps = getattr(result, "mlp_effects", None)
    effects = result.effects if mlps is None else np.concatenate([result.effects, mlps[:, None]], 1)
    size = max(1.0, abs(result.clean), abs(result.corrupted), np.abs(changes).max())
    # a mean of ratios to a mean: exact for means over prompts alone
    np.testing.assert_allclose(effects.mean(-1) * logits_a_unit(result), changes.mean(-1), atol=1e-5 * size)


@given(patched(("logit_diff", "logit_diff_recovered")))
def test_nothing_is_the_same_in_every_unit(made):
    result, _ = made
    assert least_effect(result) * abs(logits_a_unit(result)) == pytest.approx(least(result.clean, result.corrupted))


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
def test_a_sign_is_sure_where_the_interval_is_on_one_side(low, high):
    low, high = sorted((low, high))
    assert bool(sure(low, high)) == (low > 0 or high < 0)
    assert ("sign uncertain" in interval(low, high, "8")) == (not sure(low, high))
    assert sure(np.nan, np.nan)


@given(patched(("logit_diff", "logit_diff_recovered", "prob", "prob_diff", "kl")))
def test_what_is_nothing_in_every_unit_is_an_effect_in_none(made):
    assert least_effect(made[0]) >= NOTHING


@given(st.floats(-1e5, 1e5), st.floats(0, 1e5), st.floats(NOTHING, 1.0))
@example(9.996, 0.0, NOTHING)
@example(-0.0, 0.0, NOTHING)
@example(0.0004, 27.8, NOTHING)
@example(0.0099951, 0.0, NOTHING)
@example(NOTHING, 0.0, NOTHING)
def test_a_number_is_written_with_three_digits_and_the_sign_it_has_or_as_nothing(value, largest, nothing):
    text = number(value, largest, nothing)
    scale = max(abs(value), largest)
    if text == "0":
        assert value == 0
    elif text == "≈ 0":
        assert 0 < abs(value) < max(nothing, 0.0051 * scale)
    else:
        written = float(text)
        assert np.sign(written) == np.sign(value)
        assert text[0] in "+-"
        assert abs(value) >= nothing
        assert written == pytest.approx(value, abs=max(0.00501 * scale, 1e-9))
        assert len(text[1:].replace(".", "").lstrip("0")) <= max(3, len(str(int(scale))) + 1)
        assert "e" not in text
    assert size(value, largest) == number(abs(value), largest).removeprefix("+")


@given(st.floats(0.001, 999))
def test_a_number_alone_has_three_significant_digits(value):
    text = number(value)
    assert len(text[1:].replace(".", "").lstrip("0")) == 3
    assert float(text) == pytest.approx(value, rel=0.00501)
