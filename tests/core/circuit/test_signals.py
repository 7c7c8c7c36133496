"""Token against position: six flips against hooked runs, and the fit."""

import numpy as np
import pytest
import torch

from ioi_core import CircuitError, Head, Model, PromptMismatchError, ioi_dataset, token_and_position
from ioi_core.circuit.signals import SIGNALS, fit
from tests.core.circuit.examples import flips_of, logit_diff


def test_signals_equal_hooked_runs(small_model: Model, small_bridge) -> None:
    flips, heads = flips_of(small_model, 4, prepend_bos=False), [Head(1, 2), Head(2, 1), Head(2, 3)]
    result = token_and_position(small_model, flips, heads)
    rows = torch.arange(4)
    for number, flip in enumerate(result.axes["flip"]):
        pairs = flips[flip]
        ends = torch.tensor(pairs.roles["END"])
        with torch.no_grad():
            _, given = small_bridge.run_with_cache(torch.tensor(pairs.corrupted_tokens))

            def exchange(z, hook, given=given, ends=ends):
                z = z.clone()
                for head in heads:
                    if hook.name == f"blocks.{head.layer}.attn.hook_z":
                        z[rows, ends, head.head] = given[hook.name][rows, ends, head.head]
                return z

            hooks = [(f"blocks.{layer}.attn.hook_z", exchange) for layer in (1, 2)]
            at_end = small_bridge.run_with_hooks(torch.tensor(pairs.clean_tokens), fwd_hooks=hooks)[rows, ends]
        io, s = torch.tensor(pairs.answers).T
        np.testing.assert_allclose(result.per_prompt[number], at_end[rows, io] - at_end[rows, s], atol=1e-4)
    np.testing.assert_allclose(result.per_prompt[0], logit_diff(small_model, flips["ABB"]), atol=1e-5)
    expected = np.linalg.lstsq(np.array([SIGNALS[flip] for flip in SIGNALS]), result.values, rcond=None)[0]
    np.testing.assert_allclose(result.coefficients, expected, atol=1e-6)
    residuals = np.abs(
        result.values - [a * result.coefficients[0] + b * result.coefficients[1] for a, b in SIGNALS.values()]
    )
    assert result.relative_error == pytest.approx(residuals.mean() / abs(result.values[0]), rel=1e-5)


def test_the_fit_finds_what_was_put_in() -> None:
    values = np.array([2.31 * position + 0.99 * token for position, token in SIGNALS.values()])
    assert fit(values) == pytest.approx((2.31, 0.99))
    assert fit(np.ones(6)) == pytest.approx((0, 0))


def test_signals_are_what_the_flips_repeat(demo_model: Model) -> None:
    """S2 of a flip repeats the clean S or IO (or neither), at the place of the clean S or of IO."""
    for flip, pairs in flips_of(demo_model, 14).items():
        rows = np.arange(14)
        s2 = pairs.corrupted_tokens[rows, pairs.roles["S2"]]
        token = (s2 == pairs.answers[:, 1]).astype(int) - (s2 == pairs.answers[:, 0])
        place = [int(pairs.corrupted_tokens[r, pairs.roles["S1"][r]] == s2[r]) for r in rows]
        other = [int(pairs.corrupted_tokens[r, pairs.roles["IO"][r]] == s2[r]) for r in rows]
        assert {(a - b, int(t)) for a, b, t in zip(place, other, token, strict=True)} == {SIGNALS[flip]}


def test_flips_that_do_not_belong_together_are_refused(small_model: Model) -> None:
    flips = flips_of(small_model, 2)
    with pytest.raises(CircuitError, match="ABB, CDD, BAA, BAB, DCD, ABA"):
        token_and_position(small_model, {"ABB": flips["ABB"]}, [Head(1, 1)])
    with pytest.raises(CircuitError, match="no heads"):
        token_and_position(small_model, flips, [])
    other = flips | {"DCD": ioi_dataset(small_model, 2, seed=5, corruption="DCD")}
    with pytest.raises(PromptMismatchError, match="clean prompts of DCD"):
        token_and_position(small_model, other, [Head(1, 1)])


def test_the_flip_that_changes_nothing_changes_nothing(small_model: Model) -> None:
    flips = flips_of(small_model, 5, prepend_bos=False)
    one, other = (token_and_position(small_model, flips, heads) for heads in ([Head(0, 1)], [Head(3, 0), Head(2, 2)]))
    np.testing.assert_array_equal(one.per_prompt[0], other.per_prompt[0])
    assert np.abs(one.per_prompt[1:] - other.per_prompt[1:]).max() > 0.01
