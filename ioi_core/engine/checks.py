"""Callers' tokens, pairs and positions: read, or refused in words, before anything is computed."""

import numpy as np
from jaxtyping import Int

from ioi_core.errors import PromptError
from ioi_core.inputs import Positions, Tokens, as_integers, shown
from ioi_core.model.weights import END_OF_TEXT, Model, check_model
from ioi_core.prompts.pairs import AnswerSets, PromptPairs, check_pairs_given


def row_lengths(tokens: Int[np.ndarray, "batch pos"]) -> Int[np.ndarray, " batch"]:
    """Tokens in each row before its padding: trailing 50256s are padding, a lone one is a BOS."""
    real = tokens != END_OF_TEXT
    last = tokens.shape[1] - np.argmax(real[:, ::-1], axis=1)
    return np.where(real.any(axis=1), last, 1).astype(np.int64)


def check_tokens(model: Model, given: Tokens) -> Int[np.ndarray, "batch pos"]:
    """Return tokens as an array, padded on the right, if the model can read them, else raise a PromptError."""
    check_model(model)
    tokens = _as_tokens(given)
    if tokens.ndim != 2 or 0 in tokens.shape:
        raise PromptError(f"tokens have shape {tokens.shape}: at least one row of at least one token is wanted")
    if tokens.shape[1] > model.cfg.n_ctx:
        raise PromptError(f"a prompt has {tokens.shape[1]} tokens: {model.name} reads at most {model.cfg.n_ctx}")
    if tokens.min() < 0 or tokens.max() >= model.cfg.d_vocab:
        raise PromptError(
            f"token ids {tokens.min()} to {tokens.max()}: {model.name} has ids 0 to {model.cfg.d_vocab - 1}"
        )
    return tokens


def _as_tokens(tokens: Tokens) -> Int[np.ndarray, "batch pos"]:
    """Return rows of token ids: pairs' clean prompts, an array, a tensor or lists, which are padded on the right.

    Raises:
        PromptError: none of these.
    """
    given = getattr(tokens, "clean_tokens", tokens)
    array = as_integers(given)
    if array is None and isinstance(given, list | tuple):
        rows = [row for row in map(as_integers, given) if row is not None and row.ndim == 1]
        if rows and len(rows) == len(given):
            array = np.full((len(rows), max(map(len, rows))), END_OF_TEXT, dtype=np.int64)
            for padded, row in zip(array, rows, strict=True):
                padded[: len(row)] = row
    if array is None or array.ndim == 0:
        raise PromptError(
            f"tokens are rows of token ids, got {shown(tokens)}: give prompt_pairs(model, ...), or lists of ids as "
            "model.encode(text) returns them, with END_OF_TEXT in front for a BOS"
        )
    return array[None] if array.ndim == 1 else array


def check_pairs(model: Model, pairs: PromptPairs) -> PromptPairs:
    """Return the pairs if the model can read them, else raise a PromptError."""
    check_pairs_given(pairs)
    for tokens in (pairs.clean_tokens, pairs.corrupted_tokens):
        check_tokens(model, tokens)
    check_positions(pairs.clean_tokens, pairs.roles["END"])
    if pairs.answers.shape != (len(pairs), 2) or pairs.answers.min() < 0 or pairs.answers.max() >= model.cfg.d_vocab:
        raise PromptError(
            f"answers have shape {pairs.answers.shape} and ids {pairs.answers.min()} to {pairs.answers.max()}: "
            f"(IO, S) of each of {len(pairs)} prompts are wanted, ids 0 to {model.cfg.d_vocab - 1}"
        )
    if pairs.answer_sets is not None:
        _check_answer_sets(model, pairs, pairs.answer_sets)
    return pairs


def _check_answer_sets(model: Model, pairs: PromptPairs, sets: AnswerSets) -> None:
    """Refuse sets that are empty, share a token, hold no token of the model, or do not begin with `answers`."""
    if len(sets) != len(pairs):
        raise PromptError(f"answer_sets has {len(sets)} rows, the prompts have {len(pairs)}")
    for number, ((right, wrong), first) in enumerate(zip(sets, pairs.answers.tolist(), strict=True)):
        ids = [*right, *wrong]
        if not (right and wrong) or [right[0], wrong[0]] != first or len(set(ids)) < len(ids):
            raise PromptError(
                f"answer_sets of prompt {number + 1} must be two tuples of ids that begin with its answers {first}, "
                f"no id twice: got {len(right)} right and {len(wrong)} wrong ones"
            )
        if min(ids) < 0 or max(ids) >= model.cfg.d_vocab:
            raise PromptError(
                f"answer_sets has ids {min(ids)} to {max(ids)}: {model.name} has 0 to {model.cfg.d_vocab - 1}"
            )


def check_positions(
    tokens: Int[np.ndarray, "batch pos"], positions: Int[np.ndarray, " positions"]
) -> Int[np.ndarray, " batch"]:
    """Return the positions if each lies in its row, else raise a PromptError."""
    if positions.shape != (len(tokens),):
        raise PromptError(f"positions have shape {positions.shape}: one a row is wanted, {len(tokens)} in all")
    if positions.min() < 0 or positions.max() >= tokens.shape[1]:
        raise PromptError(
            f"positions {positions.min()} to {positions.max()}: rows have positions 0 to {tokens.shape[1] - 1}"
        )
    return positions


def as_positions(tokens: Int[np.ndarray, "batch pos"], positions: Positions) -> Int[np.ndarray, " batch"]:
    """Return one position of each row: of one for all or one a row; -1 is a row's last token before its padding.

    Raises:
        PromptError: no whole numbers, another number of them than of rows, or one outside its row.
    """
    given, lengths = as_integers(positions), row_lengths(tokens)
    if given is None:
        raise PromptError(f"positions are whole numbers, one a row or one for all, got {shown(positions)}")
    at = np.full(len(tokens), given) if given.ndim == 0 else given
    if at.shape == lengths.shape:
        at = at + np.where(at < 0, lengths, 0)
    check_positions(tokens, at)
    if (padding := np.flatnonzero(at >= lengths)).size:
        row = padding[0]
        raise PromptError(f"position {at[row]} of row {row + 1} is padding: the row has {lengths[row]} tokens")
    return at
