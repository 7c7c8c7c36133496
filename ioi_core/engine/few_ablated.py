"""Runs in which most heads work as always: models that lack a few heads, carried by `engine.wavefront`.

A cell begins in the layer where its first head is ablated, with the clean run's residual stream and that head's z
replaced, and at the position where the first is; from there on its z are set wherever it ablates one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ioi_core.engine.recording import Trace
from ioi_core.engine.wavefront import CellStarts, Group, wavefront
from ioi_core.model.weights import Model
from ioi_core.results import Progress

Watch = Callable[[int, tuple[int, ...], list[int], Tensor], None]
"""(layer, prompts, variant numbers, their z at END [batch variant head d_head])."""


@dataclass(frozen=True, eq=False)
class FewAblated:
    """Variants of a clean run, each of which lacks a few heads.

    Attributes:
        clean: trace with "k", "v", "z" and "resid_mid"; replaced: per layer, the z of ablated heads.
        ablated: variant number -> [batch pos layer head] where its z are replaced.
        watch: called with the z of variants at END, in each layer from the one where they begin.
    """

    model: Model
    clean: Trace
    replaced: Sequence[Float[Tensor, "batch pos head d_head"]]
    ablated: Mapping[int, Bool[np.ndarray, "batch pos layer head"]]
    watch: Watch | None = None

    def finals(
        self, ends: Int[np.ndarray, " batch"], progress: Progress | None = None
    ) -> Iterator[tuple[Group, list[int], Float[Tensor, "batch variant d_model"]]]:
        """Yield groups, the numbers of their variants, and these variants' final residual streams at END.

        Prompts in which a variant ablates nothing up to END are in no group.
        """
        plans = self._plans(ends)
        if not plans:
            return
        finals = wavefront(
            self.model,
            self.clean,
            [plan.group for plan in plans],
            CellStarts("mid", lambda layer, group: self._begin(layer, plans[group.column])),
            progress,
            replace_z=lambda layer, group, z: self._replace_z(layer, plans[group.column], z),
        )
        for plan, final in zip(plans, finals, strict=True):
            yield plan.group, plan.numbers, final

    def _begin(self, layer: int, plan: "_Plan") -> Float[Tensor, "batch variant pos d_model"]:
        """The streams of the variants that begin in this layer: the clean run's, with their heads' z replaced."""
        rows, group = plan.group.rows(self.model), plan.group
        begun = [column for column, first_layer in enumerate(plan.first_layers) if first_layer == layer]
        change = (self.replaced[layer] - self.clean[layer]["z"])[rows, group.span]
        change = change[:, None] * plan.ablated[layer][:, begun, :, :, None]
        self._report(layer, plan, begun, self.clean[layer]["z"][rows, group.end][:, None] + change[:, :, -1])
        written = change.flatten(3) @ self.model.weights.layers[layer].W_O
        return self.clean[layer]["resid_mid"][rows, group.span][:, None] + written

    def _replace_z(self, layer: int, plan: "_Plan", z: Tensor) -> Float[Tensor, "batch variant pos head d_head"]:
        """The z of the variants that began below, replaced where each ablates."""
        n_variants, n_positions = z.shape[1:3]  # positions up to END: in the last layer END alone
        ablated = plan.ablated[layer][:, :n_variants, -n_positions:, :, None]
        replaced = self.replaced[layer][plan.group.rows(self.model), plan.group.span][:, None, -n_positions:]
        z = torch.where(ablated, replaced, z)
        self._report(layer, plan, range(n_variants), z[:, :, -1])
        return z

    def _report(self, layer: int, plan: "_Plan", columns: Sequence[int], z: Tensor) -> None:
        if self.watch and len(columns):
            self.watch(layer, plan.group.prompts, [plan.numbers[column] for column in columns], z)

    def _plans(self, ends: Int[np.ndarray, " batch"]) -> list["_Plan"]:
        """Put variants that begin at the same position in the same prompts together, those of lower layers first."""
        alike: dict[tuple[int, int, tuple[int, ...]], list[tuple[int, int]]] = {}
        for number, ablated in self.ablated.items():
            if not ablated.any():
                continue
            first_layer = int(np.argmax(ablated.any((0, 1, 3))))
            any_head = np.asarray(ablated.any((2, 3)))  # [batch pos]
            starts: dict[tuple[int, int], list[int]] = {}
            for row in np.flatnonzero(np.any(any_head, axis=1)):
                starts.setdefault((int(any_head[row].argmax()), int(ends[row])), []).append(int(row))
            for (start, end), rows in starts.items():
                if start <= end:
                    alike.setdefault((start, end, tuple(rows)), []).append((first_layer, number))
        plans = []
        for column, ((start, end, prompts), variants) in enumerate(alike.items()):
            first_layers, numbers = zip(*sorted(variants, key=itemgetter(0)), strict=True)
            group = Group(prompts, start, end, column, True, sorted(set(first_layers)))
            ablated = np.stack([self.ablated[number][list(prompts), group.span] for number in numbers])
            by_layer = torch.tensor(ablated.transpose(3, 1, 0, 2, 4), device=self.model.device)
            plans.append(_Plan(group, first_layers, list(numbers), by_layer))
        return plans


@dataclass(frozen=True, eq=False)
class _Plan:
    """Variants that are carried as the cells of one group.

    Attributes:
        first_layers: where each begins, ascending; numbers: which variants they are.
        ablated: where each replaces z.
    """

    group: Group
    first_layers: tuple[int, ...]
    numbers: list[int]
    ablated: Bool[Tensor, "layer batch variant pos head"]
