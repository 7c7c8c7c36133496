"""Figures of the Logit lens page.

Axes are numeric with their own tick texts, since Plotly merges equal string ticks and reads HTML in them; all text
from outside is escaped.
"""

import numpy as np
import plotly.graph_objects as go

from app.colours import CORRUPTED, FAVOURS_IO
from app.drawing.bars import row_bars
from app.drawing.heatmap import (
    clickable_cells,
    colour_limit,
    effect_cells,
    interval_texts,
    name_cells,
    refuse_undefined,
)
from app.drawing.kept import drawn_once
from app.drawing.parts import hover, in_one_line, laid_out, literal, mark, whisker_note
from app.logit_lens.grid import GridLabels
from app.words.effects import least
from app.words.phrases import adds_or_takes, capitalised, component, interval, mean_over, number, percent, stage
from ioi_core import HeadAttribution, PromptResult, TokenLens

PROBABILITY = [[0.0, "#FFFFFF"], [0.15, "#FDEBD0"], [0.5, "#FBCB85"], [1.0, "#F5A04A"]]  # dark text reads on all of it

REPEATED = [[0.0, "#E2E2E2"], [1.0, "#E2E2E2"]]


@drawn_once
def lens_curves(final: PromptResult, per_layer: PromptResult) -> go.Figure:
    """Draw logit_diff of the residual stream, stage by stage, with both LayerNorm scales; one has its interval."""
    labels = final.axes["stage"]
    stages = [stage(label) for label in labels]
    figure = go.Figure()
    for result, name, dash in ((final, "final scale", "solid"), (per_layer, "own scale", "dot")):
        texts = [
            f"{capitalised(words)}, with the {name} of LayerNorm:<br>"
            f"logit_diff {number(value)} logits ({mean_over(result.n_prompts)})"
            for words, value in zip(stages, result.values, strict=True)
        ]
        colour, width = (FAVOURS_IO, 3) if dash == "solid" else (CORRUPTED, 2)
        line = {"dash": dash, "width": width, "color": colour}
        x = np.arange(len(labels))
        figure.add_scatter(x=x, y=result.values, name=name, mode="lines+markers", line=line, **hover(texts))
    low, high = final.interval()
    if np.isfinite(low).all():
        outline = {"x": np.concatenate([x, x[::-1]]), "y": np.concatenate([high, low[::-1]])}
        style = {"fill": "toself", "mode": "lines", "fillcolor": "rgba(46, 126, 187, 0.2)", "line": {"width": 0}}
        figure.add_scatter(**outline, **style, hoverinfo="skip", name="95 % interval")
    shown = [n for n, label in enumerate(labels) if not label.endswith("_mid")]
    ticks = [labels[n].split("_")[0] if labels[n] != "final_post" else "end" for n in shown]
    figure.update_xaxes(tickvals=shown, ticktext=ticks, title="before layer (between: after attention)")
    figure.update_yaxes(title="logit_diff, logits", zeroline=True, zerolinewidth=2)
    figure.add_hline(y=0)
    return laid_out(figure, "logit_diff at END", f"logits, {mean_over(final.n_prompts)}", 400, legend=True)


@drawn_once
def layer_bars(result: PromptResult) -> go.Figure:
    """Draw a bar for each component, from the embeddings down to the bias, with its interval."""
    names = [component(label) for label in result.axes["component"]]
    ends, sample = np.array([result.values, *result.interval()]), mean_over(result.n_prompts)
    texts = [
        _effect_sentence(capitalised(name), value, interval(low, high, sample))
        for name, value, low, high in zip(names, *ends, strict=True)
    ]
    largest = float(np.nanmax(np.abs(ends)))
    written = [f"{name} {number(value, largest)}" for name, value in zip(names, result.values, strict=True)]
    title, note = "Direct effect on logit_diff, part by part", f"logits, {sample}{whisker_note(result.n_prompts)}"
    axis, height = "logits (right: the right answer)", 130 + 24 * len(names)
    return row_bars(written, ends, texts, title, note, axis, height=height, symmetric=True)


@drawn_once
def head_heatmap(result: HeadAttribution) -> go.Figure:
    """Draw the direct effect of every head, layer by layer, with b_O's share in a separate column."""
    n_layers, n_heads = result.values.shape
    values = np.column_stack([result.values, result.bias])
    refuse_undefined(values)
    limit, sample = colour_limit(values, least()), mean_over(result.n_prompts)
    interval_words = interval_texts(*result.interval(), sample)
    texts = [
        [
            *(_effect_sentence(f"Head {layer}.{n}", *cell) for n, cell in enumerate(zip(row, intervals, strict=False))),
            _effect_sentence(f"The bias b_O of layer {layer}", row[-1], sample),
        ]
        for layer, (row, intervals) in enumerate(zip(values, interval_words, strict=True))
    ]
    numbers = [[number(value, limit) for value in row] for row in values]
    x = [*range(n_heads), n_heads + 0.5]
    cells = []
    for part in (slice(n_heads), slice(n_heads, None)):
        shown, hovers = ([row[part] for row in rows] for rows in (numbers, texts))
        cells.append(effect_cells(values[:, part], limit, shown, x=x[part], dx=1, **hover(hovers)))
    cells[1].showscale = False
    # b_O's cells belong to no head: a click on them does nothing.
    keys = [[*(f"{layer}.{head}" for head in range(n_heads)), ""] for layer in range(n_layers)]
    customdata = [list(zip(*row, strict=True)) for row in zip(keys, texts, strict=True)]
    figure = clickable_cells(cells, customdata, 30, x)
    name_cells(figure, list(map(str, range(n_layers))), [*map(str, range(n_heads)), "b_O"], x=x, title="head")
    return laid_out(figure, "Direct effect on logit_diff, head by head", f"logits, {sample}", 170 + 40 * n_layers)


