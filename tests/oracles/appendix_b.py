"""Path patching as appendix B of Wang et al. (2022) spells it out, on TransformerLens's model: slow and step by step.

Written from the paper's text and without a look at `ioi_core.path_patching`; the oracle of the tests and the
benchmark's peer.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ioi_core import Direction, Head, PromptPairs
from tests.oracles.hooked_runs import at_end, end_logit_diff


class AppendixB:
    """Both runs of some prompts, cached; `logit_diff` runs one sender.

    Args:
        score: of logits [batch vocab] at END; end_alone: read logits off there alone, not at all positions, as a plain
            run does, where they take most of a small model's time.
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

        def only_end(resid: Tensor, hook: Any) -> Tensor:
            return torch.cat([at_end(of_sender, self.pairs) for of_sender in resid.chunk(len(senders))])[:, None]

        def scores(logits: Tensor) -> Tensor:
            chunks = logits.chunk(len(senders))
            ends = [of_sender[:, 0] if self.end_alone else at_end(of_sender, self.pairs) for of_sender in chunks]
            return torch.stack([self.score(of_sender, self.pairs) for of_sender in ends])

        reading = [("unembed.hook_in", only_end)] if self.end_alone else []
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
            if layer in senders or not through_mlps:
                frozen = None if through_mlps else self.own[mlp]
                given = [self.given[mlp] if sender == layer else None for sender in senders]
                options = {"given": given, "frozen": frozen, "position": position}
                hooks.append((mlp, lambda x, hook, options=options: self._exchanged(x, **options)))
        return hooks

    def _exchanged(
        self, activation: Tensor, given: Sequence[Tensor | None], frozen: Tensor | None, position: str
    ) -> Tensor:
        """An MLP's output where it is the sender, for each sender: from the other run; else `frozen`, if it is."""
        activation = activation.clone()
        for of_sender, source in zip(activation.chunk(len(given)), given, strict=True):
            if source is None and frozen is not None:
                of_sender[:] = frozen
            for row, where in self._where(position) if source is not None else []:
                of_sender[row, where] = source[row, where]
        return activation

    def _where(self, position: str) -> list[tuple[int, Any]]:
        if position == "all":
            return [(row, slice(None)) for row in range(len(self.pairs))]
        return [(row, int(self.pairs.roles[position][row])) for row in range(len(self.pairs))]
