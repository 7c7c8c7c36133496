"""The uncertainty of a mean over prompts: bootstrap over prompts (Efron 1979)."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from ioi_core.errors import IOIError

RESAMPLES = 1000


def bootstrap_interval(
    per_prompt: Float[np.ndarray, "*cells batch"],
    *,
    gaps: Float[np.ndarray, " batch"] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Float[np.ndarray, "*cells"], Float[np.ndarray, "*cells"]]:
    """Percentile bootstrap of each cell's mean over prompts: they are drawn with replacement 1,000 times.

    Args:
        per_prompt: a result's `per_prompt`, or a patching result's `effects`.
        gaps: a patching result's `gaps`: its values are ratios of means, and both means are resampled together.
    Returns:
        (low, high), each without the batch axis; nan with fewer than two prompts.
    Raises:
        IOIError: `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise IOIError(f"level is {level}: a number between 0 and 1 is wanted, such as 0.95")
    n = per_prompt.shape[-1]
    if n < 2:
        return np.full(per_prompt.shape[:-1], np.nan), np.full(per_prompt.shape[:-1], np.nan)
    shares = _shares(n, seed).astype(per_prompt.dtype)
    means = per_prompt @ shares
    if gaps is not None:
        means = means / (gaps @ shares)
    bounds = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return bounds[0, ...], bounds[1, ...]


@lru_cache(maxsize=8)
def _shares(n: int, seed: int) -> Float[np.ndarray, "batch draw"]:
    """The share of each of `n` prompts in each draw; kept, since a page asks for dozens of intervals of equal size."""
    counts = np.random.default_rng(seed).multinomial(n, [1 / n] * n, size=RESAMPLES)
    shares = counts.T / n
    shares.setflags(write=False)
    return shares
