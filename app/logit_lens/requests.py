"""Requests of the Logit lens page. No Streamlit here."""

import ioi_core
from app.questions.ask import Request, ask
from ioi_core import HeadAttribution, PromptPairs, PromptResult, TokenLens


def curve_requests(pairs: PromptPairs) -> tuple[Request[PromptResult], Request[PromptResult]]:
    """Ask for the lens with the final and with each layer's own scale."""
    return (
        ask(ioi_core.logit_lens, pairs=pairs, scale="final"),
        ask(ioi_core.logit_lens, pairs=pairs, scale="per_layer"),
    )


def tokens_request(pairs: PromptPairs, row: int) -> Request[TokenLens]:
    """Ask for the most probable token at each layer and position of one prompt."""
    shown = slice(row, row + 1)
    tokens = pairs.clean_tokens[shown, : pairs.lengths[row]]
    return ask(ioi_core.lens_tokens, tokens=tokens, top_k=1, track=pairs.answers[shown])


def layers_request(pairs: PromptPairs) -> Request[PromptResult]:
    """Ask for the direct effects of layers."""
    return ask(ioi_core.attribute_layers, pairs=pairs)


def heads_request(pairs: PromptPairs) -> Request[HeadAttribution]:
    """Ask for the direct effects of heads."""
    return ask(ioi_core.attribute_heads, pairs=pairs)
