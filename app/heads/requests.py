"""Requests of the Heads page, about one head and about all. No Streamlit here."""

import ioi_core
from app.questions.ask import Request, ask
from ioi_core import CopiedTokens, Head, NameWriting, PromptPairs

TOP_TOKENS = 5
"""Tokens listed for each name."""


def writing_request(pairs: PromptPairs) -> Request[NameWriting]:
    """Ask for the attention of all heads against what they write."""
    return ask(ioi_core.attention_and_writing, pairs=pairs)


def answer_tokens(pairs: PromptPairs) -> list[int]:
    """Return the names of these prompts, each once."""
    return list(dict.fromkeys(pairs.answers.ravel().tolist()))


def copying_requests(head: Head, names: list[int]) -> tuple[Request[CopiedTokens], Request[CopiedTokens]]:
    """Ask for the tokens that the head's OV circuit writes, and those it writes against, for each name."""
    written, against = (
        ask(ioi_core.copied_tokens, head=head, tokens=names, top_k=TOP_TOKENS, sign=sign)
        for sign in ("positive", "negative")
    )
    return written, against
