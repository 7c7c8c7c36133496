"""The uncertainty of a mean over prompts: bootstrap over prompts (Efron 1979)."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from ioi_core.errors import PromptError
from ioi_core.inputs import Fraction, Numbers, WholeNumber, as_fraction, as_numbers, as_whole_number

RESAMPLES = 1000

_CELLS_AT_ONCE = 4096
"""Cells whose draws are held at once, 33 MB of float64: all edges of GPT-2 small would take 280."""


def bootstrap_interval(
    per_prompt: Numbers,
    *,
    gaps: Numbers | None = None,
    level: Fraction = 0.95,
    seed: WholeNumber = 0,
) -> tuple[Float[np.ndarray, "*cells"], Float[np.ndarray, "*cells"]]:
    """Percentile bootstrap of each cell's mean over prompts: they are drawn with replacement 1,000 times.

    Args:
        per_prompt: [... batch] a result's `per_prompt`, or a patching result's `effects`.
        gaps: [batch] a patching result's `gaps`: its values are ratios of means, and both means are resampled together.
    Returns:
        (low, high), each without the batch axis; nan with fewer than two prompts.
    Raises:
        PromptError: `level` is not between 0 and 1, or numbers that cannot be used.
    """
    level, seed = as_fraction(level, "level"), as_whole_number(seed, "seed", 0, 2**63 - 1)
    values = as_numbers(per_prompt, "per_prompt")
    n = values.shape[-1]
    if n < 2:
        return np.full(values.shape[:-1], np.nan), np.full(values.shape[:-1], np.nan)
    shares = _shares(n, seed).astype(values.dtype)
    of_gaps = None if gaps is None else as_numbers(gaps, "gaps")
    if of_gaps is not None and of_gaps.shape != (n,):
        raise PromptError(f"gaps have shape {of_gaps.shape}: one a prompt is wanted, {n} in all")
    scale = None if of_gaps is None else of_gaps @ shares
    bounds = np.empty((2, *values.shape[:-1]), dtype=np.result_type(values, 1.0 if scale is None else scale))
    cells, flat = values.reshape(-1, n), bounds.reshape(2, -1)
    for start in range(0, len(cells), _CELLS_AT_ONCE):
        some = slice(start, start + _CELLS_AT_ONCE)
        means = cells[some] @ shares if scale is None else cells[some] @ shares / scale
        flat[:, some] = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return bounds[0, ...], bounds[1, ...]


@lru_cache(maxsize=8)
def _shares(n: int, seed: int) -> Float[np.ndarray, "batch draw"]:
    """The share of each of `n` prompts in each draw; kept, since a page asks for dozens of intervals of equal size."""
    counts = np.random.default_rng(seed).multinomial(n, [1 / n] * n, size=RESAMPLES)
    shares = counts.T / n
    shares.setflags(write=False)
    return shares


def pearson(x: np.ndarray, y: np.ndarray, least: float = 0.0) -> float:
    """Return Pearson's correlation of two arrays of one shape; nan unless both vary by more than `least`."""
    varies = x.size > 1 and min(np.ptp(x), np.ptp(y)) > least
    return float(np.corrcoef(x.ravel(), y.ravel())[0, 1]) if varies else float("nan")
