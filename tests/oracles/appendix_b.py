"""Path patching as appendix B of Wang et al. (2022) spells it out, on TransformerLens's model: slow and step by step.

Written from the paper's text and without a look at `ioi_core.path_patching`; the oracle of the tests and the
benchmark's peer.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ioi_core import Direction, Head, PromptPairs
from tests.oracles.hooked_runs import at_end, end_logit_diff, reading_at_end


class AppendixB:
    """Both runs of some prompts, cached; `logit_diff` runs one sender.

    Args:
        score: of logits [batch vocab] at END; end_alone: `reading_at_end`, where a plain run has all positions.
    """

    def __init__(
        self,
        bridge: Any,
        pairs: PromptPairs,
        direction: Direction,
        score: Callable[[Tensor, PromptPairs], Tensor] = end_logit_diff,
        *,
        end_alone: bool = True,
    ) -> None:
        self.bridge, self.pairs, self.score, self.end_alone = bridge, pairs, score, end_alone
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
        options = {"position": position, "through_mlps": through_mlps}
        return self.logit_diffs([sender], receivers, receiver_input, **options)[0]

    def logit_diffs(
        self,
        senders: Sequence[Head | int],
        receivers: Sequence[Head],
        receiver_input: str,
        *,
        position: str = "all",
        through_mlps: bool = True,
    ) -> Tensor:
        """[sender batch] the same of several senders, each of which has all prompts for itself."""
        tokens, frozen = self.tokens.repeat(len(senders), 1), self._frozen(senders, position, through_mlps)
        wanted = {f"blocks.{head.layer}.attn.hook_{receiver_input}" for head in receivers}
        kept: dict[str, Tensor] = {}

        def keep(activation: Tensor, hook: Any, name: str) -> None:
            kept[name] = activation.clone()

        def scores(logits: Tensor) -> Tensor:
            chunks = logits.chunk(len(senders))
            ends = [of_sender[:, 0] if self.end_alone else at_end(of_sender, self.pairs) for of_sender in chunks]
            return torch.stack([self.score(of_sender, self.pairs) for of_sender in ends])

        reading = [reading_at_end(self.pairs, len(senders))] if self.end_alone else []
        keeping = [(name, lambda x, hook, name=name: keep(x, hook, name)) for name in wanted]
        with torch.no_grad():
            logits = self.bridge.run_with_hooks(tokens, fwd_hooks=frozen + keeping + reading)
            if not receivers:
                return scores(logits)
            assert set(kept) == wanted

            def replace(activation: Tensor, hook: Any, name: str) -> Tensor:
                activation = activation.clone()
                for head in receivers:
                    if name == f"blocks.{head.layer}.attn.hook_{receiver_input}":
                        activation[:, :, head.head] = kept[name][:, :, head.head]
                return activation

            replacing = [(name, lambda x, hook, name=name: replace(x, hook, name)) for name in wanted]
            return scores(self.bridge.run_with_hooks(tokens, fwd_hooks=replacing + reading))

    def _frozen(self, senders: Sequence[Head | int], position: str, through_mlps: bool) -> list[tuple[str, Any]]:
        """Hooks of the first run: each sender's output from the other run, everything that is frozen from this one."""
        hooks: list[tuple[str, Any]] = []
        for layer in range(self.bridge.cfg.n_layers):
            heads, mlp = f"blocks.{layer}.attn.hook_z", f"blocks.{layer}.hook_mlp_out"
            values = self.own[heads].repeat(len(senders), 1, 1, 1)
            for of_sender, sender in zip(values.chunk(len(senders)), senders, strict=True):
                if isinstance(sender, Head) and sender.layer == layer:
                    for row, where in self._where(position):
                        of_sender[row, where, sender.head] = self.given[heads][row, where, sender.head]
            hooks.append((heads, lambda x, hook, values=values: values))
            senders_here = [sender == layer for sender in senders]
            if any(senders_here) or not through_mlps:
                own = None if through_mlps else self.own[mlp]
                exchanged = partial(self._exchanged, name=mlp, senders=senders_here, own=own, position=position)
                hooks.append((mlp, exchanged))
        return hooks

    def _exchanged(
        self, activation: Tensor, hook: Any, name: str, senders: Sequence[bool], own: Tensor | None, position: str
    ) -> Tensor:
        """An MLP's output for each sender: from the other run where it is the sender, else `own`, if that is frozen."""
        activation = activation.clone()
        for of_sender, is_sender in zip(activation.chunk(len(senders)), senders, strict=True):
            if is_sender:
                for row, where in self._where(position):
                    of_sender[row, where] = self.given[name][row, where]
            elif own is not None:
                of_sender[:] = own
        return activation

    def _where(self, position: str) -> list[tuple[int, Any]]:
        if position == "all":
            return [(row, slice(None)) for row in range(len(self.pairs))]
        return [(row, int(self.pairs.roles[position][row])) for row in range(len(self.pairs))]
