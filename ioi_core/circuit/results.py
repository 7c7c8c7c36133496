"""Results of the circuit analyses; every mean over prompts comes with its prompts, so that it can be resampled.

Faithfulness and minimality are ratios of means over prompts: an interval for one resamples numerator and denominator
together (`bootstrap_interval` with `gaps`).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ioi_core.circuit.definition import Circuit, Member
from ioi_core.engine.scoring import Scale
from ioi_core.notation import one_line
from ioi_core.results import PromptResult
from ioi_core.uncertainty import bootstrap_interval
from ioi_core.vocabulary import Ablation

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class CircuitResult(PromptResult):
    """logit_diff of ablated runs.

    Attributes:
        ablation: what replaced the ablated heads' z.
        model_per_prompt: [batch] logit_diff of the unablated model, F(M).
        templates: [batch] each prompt's template number.
    """

    ablation: Ablation
    model_per_prompt: Float[np.ndarray, " batch"]
    templates: Int[np.ndarray, " batch"]

    @property
    def model_logit_diff(self) -> float:
        """F(M): the mean logit_diff of the unablated model."""
        return float(self.model_per_prompt.mean())

    @property
    def gaps(self) -> Float[np.ndarray, " batch"]:
        """Each prompt's share of F(M), mean 1; nan where F(M) is 0."""
        gaps = self._scale.gaps
        return np.full_like(self.model_per_prompt, np.nan) if gaps is None else gaps

    @property
    def no_fraction(self) -> str | None:
        """The reason why no fraction of F(M) can be taken, if F(M) is 0."""
        return self._scale.undefined

    @property
    def _scale(self) -> Scale:
        """Fractions of F(M): nan where it is too small to divide by."""
        return Scale.fractions_of(self.model_per_prompt)

    @property
    def template_numbers(self) -> tuple[int, ...]:
        """The templates that occur, ascending."""
        return tuple(int(number) for number in np.unique(self.templates))

    def by_template(self, per_prompt: Float[np.ndarray, "*cells batch"]) -> Float[np.ndarray, "*cells template"]:
        """Means over the prompts of each of `template_numbers`."""
        return np.stack([per_prompt[..., self.templates == number].mean(-1) for number in self.template_numbers], -1)


@dataclass(frozen=True, eq=False, kw_only=True)
class AblationResult(CircuitResult):
    """`values` [] logit_diff with some heads ablated, F(M \\ K); `ablated` is K."""

    ablated: Circuit

    @property
    def change(self) -> Float[np.ndarray, " batch"]:
        """logit_diff with the ablation minus without it, prompt by prompt."""
        return self.per_prompt - self.model_per_prompt


@dataclass(frozen=True, eq=False, kw_only=True)
class CircuitEvaluation(CircuitResult):
    """`values` [run] logit_diff of "circuit", F(C), "model", F(M), and "empty", everything ablated; `circuit` is C."""

    circuit: Circuit

    @property
    def logit_diff(self) -> float:
        """F(C)."""
        return float(self.values[0])

    @property
    def empty_logit_diff(self) -> float:
        """F of the circuit without heads: what embeddings, MLPs and the replacing z give by themselves."""
        return float(self.values[2])

    @property
    def faithfulness(self) -> float:
        """F(C) / F(M), a ratio of means over prompts; nan if F(M) is 0 (`no_fraction` says so)."""
        return self.logit_diff / self._scale.unit

    @property
    def faithfulness_per_prompt(self) -> Float[np.ndarray, " batch"]:
        """Each prompt's logit_diff under the circuit over the mean F(M): its mean is the faithfulness."""
        return self._scale(self.per_prompt[0])

    def faithfulness_interval(self, level: float = 0.95) -> Interval:
        """Bootstrap interval over prompts; both means are resampled together."""
        low, high = bootstrap_interval(self.faithfulness_per_prompt, gaps=self.gaps, level=level)
        return float(low), float(high)

    @property
    def faithfulness_by_template(self) -> Float[np.ndarray, " template"]:
        """F(C) / F(M) among the prompts of each of `template_numbers`; nan where F(M) is 0 there."""
        circuit, whole = self.by_template(self.per_prompt[:2])
        scales = [Scale.fractions_of(mean) for mean in whole[:, None]]
        return np.concatenate([scale(mean) for scale, mean in zip(scales, circuit[:, None], strict=True)])


