"""The memory that patched runs may hold at once, and what is cut so that they stay within it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ioi_core.engine.tensors import slices
from ioi_core.engine.wavefront import Group
from ioi_core.errors import IOIError
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs


def memory_budget() -> int:
    """Bytes that patched runs may hold at once, from IOI_ENGINE_MEMORY_MB (default 1024).

    Raises:
        IOIError: the setting is not a whole number of at least 16.
    """
    text = os.environ.get("IOI_ENGINE_MEMORY_MB") or "1024"
    if not text.isdecimal() or int(text) < 16:
        raise IOIError(f"IOI_ENGINE_MEMORY_MB is {text!r}: a whole number of megabytes, at least 16, is wanted")
    return int(text) * 2**20


def blocks(model: Model, pairs: PromptPairs, recorded: Sequence[str], more_vectors: int = 0) -> list[slice]:
    """Blocks of prompts whose recorded runs take at most a third of the memory budget; a single prompt is not cut.

    Args:
        recorded: names of the activations that are kept of each layer, of all runs together.
        more_vectors: how many more vectors of d_model are kept of each token in each layer.
    """
    cfg, pos = model.cfg, pairs.clean_tokens.shape[1]
    patterns = 1 + recorded.count("pattern")  # one while a layer runs
    vectors = len(recorded) - recorded.count("pattern") + more_vectors
    a_token = cfg.n_layers * (vectors * cfg.d_model + patterns * cfg.n_heads * pos) * model.weights.W_E.element_size()
    reference = cfg.d_vocab * model.weights.W_E.element_size()  # of each prompt, where kl is measured from it
    return slices(len(pairs), max(1, memory_budget() // 3 // (a_token * pos + reference)))


def group_chunks(model: Model, cells_a_layer: int, groups: Iterable[Group]) -> Iterator[list[Group]]:
    """The groups, cut where needed, in chunks that each fit half the memory budget."""
    left = room = memory_budget() // 2
    chunk: list[Group] = []
    for piece in cut_groups(model, cells_a_layer, groups):
        size = held_bytes(model, cells_a_layer, piece)
        if chunk and size > left:
            yield chunk
            chunk, left = [], room
        chunk.append(piece)
        left -= size
    if chunk:
        yield chunk


def cut_groups(model: Model, cells_a_layer: int, groups: Iterable[Group]) -> list[Group]:
    """The groups, cut where needed so that each one fits half the memory budget by itself."""
    room = memory_budget() // 2
    return [piece for group in groups for piece in _pieces(model, cells_a_layer, group, room)]


def held_bytes(model: Model, cells_a_layer: int, group: Group) -> int:
    """Bytes that a group's cells hold at once, roughly."""
    return len(group.prompts) * len(group.layers) * cells_a_layer * cell_bytes(model, group)


def cell_bytes(model: Model, group: Group) -> int:
    """Bytes that a cell holds in one prompt: residual streams, q, k, v, z, copies of the base's keys and values."""
    vectors = 12 * group.width + 2 * (group.end + 1)
    scores = 3 * model.cfg.n_heads * group.width * (group.end + 1)
    return (vectors * model.cfg.d_model + scores) * model.weights.W_E.element_size()


def _pieces(model: Model, cells_a_layer: int, group: Group, room: int) -> Iterator[Group]:
    """A group cut by prompts, then by layers, until each piece fits (a single layer of one prompt is not cut)."""
    per_prompt = held_bytes(model, cells_a_layer, replace(group, prompts=group.prompts[:1]))
    step = max(1, room // per_prompt)
    layers = max(1, len(group.layers) * room // per_prompt) if step == 1 else len(group.layers)
    for some in slices(len(group.prompts), step):
        for of_these in slices(len(group.layers), layers):
            yield replace(group, prompts=group.prompts[some], layers=group.layers[of_these])