def _effect_sentence(who: str, value: float, sample: str) -> str:
    return f"{adds_or_takes(who, value)}<br>({sample})"


CELLS = ("top token", "probability of IO", "rank of IO")
"""The choices of what a cell of the token grid shows."""


@drawn_once
def token_grid(lens: TokenLens, labels: GridLabels, cells: str) -> go.Figure:
    """Draw each layer's prediction at each position of one prompt; `cells` is one of `CELLS`, `lens` tracks IO."""
    io_probs, ranks = (of_io[:, 0, :, 0] for of_io in lens.tracked)
    probs, ranks = lens.probs[:, 0, :, 0], ranks + 1
    layers = ["at the output" if label == "final" else f"before layer {label}" for label in lens.axes["layer"]]
    answer = literal(labels.answer)
    texts = [
        [
            f"{capitalised(layer)}, position {pos} (token {literal(labels.columns[pos])}):<br>"
            f"first choice {literal(labels.top_tokens[n][pos])} with probability {percent(probs[n, pos])};<br>"
            f"the right answer {answer} has rank {ranks[n, pos]:,} with probability {percent(io_probs[n, pos])}"
            for pos in range(len(labels.columns))
        ]
        for n, layer in enumerate(layers)
    ]
    z, text, colour = _grid_cells(cells, probs, io_probs, ranks, labels)
    figure, written = go.Figure(), {"text": text, "texttemplate": "%{text}"}
    figure.add_heatmap(z=z.astype(np.float32), xgap=1, ygap=1, **written, **colour, **hover(texts))
    if cells == "top token":
        _grey_out_repeats(figure, np.array(labels.repeats))
    notes = [" ".join(map(mark, roles)) for roles in labels.roles]
    ticks = [f"{in_one_line(column)}<br>{note}" for column, note in zip(labels.columns, notes, strict=True)]
    rows = ["out" if label == "final" else str(label) for label in lens.axes["layer"]]
    name_cells(figure, rows, ticks, row_title="before layer", side="top", tickangle=0)
    titles = {
        "top token": "Most probable next token",
        "probability of IO": f"Probability of the right answer ({answer})",
        "rank of IO": f"Rank of the right answer ({answer})",
    }
    units = {
        "top token": "with its probability; grey: the token above itself",
        "rank of IO": "1 = most probable of all tokens",
    }
    note = f"{units.get(cells, 'probability')}, 1 prompt"
    return laid_out(figure, titles[cells], note, 165 + 46 * len(rows), top=115)


def _grey_out_repeats(figure: go.Figure, repeats: np.ndarray) -> None:
    """Draw the cells that only repeat the token they stand below in grey: tied embeddings do so at first, certainly."""
    [coloured] = figure.data
    texts = np.array(coloured.text, dtype=object)
    figure.add_trace(coloured)
    figure.data[1].update(z=np.where(repeats, 0, np.nan), text=np.where(repeats, texts, ""), colorscale=REPEATED)
    coloured.update(z=np.where(repeats, np.nan, coloured.z), text=np.where(repeats, "", texts))


def _grid_cells(
    cells: str, probs: np.ndarray, io_probs: np.ndarray, ranks: np.ndarray, labels: GridLabels
) -> tuple[np.ndarray, list[list[str]], dict[str, object]]:
    """Return colour values, texts and colour scale of the grid."""
    colour = {"colorscale": PROBABILITY, "showscale": False}
    if cells == "rank of IO":
        text = [[f"{rank:,}" for rank in row] for row in ranks]
        return np.log10(ranks), text, colour | {"reversescale": True, "zmin": 0, "zmax": 5}
    colour |= {"zmin": 0, "zmax": 1}
    if cells == "probability of IO":
        return io_probs, [[_percent(p) for p in row] for row in io_probs], colour
    text = [
        [f"{in_one_line(token)}<br>{_percent(p)}" for token, p in zip(tokens, row, strict=True)]
        for tokens, row in zip(labels.top_tokens, probs, strict=True)
    ]
    return probs, text, colour


def _percent(probability: float) -> str:
    return f"{100 * probability:.0f} %" if probability >= 0.01 else "&lt;1 %"
