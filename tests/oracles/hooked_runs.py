"""Activation patching on TransformerLens's hooked model: slow, every cell run whole, written without a look at ours."""

from collections.abc import Callable, Sequence

import torch

from ioi_core import Direction, PromptPairs


def at_end(activation: torch.Tensor, pairs: PromptPairs) -> torch.Tensor:
    """[batch ...] at END of [batch pos ...]."""
    return activation[torch.arange(len(pairs)), torch.tensor(pairs.roles["END"])]


def logit_diff(logits: torch.Tensor, pairs: PromptPairs) -> torch.Tensor:
    return end_logit_diff(at_end(logits, pairs), pairs)


def end_logit_diff(logits: torch.Tensor, pairs: PromptPairs) -> torch.Tensor:
    rows = torch.arange(len(pairs))
    return logits[rows, torch.tensor(pairs.answers[:, 0])] - logits[rows, torch.tensor(pairs.answers[:, 1])]


def end_prob_diff(logits: torch.Tensor, pairs: PromptPairs) -> torch.Tensor:
    """Summed probability of the right answers minus that of the wrong ones."""
    probs = logits.softmax(-1)
    sets = pairs.answer_sets or [((int(io),), (int(s),)) for io, s in pairs.answers]
    return torch.stack(
        [row[list(right)].sum() - row[list(wrong)].sum() for row, (right, wrong) in zip(probs, sets, strict=True)]
    )


def reading_at_end(pairs: PromptPairs, copies: int) -> tuple[str, Callable[[torch.Tensor, object], torch.Tensor]]:
    """The hook by which the bridge has logits at END alone, [copy x batch, 1, vocab], of prompts run `copies` times.

    At all positions they take most of a small model's run, and nobody looks at them.
    """

    def only_end(resid: torch.Tensor, hook: object) -> torch.Tensor:
        return torch.cat([at_end(copy, pairs) for copy in resid.chunk(copies)])[:, None]

    return "unembed.hook_in", only_end


class HookedRuns:
    """The slow oracle: TransformerLens's bridge with hooks, written without looking at the engine.

    Args:
        score: of logits [batch vocab] at END.
    """

    def __init__(
        self,
        bridge,
        pairs: PromptPairs,
        direction: Direction,
        score: Callable[[torch.Tensor, PromptPairs], torch.Tensor] = end_logit_diff,
    ) -> None:
        self.bridge, self.pairs, self.score = bridge, pairs, score
        clean, corrupted = torch.tensor(pairs.clean_tokens), torch.tensor(pairs.corrupted_tokens)
        denoising = direction is Direction.DENOISING
        self.tokens, given = (corrupted, clean) if denoising else (clean, corrupted)
        with torch.no_grad():
            _, self.cache = bridge.run_with_cache(given)
            _, self.own = bridge.run_with_cache(self.tokens)

    def name(self, site: str, layer: int) -> str:
        in_attention = {"z", "q", "k", "v", "pattern"}
        return f"blocks.{layer}.attn.hook_{site}" if site in in_attention else f"blocks.{layer}.hook_{site}"

    def patched(self, site: str, layer: int, head: int | None, positions: list[list[int]]) -> torch.Tensor:
        """Per-prompt score with each prompt's listed positions patched."""
        return self.patched_cells(site, layer, [(head, positions)])[0]

    def patched_cells(self, site: str, layer: int, cells: Sequence[tuple[int | None, list[list[int]]]]) -> torch.Tensor:
        """[cell batch] score of each (head, positions of each prompt): one forward, the prompts once for each cell."""
        name = self.name(site, layer)
        if site == "resid_mid":
            # The bridge's hook_resid_mid feeds the MLP only, not the residual stream beside it. Nothing above this
            # layer's attention is patched, so adding the runs' difference to attn_out is the same intervention.
            name = self.name("attn_out", layer)
            mid = self.name(site, layer)
            self.cache.cache_dict[name + ".mid"] = self.own[name] + self.cache[mid] - self.own[mid]

        def hook(activation: torch.Tensor, hook: object) -> torch.Tensor:
            activation = activation.clone()
            given = self.cache[name if site != "resid_mid" else name + ".mid"]
            for of_cell, (head, positions) in zip(activation.chunk(len(cells)), cells, strict=True):
                for row, where in enumerate(positions):
                    if site == "pattern":
                        of_cell[row, head, where] = given[row, head, where]
                    elif head is None:
                        of_cell[row, where] = given[row, where]
                    else:
                        of_cell[row, where, head] = given[row, where, head]
            return activation

        hooks = [(name, hook), reading_at_end(self.pairs, len(cells))]
        with torch.no_grad():
            logits = self.bridge.run_with_hooks(self.tokens.repeat(len(cells), 1), fwd_hooks=hooks)
        return torch.stack([self.score(of_cell[:, 0], self.pairs) for of_cell in logits.chunk(len(cells))])
