"""The grid of a patching analysis, and the groups of cells that the engine carries together.

A prompt's first token that differs between clean and corrupted bounds what can change in it. Cells that begin at the
same position in prompts of the same END form an `engine.Group`; cells that cannot change are in no group and keep the
base run's own value. Prompts are taken in blocks and groups in chunks, so that memory stays within a budget.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from jaxtyping import Int

from ioi_core.activation_patching.sites import HEAD_SITES, RESIDUAL_SITES, check_site, last_layer_counts
from ioi_core.engine.checks import check_pairs
from ioi_core.engine.scoring import check_metric
from ioi_core.engine.wavefront import Group
from ioi_core.errors import ChoiceError
from ioi_core.inputs import Choice, OptionalChoice, check_direction, shown
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.vocabulary import ALL, ROLES, Direction


@dataclass(frozen=True)
class PatchPlan:
    """The arguments of `patch_activations`, checked, and the grid they span.

    Attributes:
        columns: label -> [batch] position of each prompt, or None for every position.
        column_axis: "pos" or "role", or None if all positions or one role are patched: a single column.
    """

    site: str
    direction: Direction
    metric: str
    columns: Mapping[str, Int[np.ndarray, " batch"] | None]
    column_axis: str | None

    def axes(self, model: Model) -> dict[str, tuple[str, ...]]:
        """The result's axes: layer, head for head sites, position or role if there are several."""
        axes = model.head_axes
        if self.site not in HEAD_SITES:
            del axes["head"]
        if self.column_axis:
            axes[self.column_axis] = tuple(self.columns)
        return axes

    def take(self, rows: slice) -> "PatchPlan":
        """The same plan for some of the prompts."""
        columns = {label: None if at is None else at[rows] for label, at in self.columns.items()}
        return replace(self, columns=columns)


def plan_request(
    model: Model, pairs: PromptPairs, site: Choice, direction: Choice, positions: OptionalChoice, metric: Choice
) -> PatchPlan:
    """Check the arguments of `patch_activations` and lay out the grid; its errors are raised here."""
    check_site(site)
    check_metric(metric)
    check_pairs(model, pairs)
    columns, axis = _columns(pairs, site, positions)
    return PatchPlan(site, check_direction(direction), metric, columns, axis)


def _columns(
    pairs: PromptPairs, site: str, positions: OptionalChoice
) -> tuple[dict[str, Int[np.ndarray, " batch"] | None], str | None]:
    roles = {role: np.asarray(pairs.roles[role]) for role in ROLES if role in pairs.roles}
    residual = site in RESIDUAL_SITES
    allowed = ("each", "roles") if residual else (ALL, "each", "roles", *roles)
    if positions is None:
        positions = allowed[0]
    if not isinstance(positions, str) or positions not in allowed:
        raise ChoiceError(f"positions {shown(positions)} cannot be used with {site}: {', '.join(allowed)} can")
    if positions == ALL:
        return {ALL: None}, None
    if positions in roles:
        return {positions: roles[positions]}, None
    if positions == "each" and len(set(pairs.lengths.tolist())) == 1:
        batch = len(pairs)
        return {str(pos): np.full(batch, pos, dtype=np.int64) for pos in range(int(pairs.lengths[0]))}, "pos"
    return dict(roles), "role"


def count_cells(
    model: Model, pairs: PromptPairs, site: Choice, *, direction: Choice, positions: OptionalChoice, metric: Choice
) -> int:
    """Return how many cells `patch_activations` patches in each prompt.

    Raises:
        ChoiceError, MetricError, PromptError: say what was got and what is allowed.
    """
    return prod(map(len, plan_request(model, pairs, site, direction, positions, metric).axes(model).values()))


def groups(model: Model, pairs: PromptPairs, request: PatchPlan) -> list[Group]:
    """Every cell that can differ from the base run, once."""
    begun: dict[tuple[int, int, int, int], list[int]] = {}
    differs = pairs.clean_tokens != pairs.corrupted_tokens
    for column, positions in enumerate(request.columns.values()):
        for row in np.flatnonzero(differs.any(1)):
            first, end = int(differs[row].argmax()), int(pairs.roles["END"][row])
            start = first if positions is None else int(positions[row])
            if first <= start <= end:
                same_token = positions is not None and not differs[row, start]
                first_layer = int(same_token and request.site in ("resid_pre", "q", "k", "v"))
                begun.setdefault((column, start, end, first_layer), []).append(int(row))
    planned = []
    for (column, start, end, first_layer), rows in begun.items():
        whole = list(request.columns.values())[column] is None
        group = Group(tuple(rows), start, end, column, whole, range(first_layer, model.cfg.n_layers))
        layers = group.layers if last_layer_counts(request.site, group) else group.layers[:-1]
        if layers:
            planned.append(replace(group, layers=layers))
    return planned
