"""Results over edges."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ioi_core.edges.notation import Edge
from ioi_core.engine.scoring import Scale
from ioi_core.results import BesideTwoRuns, PromptResult
from ioi_core.uncertainty import bootstrap_interval

METHODS = ("exact", "eap", "eap_ig")


@dataclass(frozen=True, eq=False, kw_only=True)
class EdgeScores(PromptResult):
    """`values` [sender receiver]: an edge's score in logits, nan where there is no edge.

    `per_prompt` is always there: 0.28 MB a prompt in GPT-2 small's shape.

    Attributes:
        method: "exact", "eap" or "eap_ig"; steps: of eap_ig, else None.
        clean, corrupted: logit_diff of the two runs, mean over prompts.
    """

    method: str
    steps: int | None
    clean: float
    corrupted: float

    @property
    def estimate(self) -> bool:
        """True for a first-order estimate, False for exact values."""
        return self.method != "exact"

    @property
    def n_edges(self) -> int:
        """The number of edges that have a score."""
        return int(np.isfinite(self.values).sum())


@dataclass(frozen=True, eq=False, kw_only=True)
class BetweenRuns(BesideTwoRuns):
    """Edge circuits between the run in which all edges are in them, the clean one, and the one in which none is."""

    @property
    def gaps(self) -> Float[np.ndarray, " batch"]:
        """Each prompt's share of the difference of the two, mean 1; nan where there is none."""
        gaps = self._scale.gaps
        return np.full_like(self.clean_per_prompt, np.nan) if gaps is None else gaps

    @property
    def no_fraction(self) -> str | None:
        """The reason why there is no faithfulness, if both runs have the same mean logit_diff."""
        return self._scale.undefined

    @property
    def _scale(self) -> Scale:
        return Scale.of("logit_diff_recovered", self.clean_per_prompt, self.corrupted_per_prompt)


@dataclass(frozen=True, eq=False, kw_only=True)
class EdgeEvaluation(BetweenRuns):
    """`values` []: logit_diff of an edge circuit's run.

    Attributes:
        edges: those left after pruning; n_given: how many there were before.
    """

    edges: tuple[Edge, ...]
    n_given: int

    @property
    def n_edges(self) -> int:
        """The number of edges left after pruning."""
        return len(self.edges)

    @property
    def logit_diff(self) -> float:
        """The mean logit_diff of the circuit's run."""
        return float(self.values)

    @property
    def faithfulness(self) -> float:
        """(m(C) - m(empty)) / (m(whole) - m(empty)), a ratio of means; nan if the latter is 0 (`no_fraction`)."""
        return float(self.faithfulness_per_prompt.mean())

    @property
    def faithfulness_per_prompt(self) -> Float[np.ndarray, " batch"]:
        """Each prompt's m(C) - m(empty) over the mean gap: its mean is the faithfulness."""
        return self._scale(self.per_prompt)

    def faithfulness_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Bootstrap interval over prompts; both means are resampled together."""
        low, high = bootstrap_interval(self.faithfulness_per_prompt, gaps=self.gaps, level=level)
        return float(low), float(high)


@dataclass(frozen=True, eq=False, kw_only=True)
class EdgeCurve(BetweenRuns):
    """`values` [share]: faithfulness of the circuits of the edges of largest score; `per_prompt` [share batch].

    Attributes:
        shares: [share] of all edges; n_chosen: edges before pruning; n_edges: edges left.
        logit_diffs: [share batch] of the circuits' runs.
    """

    shares: Float[np.ndarray, " share"]
    n_chosen: Int[np.ndarray, " share"]
    n_edges: Int[np.ndarray, " share"]
    logit_diffs: Float[np.ndarray, "share batch"]

    @property
    def cpr(self) -> float:
        """The area under the faithfulness, over the share of edges on a linear scale: large is good, without a bound.

        It also grows where edges that work against the behaviour are left out.
        """
        return float(np.trapezoid(self.values, self.shares))

    @property
    def cmd(self) -> float:
        """The area between the faithfulness and 1, by the same rule: small is good, 0 is the model itself."""
        return float(np.trapezoid(np.abs(1 - self.values), self.shares))

    def interval(self) -> tuple[Float[np.ndarray, " share"], Float[np.ndarray, " share"]]:
        """Return (low, high) of each faithfulness; both means are resampled together."""
        return bootstrap_interval(self.per_prompt, gaps=self.gaps)
