"""Made-up results of every sign and size, to hold sentences and colours against their numbers.

Sizes go from nothing to many logits, prompts from one to seven, and clean may be above or below corrupted.
"""

import re

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from ioi_core import Direction, PathResult
from ioi_core.activation_patching.exact import PatchResult
from ioi_core.engine.scoring import PATH_UNITS, UNITS, Scale, two_run_fields

SIZES = (0.0, 1e-6, 2e-4, 0.004, 0.02, 0.3, 2.0, 28.0)
_NOISE = np.random.default_rng(0).normal(size=(100, 64, 7))

COUNTS = st.integers(1, 7)
"""Numbers of prompts."""

NUMBER = r"(?:≈ 0|[+-]?\d+(?:\.\d+)?)"


@st.composite
def of_prompts(draw, n: int, *cells: int) -> np.ndarray:
    """[*cells batch]: each cell has a size of its own; prompts lie close to it, or far apart."""
    count = int(np.prod(cells))
    means = draw(st.lists(st.tuples(st.sampled_from(SIZES), st.sampled_from((-1, 1))), min_size=count, max_size=count))
    spread = draw(st.sampled_from((0.0, 0.01, 0.3, 5.0)))
    noise = _NOISE[draw(st.integers(0, 99)), :count, :n]
    sizes = np.array([size * sign for size, sign in means])[:, None]
    return (sizes * (1 + spread * noise)).reshape(*cells, n)


@st.composite
def patched(draw, metrics=tuple(UNITS)) -> tuple[PatchResult, np.ndarray]:
    """A result of activation patching, 2 layers of 3 heads, and each cell's raw change [layer head batch]."""
    n, metric, direction = draw(COUNTS), draw(st.sampled_from(metrics)), draw(st.sampled_from(list(Direction)))
    fields, changes = draw(two_runs(n, metric, direction, (2, 3)))
    axes = {"layer": ("0", "1"), "head": ("0", "1", "2")}
    unit = UNITS[metric]
    return PatchResult(**fields, axes=axes, metric=metric, unit=unit, site="z", estimate=False), changes


@st.composite
def paths(draw) -> tuple[PathResult, np.ndarray]:
    """A result of path patching to the logits, and each sender's change of logit_diff [layer head_or_mlp batch]."""
    n, direction = draw(COUNTS), draw(st.sampled_from(list(Direction)))
    metric = draw(st.sampled_from([metric for metric in PATH_UNITS if metric != "logit_diff_recovered"]))
    if direction is Direction.DENOISING:
        metric = draw(st.sampled_from(("logit_diff_recovered", "logit_diff")))
    fields, changes = draw(two_runs(n, metric, direction, (2, 4)))
    values, per_prompt = fields.pop("values"), fields.pop("per_prompt")
    result = PathResult(
        **fields, values=values[:, :3], per_prompt=per_prompt[:, :3], mlp_values=values[:, 3],
        mlp_per_prompt=per_prompt[:, 3], axes={"layer": ("0", "1"), "head": ("0", "1", "2")}, metric=metric,
        unit=PATH_UNITS[metric], receivers=(), receiver_input=None, sender_position="all", through_mlps=True,
    )  # fmt: skip
    return result, changes


@st.composite
def two_runs(draw, n: int, metric: str, direction: Direction, cells: tuple[int, ...]):
    """The fields of a `TwoRunResult` on the metric's scale, and each cell's change before it is put on that scale."""
    clean, corrupted = draw(of_prompts(n, 2))
    scale = Scale.of(metric, clean, corrupted)
    assume(scale.undefined is None)
    changes = draw(of_prompts(n, *cells))
    base = corrupted if direction is Direction.DENOISING else clean
    return two_run_fields(scale(base + changes), scale, direction, clean, corrupted), changes


def named(text: str, name: str = r"(?:head \d+\.\d+|MLP \d+)") -> list[tuple[str, float]]:
    """Every "head 0.1 (+0.3)" or "head 0.1 +0.3" of a sentence, in order."""
    return [
        (who, 0.0 if value == "≈ 0" else float(value)) for who, value in re.findall(rf"({name}) \(?({NUMBER})", text)
    ]
