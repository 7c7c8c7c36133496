"""The bootstrap against its definition."""

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
