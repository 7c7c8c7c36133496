"""ABC twins for prompts that have others: mean ablation averages over prompts in which nobody is named twice."""

from dataclasses import replace

import numpy as np

from ioi_core.errors import PromptError
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.prompts.typed import prompt_pairs


def with_abc_twins(model: Model, pairs: PromptPairs) -> PromptPairs:
    """The same prompts with ABC twins instead of their own corrupted ones.

    Args:
        pairs: IOI prompts.
    Raises:
        PromptError: no twin can be made.
    """
    io, s = ([model.token_text(token) for token in column] for column in pairs.answers.T.tolist())
    twins = prompt_pairs(model, list(pairs.clean_text), None, io, s, corruption="abc", prepend_bos=pairs.prepend_bos)
    if not np.array_equal(twins.clean_tokens, pairs.clean_tokens):
        raise PromptError("the prompts read as other tokens when ABC twins are made: choose ABC as the corruption")
    return replace(pairs, corrupted_tokens=twins.corrupted_tokens, corrupted_text=twins.corrupted_text)
