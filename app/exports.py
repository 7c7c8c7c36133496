"""Tables as CSV that a spreadsheet opens safely.

UTF-8 with a byte order mark, so that spreadsheets read "é" and "·" right. A text that a spreadsheet would run as a
formula (it begins with = + - @, their full-width twins, tab or carriage return) gets an apostrophe in front, the
common practice; numbers stay numbers. Tokens keep their real spaces here: a file is for computing, not for looking.
"""

import numpy as np
import pandas as pd

from app.tokens import token_bytes
from ioi_core import (
    HeadAttribution,
    Model,
    PatchResult,
    PromptPairs,
    Result,
    TokenLens,
    bootstrap_interval,
)

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """`frame` as CSV, formulas neutralised."""
    safe = frame.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [neutral(cell) if isinstance(cell, str) else cell for cell in safe[column]]
    safe.columns = pd.Index([neutral(str(column)) for column in safe.columns])
    return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def neutral(text: str) -> str:
    """`text`, with an apostrophe in front if a spreadsheet would run it."""
    return "'" + text if text.startswith(_STARTS_FORMULA) else text


def token_text(model: Model, token: int) -> str:
    """A token's own characters, undecodable bytes escaped."""
    return token_bytes(model, token).decode("utf-8", errors="backslashreplace")


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


def prompt_frame(pairs: PromptPairs, columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row a prompt: its number, both texts, and `columns`."""
    texts = {"clean": list(pairs.clean_text), "corrupted": list(pairs.corrupted_text)}
    return pd.DataFrame({"prompt": np.arange(1, len(pairs) + 1), **texts, **columns})


def curves_frame(final: Result, per_layer: Result) -> pd.DataFrame:
    """Both curves of the logit lens, one row a stage, each with its interval."""
    own = per_layer.to_frame().assign(**_bounds(per_layer))
    return (
        final.to_frame()
        .assign(**_bounds(final))
        .merge(own, on="stage", suffixes=("_final_scale", "_own_scale"), sort=False)
        .assign(prompts=final.n_prompts)
    )


def mean_frame(result: Result) -> pd.DataFrame:
    """Means over prompts, each with its interval."""
    return result.to_frame().assign(**_bounds(result), prompts=result.n_prompts)


def heads_frame(result: HeadAttribution) -> pd.DataFrame:
    """Direct effects of all heads, and of each layer's b_O as a head of that name."""
    assert result.bias is not None
    biases = pd.DataFrame({"layer": result.axes["layer"], "head": "b_O", result.metric: result.bias})
    return pd.concat([mean_frame(result), biases.assign(prompts=result.n_prompts)], ignore_index=True)


def _bounds(result: Result) -> dict[str, np.ndarray]:
    assert result.per_prompt is not None
    low, high = bootstrap_interval(result.per_prompt)
    return {"low_95": low.ravel(), "high_95": high.ravel()}


def patch_frame(result: PatchResult) -> pd.DataFrame:
    """Every cell of a patching grid: its value, its change against the unpatched run, and that change's interval."""
    low, high = bootstrap_interval(result.effects, gaps=result.gaps)
    return result.to_frame().assign(
        change=result.effects.mean(-1).ravel(),
        change_low_95=low.ravel(),
        change_high_95=high.ravel(),
        site=result.site,
        direction=str(result.direction),
        clean_run=result.clean,
        corrupted_run=result.corrupted,
        prompts=result.n_prompts,
    )


def cell_frame(pairs: PromptPairs, result: PatchResult, cell: str, effects: np.ndarray) -> pd.DataFrame:
    """One cell of a patching grid, prompt by prompt."""
    return pd.DataFrame(
        {
            "prompt": np.arange(1, len(effects) + 1),
            "clean": pairs.clean_text,
            "corrupted": pairs.corrupted_text,
            "cell": cell,
            "site": result.site,
            "direction": str(result.direction),
            f"change_in_{result.metric}": effects,
        }
    )
