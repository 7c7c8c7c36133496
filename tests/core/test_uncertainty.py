"""The bootstrap against its definition."""

import tracemalloc

import numpy as np
import pytest

from ioi_core import bootstrap_interval
from ioi_core.errors import IOIError


def test_bootstrap_covers_the_mean_and_narrows_with_prompts() -> None:
    rng = np.random.default_rng(0)
    few, many = (rng.normal(2.0, 1.0, (3, n)) for n in (10, 1000))
    widths = []
    for per_prompt in (few, many):
        low, high = bootstrap_interval(per_prompt)
        assert ((low < per_prompt.mean(-1)) & (per_prompt.mean(-1) < high)).all()
        widths.append(high - low)
    np.testing.assert_allclose(widths[1], 2 * 1.96 / np.sqrt(1000), rtol=0.15)  # normal theory
    assert (widths[0] > 4 * widths[1]).all()
    np.testing.assert_allclose(bootstrap_interval(np.full((1, 8), 3.0)), 3.0)
    gaps = rng.uniform(0.5, 1.5, 200)
    low, high = bootstrap_interval(np.stack([2 * gaps]), gaps=gaps)
    np.testing.assert_allclose([low, high], 2, rtol=1e-6)  # the ratio is 2 in every sample of prompts
    low, high = bootstrap_interval(np.stack([2 * gaps]))
    assert (high - low > 0.05).all()
    assert np.isnan(bootstrap_interval(np.ones((2, 1)))).all(), "one prompt has no spread"
    with pytest.raises(IOIError, match="such as"):
        bootstrap_interval(few, level=95.0)


def test_very_many_cells_are_resampled_some_at_a_time() -> None:
    """Each cell's interval is the one that it has by itself; memory is bounded."""
    per_prompt = np.random.default_rng(1).normal(size=(2, 10_000, 4))
    tracemalloc.start()
    low, high = bootstrap_interval(per_prompt, gaps=[0.5, 1.0, 1.5, 1.0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120e6, "all at once would take 320 MB"
    for cell in ((0, 0), (0, 4096), (1, 9_999)):
        alone = bootstrap_interval(per_prompt[cell], gaps=[0.5, 1.0, 1.5, 1.0])
        np.testing.assert_allclose((low[cell], high[cell]), alone, rtol=1e-12)
