"""The grid of a patching analysis, and the groups of cells that the engine carries together.

A prompt's first token that differs between clean and corrupted bounds what can change in it. Cells that begin at the
same position in prompts of the same END form an `engine.Group`; cells that cannot change are in no group and keep the
base run's own value. Prompts are taken in blocks and groups in chunks, so that memory stays within a budget.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from ioi_core.engine import Group, Trace, record_from
from ioi_core.forward import check_pairs, to_device
from ioi_core.inputs import Choice, shown
from ioi_core.memory import memory_budget
from ioi_core.metrics import check_metric
from ioi_core.model import Model
from ioi_core.pairs import PromptPairs
from ioi_core.sites import HEAD_SITES, RESIDUAL_SITES, SiteError, cells_a_layer, check_site, reaches_end
from ioi_core.vocabulary import ROLES, Direction

ALL = "all"


@dataclass(frozen=True)
class Request:
    """What is to be patched: the arguments of `patch_activations`, checked, and the grid they span.

    Attributes:
        columns: label -> [batch] position of each prompt, or None for every position; one column without a label axis
            where all positions or one role are patched.
        column_axis: "pos" or "role", or None if there is a single column.
    """

    site: str
    direction: Direction
    metric: str
    columns: Mapping[str, Int[np.ndarray, " batch"] | None]
    column_axis: str | None

    def axes(self, model: Model) -> dict[str, tuple[str, ...]]:
        """The result's axes: layer, head for head sites, position or role if there are several."""
        axes = {"layer": tuple(str(layer) for layer in range(model.cfg.n_layers))}
        if self.site in HEAD_SITES:
            axes["head"] = tuple(str(head) for head in range(model.cfg.n_heads))
        if self.column_axis:
            axes[self.column_axis] = tuple(self.columns)
        return axes

    def take(self, rows: slice) -> "Request":
        """The same request for some of the prompts."""
        columns = {label: None if at is None else at[rows] for label, at in self.columns.items()}
        return replace(self, columns=columns)


def receiving_and_giving(
    pairs: PromptPairs, direction: Direction
) -> tuple[Int[np.ndarray, "batch pos"], Int[np.ndarray, "batch pos"]]:
    """Tokens of the run that receives activations, and of the run that they come from."""
    if direction is Direction.DENOISING:
        return pairs.corrupted_tokens, pairs.clean_tokens
    return pairs.clean_tokens, pairs.corrupted_tokens


def plan_request(
    model: Model, pairs: PromptPairs, site: Choice, direction: Choice, positions: Choice | None, metric: Choice
) -> Request:
    """Check the arguments and lay out the grid.

    Raises:
        SiteError, MetricError, PromptError: say what was got and what is allowed.
    """
    check_site(site)
    check_metric(metric)
    check_pairs(model, pairs)
    columns, axis = _columns(pairs, site, positions)
    return Request(site, check_direction(direction), metric, columns, axis)


def check_direction(direction: Choice) -> Direction:
    """Return `direction` if it exists.

    Raises:
        SiteError: says which ones do.
    """
    if direction not in tuple(Direction):
        raise SiteError(f"direction {shown(direction)} is not known: use {' or '.join(Direction)}")
    return Direction(direction)


def _columns(
    pairs: PromptPairs, site: str, positions: Choice | None
) -> tuple[dict[str, Int[np.ndarray, " batch"] | None], str | None]:
    roles = {role: np.asarray(pairs.roles[role]) for role in ROLES if role in pairs.roles}
    residual = site in RESIDUAL_SITES
    positions = positions or ("each" if residual else ALL)
    allowed = ("each", "roles") if residual else (ALL, "each", *roles)
    if positions not in allowed:
        raise SiteError(f"positions {shown(positions)} cannot be used with {site}: {', '.join(allowed)} can")
    if positions == ALL:
        return {ALL: None}, None
    if positions in roles:
        return {positions: roles[positions]}, None
    if positions == "each" and len(set(pairs.lengths.tolist())) == 1:
        batch = len(pairs)
        return {str(pos): np.full(batch, pos, dtype=np.int64) for pos in range(int(pairs.lengths[0]))}, "pos"
    return dict(roles), "role"


