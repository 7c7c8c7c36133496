"""Ablated runs prompt by prompt on TransformerLens's hooked model: slow, and written without a look at ours.

The oracle of the tests and the benchmark's peer. Every prompt runs alone and unpadded; every head, position and prompt
is looked up by itself in plain Python.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ioi_core import Ablation, Head, PromptPairs

Roles = Mapping[Head, Collection[str]]


class HookedAblation:
    """Some prompts under one ablation; what replaces z is recorded once."""

    def __init__(self, bridge: Any, pairs: PromptPairs, ablation: Ablation) -> None:
        self.bridge, self.pairs, self.ablation = bridge, pairs, ablation
        self.names = [f"blocks.{layer}.attn.hook_z" for layer in range(bridge.cfg.n_layers)]
        self.corrupted = [self._z(row) for row in range(len(pairs))]

    def _z(self, row: int) -> list[Tensor]:
        """Per layer [pos head d_head] of the corrupted prompt."""
        length = int(self.pairs.lengths[row])
        with torch.no_grad():
            _, cache = self.bridge.run_with_cache(torch.tensor(self.pairs.corrupted_tokens[row : row + 1, :length]))
        return [cache[name][0] for name in self.names]

    def _alike(self, row: int) -> list[int]:
        """The prompts whose words stand at the same positions as this one's."""

        def layout(other: int) -> tuple[int, ...]:
            roles = [int(positions[other]) for positions in self.pairs.roles.values()]
            return (int(self.pairs.templates[other]), int(self.pairs.lengths[other]), *roles)

        return [other for other in range(len(self.pairs)) if layout(other) == layout(row)]

    def replaced(self, row: int, layer: int) -> Tensor:
        """[pos head d_head]: what an ablated head of this layer puts out in this prompt."""
        if self.ablation is Ablation.ZERO:
            return torch.zeros_like(self.corrupted[row][layer])
        rows = [row] if self.ablation is Ablation.RESAMPLE else self._alike(row)
        return sum(self.corrupted[other][layer] for other in rows) / len(rows)

    def places(self, heads: Roles, row: int) -> set[tuple[int, int, int]]:
        """The (layer, pos, head) of this prompt at which `heads` names a head, by the roles that stand there."""
        found = set()
        for head, roles in heads.items():
            for role in [roles] if isinstance(roles, str) else roles:
                everywhere = range(int(self.pairs.lengths[row]))
                positions = everywhere if role == "all" else [int(self.pairs.roles[role][row])]
                found |= {(head.layer, pos, head.head) for pos in positions}
        return found

    def logit_diff(self, kept: Roles | None, removed: Roles | None = None) -> np.ndarray:
        """[batch] logit_diff with everything but `kept` (None: nothing), and also `removed`, ablated."""
        return np.array([self._row(row, kept, removed or {}) for row in range(len(self.pairs))])

    def _row(self, row: int, kept: Roles | None, removed: Roles) -> float:
        length = int(self.pairs.lengths[row])
        gone, left = self.places(removed, row), None if kept is None else self.places(kept, row)

        def hook(layer: int) -> Any:
            given = self.replaced(row, layer)

            def replace(z: Tensor, hook: Any) -> Tensor:
                z = z.clone()
                for pos in range(length):
                    for head in range(z.shape[2]):
                        where = (layer, pos, head)
                        if where in gone or (left is not None and where not in left):
                            z[0, pos, head] = given[pos, head]
                return z

            return replace

        hooks = [(name, hook(layer)) for layer, name in enumerate(self.names)]
        end = int(self.pairs.roles["END"][row])
        hooks.append(("unembed.hook_in", lambda resid, hook: resid[:, [end]]))  # elsewhere nobody looks at the logits
        with torch.no_grad():
            logits = self.bridge.run_with_hooks(
                torch.tensor(self.pairs.clean_tokens[row : row + 1, :length]), fwd_hooks=hooks
            )
        io, s = self.pairs.answers[row]
        return float(logits[0, 0, io] - logits[0, 0, s])


def hooked_direct_effects(bridge: Any, pairs: PromptPairs, gone: Collection[Head]) -> tuple[np.ndarray, ...]:
    """Direct effects [layer head batch], logit_diff and scale [batch] with heads set to zero at END."""
    rows, ends = torch.arange(len(pairs)), torch.tensor(pairs.roles["END"])
    kept: dict[str, Tensor] = {}

    def zero(z: Tensor, hook: Any) -> Tensor:
        z = z.clone()
        for head in gone:
            if hook.name == f"blocks.{head.layer}.attn.hook_z":
                z[rows, ends, head.head] = 0
        kept[hook.name] = z[rows, ends]
        return z

    def keep(resid: Tensor, hook: Any) -> None:
        kept["final"] = resid[rows, ends]

    names = [f"blocks.{layer}.attn.hook_z" for layer in range(bridge.cfg.n_layers)]
    last = f"blocks.{bridge.cfg.n_layers - 1}.hook_resid_post"
    with torch.no_grad():
        logits = bridge.run_with_hooks(
            torch.tensor(pairs.clean_tokens), fwd_hooks=[*((name, zero) for name in names), (last, keep)]
        )
        io, s = torch.tensor(pairs.answers).T
        direction = (bridge.W_U[:, io] - bridge.W_U[:, s]).T
        scale = (kept["final"].var(-1, unbiased=False) + bridge.cfg.eps).sqrt()
        direct = []
        for layer, name in enumerate(names):
            written = torch.einsum("bhd,hdm->hbm", kept[name], bridge.blocks[layer].attn.W_O)
            written = written - written.mean(-1, keepdim=True)
            direct.append((written * direction).sum(-1) / scale)
        at_end = logits[rows, ends]
        return torch.stack(direct).numpy(), (at_end[rows, io] - at_end[rows, s]).numpy(), scale.numpy()
