"""Figures of a sweep. No Streamlit here."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.drawing.bars import row_bars
from app.drawing.heatmap import EffectGrid, effect_heatmap, heatmap_height
from app.drawing.parts import laid_out, literal
from app.words.choices import TOWARDS
from app.words.phrases import mean_over, number
from ioi_core import Direction, SweepResult

MOST_ROWS, MOST_CELLS = 200, 6000
_LARGEST = 1e9
_PATCHED = ("patch_activations", "estimate_patching")


@dataclass(frozen=True)
class Effects:
    """What is drawn of a sweep.

    Attributes:
        values: of its cells; for patched activations minus the unpatched run, as their page draws them.
        change: whether they are such changes, and not from 0, which would make them the values themselves.
    """

    values: np.ndarray
    change: bool

    @classmethod
    def of(cls, result: SweepResult) -> "Effects":
        """Return those of a result; its own values where the unpatched run is not known."""
        before = unpatched(result)
        return cls(result.values, False) if before is None else cls(result.values - before, before != 0)


def unpatched(result: SweepResult) -> float | None:
    """Return the unpatched run's value on the scale of a patching result; None for others."""
    direction = result.parameters.get("direction", Direction.DENOISING.value)
    if result.analysis not in _PATCHED or direction not in [one.value for one in Direction]:
        return None
    denoising = direction == Direction.DENOISING.value
    if result.metric == "logit_diff_recovered":
        return 0.0 if denoising else 1.0
    return result.corrupted if denoising else result.clean


def can_be_drawn(result: SweepResult) -> bool:
    """Return whether `sweep_figure` draws it; a table shows what it does not."""
    shape = result.values.shape
    rows = int(np.prod(shape[:-1])) if len(shape) > 1 else result.values.size
    sizes = np.abs(Effects.of(result).values)
    return bool(shape) and 0 < rows <= MOST_ROWS and 0 < sizes.size <= MOST_CELLS and bool((sizes < _LARGEST).all())


def sweep_figure(result: SweepResult) -> go.Figure:
    """Draw means: bars along one axis, else a heatmap with the last axis in columns."""
    return _bars(result) if len(result.axes) == 1 else _heatmap(result)


def _heatmap(result: SweepResult) -> go.Figure:
    drawn = Effects.of(result)
    *outer, (last, columns) = result.axes.items()
    rows = tuple(".".join(labels) for labels in itertools.product(*(labels for _, labels in outer)))
    title = "head" if [name for name, _ in outer] == ["layer", "head"] else ", ".join(name for name, _ in outer)
    values = drawn.values.reshape(len(rows), len(columns))
    keys = tuple(tuple(f"{title} {row}, {last} {column}" for column in columns) for row in rows)
    roles = ((),) * len(columns)
    grid = EffectGrid(values, values[..., None], rows, columns, roles, title, last, keys, keys, 0.0)
    hovers = iter(_hover_texts(result, drawn, [name for row in keys for name in row]))
    texts = [[next(hovers) for _ in columns] for _ in rows]
    figure = effect_heatmap(grid, texts, [], less_is_good=result.metric == "kl")
    blue = f"; blue: {TOWARDS[result.metric]}" if unpatched(result) is not None and result.metric in TOWARDS else ""
    return laid_out(figure, _title(result), f"{_note(result)}{blue}", heatmap_height(grid))


def _bars(result: SweepResult) -> go.Figure:
    drawn, [(axis, labels)] = Effects.of(result), result.axes.items()
    low, high = (end - result.values + drawn.values for end in result.interval())
    texts = _hover_texts(result, drawn, [f"{axis} {label}" for label in labels])
    names = [literal(f"{axis} {label}") for label in labels]
    ends = np.array([drawn.values, low, high])
    return row_bars(names, ends, texts, _title(result), f"{_note(result)}; whiskers: 95 %", literal(result.unit))


def _title(result: SweepResult) -> str:
    return literal(f"{'Change in ' * (unpatched(result) is not None)}{result.metric}")


def _note(result: SweepResult) -> str:
    return literal(f"{result.unit}, {mean_over(result.n_prompts)}")


def _hover_texts(result: SweepResult, drawn: Effects, names: Sequence[str]) -> list[str]:
    """Return the hover texts of all cells. The standard error is that of the mean value, not of its change."""
    cells = zip(names, drawn.values.ravel(), result.values.ravel(), result.standard_error.ravel(), strict=True)
    return [
        f"{literal(name)}:<br>{literal(result.metric)} "
        + (f"changes by {number(effect)}, to {number(value)}" if drawn.change else number(value))
        + f"<br>(standard error {number(error).lstrip('+')})"
        for name, effect, value, error in cells
    ]