def blocks(model: Model, pairs: PromptPairs, vectors_a_token: int = 8) -> list[slice]:
    """Blocks of prompts whose recorded runs take at most a third of the memory budget; a single prompt is not cut.

    Args:
        vectors_a_token: how many vectors of d_model are kept of each token in each layer.
    """
    cfg, pos = model.cfg, pairs.clean_tokens.shape[1]
    a_token = cfg.n_layers * (vectors_a_token * cfg.d_model + 2 * cfg.n_heads * pos) * model.weights.W_E.element_size()
    reference = cfg.d_vocab * model.weights.W_E.element_size()  # of each prompt, where kl is measured from it
    step = max(1, memory_budget() // 3 // (a_token * pos + reference))
    return [slice(start, min(start + step, len(pairs))) for start in range(0, len(pairs), step)]


def first_difference(pairs: PromptPairs) -> int:
    """The first position where any clean prompt differs from its corrupted one, but no later than any END."""
    differs = (pairs.clean_tokens != pairs.corrupted_tokens).any(0)
    first = int(differs.argmax()) if differs.any() else len(differs)
    return min(first, int(pairs.roles["END"].min()))


def record_source(model: Model, pairs: PromptPairs, direction: Direction, names: Sequence[str], base: Trace) -> Trace:
    """The run that activations come from, recorded; read off the base run where all its prompts are among that one's.

    That is so for an S2 flip of prompts that come with either name repeated, as the classic eight do: each one's twin
    is another prompt.

    Args:
        base: the receiving run's trace, with "k" and "v".
    """
    receives, gives = receiving_and_giving(pairs, direction)
    row_of = {row.tobytes(): index for index, row in enumerate(receives)}
    twins = [row_of.get(row.tobytes()) for row in gives]
    if None not in twins and base[0].keys() >= set(names):
        return tuple({name: layer[name][twins] for name in names} for layer in base)
    return record_from(model, to_device(model, gives), names, base, first_difference(pairs))


def groups(model: Model, pairs: PromptPairs, request: Request) -> list[Group]:
    """Every cell that can differ from the base run, once."""
    found: dict[tuple[int, int, int, int], list[int]] = {}
    differs = pairs.clean_tokens != pairs.corrupted_tokens
    for column, positions in enumerate(request.columns.values()):
        for row in np.flatnonzero(differs.any(1)):
            first, end = int(differs[row].argmax()), int(pairs.roles["END"][row])
            start = first if positions is None else int(positions[row])
            if first <= start <= end:
                same_token = positions is not None and not differs[row, start]
                first_layer = int(same_token and request.site in ("resid_pre", "q", "k", "v"))
                found.setdefault((column, start, end, first_layer), []).append(int(row))
    planned = []
    for (column, start, end, first_layer), rows in found.items():
        whole = list(request.columns.values())[column] is None
        group = Group(tuple(rows), start, end, column, whole, range(first_layer, model.cfg.n_layers))
        last = group.layers if reaches_end(request.site, model.cfg.n_layers - 1, group, model) else group.layers[:-1]
        if last:
            planned.append(replace(group, layers=last))
    return planned


def chunks(model: Model, cells: int, planned: list[Group]) -> Iterator[list[Group]]:
    """The groups, cut where needed, in chunks that each fit half the memory budget; `cells` is their number a layer."""
    room = memory_budget() // 2
    chunk: list[Group] = []
    left = room
    for group in planned:
        for piece in _pieces(model, cells, group, room):
            size = held_bytes(model, cells, piece)
            if chunk and size > left:
                yield chunk
                chunk, left = [], room
            chunk.append(piece)
            left -= size
    if chunk:
        yield chunk


def held_bytes(model: Model, cells_a_layer: int, group: Group) -> int:
    """About what a group's cells hold at once."""
    return len(group.prompts) * len(group.layers) * cells_a_layer * cell_bytes(model, group)


def cell_bytes(model: Model, group: Group) -> int:
    """What a cell holds in one prompt: residual streams, q, k, v, z, copies of the base's keys and values."""
    vectors = 12 * (group.end + 1 - group.start) + 2 * (group.end + 1)
    scores = 3 * model.cfg.n_heads * (group.end + 1 - group.start) * (group.end + 1)
    return (vectors * model.cfg.d_model + scores) * model.weights.W_E.element_size()


def _pieces(model: Model, cells: int, group: Group, room: int) -> Iterator[Group]:
    """A group cut by prompts, then by layers, until each piece fits (a single layer of one prompt is not cut)."""
    per_prompt = held_bytes(model, cells, replace(group, prompts=group.prompts[:1]))
    step = max(1, room // per_prompt)
    layers = max(1, len(group.layers) * room // per_prompt) if step == 1 else len(group.layers)
    for start in range(0, len(group.prompts), step):
        for first in range(0, len(group.layers), layers):
            yield replace(
                group, prompts=group.prompts[start : start + step], layers=group.layers[first : first + layers]
            )


def work(model: Model, pairs: PromptPairs, request: Request) -> int:
    """Rows times layers that the engine will carry: the total of its progress."""
    n_layers, total = model.cfg.n_layers, 0
    for group in groups(model, pairs, request):
        rows = len(group.prompts) * (group.end + 1 - group.start) * cells_a_layer(request.site, model)
        total += rows * sum(n_layers - layer for layer in group.layers)
    return total
