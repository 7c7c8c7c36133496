"""Answers as tokens: as written or with a space in front, and the form an answer has the other way."""

from ioi_core.errors import PromptError
from ioi_core.model.weights import Model
from ioi_core.prompts.text import check_characters, show_tokens


def answer_token(model: Model, answer: object, label: str, *, space: bool = True) -> int:
    """Return the token of an answer; nothing is taken away from it.

    Args:
        label: what messages call it ("io", "s 2 of 8").
        space: put a space in front if there is none; False takes the answer as written.

    Raises:
        PromptError: not text, empty, or more than one token; shows the tokens.
    """
    text = check_characters(model, answer, label)
    if space:
        text = spaced(text)
    ids = model.encode(text)
    if len(ids) != 1:
        written = "with a space in front" if space else "as written, without a space added"
        raise PromptError(
            f"{label} must be one token, got {len(ids)}: {show_tokens(model, ids)} ({written})",
            f"choose a shorter or more common word for {label}",
        )
    return ids[0]


def spaced(answer: str) -> str:
    """Return an answer with a space in front, which an empty one does not get."""
    return answer if not answer or answer.startswith(" ") else f" {answer}"


def other_form(model: Model, token: int) -> int | None:
    """Return the token of the same answer without its leading space, or with one; None if that is no single token."""
    text = model.token_text(token)
    ids = model.encode(text[1:] if text.startswith(" ") else f" {text}")
    return ids[0] if len(ids) == 1 else None
