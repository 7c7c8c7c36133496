"""Panels below the heatmap: a cell closely, with what its head or layer does, and the estimate's quality."""

from functools import partial

import streamlit as st

import ioi_core
from app.activation_patching import charts, tables, words
from app.activation_patching.cells import cell_index, effect_grid
from app.drawing.figure import show_figure
from app.drawing.heatmap import EffectGrid, attention_heatmap
from app.drawing.look import says
from app.questions.ask import Request, ask
from app.questions.compute import compute
from app.questions.patterns import PromptPatterns
from app.questions.prompt_patterns import asked_for, layers_with, prompt_patterns, too_long
from app.questions.shown import Shown
from app.shell.links import head_link
from app.view import View
from app.words.phrases import adds_or_takes, with_interval
from app.words.tokens import row_texts
from ioi_core import Head, PatchResult, correlation


def show_cell(
    view: View, request: Request[PatchResult], exact: PatchResult, grid: EffectGrid, cell: tuple[int, int]
) -> None:
    """Draw a cell's effect prompt by prompt, and what its head or layer does."""
    says(words.cell_story(exact, grid, cell))
    show_figure(
        "patch_prompts",
        charts.prompt_effects(grid, exact, cell, view.row),
        "",
        lambda: tables.cell_frame(view.pairs, exact, grid.keys[cell[0]][cell[1]], grid.per_prompt[cell]),
        large=view.large,
        requests=[request],
        shown=[Shown("effects", cells=cell_index(exact, cell))],
    )
    if grid.of_heads:
        _show_head(view, grid.head(cell))
    else:
        _show_layer(view, cell[0], grid, cell[1])


def show_estimate(
    view: View, request: Request[PatchResult], exact_request: Request[PatchResult], exact: PatchResult
) -> None:
    """Draw the first-order estimate, which is asked for here, against the exact effects."""
    estimate = compute(view.model, request)
    if estimate.undefined is not None:
        st.write(f"There is none: {estimate.undefined}.")
        return
    st.write("The **estimate** is an activation's change times the metric's slope: quick, but only first order.")
    estimated, grid = (effect_grid(view.model, view.pairs, view.row, result) for result in (estimate, exact))
    r = correlation(estimate, exact)
    show_figure(
        "patch_estimate",
        charts.estimate_scatter(estimated, grid, exact, r),
        words.estimate_story(estimated, grid, r),
        lambda: estimate.to_frame().rename(columns={estimate.metric: "estimate"}).assign(exact=exact.values.ravel()),
        large=view.large,
        requests=[request, exact_request],
        shown=[Shown("effects", 0), Shown("effects", 1)],
    )


def _show_head(view: View, head: Head) -> None:
    """Draw the head's direct effect, and its attention in the clean and in the corrupted prompt."""
    heads = compute(view.model, ask(ioi_core.attribute_heads, pairs=view.pairs))
    patterns = _patterns(view, head.layer)
    direct, note = float(heads.values[head.layer, head.head]), with_interval(heads.per_prompt[head.layer, head.head])
    says(
        f"{adds_or_takes(f'Directly, head {head}', direct)}; what patching shows beyond that goes through later "
        f"layers.\nClean runs, {note}. {words.attention_words(view.pairs, view.row, patterns.of(head, 'clean'))}"
    )
    head_link(head)
    if refused := too_long(view):
        st.write(refused)
        return
    for column, run in zip(st.columns(2), ("clean", "corrupted"), strict=True):
        pattern, labels = patterns.of(head, run), patterns.labels[run]
        tokens = row_texts(view.model, view.pairs, view.row, corrupted=run == "corrupted")
        with column:
            show_figure(
                "patch_attention",
                attention_heatmap(pattern, labels, f"Head {head}, {patterns.title(run)}", roles=patterns.roles),
                "",
                partial(tables.attention_frame, pattern, tokens),
                large=view.large,
                **asked_for(view, patterns, [head], [run]),
                suffix=run,
            )


def _show_layer(view: View, layer: int, grid: EffectGrid, column: int) -> None:
    """Say the layer's direct effects, and which of its heads look from END at the position of the cell."""
    layers = compute(view.model, ask(ioi_core.attribute_layers, pairs=view.pairs))
    attending = words.attending_heads_words(view, _patterns(view, layer), layer, grid, column)
    says(f"{words.direct_effects_words(layers, layer)}\n{attending}")


def _patterns(view: View, layer: int) -> PromptPatterns:
    return prompt_patterns(view, layers_with(view, layer), weighted=False)
