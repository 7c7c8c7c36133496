"""Means and standard errors of many prompts from blocks of them (Welford 1962; Chan, Golub and LeVeque 1979).

All in float64. Beside each cell the clean and the corrupted run's metric are followed where there are both, and how the
three vary together: a metric that is a ratio of means is then exactly what all prompts at once give, and so is the
standard error of the ratio to first order (the delta method).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ioi_core.engine.scoring import Scale

CLEAN, CORRUPTED = (1.0, 0.0), (0.0, 1.0)
_ZERO = {"logit_diff_recovered": CORRUPTED, "logit_diff_change": CLEAN, "percent_of_clean": CLEAN}
_UNIT = {"logit_diff_recovered": (1.0, -1.0), "logit_diff_change": (1.0, -1.0), "percent_of_clean": (0.01, 0.0)}
SCALED = tuple(_UNIT)
"""Metrics that are ratios of means: (logit_diff - zero) / unit, each made of the two runs' mean logit_diff."""


@dataclass(frozen=True, eq=False)
class Means:
    """Of some prompts: how many, the mean of each cell, and of the two runs (none where there are none)."""

    n: int
    cells: Float[np.ndarray, " cell"]
    runs: Float[np.ndarray, " run"]

    def merged(self, other: "Means") -> "Means":
        """Of the prompts of both."""
        share = other.n / (self.n + other.n)
        cells = self.cells + (other.cells - self.cells) * share
        return Means(self.n + other.n, cells, self.runs + (other.runs - self.runs) * share)


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums of products of deviations from the means, by which blocks are joined.

    Attributes:
        squares: of each cell; across: of each run and cell; runs: of each pair of runs.
        groups: the means alone of each label's or template's prompts.
    """

    means: Means
    squares: Float[np.ndarray, " cell"]
    across: Float[np.ndarray, "run cell"]
    runs: Float[np.ndarray, "run run"]
    groups: Mapping[str, Means] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        per_prompt: Float[np.ndarray, "*cells batch"],
        runs: Float[np.ndarray, "run batch"],
        groups: Sequence[str] | None,
    ) -> "Moments":
        """Of one block: its values, the two runs' and the group of each prompt."""
        values = per_prompt.reshape(-1, per_prompt.shape[-1]).astype(np.float64)
        runs = runs.astype(np.float64)
        means = _means(values, runs)
        by_group = {}
        if groups is not None:
            names = np.array(groups, dtype=object)
            by_group = {name: _means(values[:, names == name], runs[:, names == name]) for name in sorted(set(groups))}
        values -= means.cells[:, None]
        runs = runs - means.runs[:, None]
        return cls(means, np.einsum("cb,cb->c", values, values), runs @ values.T, runs @ runs.T, by_group)

    def merged(self, other: "Moments") -> "Moments":
        """Of the prompts of both."""
        a, b = self.means, other.means
        weight = a.n * b.n / (a.n + b.n)
        cells, runs = b.cells - a.cells, b.runs - a.runs
        groups = dict(self.groups)
        for name, means in other.groups.items():
            groups[name] = groups[name].merged(means) if name in groups else means
        return Moments(
            a.merged(b),
            self.squares + other.squares + weight * cells**2,
            self.across + other.across + weight * np.outer(runs, cells),
            self.runs + other.runs + weight * np.outer(runs, runs),
            groups,
        )

    def on_scale(self, metric: str | None) -> "Estimates":
        """Means and standard errors on the scale of a metric; None: as they are."""
        n, raw = self.means.n, self.means.cells
        if metric is None:
            variance = self.squares
            return Estimates(raw, _error(variance, n), {name: of.cells for name, of in self.groups.items()}, None)
        clean, corrupted = self.means.runs[:1], self.means.runs[1:]
        scale = Scale.of(metric, clean, corrupted)
        values = (raw - scale.zero) / scale.unit
        zero, unit = np.array(_ZERO[metric]), np.array(_UNIT[metric])
        weights = zero[:, None] + unit[:, None] * values  # [run cell]: what of each run a cell is measured against
        variance = (
            self.squares - 2 * (weights * self.across).sum(0) + np.einsum("rc,rs,sc->c", weights, self.runs, weights)
        )
        groups = {name: (of.cells - of.runs @ zero) / scale.unit for name, of in self.groups.items()}
        return Estimates(values, _error(variance, n) / abs(scale.unit), groups, scale.undefined)


@dataclass(frozen=True, eq=False)
class Estimates:
    """On the scale of a metric: means, standard errors, each group's means (on the scale of all prompts).

    Attributes:
        undefined: why there is no scale, if there is none.
    """

    values: Float[np.ndarray, " cell"]
    errors: Float[np.ndarray, " cell"]
    groups: Mapping[str, Float[np.ndarray, " cell"]]
    undefined: str | None


def _means(values: Float[np.ndarray, "cell batch"], runs: Float[np.ndarray, "run batch"]) -> Means:
    return Means(values.shape[1], values.mean(1), runs.mean(1))


def _error(squares: Float[np.ndarray, " cell"], n: int) -> Float[np.ndarray, " cell"]:
    """The standard error of a mean; nan for a single prompt."""
    if n < 2:
        return np.full_like(squares, np.nan)
    return np.sqrt(np.maximum(squares, 0) / (n - 1) / n)
