"""Tables of the Logit lens page, for download."""

import pandas as pd

from app.drawing.frames import mean_frame
from app.words.tokens import token_text
from ioi_core import HeadAttribution, Model, PromptPairs, PromptResult, TokenLens


def lens_frame(model: Model, pairs: PromptPairs, row: int, lens: TokenLens) -> pd.DataFrame:
    """Return every cell of one prompt's token lens: top token, its probability, and IO's probability and rank."""
    probs, ranks = lens.tracked
    cells = [
        {
            "residual_stream": label if label == "final" else f"before layer {label}",
            "position": pos,
            "token": token_text(model, pairs.clean_tokens[row, pos]),
            "top_token": token_text(model, lens.ids[layer, 0, pos, 0]),
            "top_probability": lens.probs[layer, 0, pos, 0],
            "IO_probability": probs[layer, 0, pos, 0],
            "IO_rank_from_1": ranks[layer, 0, pos, 0] + 1,
        }
        for layer, label in enumerate(lens.axes["layer"])
        for pos in range(int(pairs.lengths[row]))
    ]
    return pd.DataFrame(cells)


def curves_frame(final: PromptResult, per_layer: PromptResult) -> pd.DataFrame:
    """Return both curves of the logit lens, a row a stage, each with its interval."""
    curves = final.to_frame(interval=True), per_layer.to_frame(interval=True)
    frame = pd.merge(*curves, on="stage", suffixes=("_final_scale", "_own_scale"), sort=False)
    return frame.assign(prompts=final.n_prompts)


def heads_frame(result: HeadAttribution) -> pd.DataFrame:
    """Return the direct effects of all heads, and of each layer's b_O as a head of that name."""
    biases = pd.DataFrame({"layer": range(len(result.bias)), "head": "b_O", result.metric: result.bias})
    return pd.concat([mean_frame(result), biases.assign(prompts=result.n_prompts)], ignore_index=True)
