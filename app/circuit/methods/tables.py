"""Tables of direct and total effects, and of ways to ablate."""

import numpy as np
import pandas as pd

from app.circuit.methods.words import changes
from ioi_core import Head, MethodContrast, PromptResult


def contrast_frame(result: MethodContrast) -> pd.DataFrame:
    """Return a row for each method: where it starts, where it ends, and by how much it changes logit_diff."""
    columns = {
        "run": "starts_from", "after": "logit_diff", "low": "low_95", "high": "high_95",
        "share": "share_of_clean_minus_corrupted",
    }  # fmt: skip
    frame = pd.DataFrame([vars(change) for change in changes(result)]).rename(columns=columns)
    return frame.assign(heads=str(result.heads), unit="logits", prompts=result.n_prompts)


def total_frame(result: PromptResult, classes: dict[Head, str], ablation: str) -> pd.DataFrame:
    """Return a row for each head with its two effects."""
    low, high = result.interval()
    heads = [Head(*cell) for cell in np.ndindex(*result.values.shape[1:])]
    columns: dict[str, object] = {"head": list(map(str, heads)), "class": [classes.get(head, "") for head in heads]}
    for n, effect in enumerate(result.axes["effect"]):
        columns |= {
            f"{effect}_effect": result.values[n].ravel(),
            f"{effect}_low_95": low[n].ravel(),
            f"{effect}_high_95": high[n].ravel(),
        }
    return pd.DataFrame(columns).assign(ablation=ablation, unit="logits", prompts=result.n_prompts)
