"""Requests of the Logit lens page. No Streamlit here."""

import ioi_core
from app.questions.ask import Request, ask
from ioi_core import HeadAttribution, PromptPairs, PromptResult, TokenLens


def lens_requests(
    pairs: PromptPairs, row: int
) -> tuple[
    Request[PromptResult], Request[PromptResult], Request[TokenLens], Request[PromptResult], Request[HeadAttribution]
]:
    """Ask for the lens with the final and with each layer's own scale, its tokens in one prompt, layers, heads."""
    shown = slice(row, row + 1)
    tokens = pairs.clean_tokens[shown, : pairs.lengths[row]]
    return (
        ask(ioi_core.logit_lens, pairs=pairs, scale="final"),
        ask(ioi_core.logit_lens, pairs=pairs, scale="per_layer"),
        ask(ioi_core.lens_tokens, tokens=tokens, top_k=1, track=pairs.answers[shown]),
        ask(ioi_core.attribute_layers, pairs=pairs),
        ask(ioi_core.attribute_heads, pairs=pairs),
    )
