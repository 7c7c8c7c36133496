"""What counts as an effect, on results of every sign and size."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.words.effects import least, least_effect, logits_a_unit, sure
from app.words.phrases import interval, number
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


@given(st.floats(-1e4, 1e4), st.none() | st.floats(0, 1e4))
@example(0.015625, 1.0)
def test_a_number_is_written_with_the_sign_it_has(value, largest):
    text = number(value, largest)
    written, size = float(text), abs(value) if largest is None else largest
    assert written == 0 or np.sign(written) == np.sign(value)
    assert text[0] in "+-" or written == 0
    half_a_unit = 0.005 if size >= 1 else 0.0005 if size >= 0.01 else 0.05 * abs(value)
    assert written == pytest.approx(value, rel=1e-9, abs=half_a_unit * 1.001)
