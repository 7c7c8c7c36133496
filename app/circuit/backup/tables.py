"""Tables of backup heads: stage by stage, and mover by mover."""

from collections.abc import Sequence

import pandas as pd

from app.circuit.backup.numbers import Mover, Stage
from app.drawing.frames import heads_text
from ioi_core import Backup, Head


def stages_frame(all_stages: Sequence[Stage], result: Backup) -> pd.DataFrame:
    """Return a row for each stage with all its numbers."""
    rows: list[dict[str, object]] = []
    for stage in all_stages:
        row: dict[str, object] = {"heads_ablated": " ".join(map(str, stage.gone)) or "none"}
        named = {
            "logit_diff": (stage.real, stage.real_interval),
            "naive_prediction": (stage.naive, stage.naive_interval),
            "made_up_for": (stage.repair, stage.repair_interval),
            "layernorm_scale": (stage.scale, stage.scale_interval),
        }
        for name, (value, (low, high)) in named.items():
            row |= {name: value, f"{name}_low_95": low, f"{name}_high_95": high}
        rows.append(row | {"by_layernorm": stage.by_scale, "by_other_heads": stage.by_heads, "by_mlps": stage.by_rest})
    return pd.DataFrame(rows).assign(ablation=str(result.ablation), unit="logits", prompts=result.n_prompts)


def movers_frame(moved: Sequence[Mover], gone: Sequence[Head], result: Backup) -> pd.DataFrame:
    """Return a row for each head that is left, those that moved most first."""
    columns = {"low": "low_95", "high": "high_95", "by_scale": "change_by_layernorm_alone"}
    frame = pd.DataFrame([vars(mover) for mover in moved]).astype({"head": str}).rename(columns=columns)
    return frame.assign(
        heads_ablated=heads_text(gone), ablation=str(result.ablation), unit="logits", prompts=result.n_prompts
    )


def changes_frame(moved: Sequence[Mover], gone: Sequence[Head], result: Backup) -> pd.DataFrame:
    """Return the change of every head that is left, layer by layer."""
    frame = movers_frame(sorted(moved, key=lambda mover: mover.head), gone, result)
    return frame.drop(columns=["before", "after", "change_by_layernorm_alone"])
