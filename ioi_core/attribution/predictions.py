"""The model's predictions at END: its most probable tokens, and the two answers' probabilities and ranks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from ioi_core.engine.checks import check_pairs
from ioi_core.engine.forward import run
from ioi_core.engine.progress import in_parts, with_progress
from ioi_core.engine.scoring import answer_ids
from ioi_core.engine.tensors import slices
from ioi_core.inputs import WholeNumber, as_whole_number
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, PromptResult, over_prompts

RUNS = ("clean", "corrupted")
ANSWERS = ("IO", "S")

_ROWS = 64  # rows of 50,257 logits held at once


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictions(PromptResult):
    """`values` [run] are the mean logit_diff of the clean and the corrupted prompts; `per_prompt` [run batch].

    Attributes:
        top_ids, top_probs: [run batch k] the most probable next tokens, the first one most.
        answer_probs, answer_ranks: [run batch answer] of (IO, S); rank 0 is the most probable token. Where an answer is
            a set of tokens: the sum of its probabilities, and the best rank in it.
    """

    top_ids: Int[np.ndarray, "run batch k"]
    top_probs: Float[np.ndarray, "run batch k"]
    answer_probs: Float[np.ndarray, "run batch answer"]
    answer_ranks: Int[np.ndarray, "run batch answer"]

    @property
    def clean_logit_diff(self) -> Float[np.ndarray, " batch"]:
        """logit(IO) - logit(S) of each clean prompt, in logits."""
        return self.per_prompt[0]

    @property
    def corrupted_logit_diff(self) -> Float[np.ndarray, " batch"]:
        """The same answers' logit difference in each corrupted prompt."""
        return self.per_prompt[1]


@torch.inference_mode()
def predictions(
    model: Model, pairs: PromptPairs, *, top_k: WholeNumber = 10, progress: Progress | None = None
) -> Predictions:
    """Return top tokens, the answers' probabilities and ranks, and logit_diff, of the clean and the corrupted prompts.

    Raises:
        PromptError: prompts the model cannot read, or top_k out of range.
    """
    check_pairs(model, pairs)
    as_whole_number(top_k, "top_k", 1, model.cfg.d_vocab)
    by_run = []
    for tokens, of_run in in_parts((pairs.clean_tokens, pairs.corrupted_tokens), progress):
        parts = []
        for rows, logits in logits_at_end(model, pairs, tokens, of_run):
            ids, real = map(torch.tensor, answer_ids(pairs.take(rows)))
            parts.append(_read(torch.from_numpy(logits), ids, real, top_k))
        by_run.append([np.concatenate(column) for column in zip(*parts, strict=True)])
    per_prompt, *others = (np.stack(column) for column in zip(*by_run, strict=True))
    more: dict[str, Any] = dict(zip(("top_ids", "top_probs", "answer_probs", "answer_ranks"), others, strict=True))
    return Predictions(**over_prompts(per_prompt), axes={"run": RUNS}, metric="logit_diff", unit="logits", **more)


def logits_at_end(
    model: Model, pairs: PromptPairs, tokens: Int[np.ndarray, "batch pos"], progress: Progress | None
) -> Iterator[tuple[slice, Float[np.ndarray, "rows d_vocab"]]]:
    """Yield the logits at END of one side of the pairs, some rows at a time."""
    for rows in with_progress(slices(len(pairs), _ROWS), progress):
        yield rows, run(model, tokens[rows], pairs.roles["END"][rows])


def _read(
    logits: Float[torch.Tensor, "batch d_vocab"],
    ids: Int[torch.Tensor, "batch answer k"],
    real: Float[torch.Tensor, "batch answer k"],
    top_k: int,
) -> tuple[np.ndarray, ...]:
    """Return logit_diff, top ids, top probabilities, the answers' probabilities and ranks, each with rows first."""
    probs = logits.softmax(-1)
    top = probs.topk(top_k, dim=-1)
    chosen, its_probs = (of_all.gather(1, ids.flatten(1)).view(ids.shape) for of_all in (logits, probs))
    means = (chosen * real).sum(-1) / real.sum(-1)
    best = chosen.masked_fill(real == 0, -torch.inf).amax(-1)
    ranks = torch.stack([(logits > best[:, [answer]]).sum(1) for answer in range(2)], 1)
    columns = (means[:, 0] - means[:, 1], top.indices, top.values, (its_probs * real).sum(-1), ranks)
    return tuple(tensor.to(logits.dtype if tensor.is_floating_point() else tensor.dtype).numpy() for tensor in columns)
