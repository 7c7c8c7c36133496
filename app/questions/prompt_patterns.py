"""Requests for attention in the prompt that is shown, clean and corrupted."""

import math
from collections.abc import Sequence
from typing import TypedDict

import numpy as np

import ioi_core
from app.questions.ask import Request, ask
from app.questions.compute import compute_all
from app.questions.patterns import RUNS, PromptPatterns
from app.questions.shown import Shown
from app.view import View
from app.words.tokens import row_labels, row_roles
from ioi_core import Head, Result

MOST_CELLS = 300_000
"""The most numbers in one figure: 2 megabytes for the browser, which still draws them without a pause."""


def prompt_patterns(view: View, layers: Sequence[int], *, weighted: bool) -> PromptPatterns:
    """Compute the attention of all heads of some layers in the prompt shown."""
    parts = compute_all(view.model, pattern_requests(view, layers, weighted=weighted))
    half = len(parts) // 2
    clean, corrupted = (np.concatenate([part.values[0] for part in run]) for run in (parts[:half], parts[half:]))
    labels = {run: row_labels(view.model, view.pairs, view.row, corrupted=run == "corrupted") for run in RUNS[:2]}
    roles = row_roles(view.pairs, view.row)
    return PromptPatterns(tuple(layers), clean, corrupted, weighted, labels, roles, view.row + 1)


def pattern_requests(view: View, layers: Sequence[int], *, weighted: bool) -> list[Request[Result]]:
    """Ask for the patterns of the clean prompt, then for those of the corrupted one.

    All layers of the model are one computation, unless there are more than `MOST_CELLS` numbers.
    """
    n_layers, length = view.model.cfg.n_layers, int(view.pairs.lengths[view.row])
    together = len(layers) == n_layers and cells(view, n_layers) <= MOST_CELLS
    asked: Sequence[int | None] = (None,) if together else layers
    row = slice(view.row, view.row + 1)
    return [
        ask(ioi_core.attention_patterns, tokens=tokens[row, :length], weighted=weighted, layer=layer)
        for tokens in (view.pairs.clean_tokens, view.pairs.corrupted_tokens)
        for layer in asked
    ]


class Asked(TypedDict):
    """The arguments of `show_figure` that say where its numbers are from."""

    requests: list[Request[Result]]
    shown: list[Shown]


def asked_for(
    view: View, patterns: PromptPatterns, heads: Sequence[Head] = (), runs: Sequence[str] = RUNS[:2]
) -> Asked:
    """Return where patterns are from: those of some heads, else of all heads; `runs` are clean and corrupted."""
    requests = pattern_requests(view, patterns.layers, weighted=patterns.weighted)
    half = len(requests) // 2
    shown = []
    for run in runs:
        first = half * RUNS.index(run)
        for head in heads:
            n, layer = patterns.layers.index(head.layer), 0
            if half < len(patterns.layers):  # all layers in one result
                n, layer = 0, n
            shown.append(Shown("values", first + n, (0, layer, head.head)))
        if not heads:
            shown += [Shown("values", first + n, (0,)) for n in range(half)]
    return Asked(requests=requests, shown=shown)


def too_long(view: View) -> str:
    """Explain why no pattern of the prompt shown is drawn: it is too much for a browser; "" if it is not."""
    if cells(view, 1) <= MOST_CELLS:
        return ""
    length, most = int(view.pairs.lengths[view.row]), math.isqrt(MOST_CELLS // view.model.cfg.n_heads)
    return (
        f"Choose a prompt of up to {most} tokens: prompt {view.row + 1} has {length}, and each head {length} x "
        f"{length} numbers, too many to draw."
    )


def layers_with(view: View, layer: int) -> tuple[int, ...]:
    """Return all layers, whose patterns other panels share, or this one alone where all are too many to draw."""
    n_layers = view.model.cfg.n_layers
    return tuple(range(n_layers)) if cells(view, n_layers) <= MOST_CELLS else (layer,)


def covering(view: View, patterns: PromptPatterns, heads: Sequence[Head]) -> PromptPatterns:
    """Return `patterns` if these heads are in it, else compute those of the heads' layers."""
    layers = sorted({head.layer for head in heads})
    if set(layers) <= set(patterns.layers):
        return patterns
    return prompt_patterns(view, layers, weighted=patterns.weighted)


def cells(view: View, n_layers: int) -> int:
    """Return how many numbers the patterns of `n_layers` layers hold, in the prompt shown."""
    return n_layers * view.model.cfg.n_heads * int(view.pairs.lengths[view.row]) ** 2
