"""Head scores on random repeated tokens: previous-token, duplicate-token and induction scores (Olsson et al. 2022).

A sequence is n random tokens twice over, without BOS, so that it repeats is all that can be known. Each score is
the mean attention along one diagonal of the pattern: from every token to the one before it; from every token of the
second half to the same token in the first half; from those to the token that followed it there.

Tokens are drawn independently and uniformly over the vocabulary without 50256, by NumPy's default generator; the same
token can therefore come up twice within one half, in about one sequence of forty (n = 50).
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.engine.forward import embed, layer_runs
from ioi_core.engine.memory import memory_budget
from ioi_core.engine.progress import in_parts
from ioi_core.engine.tensors import TOKENS_PER_CHUNK, joined, to_device
from ioi_core.errors import PromptError
from ioi_core.inputs import WholeNumber, as_whole_number
from ioi_core.model.weights import END_OF_TEXT, Model, check_model
from ioi_core.results import Progress, PromptResult, over_prompts

SCORES = ("previous_token", "duplicate_token", "induction")

_MAX_BATCH = 10_000
_PATTERN_COPIES = 3  # attention logits, masked ones and probabilities are alive at once


@torch.inference_mode()
def head_scores(
    model: Model,
    *,
    n: WholeNumber = 50,
    batch: WholeNumber = 50,
    seed: WholeNumber = 0,
    progress: Progress | None = None,
) -> PromptResult:
    """Return the mean attention of every head along three diagonals, on random tokens that repeat.

    Previous-token: from i to i - 1, i = 1 ... 2n - 1. Duplicate-token: from i to i - n, i = n ... 2n - 1. Induction:
    from i to i - n + 1, the same i. Uniform attention scores .042, .014 and .014 at n = 50.

    Args:
        n: random tokens before they repeat, 2 to half of the model's context.
        batch: sequences, 1 to 10,000.
        seed: of the tokens, from 0. The same arguments give the same numbers on one machine; another memory budget
            may round them differently (1e-6), as sequences are then run in other chunks.
    Returns:
        `values` [score layer head], probabilities, mean over the sequences; `per_prompt` [score layer head batch].
    Raises:
        PromptError: an argument outside these bounds, or a model whose context is too short for any n.
    """
    tokens = _repeated_tokens(model, n, batch, seed)
    at_once = _rows_at_once(model, tokens.shape[1])

    def scores(start: int, progress: Progress | None) -> Float[Tensor, "score layer head batch"]:
        embedded = embed(model, to_device(model, tokens[start : start + at_once]))
        return torch.stack([_diagonals(run.pattern) for run in layer_runs(model, embedded, progress=progress)], 1)

    starts = range(0, len(tokens), at_once)
    per_prompt = joined(scores(start, of_chunk) for start, of_chunk in in_parts(starts, progress, model.cfg.n_layers))
    axes = {"score": SCORES, **model.head_axes}
    return PromptResult(**over_prompts(per_prompt), axes=axes, metric="attention", unit="probability")


def _repeated_tokens(
    model: Model, n: WholeNumber, batch: WholeNumber, seed: WholeNumber
) -> Int[np.ndarray, "batch pos"]:
    """Check the arguments and draw the sequences."""
    if check_model(model).cfg.n_ctx < 4:
        raise PromptError(f"{model.name} reads at most {model.cfg.n_ctx} tokens: two repeated ones need 4")
    what = f"n, the number of random tokens before they repeat ({model.name} reads {model.cfg.n_ctx}),"
    n = as_whole_number(n, what, 2, model.cfg.n_ctx // 2)
    batch = as_whole_number(batch, "batch, the number of sequences,", 1, _MAX_BATCH)
    seed = as_whole_number(seed, "seed", 0, 2**63 - 1)
    half = np.random.default_rng(seed).integers(0, END_OF_TEXT, (batch, n))
    return np.concatenate([half, half], axis=1)


def _rows_at_once(model: Model, length: int) -> int:
    """Return how many sequences' patterns fit the memory budget; one at least."""
    pattern_bytes = model.cfg.n_heads * length**2 * model.weights.W_E.element_size()
    return max(1, min(TOKENS_PER_CHUNK // length, memory_budget() // (_PATTERN_COPIES * pattern_bytes)))


def _diagonals(pattern: Float[Tensor, "batch head pos pos"]) -> Float[Tensor, "score head batch"]:
    """Return the three scores of each head in each sequence."""
    n = pattern.shape[-1] // 2

    def mean_to(distance: int, first: int) -> Float[Tensor, "head batch"]:
        """Return the mean attention from each i >= `first` to i - `distance`."""
        from_each = pattern.diagonal(offset=-distance, dim1=-2, dim2=-1)  # from i = distance on
        return from_each[..., first - distance :].mean(-1).T

    return torch.stack([mean_to(1, 1), mean_to(n, n), mean_to(n - 1, n)])
