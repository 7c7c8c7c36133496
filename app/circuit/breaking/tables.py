"""Tables behind the figures of a circuit that is broken, for the page and for download."""

import numpy as np
import pandas as pd

from app.circuit.breaking.numbers import Broken, by_template, levels, minimality_order
from app.circuit.members import Classes, class_of, member_words
from ioi_core import (
    Circuit,
    CircuitEvaluation,
    Completeness,
    Minimality,
    PromptPairs,
    bootstrap_interval,
)


def members_frame(circuit: Circuit, off: Circuit, classes: Classes, minimality: Minimality | None) -> pd.DataFrame:
    """Every member: whether it is on, and what its loss would change."""
    scores: dict[object, tuple[float, str]] = {}
    if minimality is not None:
        scores = {
            member: (100 * float(score), str(removed))
            for member, score, removed in zip(
                minimality.members, minimality.signed_scores, minimality.removed, strict=True
            )
        }
    gone, unknown = set(off.members), (float("nan"), "")
    return pd.DataFrame(
        {
            "on": [member not in gone for member in circuit.members],
            "head": [str(head) for head, _ in circuit.members],
            "kept_at": [role for _, role in circuit.members],
            "class": [class_of(member, classes) for member in circuit.members],
            "minimality_percent": [scores.get(member, unknown)[0] for member in circuit.members],
            "K_gone_as_well": [scores.get(member, unknown)[1] for member in circuit.members],
        }
    )


def levels_frame(broken: Broken, off: Circuit) -> pd.DataFrame:
    """The levels, and how faithful the circuit is."""
    now = broken.now
    low, high = now.faithfulness_interval()
    return pd.DataFrame([vars(level) for level in levels(broken, off)]).assign(
        unit="logits", faithfulness_now=now.faithfulness, faithfulness_low_95=low, faithfulness_high_95=high,
        ablation=str(now.ablation), prompts=now.n_prompts, switched_off=str(off),
    )  # fmt: skip


def templates_frame(pairs: PromptPairs, result: CircuitEvaluation) -> pd.DataFrame:
    """Faithfulness by template."""
    found = by_template(pairs, result)
    return pd.DataFrame(
        {
            "template": [one.name for one in found],
            "example": [pairs.clean_text[one.first] for one in found],
            "prompts": [int(np.count_nonzero(result.templates == one.number)) for one in found],
            "faithfulness": [one.value for one in found],
            "overall": result.faithfulness,
            "ablation": str(result.ablation),
        }
    )


def completeness_frame(sets: Completeness) -> pd.DataFrame:
    """Every K and what the circuit and the model do without it."""
    low, high = bootstrap_interval(sets.differences)
    return pd.DataFrame(
        {
            "set": sets.axes["set"],
            "kind": sets.kinds,
            "K": [str(removed) for removed in sets.removed],
            "F(C without K)": sets.circuit_values,
            "F(M without K)": sets.model_values,
            "incompleteness": sets.incompleteness,
            "difference": sets.differences.mean(-1),
            "difference_low_95": low,
            "difference_high_95": high,
            "ablation": str(sets.ablation),
            "prompts": sets.n_prompts,
        }
    )


def minimality_frame(result: Minimality) -> pd.DataFrame:
    """Every member, the K it was measured with, both runs and the score, those that count most first."""
    low, high = result.signed_scores_interval()
    rows = [
        {
            "member": member_words(result.members[n]),
            "K": str(result.removed[n]),
            "F(C without K)": float(result.values[0, n]),
            "F(C without K and member)": float(result.values[1, n]),
            "minimality_with_sign": float(result.signed_scores[n]),
            "low_95": float(low[n]),
            "high_95": float(high[n]),
            "ablation": str(result.ablation),
            "prompts": result.n_prompts,
        }
        for n in minimality_order(result)
    ]
    return pd.DataFrame(rows)
