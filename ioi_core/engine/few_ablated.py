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
from ioi_core.engine.tensors import to_device
from ioi_core.engine.wavefront import Group, Seeds, wavefront
from ioi_core.model.weights import Model

Watch = Callable[[int, tuple[int, ...], list[int], Tensor], None]
"""(layer, prompts, variant numbers, their z at END [batch variant head d_head])."""


@dataclass(frozen=True, eq=False)
class DenseCells:
    """Variants of a clean run.

    Attributes:
        clean: trace with "k", "v", "z" and "resid_mid"; replaced: per layer, the z of ablated heads.
        ablated: variant number -> [batch pos layer head] where its z are replaced.
        watch: told the z that variants put out at END, in each layer from the one where they begin.
    """

    model: Model
    clean: Trace
    replaced: Sequence[Float[Tensor, "batch pos head d_head"]]
    ablated: Mapping[int, Bool[np.ndarray, "batch pos layer head"]]
    watch: Watch | None = None

    def finals(
        self, ends: Int[np.ndarray, " batch"], advance: Callable[[int], None] | None = None
    ) -> Iterator[tuple[Group, list[int], Float[Tensor, "batch variant d_model"]]]:
        """Groups, the numbers of their variants, and these variants' final residual streams at END.

        Prompts in which a variant ablates nothing up to END are in no group.
        """
        planned = self._planned(ends)
        if not planned:
            return
        groups = [
            Group(rows, start, end, column, True, sorted({layer for layer, _ in variants}))
            for column, ((start, end, rows), variants) in enumerate(planned)
        ]
        masks = [self._masks(group, planned[group.column][1]) for group in groups]

        def begin(layer: int, group: Group) -> Float[Tensor, "batch variant pos d_model"]:
            new = [n for n, (first, _) in enumerate(planned[group.column][1]) if first == layer]
            rows = to_device(self.model, np.array(group.prompts))
            change = (self.replaced[layer] - self.clean[layer]["z"])[rows, group.span]
            change = change[:, None] * masks[group.column][layer][:, new, :, :, None]
            tell_z(layer, group, new, self.clean[layer]["z"][rows, group.end][:, None] + change[:, :, -1])
            written = change.flatten(3) @ self.model.weights.layers[layer].W_O
            return self.clean[layer]["resid_mid"][rows, group.span][:, None] + written

        def replace_z(layer: int, group: Group, z: Tensor) -> Tensor:
            mask = masks[group.column][layer][:, : z.shape[1], -z.shape[2] :, :, None]
            rows = to_device(self.model, np.array(group.prompts))
            given = self.replaced[layer][rows, group.span][:, None, -z.shape[2] :]
            put_out = torch.where(mask, given, z)
            tell_z(layer, group, range(z.shape[1]), put_out[:, :, -1])
            return put_out

        def tell_z(layer: int, group: Group, columns: Sequence[int], z: Tensor) -> None:
            if self.watch and len(columns):
                numbers = [planned[group.column][1][column][1] for column in columns]
                self.watch(layer, group.prompts, numbers, z)

        tell = (lambda rows: advance(1)) if advance else None
        found = wavefront(self.model, self.clean, groups, Seeds("mid", begin), tell, replace_z=replace_z)
        for group, final in zip(groups, found, strict=True):
            yield group, [number for _, number in planned[group.column][1]], final

    def _planned(
        self, ends: Int[np.ndarray, " batch"]
    ) -> list[tuple[tuple[int, int, tuple[int, ...]], list[tuple[int, int]]]]:
        """(start, END, prompts) and the (first layer, number) of each variant that begins there, by layer."""
        planned: dict[tuple[int, int, tuple[int, ...]], list[tuple[int, int]]] = {}
        for number, ablated in self.ablated.items():
            if not ablated.any():
                continue
            first_layer = int(np.argmax(ablated.any((0, 1, 3))))
            somewhere = np.asarray(ablated.any((2, 3)))  # [batch pos]
            starts: dict[tuple[int, int], list[int]] = {}
            for row in np.flatnonzero(np.any(somewhere, axis=1)):
                starts.setdefault((int(somewhere[row].argmax()), int(ends[row])), []).append(int(row))
            for (start, end), rows in starts.items():
                if start <= end:
                    planned.setdefault((start, end, tuple(rows)), []).append((first_layer, number))
        return [(key, sorted(variants, key=itemgetter(0))) for key, variants in planned.items()]

    def _masks(self, group: Group, variants: Sequence[tuple[int, int]]) -> Bool[Tensor, "layer batch variant pos head"]:
        """Where the group's variants replace z."""
        here = np.stack([self.ablated[number][list(group.prompts), group.span] for _, number in variants])
        return torch.tensor(here.transpose(3, 1, 0, 2, 4), device=self.model.device)
