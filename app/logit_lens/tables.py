"""Tables of the Logit lens page, for download."""

import pandas as pd

from app.drawing.frames import interval_columns, mean_frame
from app.words.tokens import token_text
from ioi_core import (
    HeadAttribution,
    Model,
    PromptPairs,
    Result,
    TokenLens,
)


def lens_frame(model: Model, pairs: PromptPairs, row: int, lens: TokenLens) -> pd.DataFrame:
    """Every cell of one prompt's token lens: top token, its probability, and IO's probability and rank."""
    assert lens.ids is not None
    assert lens.track_probs is not None
    assert lens.track_ranks is not None
    cells = [
        {
            "residual_stream": label if label == "final" else f"before layer {label}",
            "position": pos,
            "token": token_text(model, pairs.clean_tokens[row, pos]),
            "top_token": token_text(model, lens.ids[layer, 0, pos, 0]),
            "top_probability": lens.probs[layer, 0, pos, 0],
            "IO_probability": lens.track_probs[layer, 0, pos, 0],
            "IO_rank_from_1": lens.track_ranks[layer, 0, pos, 0] + 1,
        }
        for layer, label in enumerate(lens.axes["layer"])
        for pos in range(int(pairs.lengths[row]))
    ]
    return pd.DataFrame(cells)


def curves_frame(final: Result, per_layer: Result) -> pd.DataFrame:
    """Both curves of the logit lens, one row a stage, each with its interval."""
    own = per_layer.to_frame().assign(**interval_columns(per_layer))
    return (
        final.to_frame()
        .assign(**interval_columns(final))
        .merge(own, on="stage", suffixes=("_final_scale", "_own_scale"), sort=False)
        .assign(prompts=final.n_prompts)
    )


def heads_frame(result: HeadAttribution) -> pd.DataFrame:
    """Direct effects of all heads, and of each layer's b_O as a head of that name."""
    assert result.bias is not None
    biases = pd.DataFrame({"layer": result.axes["layer"], "head": "b_O", result.metric: result.bias})
    return pd.concat([mean_frame(result), biases.assign(prompts=result.n_prompts)], ignore_index=True)
