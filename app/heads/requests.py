"""What the Heads page asks about one head, and about all of them at once. Values; no Streamlit here."""

import ioi_core
from app.questions.ask import Request, ask
from ioi_core import CopiedTokens, Head, NameWriting, PromptPairs

TOP_TOKENS = 5
"""So many tokens that a head writes most are looked at."""


def writing_request(pairs: PromptPairs) -> Request[NameWriting]:
    """Attention of all heads against what they write."""
    return ask(ioi_core.attention_and_writing, pairs=pairs)


def answer_tokens(pairs: PromptPairs) -> list[int]:
    """The names of these prompts, each once."""
    return list(dict.fromkeys(pairs.answers.ravel().tolist()))


def copying_requests(head: Head, names: list[int]) -> tuple[Request[CopiedTokens], Request[CopiedTokens]]:
    """What the head's OV circuit makes of these names: what it writes, and what it writes against."""
    written, against = (
        ask(ioi_core.copied_tokens, head=head, tokens=names, top_k=TOP_TOKENS, sign=sign)
        for sign in ("positive", "negative")
    )
    return written, against
