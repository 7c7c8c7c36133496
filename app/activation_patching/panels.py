"""Panels on a patched head or layer: its direct effect and its attention in the prompt shown."""

from functools import partial

import streamlit as st

import ioi_core
from app.activation_patching.tables import attention_frame
from app.activation_patching.words import attending_heads_words, attention_words, direct_effects_words
from app.drawing.figure import show_figure
from app.drawing.heatmap import EffectGrid, attention_heatmap
from app.drawing.look import says
from app.questions.ask import ask
from app.questions.compute import compute
from app.questions.patterns import PromptPatterns
from app.questions.prompt_patterns import asked_for, layers_with, prompt_patterns
from app.shell.links import head_link
from app.view import View
from app.words.phrases import adds_or_takes, with_interval
from ioi_core import Head


def show_head(view: View, head: Head) -> None:
    """Draw the head's direct effect, and its attention in the clean and in the corrupted prompt."""
    heads = compute(view.model, ask(ioi_core.attribute_heads, pairs=view.pairs))
    patterns = _patterns(view, head.layer)
    direct, note = float(heads.values[head.layer, head.head]), with_interval(heads.per_prompt[head.layer, head.head])
    says(
        f"{adds_or_takes(f'Directly, head {head}', direct)}; what patching shows beyond that goes through later "
        f"layers.\nClean runs, {note}. {attention_words(view.pairs, view.row, patterns.of(head, 'clean'))}"
    )
    head_link(head)
    for column, run in zip(st.columns(2), ("clean", "corrupted"), strict=True):
        pattern, labels = patterns.of(head, run), patterns.labels[run]
        with column:
            show_figure(
                "patch_attention",
                attention_heatmap(pattern, labels, f"Head {head}, {patterns.title(run)}", roles=patterns.roles),
                "",
                partial(attention_frame, pattern, labels),
                large=view.large,
                **asked_for(view, patterns, [head], [run]),
                suffix=run,
            )


def show_layer(view: View, layer: int, grid: EffectGrid, column: int) -> None:
    """Say the layer's direct effects, and which of its heads look from END at the position of the cell."""
    layers = compute(view.model, ask(ioi_core.attribute_layers, pairs=view.pairs))
    attending = attending_heads_words(view, _patterns(view, layer), layer, grid, column)
    says(f"{direct_effects_words(layers, layer)}\n{attending}")


def _patterns(view: View, layer: int) -> PromptPatterns:
    return prompt_patterns(view, layers_with(view, layer), weighted=False)
