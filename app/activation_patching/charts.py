"""Figures of activation patching."""

import plotly.graph_objects as go

from app.drawing import parts
from app.drawing.bars import prompt_columns
from app.drawing.heatmap import EffectGrid, effect_heatmap, empty_note, heatmap_height, interval_texts
from app.drawing.kept import drawn_once
from app.drawing.parts import by_sign, laid_out, literal, mean_note
from app.words.choices import TOWARDS
from app.words.phrases import mean_over, number
from ioi_core import PatchResult, bootstrap_interval


@drawn_once
def patch_heatmap(grid: EffectGrid, result: PatchResult, chosen: tuple[int, int] | None) -> go.Figure:
    """Draw each cell's effect; cells can be clicked, the chosen one is framed."""
    sample = mean_over(result.n_prompts)
    intervals = interval_texts(*bootstrap_interval(grid.per_prompt, gaps=result.gaps), sample)
    texts = [
        [
            f"{literal(name.capitalize())}:<br>changes {result.metric} by {number(effect)}<br>({note})"
            for name, effect, note in zip(*cells, strict=True)
        ]
        for cells in zip(grid.names, grid.effects, intervals, strict=True)
    ]
    kind = "Estimated change" if result.estimate else "Change"
    figure = effect_heatmap(grid, texts, [chosen] if chosen else [], less_is_good=result.metric == "kl")
    note = f"{result.unit}, {sample}; blue: {TOWARDS[result.metric]}{empty_note(grid)}"
    top = 115 if any(grid.roles) else None
    return laid_out(figure, f"{kind} in {result.metric}", note, heatmap_height(grid), top=top)


@drawn_once
def prompt_effects(grid: EffectGrid, result: PatchResult, cell: tuple[int, int], shown: int) -> go.Figure:
    """Draw one cell's effect in every prompt."""
    values = grid.per_prompt[cell]
    texts = [f"Prompt {n}: {number(value)} in {result.metric}" for n, value in enumerate(values, 1)]
    good = -1 if result.metric == "kl" else 1  # the heatmap's meaning: blue is towards the clean run
    figure = prompt_columns(values, texts, by_sign(good * values), shown, result.gaps)
    unit = result.unit if result.gaps is None else "share of the mean gap"
    figure.update_yaxes(title=f"change, {unit}")
    sample = (f"each of {len(values)} prompts" if len(values) > 1 else "1 prompt") + mean_note(len(values))
    each = "; all divided by the same mean gap, clean minus corrupted" * (result.gaps is not None and len(values) > 1)
    return laid_out(figure, f"Change in {result.metric}, prompt by prompt", f"{unit}, {sample}{each}", 320)


@drawn_once
def estimate_scatter(estimate: EffectGrid, exact: EffectGrid, result: PatchResult, correlation: float) -> go.Figure:
    """Draw the first-order estimate of each cell against its exact effect."""
    x, y = estimate.effects.ravel(), exact.effects.ravel()
    names = [name for row in exact.names for name in row]
    texts = [
        f"{literal(name.capitalize())}:<br>estimate {number(a)}, exact {number(b)}"
        for name, a, b in zip(names, x, y, strict=True)
    ]
    figure = parts.estimate_scatter(x, y, texts, ("estimate", "exact"))
    note = f"change in {result.metric}, {result.unit}; correlation {number(correlation)}; dashed: equal"
    return laid_out(figure, "Estimate against exact, one point a cell", note, 420)