@dataclass(frozen=True, eq=False, kw_only=True)
class Completeness(CircuitResult):
    """`values` [run] of one K, or [run set] of several: the runs "circuit", F(C \\ K), and "model", F(M \\ K).

    Attributes:
        circuit: C.
        removed: K of each set, one if there is no axis of sets.
        kinds: the origin of each K: "given", "empty", "class", "random" or "greedy".
    """

    circuit: Circuit
    removed: tuple[Circuit, ...]
    kinds: tuple[str, ...]

    @property
    def circuit_values(self) -> Float[np.ndarray, "*set"]:
        """F(C \\ K)."""
        return self.values[0, ...]

    @property
    def model_values(self) -> Float[np.ndarray, "*set"]:
        """F(M \\ K)."""
        return self.values[1, ...]

    @property
    def differences(self) -> Float[np.ndarray, "*set batch"]:
        """F(C \\ K) - F(M \\ K), prompt by prompt."""
        return self.per_prompt[0] - self.per_prompt[1]

    @property
    def incompleteness(self) -> Float[np.ndarray, "*set"]:
        """abs(F(C \\ K) - F(M \\ K)) in logits: 0 for a complete circuit."""
        return np.asarray(np.abs(self.values[0, ...] - self.values[1, ...]))


@dataclass(frozen=True, eq=False, kw_only=True)
class Minimality(CircuitResult):
    """`values` [run member]: the runs "without_k", F(C \\ K), and "without_k_and_member", F(C \\ (K + v)).

    Attributes:
        circuit: C.
        members: v of each column, a head and its role.
        removed: K of each member.
    """

    circuit: Circuit
    members: tuple[Member, ...]
    removed: tuple[Circuit, ...]

    @property
    def changes(self) -> Float[np.ndarray, "member batch"]:
        """F(C \\ K) - F(C \\ (K + v)), prompt by prompt: above 0 where the member adds to logit_diff."""
        return self.per_prompt[0] - self.per_prompt[1]

    @property
    def scores(self) -> Float[np.ndarray, " member"]:
        """abs(F(C \\ K) - F(C \\ (K + v))) / F(M): what is lost if the member is left out; nan if F(M) is 0."""
        return np.abs(self.signed_scores)

    @property
    def signed_scores(self) -> Float[np.ndarray, " member"]:
        """The same with its sign: below 0 where the member takes from logit_diff, as negative name movers do."""
        return self.signed_scores_per_prompt.mean(-1)

    @property
    def signed_scores_per_prompt(self) -> Float[np.ndarray, "member batch"]:
        """Each prompt's change over the mean F(M); resample together with `gaps`."""
        return self._scale(self.changes)

    def signed_scores_interval(self) -> tuple[Float[np.ndarray, " member"], Float[np.ndarray, " member"]]:
        """Return (low, high) of each signed score; both means are resampled together."""
        return bootstrap_interval(self.signed_scores_per_prompt, gaps=self.gaps)


@dataclass(frozen=True, eq=False)
class CircuitEdit:
    """A circuit and what is left of it when K is taken out, from one set of recorded runs.

    Attributes:
        evaluation: of C \\ K.
        completeness: of K: F(C \\ K) against F(M \\ K).
        minimality: of the members that are left, in C \\ K.
    """

    evaluation: CircuitEvaluation
    completeness: Completeness
    minimality: Minimality

    def __repr__(self) -> str:
        [removed], left = self.completeness.removed, self.evaluation
        share = f"faithfulness {left.faithfulness:.3g} with {len(left.circuit)} heads"
        return one_line(f"CircuitEdit({share}, taken out: {removed})")
