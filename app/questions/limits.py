"""Limits of one request; more is refused with an explanation before anything is computed."""

from app.hosting.settings import Settings
from app.questions.ask import Request
from cache.analyses import ANALYSES
from ioi_core import IOIError, Model, PromptPairs


class TooMuchError(IOIError):
    """A request asks for more than is allowed here."""


def check_tokens(pairs: PromptPairs, limits: Settings) -> None:
    """Refuse prompts that are too long.

    Raises:
        TooMuchError: names the longest prompt, its length and what is allowed.
    """
    row = int(pairs.lengths.argmax())
    if (length := int(pairs.lengths[row])) > limits.max_tokens:
        raise TooMuchError(
            f"prompt {row + 1} is {length:,} tokens long",
            f"shorten prompt {row + 1} to at most {limits.max_tokens:,} tokens",
        )


def check_cells(model: Model, request: Request[object], limits: Settings) -> None:
    """Refuse patching of too many cells over too many prompts.

    Raises:
        TooMuchError: says how many cells and prompts that are, what is allowed, and what to change.
    """
    pairs, count = request.parameters.get("pairs"), ANALYSES[request.analysis].cells
    if count is None or not isinstance(pairs, PromptPairs):
        return
    cells = count(model, **request.parameters)
    if (runs := cells * len(pairs)) > limits.max_cells:
        raise TooMuchError(
            f"this asks for {cells:,} cells on {len(pairs):,} prompts, {runs:,} patched runs: at most "
            f"{limits.max_cells:,} are allowed here",
            "take fewer prompts, or all positions at once",
        )
