"""Prompts that something is found on, and prompts held out, on which it is judged. No Streamlit here."""

from ioi_core import PromptPairs


def halves(pairs: PromptPairs) -> tuple[PromptPairs, PromptPairs | None]:
    """Return the prompts that a circuit is found on, and the others, on which it is judged; None of a single prompt."""
    middle = (len(pairs) + 1) // 2
    return pairs[:middle], pairs[middle:] if middle < len(pairs) else None
