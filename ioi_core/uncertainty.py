"""How far a mean over prompts could have come out otherwise: bootstrap over prompts (Efron 1979)."""

import numpy as np
from jaxtyping import Float

from ioi_core.errors import IOIError
from ioi_core.results import Result

RESAMPLES = 1000


def bootstrap_interval(
    result: Result, *, level: float = 0.95, seed: int = 0
) -> tuple[Float[np.ndarray, "*cells"], Float[np.ndarray, "*cells"]]:
    """Percentile bootstrap of each cell's mean over prompts.

    Prompts are drawn with replacement 1,000 times. For logit_diff_recovered the scale (mean clean minus mean corrupted
    logit_diff) is held fixed.

    Returns:
        (low, high), each of the shape of `values`; nan with fewer than two prompts.
    Raises:
        IOIError: the result keeps no values per prompt, or `level` is not between 0 and 1.
    """
    if result.per_prompt is None:
        raise IOIError(f"{result.metric} over {list(result.axes)} keeps no values per prompt: no interval can be given")
    if not 0 < level < 1:
        raise IOIError(f"level is {level}: a number between 0 and 1 is wanted, such as 0.95")
    n = result.n_prompts
    if n < 2:
        return np.full_like(result.values, np.nan), np.full_like(result.values, np.nan)
    counts = np.random.default_rng(seed).multinomial(n, [1 / n] * n, size=RESAMPLES)
    means = result.per_prompt @ (counts.T / n).astype(result.per_prompt.dtype)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return low, high
