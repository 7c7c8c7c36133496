"""Faithfulness, prompt by prompt."""

from dataclasses import replace

import numpy as np
import pytest

from ioi_core import Model, PromptPairs, evaluate_circuit
from tests.core.circuit.examples import CIRCUIT, OF_THE_BUNDLED_MODEL


def test_faithfulness_is_a_ratio_of_means_and_resampled_as_one(demo_model: Model, demo_abc: PromptPairs) -> None:
    result = evaluate_circuit(demo_model, demo_abc, OF_THE_BUNDLED_MODEL)
    circuit, whole, _ = result.per_prompt
    assert result.faithfulness == pytest.approx(circuit.mean() / whole.mean())
    assert result.faithfulness_per_prompt.mean() == pytest.approx(result.faithfulness)
    counts = np.random.default_rng(0).multinomial(50, [1 / 50] * 50, size=1000)
    ratios = [(circuit @ count) / (whole @ count) for count in counts]
    assert result.faithfulness_interval(0.9) == pytest.approx(np.quantile(ratios, [0.05, 0.95]), rel=1e-4)


def test_faithfulness_is_split_by_template(demo_model: Model, demo_abc: PromptPairs) -> None:
    result = evaluate_circuit(demo_model, demo_abc, OF_THE_BUNDLED_MODEL)
    assert result.template_numbers == tuple(sorted(set(demo_abc.templates.tolist())))
    for number, value in zip(result.template_numbers, result.faithfulness_by_template, strict=True):
        rows = demo_abc.templates == number
        assert value == pytest.approx(result.per_prompt[0, rows].mean() / result.per_prompt[1, rows].mean())


def test_no_fraction_is_taken_of_nothing(small_model: Model, abc: PromptPairs) -> None:
    """Each prompt twice, the second time with its answers swapped: F(M) is 0."""
    first = abc.take(slice(0, 3))
    twice_the_same = ("clean_tokens", "corrupted_tokens", "lengths", "templates")
    twice = replace(
        abc,
        **{name: np.concatenate([getattr(first, name)] * 2) for name in twice_the_same},
        answers=np.concatenate([first.answers, first.answers[:, ::-1]]),
        roles={role: np.concatenate([at] * 2) for role, at in first.roles.items()},
    )
    result = evaluate_circuit(small_model, twice, CIRCUIT)
    assert np.isnan(result.faithfulness)
    assert np.isnan(result.faithfulness_interval()).all()
    assert "nothing to" in result.no_fraction
