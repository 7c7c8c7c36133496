"""What else is known about a patched head or layer: its direct effect and its attention in the prompt shown."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from app.drawing.figure import show_figure
from app.drawing.heatmap import EffectGrid, attention_heatmap
from app.drawing.look import says
from app.questions.ask import ask
from app.questions.compute import compute
from app.shell.links import head_link
from app.view import View
from app.words.phrases import with_interval
from app.words.tokens import row_labels, row_roles
from ioi_core import Head, PromptPairs, Result


def show_head(view: View, head: Head) -> None:
    """The head's direct effect, and where it looks in the clean and in the corrupted prompt."""
    heads, clean, corrupted = compute(
        view.model,
        ask("attribute_heads", pairs=view.pairs),
        *(ask("attention_patterns", tokens=tokens, layer=head.layer) for tokens in _shown_tokens(view)),
    )
    direct, sure = float(heads.values[head.layer, head.head]), with_interval(heads.per_prompt[head.layer, head.head])
    says(
        f"Directly, head {head} {'adds' if direct >= 0 else 'takes'} {abs(direct):.3f} logits "
        f"{'to' if direct >= 0 else 'from'} logit_diff (clean runs, {sure}); what patching shows beyond that goes "
        f"through later layers. {_looks(view.pairs, view.row, clean.values[0, 0, head.head])}"
    )
    head_link(head)
    columns, roles = st.columns(2), row_roles(view.pairs, view.row)
    for column, result, name in zip(columns, (clean, corrupted), ("clean", "corrupted"), strict=True):
        pattern = result.values[0, 0, head.head]
        labels = row_labels(view.model, view.pairs, view.row, corrupted=name == "corrupted")
        with column:
            show_figure(
                "patch_attention",
                attention_heatmap(pattern, labels, f"Head {head}, {name} prompt {view.row + 1}", roles=roles),
                "",
                partial(_attention_frame, pattern, labels),
                large=view.large,
                suffix=name,
            )


def show_layer(view: View, layer: int, grid: EffectGrid, column: int) -> None:
    """The layer's direct effects, and which of its heads look from END at the position of the cell."""
    tokens, _ = _shown_tokens(view)
    layers, clean = compute(
        view.model, ask("attribute_layers", pairs=view.pairs), ask("attention_patterns", tokens=tokens, layer=layer)
    )
    says(f"{_direct(layers, layer)} {_who_looks(view, clean, layer, grid, column)}")


def _shown_tokens(view: View) -> tuple[np.ndarray, np.ndarray]:
    """The clean and the corrupted prompt shown, without padding."""
    row, length = view.row, int(view.pairs.lengths[view.row])
    return view.pairs.clean_tokens[row : row + 1, :length], view.pairs.corrupted_tokens[row : row + 1, :length]


def _looks(pairs: PromptPairs, row: int, pattern: np.ndarray) -> str:
    """How much END looks at each role."""
    end = int(pairs.roles["END"][row])
    roles = [role for role in ("IO", "S1", "S1+1", "S2") if role in pairs.roles]
    if not roles:
        return ""
    shares = ", ".join(f"{role} {pattern[end, int(pairs.roles[role][row])]:.2f}" for role in roles)
    return f"In clean prompt {row + 1}, its attention from END: {shares}."


def _direct(layers: Result, layer: int) -> str:
    by_name = dict(zip(layers.axes["component"], layers.values, strict=True))
    return (
        f"Direct effects on logit_diff (clean runs): attention {layer} {by_name[f'{layer}_attn_out']:+.3f} logits, "
        f"MLP {layer} {by_name[f'{layer}_mlp_out']:+.3f}."
    )


def _who_looks(view: View, clean: Result, layer: int, grid: EffectGrid, column: int) -> str:
    end = int(view.pairs.roles["END"][view.row])
    position = column
    if grid.column_title == "role":
        position = int(view.pairs.roles[grid.columns[column]][view.row])
    from_end = clean.values[0, 0, :, end, position]
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
