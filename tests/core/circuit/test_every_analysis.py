"""What all analyses of circuits share: blocks of prompts, progress, and an end on request."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from ioi_core import (
    Head,
    Model,
    Result,
    backup_heads,
    completeness_sets,
    contrast_methods,
    direct_and_total,
    ioi_dataset,
    token_and_position,
)
from tests.core.circuit.examples import CIRCUIT, flips_of


def every_analysis(model: Model, n: int) -> dict[str, Callable[..., Result]]:
    pairs, heads = ioi_dataset(model, n, corruption="abc", prepend_bos=False), [Head(1, 2), Head(2, 1)]
    return {
        "signals": partial(token_and_position, model, flips_of(model, n, prepend_bos=False), heads),
        "methods": partial(contrast_methods, model, pairs, {head: "S2" for head in heads}),
        "totals": partial(direct_and_total, model, pairs),
        "sets": partial(completeness_sets, model, pairs, CIRCUIT, n_random=2, n_greedy=2, steps=2),
        "backup": partial(backup_heads, model, pairs, heads, ablation="mean"),
    }


ANALYSES = ("signals", "methods", "totals", "sets", "backup")


@pytest.mark.parametrize("name", ANALYSES)
def test_blocks_of_prompts_change_nothing_and_are_told_of(small_model: Model, monkeypatch, name: str) -> None:
    whole = every_analysis(small_model, 60)[name]()
    told: list[tuple[int, int]] = []
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", "16")
    cut = every_analysis(small_model, 60)[name](progress=lambda done, total: told.append((done, total)))
    np.testing.assert_allclose(cut.per_prompt, whole.per_prompt, atol=1e-4)
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    shares = [done / total for done, total in told]
    assert np.diff([0, *shares]).max() < 0.3  # no long silence, and not finished long before the end
    assert shares.count(1) <= len(shares) / 5


@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.parametrize("after", [1, 7])
def test_every_analysis_can_be_cancelled(small_model: Model, name: str, after: int) -> None:
    told = 0

    def cancel(done: int, total: int) -> None:
        nonlocal told
        told += 1
        if told == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        every_analysis(small_model, 4)[name](progress=cancel)
    assert told == after
