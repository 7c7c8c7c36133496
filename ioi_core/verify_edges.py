"""CMD and CPR of the ways to score edges, on generated prompts, beside the figures that MIB's paper is quoted with.

Edges are scored on some prompts and the curve is measured on others. MIB's own data set is another sample, so its
figures are no check: nothing here passes or fails. Circuits of random edges show where knowing nothing leads.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ioi_core.edges.evaluation import edge_curve
from ioi_core.edges.graph import EdgeGraph
from ioi_core.edges.results import METHODS, EdgeCurve
from ioi_core.edges.scores import edge_scores
from ioi_core.model.weights import Model
from ioi_core.prompts.dataset import ioi_dataset
from ioi_core.prompts.names import read_data
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress
from ioi_core.uncertainty import RESAMPLES

N_PROMPTS, N_EXACT = 100, 8
"""Prompts for estimates and curves, and those that edges are scored on exactly, each of which takes minutes."""

RANDOM = "random"
_QUOTED = read_data("edge_figures.json")


@dataclass(frozen=True)
class EdgeFigure:
    """CMD and CPR of one way to score edges.

    Attributes:
        method: one of `METHODS`, or "random"; n_scored: prompts that edges were scored on, 0 of random edges.
        n_judged: prompts of the curve.
        cmd, cpr: the figures; cmd_interval, cpr_interval: their 95 % intervals over the prompts of the curve.
    """

    method: str
    n_scored: int
    n_judged: int
    cmd: float
    cpr: float
    cmd_interval: tuple[float, float]
    cpr_interval: tuple[float, float]


def verify_edges(
    model: Model, *, n_prompts: int = N_PROMPTS, n_exact: int = N_EXACT, progress: Progress | None = None
) -> Iterator[EdgeFigure]:
    """Yield the figures of each way to score edges as soon as they are there: random, EAP, EAP-IG, exact.

    Args:
        n_prompts: to score edges on by an estimate, and as many others to measure curves on.
        n_exact: to score edges on exactly.
    """
    found_on = ioi_dataset(model, n_prompts, seed=0)
    judged_on = ioi_dataset(model, n_prompts, seed=1)
    chance, exists = np.random.default_rng(0), EdgeGraph.of(model).exists
    yield _figure(RANDOM, 0, edge_curve(model, judged_on, np.where(exists, chance.random(exists.shape), np.nan)))
    for method in reversed(METHODS):
        pairs = found_on[: min(n_exact, n_prompts)] if method == "exact" else found_on
        yield _measured(model, method, pairs, judged_on, progress)


def _measured(
    model: Model, method: str, pairs: PromptPairs, judged_on: PromptPairs, progress: Progress | None
) -> EdgeFigure:
    scores = edge_scores(model, pairs, method, progress=progress)
    return _figure(method, len(pairs), edge_curve(model, judged_on, scores))


def _figure(method: str, n_scored: int, curve: EdgeCurve) -> EdgeFigure:
    """CMD and CPR, and both again with the prompts of the curve drawn with replacement."""
    weights = np.random.default_rng(0).multinomial(
        curve.n_prompts, [1 / curve.n_prompts] * curve.n_prompts, size=RESAMPLES
    )
    drawn = (curve.per_prompt @ weights.T) / np.where((gaps := curve.gaps @ weights.T) == 0, np.nan, gaps)
    return EdgeFigure(
        method,
        n_scored,
        curve.n_prompts,
        curve.cmd,
        curve.cpr,
        _ends(np.trapezoid(np.abs(1 - drawn), curve.shares, axis=0)),
        _ends(np.trapezoid(drawn, curve.shares, axis=0)),
    )


def _ends(areas: Float[np.ndarray, " draw"]) -> tuple[float, float]:
    low, high = np.quantile(areas, [0.025, 0.975])
    return float(low), float(high)


def edge_table(model: Model, figures: list[EdgeFigure]) -> str:
    """Return the figures as text; beside them, for GPT-2 small alone, those that are quoted."""
    of_gpt2 = model.is_gpt2_small
    quoted = "  quoted, unchecked: CMD   CPR" if of_gpt2 else ""
    lines = [f"{'edges by':<9} {'scored on':>9} {'judged on':>9}  {'CMD (95 %)':<22} {'CPR (95 %)':<22}{quoted}"]
    for figure in figures:
        cmd, cpr = (
            f"{value:.3f} ({low:.3f} to {high:.3f})"
            for value, (low, high) in ((figure.cmd, figure.cmd_interval), (figure.cpr, figure.cpr_interval))
        )
        theirs = f"{_QUOTED['cmd'][figure.method]:>24.2f}  {_QUOTED['cpr'][figure.method]:>4.2f}" if of_gpt2 else ""
        lines.append(
            f"{figure.method:<9} {figure.n_scored or '-':>9} {figure.n_judged:>9}  {cmd:<22} {cpr:<22}{theirs}"
        )
    return "\n".join([*lines, *(_notes() if of_gpt2 else [_NOT_GPT2.format(model.name)])])


_NOT_GPT2 = "NOT GPT-2 small but {}: nothing was published about these weights, so no figures stand beside them."


def _notes() -> list[str]:
    return [
        f"Quoted: {_QUOTED['source']}; read {_QUOTED['read']}.",
        "MIB's own data set is another sample than these generated prompts (S2 flip): figures beside each other are to",
        "compare, and neither pass nor fail.",
    ]
