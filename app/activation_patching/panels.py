"""Panels on a patched head or layer: its direct effect and its attention in the prompt shown."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

import ioi_core
from app.drawing.figure import show_figure
from app.drawing.heatmap import EffectGrid, attention_heatmap
from app.drawing.look import says
from app.questions.ask import ask
from app.questions.compute import compute
from app.questions.patterns import PromptPatterns
from app.questions.prompt_patterns import layers_with, prompt_patterns
from app.shell.links import head_link
from app.view import View
from app.words.phrases import adds_or_takes, with_interval
from ioi_core import Head, PromptPairs, Result


def show_head(view: View, head: Head) -> None:
    """Draw the head's direct effect, and its attention in the clean and in the corrupted prompt."""
    heads = compute(view.model, ask(ioi_core.attribute_heads, pairs=view.pairs))
    patterns = _patterns(view, head.layer)
    direct, note = float(heads.values[head.layer, head.head]), with_interval(heads.per_prompt[head.layer, head.head])
    says(
        f"{adds_or_takes(f'Directly, head {head}', direct)} (clean runs, {note}); what patching shows beyond that goes "
        f"through later layers. {_attention_words(view.pairs, view.row, patterns.of(head, 'clean'))}"
    )
    head_link(head)
    for column, run in zip(st.columns(2), ("clean", "corrupted"), strict=True):
        pattern, labels = patterns.of(head, run), patterns.labels[run]
        with column:
            show_figure(
                "patch_attention",
                attention_heatmap(pattern, labels, f"Head {head}, {patterns.title(run)}", roles=patterns.roles),
                "",
                partial(_attention_frame, pattern, labels),
                large=view.large,
                suffix=run,
            )


def show_layer(view: View, layer: int, grid: EffectGrid, column: int) -> None:
    """Say the layer's direct effects, and which of its heads look from END at the position of the cell."""
    layers = compute(view.model, ask(ioi_core.attribute_layers, pairs=view.pairs))
    attending = _attending_heads_words(view, _patterns(view, layer), layer, grid, column)
    says(f"{_direct_effects_words(layers, layer)} {attending}")


def _patterns(view: View, layer: int) -> PromptPatterns:
    return prompt_patterns(view, layers_with(view, layer), weighted=False)


def _attention_words(pairs: PromptPairs, row: int, pattern: np.ndarray) -> str:
    """Say how much END attends to each role."""
    end = int(pairs.roles["END"][row])
    roles = [role for role in ("IO", "S1", "S1+1", "S2") if role in pairs.roles]
    if not roles:
        return ""
    shares = ", ".join(f"{role} {pattern[end, int(pairs.roles[role][row])]:.2f}" for role in roles)
    return f"In clean prompt {row + 1}, its attention from END: {shares}."


def _direct_effects_words(layers: Result, layer: int) -> str:
    by_name = dict(zip(layers.axes["component"], layers.values, strict=True))
    return (
        f"Direct effects on logit_diff (clean runs): attention {layer} {by_name[f'{layer}_attn_out']:+.3f} logits, "
        f"MLP {layer} {by_name[f'{layer}_mlp_out']:+.3f}."
    )


def _attending_heads_words(view: View, patterns: PromptPatterns, layer: int, grid: EffectGrid, column: int) -> str:
    end = int(view.pairs.roles["END"][view.row])
    position = column
    if grid.column_title == "role":
        position = int(view.pairs.roles[grid.columns[column]][view.row])
    from_end = patterns.clean[patterns.layers.index(layer), :, end, position]
    order = np.argsort(-from_end)[:3]
    heads = ", ".join(f"{layer}.{head} {from_end[head]:.2f}" for head in order)
    return f"In clean prompt {view.row + 1}, the heads of layer {layer} that look there most from END: {heads}."


def _attention_frame(pattern: np.ndarray, labels: list[str]) -> pd.DataFrame:
    query, key = (axis.ravel() for axis in np.indices(pattern.shape))
    return pd.DataFrame(
        {
            "query_pos": query,
            "key_pos": key,
            "query_token": [labels[n] for n in query],
            "key_token": [labels[n] for n in key],
            "attention": pattern.ravel(),
        }
    )
