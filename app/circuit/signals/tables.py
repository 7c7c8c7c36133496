"""Tables of the flips: what each does to logit_diff, and an example of each."""

from collections.abc import Mapping

import pandas as pd

from app.circuit.signals.words import FLIP_WORDS, letters
from app.drawing.frames import heads_text
from ioi_core import SIGNALS, PromptPairs, SignalFit


def flips_frame(result: SignalFit) -> pd.DataFrame:
    """Return a row for each flip: its signals, what was measured and what the formula says."""
    low, high = result.interval()
    return pd.DataFrame(
        {
            "flip": list(SIGNALS),
            "meaning": [FLIP_WORDS[flip] for flip in SIGNALS],
            "S_pos": [position for position, _ in SIGNALS.values()],
            "S_tok": [token for _, token in SIGNALS.values()],
            "logit_diff": result.values,
            "low_95": low,
            "high_95": high,
            "fit": result.fitted,
            "coefficient_S_pos": result.coefficients[0],
            "coefficient_S_tok": result.coefficients[1],
            "heads": heads_text(result.heads),
            "unit": "logits",
            "prompts": result.n_prompts,
        }
    )


def examples_frame(flips: Mapping[str, PromptPairs], row: int) -> pd.DataFrame:
    """Return one prompt's six variants."""
    roles = next(iter(flips.values())).roles
    io_first = bool(roles["IO"][row] < roles["S1"][row])
    return pd.DataFrame(
        {
            "letters": [letters(flip, io_first=io_first) for flip in SIGNALS],
            "S2 tells": [FLIP_WORDS[flip] for flip in SIGNALS],
            "S_pos": [position for position, _ in SIGNALS.values()],
            "S_tok": [token for _, token in SIGNALS.values()],
            "the variant of the prompt shown": [flips[flip].corrupted_text[row] for flip in SIGNALS],
        }
    )
