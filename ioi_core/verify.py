"""Published figures of GPT-2 small against this package's own, one check after another.

Sources, named in the data files: the stored outputs of TransformerLens's Exploratory_Analysis_Demo (eight prompts) and
ARENA 1.4.1's 25 prompts. A list of figures is one check, shown at the figure that differs most.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from jaxtyping import Float

from ioi_core.activation_patching.estimate import estimate_patching
from ioi_core.activation_patching.exact import patch_activations
from ioi_core.attention.repeated_tokens import head_scores
from ioi_core.attribution.direct import attribute_heads, attribute_layers
from ioi_core.attribution.logit_lens import logit_lens
from ioi_core.attribution.predictions import predictions
from ioi_core.model.weights import Model
from ioi_core.prompts.arena import arena25_pairs, arena_pairs
from ioi_core.prompts.names import read_data

LOGIT_TOLERANCE = 1e-3  # logits; both sources ran float32 on other machines and print 4 decimals or more

PATCHING_TOLERANCE = 1e-4  # of the distance between corrupted and clean, 7.1 logits here

SCORE_TOLERANCE = 0.1  # probability; the notebook's random tokens were others


@dataclass(frozen=True)
class Check:
    """One published figure beside ours."""

    name: str
    value: float
    published: float
    tolerance: float

    @property
    def difference(self) -> float:
        """Ours minus the published one."""
        return self.value - self.published

    @property
    def passed(self) -> bool:
        """Return whether they agree; a nan never does."""
        return bool(abs(self.difference) <= self.tolerance)


def verify(model: Model) -> Iterator[Check]:
    """Check every published figure, yielding each as soon as it is computed.

    Args:
        model: GPT-2 small with its real weights; any other model of its shape fails.
    """
    yield from _notebook_checks(model)
    yield from _head_score_checks(model)
    yield from _patching_checks(model)
    yield from _arena25_checks(model)


def _notebook_checks(model: Model) -> Iterator[Check]:
    published, pairs = read_data("notebook_figures.json"), arena_pairs(model)
    says = predictions(model, pairs)
    yield Check("eight prompts: logit_diff", float(says.values[0]), published["logit_diff"], LOGIT_TOLERANCE)
    yield Check("eight prompts: corrupted logit_diff", float(says.values[1]), -published["logit_diff"], LOGIT_TOLERANCE)
    yield _worst("eight prompts: each logit_diff", says.clean_logit_diff, published["logit_diff_per_prompt"])
    lens, layers = logit_lens(model, pairs), attribute_layers(model, pairs)
    yield _worst("logit lens", lens.values, published["logit_lens"]["values"], lens.axes["stage"])
    by_layer = layers.values[:-1]  # the notebook leaves b_U out
    yield _worst("attribution by layer", by_layer, published["attribute_layers"]["values"], layers.axes["component"])
    by_head = attribute_heads(model, pairs).values
    yield _worst("attribution by head", by_head, published["attribute_heads"], list(map(str, model.heads)))


def _head_score_checks(model: Model) -> Iterator[Check]:
    """Each head's attention on random repeated tokens."""
    published, result = read_data("notebook_figures.json")["head_scores"], head_scores(model)
    for score, values in zip(result.axes["score"], result.values, strict=True):
        name = f"{score.replace('_', '-')} scores"
        yield _worst(name, values, published[score], list(map(str, model.heads)), SCORE_TOLERANCE)


def _patching_checks(model: Model) -> Iterator[Check]:
    """Every cell of the notebook's patching grids, exact and estimated: logit_diff_recovered, denoising."""
    published, pairs = read_data("notebook_figures.json"), arena_pairs(model)
    for kind, analysis in (("patch", patch_activations), ("estimate", estimate_patching)):
        for site, grid in published[f"{kind}_denoising"].items():
            result = analysis(model, pairs, site)
            cells = [".".join(cell) for cell in product(*result.axes.values())]
            yield _worst(f"{kind} {site}", result.values, grid, cells, PATCHING_TOLERANCE)


def _arena25_checks(model: Model) -> Iterator[Check]:
    published, pairs = read_data("arena25.json")["expected"], arena25_pairs(model)
    says = predictions(model, pairs)
    yield Check("25 prompts: logit_diff", float(says.values[0]), published["ioi_avg_ld"], LOGIT_TOLERANCE)
    yield Check("25 prompts: logit_diff under ABC", float(says.values[1]), published["abc_avg_ld"], LOGIT_TOLERANCE)
    yield _worst("25 prompts: first five", says.clean_logit_diff[:5], published["ioi_first5"])
    yield _worst("25 prompts: first five under ABC", says.corrupted_logit_diff[:5], published["abc_first5"])
    name_mover = float(attribute_heads(model, pairs).values[9, 9])
    yield Check("25 prompts: direct effect of 9.9", name_mover, published["dla_9.9"], LOGIT_TOLERANCE)


def _worst(
    name: str,
    values: Float[np.ndarray, "*cells"],
    published: list[float] | list[list[float]],
    labels: object = None,
    tolerance: float = LOGIT_TOLERANCE,
) -> Check:
    """Return a list of figures as one check, at the cell that differs most."""
    ours, theirs = values.ravel(), np.array(published, dtype=float).ravel()
    cell = int(np.nanargmax(np.abs(ours - theirs)))
    where = labels[cell] if isinstance(labels, list | tuple) else f"number {cell + 1}"
    title = f"{name}, {len(theirs)} figures, worst at {where}"
    check = Check(title, float(ours[cell]), float(theirs[cell]), tolerance)
    return check if np.isfinite(ours).all() else replace(check, value=float("nan"))


def table(checks: list[Check]) -> str:
    """Return the checks as text: value, published, difference, tolerance, pass or FAIL."""
    width = max(len(check.name) for check in checks)
    head = f"{'figure':<{width}}  {'value':>9}  {'published':>9}  {'difference':>10}  {'tolerance':>9}"
    rows = [
        f"{c.name:<{width}}  {c.value:>9.4f}  {c.published:>9.4f}  {c.difference:>+10.5f}  {c.tolerance:>9.0e}  "
        f"{'pass' if c.passed else 'FAIL'}"
        for c in checks
    ]
    return "\n".join([head, *rows])
