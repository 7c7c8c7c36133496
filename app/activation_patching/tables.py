"""Tables of the Activation patching page, for download."""

import numpy as np
import pandas as pd

from ioi_core import PatchResult, PromptPairs


def patch_frame(result: PatchResult) -> pd.DataFrame:
    """Return every cell: its value, its change against the unpatched run, and that change's interval."""
    low, high = result.effect_interval()
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
    """Return one cell's change, prompt by prompt."""
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


def attention_frame(pattern: np.ndarray, tokens: list[str]) -> pd.DataFrame:
    """Return one head's attention, a row for each position and each that it can attend to."""
    query, key = (axis.ravel() for axis in np.indices(pattern.shape))
    return pd.DataFrame(
        {
            "query_pos": query,
            "key_pos": key,
            "query_token": [tokens[n] for n in query],
            "key_token": [tokens[n] for n in key],
            "attention": pattern.ravel(),
        }
    )
