"""Twins of one corruption for prompts that have others, as mean ablation (ABC) and the signal flips need them."""

from dataclasses import replace

import numpy as np

from ioi_core.errors import PromptError
from ioi_core.inputs import Choice
from ioi_core.model.weights import Model, check_model
from ioi_core.prompts.pairs import PromptPairs, check_pairs_given, check_roles
from ioi_core.prompts.typed import prompt_pairs


def with_twins(model: Model, pairs: PromptPairs, corruption: Choice) -> PromptPairs:
    """Return the same prompts with twins made by `corruption` instead of their own corrupted ones.

    `with_twins(model, pairs, "abc")` are the pairs that the Circuit page computes with: means are then taken over
    prompts that do not tell who is repeated.

    Args:
        pairs: IOI prompts.
        corruption: as in `prompt_pairs`.
    Raises:
        PromptError: the prompts have no roles, or no such twin can be made.
    """
    check_model(model)
    check_roles("twins are made of IOI prompts", check_pairs_given(pairs).roles)
    io, s = ([model.token_text(token) for token in column] for column in pairs.answers.T.tolist())
    twins = prompt_pairs(
        model,
        list(pairs.clean_text),
        None,
        io,
        s,
        corruption=corruption,
        prepend_bos=pairs.prepend_bos,
        answer_space=False,
        people=pairs.people,
    )
    if not np.array_equal(twins.clean_tokens, pairs.clean_tokens):
        raise PromptError(f"the prompts read as other tokens when {corruption} twins are made", "choose generated ones")
    return replace(pairs, corrupted_tokens=twins.corrupted_tokens, corrupted_text=twins.corrupted_text)
