"""Runs whose activations are kept: a whole run, or what a run adds to one whose first tokens it shares."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

import torch
from jaxtyping import Int
from torch import Tensor

from ioi_core.engine.forward import LayerRun, embed, layer_runs
from ioi_core.engine.tensors import to_device
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress
from ioi_core.vocabulary import Direction

Run = TypeVar("Run")

Trace = tuple[Mapping[str, Tensor], ...]
"""A run's recorded activations, layer by layer, under TransformerLens's names."""


def record(
    model: Model, tokens: Int[Tensor, "batch pos"], names: Sequence[str], progress: Progress | None = None
) -> Trace:
    """Run the model once and keep the named activations of every layer."""
    return _kept(layer_runs(model, embed(model, tokens), progress=progress), names)


def record_from(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    names: Sequence[str],
    base: Trace,
    start: int,
    n_layers: int | None = None,
    progress: Progress | None = None,
) -> Trace:
    """Record a run whose tokens before `start` are the base run's: only the rest is computed.

    Args:
        base: trace with "k" and "v".
        n_layers: stop after this many; None runs all.
    Returns:
        The named activations; nan before `start`, so that reading there by mistake cannot go unnoticed.
    """
    before = [{name: layer[name][:, :start] for name in ("k", "v")} for layer in base]
    runs = layer_runs(model, embed(model, tokens[:, start:], start), before, progress)
    return tuple(
        {name: _after_nan(x, start, 2 if name == "pattern" else 1) for name, x in layer.items()}
        for layer in _kept(islice(runs, n_layers), names)
    )


def _kept(runs: Iterable[LayerRun], names: Sequence[str]) -> Trace:
    return tuple({name: getattr(run, name) for name in names} for run in runs)


def _after_nan(activation: Tensor, start: int, dim: int) -> Tensor:
    shape = list(activation.shape)
    shape[dim] = start
    return torch.cat([activation.new_full(shape, torch.nan), activation], dim)


def swap_if_denoising(direction: Direction, first: Run, second: Run) -> tuple[Run, Run]:
    """Turn (clean, corrupted) into (base, source), the run that receives activations and the one they come from.

    It also turns (base, source) back into (clean, corrupted).
    """
    return (second, first) if direction is Direction.DENOISING else (first, second)


def first_difference(pairs: PromptPairs) -> int:
    """The first position where any clean prompt differs from its corrupted one, but no later than any END."""
    differs = (pairs.clean_tokens != pairs.corrupted_tokens).any(0)
    first = int(differs.argmax()) if differs.any() else len(differs)
    return min(first, int(pairs.roles["END"].min()))


def record_source(model: Model, pairs: PromptPairs, direction: Direction, names: Sequence[str], base: Trace) -> Trace:
    """Record the run that activations come from; read it off the base run if all its prompts are also that one's.

    So they are under an S2 flip if each sentence comes with either name repeated, as in the classic eight prompts: each
    one's twin is another prompt.

    Args:
        base: the receiving run's trace, with "k" and "v".
    """
    base_tokens, source_tokens = swap_if_denoising(direction, pairs.clean_tokens, pairs.corrupted_tokens)
    row_of = {row.tobytes(): index for index, row in enumerate(base_tokens)}
    twins = [row_of.get(row.tobytes()) for row in source_tokens]
    if None not in twins and base[0].keys() >= set(names):
        rows = torch.tensor(twins, device=model.device)
        return tuple({name: layer[name][rows] for name in names} for layer in base)
    return record_from(model, to_device(model, source_tokens), names, base, first_difference(pairs))
