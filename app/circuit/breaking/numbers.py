"""The results of a broken circuit by run and by template. No Streamlit here."""

from dataclasses import dataclass

import numpy as np

from app.words.effects import clearly_above_0
from app.words.phrases import grouped, number, with_interval
from ioi_core import (
    Circuit,
    CircuitEvaluation,
    CircuitResult,
    Completeness,
    Minimality,
    PromptPairs,
    bootstrap_interval,
)


@dataclass(frozen=True)
class Broken:
    """The numbers of a circuit C from which K was switched off.

    Attributes:
        before: of C; now: of C \\ K.
        completeness: F(C \\ K) against F(M \\ K).
    """

    before: CircuitEvaluation
    now: CircuitEvaluation
    completeness: Completeness


@dataclass(frozen=True)
class Level:
    """logit_diff of one run, mean over prompts, with its 95 % interval (nan for a single prompt)."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class TemplateFaithfulness:
    """F(C) / F(M) among the prompts of one template.

    Attributes:
        name: as `grouped` has it.
        first: the first of its prompts, from 0.
        points: each prompt's logit_diff under the circuit over the template's mean F(M); their mean is `value`; nan as
            `value` is.
    """

    name: str
    first: int
    value: float
    points: tuple[float, ...]


def levels(broken: Broken, off: Circuit) -> list[Level]:
    """Return logit_diff of the model and the circuit, whole and without K, and with every head ablated."""
    now = broken.now
    runs = {"whole model": now.model_per_prompt}
    if off:
        runs["whole model, without what is off"] = broken.completeness.per_prompt[1]
        runs["circuit, nothing off"] = broken.before.per_prompt[0]
    runs["circuit, as it is now" if off else "circuit"] = now.per_prompt[0]
    runs["every head ablated"] = now.per_prompt[2]
    low, high = bootstrap_interval(np.stack(list(runs.values())))
    return [
        Level(name, float(values.mean()), float(low[n]), float(high[n]))
        for n, (name, values) in enumerate(runs.items())
    ]


def no_share(result: CircuitResult) -> str | None:
    """Return why no share of F(M) means anything, if it is not surely above 0."""
    if result.no_fraction:
        return result.no_fraction
    whole = result.model_per_prompt
    if clearly_above_0(whole):
        return None
    return (
        f"the whole model's logit_diff is {number(result.model_logit_diff)} logits ({with_interval(whole)}), not "
        "clearly above 0, so a share of it means nothing"
    )


def by_template(pairs: PromptPairs, result: CircuitEvaluation) -> list[TemplateFaithfulness]:
    """Return the faithfulness of each template, or label, nan where F(M) is not clearly above 0 there."""
    templates = []
    for name, rows in grouped(pairs).items():
        whole, kept = result.model_per_prompt[rows], result.per_prompt[0, rows]
        points = kept / (whole.mean() if clearly_above_0(whole) else np.nan)
        templates.append(TemplateFaithfulness(name, rows[0], float(points.mean()), tuple(map(float, points))))
    return templates


def minimality_order(result: Minimality) -> np.ndarray:
    """Return the numbers of the members, those that count most first."""
    return np.argsort(-result.scores, kind="stable")
