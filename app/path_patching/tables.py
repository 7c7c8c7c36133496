"""Tables of the Path patching page: senders by strength, edges of a trail, the parts of an attention logit."""

from collections.abc import Sequence

import pandas as pd

from app.drawing.frames import mean_frame
from app.drawing.heatmap import EffectGrid
from app.path_patching.cells import Edge, senders_with_path
from app.path_patching.trail import Step
from ioi_core import AttentionSplit, PathResult, bootstrap_interval


def ranking_frame(grid: EffectGrid, result: PathResult, step: Step) -> pd.DataFrame:
    """Return every sender with a path, the largest effect first, with its interval."""
    low, high = bootstrap_interval(grid.per_prompt, gaps=result.gaps)
    cells = senders_with_path(grid)
    return pd.DataFrame(
        {
            "sender": [grid.keys[row][column] for row, column in cells],
            "receivers": str(step),
            "effect": [float(grid.effects[cell]) for cell in cells],
            "low_95": [float(low[cell]) for cell in cells],
            "high_95": [float(high[cell]) for cell in cells],
            "metric": result.metric,
            "direction": str(result.direction),
            "sender_position": result.sender_position,
            "through_mlps": result.through_mlps,
            "clean_run": result.clean,
            "corrupted_run": result.corrupted,
            "prompts": result.n_prompts,
        }
    )


def edges_frame(edges: list[Edge], steps: Sequence[Step], metric: str) -> pd.DataFrame:
    """Return the edges of the graph as a table."""
    return pd.DataFrame(
        {
            "sender": [edge.sender for edge in edges],
            "receivers": [str(steps[edge.n]) for edge in edges],
            f"change_in_{metric}": [edge.effect for edge in edges],
        }
    )


def split_frame(split: AttentionSplit, side: str) -> pd.DataFrame:
    """Return every component's share of one side, with its interval."""
    frame = mean_frame(split)
    return frame[frame["side"] == side]
