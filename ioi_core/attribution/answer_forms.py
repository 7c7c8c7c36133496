"""How high the model ranks the right answer as it is given, and in its other form: with or without a leading space.

" 42" and "42" are two tokens, and after "the year 17" the model can only mean the second. If the other form ranks far
better, the prompts were probably given the wrong one.
"""

import numpy as np
from jaxtyping import Float, Int

from ioi_core.attribution.predictions import logits_at_end
from ioi_core.engine.checks import check_pairs
from ioi_core.model.weights import Model
from ioi_core.prompts.answers import other_form
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, Result

FORMS = ("given", "other")


def answer_form_ranks(model: Model, pairs: PromptPairs, *, progress: Progress | None = None) -> Result:
    """Return the median rank of IO at END of the clean prompts, as given and in its other form.

    Returns:
        `values` [form] in tokens: 0 is the most probable token. "other" is nan where IO has no other form of one token
        in some prompt: medians of different prompts would not compare.
    Raises:
        PromptError: prompts the model cannot read.
    """
    check_pairs(model, pairs)
    given = pairs.answers[:, 0]
    others = [other_form(model, int(token)) for token in given]
    known = [token for token in others if token is not None]
    forms = [given, np.array(known)] if len(known) == len(given) else [given]
    ranks = []
    for rows, logits in logits_at_end(model, pairs, pairs.clean_tokens, progress):
        ranks.append([_ranks(logits, tokens[rows]) for tokens in forms])
    medians = np.full(len(FORMS), np.nan)
    medians[: len(forms)] = np.median(np.concatenate(ranks, -1), -1)
    undefined = None if len(forms) == len(FORMS) else "the other form is not one token in every prompt"
    return Result(
        values=medians,
        axes={"form": FORMS},
        metric="median_rank",
        unit="tokens",
        n_prompts=len(pairs),
        undefined=undefined,
    )


def _ranks(logits: Float[np.ndarray, "batch d_vocab"], tokens: Int[np.ndarray, " batch"]) -> Int[np.ndarray, " batch"]:
    """Return how many tokens have a higher logit than the given one of each row."""
    return (logits > np.take_along_axis(logits, tokens[:, None], 1)).sum(1)
