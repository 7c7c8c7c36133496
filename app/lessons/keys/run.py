"""Where lessons measure, and the heads that every model has its own of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

import ioi_core
from app.questions.ask import Compute, ask
from app.questions.measures import role_requests
from app.words.effects import least
from app.words.phrases import number, ordinal
from app.words.tokens import row_labels, row_roles
from ioi_core import HEAD_ROLES, PUBLISHED_CLASSES, Head, IOIError, Model, PromptPairs, infer_roles

R = TypeVar("R")

STRONGEST, AGAINST = "strongest", "most against"
CLASSES = tuple(HEAD_ROLES)
GROUPS = (STRONGEST, AGAINST, *CLASSES)
"""Names of heads that every model has its own of."""

_POINTS = 7  # of a curve that somebody draws with sliders, on a phone too


class NotMeasuredError(IOIError):
    """What a question is about is not there: a class of heads without members, or no scale to measure on."""


@dataclass(frozen=True)
class Run:
    """Where something is measured."""

    model: Model
    pairs: PromptPairs
    compute: Compute


def heads_of(run: Run, group: str) -> tuple[Head, ...]:
    """Return the heads of one of `GROUPS`, those that write most towards the answer first.

    Raises:
        NotMeasuredError: this model has none.
    """
    direct = run.compute(ask(ioi_core.attribute_heads, pairs=run.pairs)).values
    order = sorted(run.model.heads, key=lambda head: -float(direct[head.layer, head.head]))
    if group in (STRONGEST, AGAINST):
        return (order[0 if group == STRONGEST else -1],)
    if run.model.is_gpt2_small:
        members: Sequence[Head] = next(one.heads for one in PUBLISHED_CLASSES if one.name == group)
    else:
        predicted, direct_of, attention, scores, copying, at_end = role_requests(run.pairs)
        members = infer_roles(
            run.compute(predicted), run.compute(direct_of), run.compute(attention),
            run.compute(scores), run.compute(copying), run.compute(at_end),
        ).heads(group)  # fmt: skip
    if not members:
        raise NotMeasuredError(f"none of its heads measures as a head of the class {group}")
    return tuple(head for head in order if head in members)


def shape_of(run: Run, read: str, shape: str) -> Mapping[str, Any]:
    """Return what a question must know of a grid or a curve before anything is computed."""
    layers = run.model.cfg.n_layers
    if shape == "heads":
        return {"layers": layers, "heads": run.model.cfg.n_heads}
    if shape == "cells":
        return {"rows": [f"layer {layer}" for layer in range(layers)], "columns": list(token_labels(run))}
    if shape == "curve":
        return {"x": list(layers_asked(run) if read == "at S2" else stages_asked(run))}
    return {}


def token_labels(run: Run) -> tuple[str, ...]:
    """Return the tokens of the first prompt, with their roles; those that would read the same are numbered."""
    roles = row_roles(run.pairs, 0)
    labels = [
        f"{token} ({', '.join(roles[n])})" if n in roles else token
        for n, token in enumerate(row_labels(run.model, run.pairs, 0))
    ]
    return tuple(
        label if labels.count(label) == 1 else f"{ordinal(labels[: n + 1].count(label))} {label}"
        for n, label in enumerate(labels)
    )


def some_of(count: int) -> list[int]:
    """Return at most `_POINTS` of some places, the first and the last among them."""
    return sorted(set(np.linspace(0, count - 1, min(count, _POINTS)).round().astype(int).tolist()))


def stages_asked(run: Run) -> tuple[str, ...]:
    """Return the stages at which somebody draws the logit lens."""
    layers = run.model.cfg.n_layers
    return tuple("end" if n == layers else f"before {n}" for n in some_of(layers + 1))


def layers_asked(run: Run) -> tuple[str, ...]:
    """Return the layers at which somebody draws a curve."""
    return tuple(f"layer {n}" for n in some_of(run.model.cfg.n_layers))


def head_labels(run: Run) -> tuple[tuple[str, ...], ...]:
    """Return the labels of layers and of heads."""
    axes = run.model.head_axes
    return tuple(f"layer {layer}" for layer in axes["layer"]), tuple(axes["head"])


def amount(value: float) -> str:
    """Return logits, or a share, as a number; "≈ 0" where it is nothing."""
    return number(value, nothing=least())
