"""Path patching as appendix B of Wang et al. (2022) spells it out, on TransformerLens's model: slow and step by step.

Written from the paper's text and without a look at `ioi_core.path_patching`; the oracle of the tests and the
benchmark's peer.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ioi_core import Direction, Head, PromptPairs
from tests.oracles.hooked_runs import logit_diff


class AppendixB:
    """Both runs of some prompts, cached; `logit_diff` runs one sender."""

    def __init__(
        self,
        bridge: Any,
        pairs: PromptPairs,
        direction: Direction,
        score: Callable[[Tensor, PromptPairs], Tensor] = logit_diff,
    ) -> None:
        self.bridge, self.pairs, self.score = bridge, pairs, score
        clean, corrupted = torch.tensor(pairs.clean_tokens), torch.tensor(pairs.corrupted_tokens)
        self.tokens, given = (clean, corrupted) if direction is Direction.NOISING else (corrupted, clean)
        with torch.no_grad():
            _, self.own = bridge.run_with_cache(self.tokens)
            _, self.given = bridge.run_with_cache(given)

    def logit_diff(
        self,
        sender: Head | int,
        receivers: Sequence[Head],
        receiver_input: str,
        *,
        position: str = "all",
        through_mlps: bool = True,
    ) -> Tensor:
        """[batch] score with the paths from one head, or the MLP of a layer, into the receivers patched.

        No receivers means the logits.
        """
        frozen = self._frozen(sender, position, through_mlps)
        wanted = {f"blocks.{head.layer}.attn.hook_{receiver_input}" for head in receivers}
        kept: dict[str, Tensor] = {}

        def keep(activation: Tensor, hook: Any, name: str) -> None:
            kept[name] = activation.clone()

        keeping = [(name, lambda x, hook, name=name: keep(x, hook, name)) for name in wanted]
        with torch.no_grad():
            logits = self.bridge.run_with_hooks(self.tokens, fwd_hooks=frozen + keeping)
            if not receivers:
                return self.score(logits, self.pairs)
            assert set(kept) == wanted

            def replace(activation: Tensor, hook: Any, name: str) -> Tensor:
                activation = activation.clone()
                for head in receivers:
                    if name == f"blocks.{head.layer}.attn.hook_{receiver_input}":
                        activation[:, :, head.head] = kept[name][:, :, head.head]
                return activation

            replacing = [(name, lambda x, hook, name=name: replace(x, hook, name)) for name in wanted]
            return self.score(self.bridge.run_with_hooks(self.tokens, fwd_hooks=replacing), self.pairs)

    def _frozen(self, sender: Head | int, position: str, through_mlps: bool) -> list[tuple[str, Any]]:
        """Hooks of the first run: the sender's output from the other run, everything that is frozen from this one."""
        hooks = []
        for layer in range(self.bridge.cfg.n_layers):
            heads = f"blocks.{layer}.attn.hook_z"
            values = self.own[heads].clone()
            if isinstance(sender, Head) and sender.layer == layer:
                for row, where in self._where(position):
                    values[row, where, sender.head] = self.given[heads][row, where, sender.head]
            hooks.append((heads, lambda x, hook, values=values: values))
            mlp = f"blocks.{layer}.hook_mlp_out"
            if sender == layer:
                hooks.append((mlp, lambda x, hook, mlp=mlp: self._exchanged(x, mlp, position)))
            elif not through_mlps:
                hooks.append((mlp, lambda x, hook, values=self.own[mlp]: values))
        return hooks

    def _exchanged(self, activation: Tensor, name: str, position: str) -> Tensor:
        activation = activation.clone()
        for row, where in self._where(position):
            activation[row, where] = self.given[name][row, where]
        return activation

    def _where(self, position: str) -> list[tuple[int, Any]]:
        if position == "all":
            return [(row, slice(None)) for row in range(len(self.pairs))]
        return [(row, int(self.pairs.roles[position][row])) for row in range(len(self.pairs))]
