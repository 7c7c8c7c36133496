"""Attention patterns as tables for download."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from app.questions.patterns import RUNS, PromptPatterns
from app.view import View
from app.words.tokens import row_texts
from ioi_core import Head


def pattern_frame(view: View, patterns: PromptPatterns, heads: Sequence[Head]) -> pd.DataFrame:
    """Return the attention of some heads, a row for each query position and each key position up to it."""
    length = int(view.pairs.lengths[view.row])
    query, key = np.tril_indices(length)
    tokens = {
        run: np.array(row_texts(view.model, view.pairs, view.row, corrupted=run == "corrupted"), dtype=object)
        for run in RUNS[:2]
    }
    frames = [
        pd.DataFrame(
            {
                "prompt": patterns.number,
                "layer": head.layer,
                "head": head.head,
                "query_pos": query,
                "key_pos": key,
                **{f"{run}_query_token": tokens[run][query] for run in tokens},
                **{f"{run}_key_token": tokens[run][key] for run in tokens},
                **{f"{patterns.metric.replace(' ', '_')}_{run}": patterns.of(head, run)[query, key] for run in RUNS},
            }
        )
        for head in heads
    ]
    return pd.concat(frames, ignore_index=True)


def end_frame(patterns: PromptPatterns) -> pd.DataFrame:
    """Return attention from END to each name, a row a head, those with most to IO first."""
    layer, head = (axis.ravel() for axis in np.indices(patterns.clean.shape[:2]))
    columns = {
        f"{role} {run}": patterns.values(run)[:, :, patterns.end, position].ravel().astype(np.float64)
        for role, position in patterns.names.items()
        for run in RUNS
    }
    frame = pd.DataFrame({"layer": np.array(patterns.layers)[layer], "head": head, **columns})
    return frame.sort_values("IO clean", ascending=False, kind="stable", ignore_index=True)
