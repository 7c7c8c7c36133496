"""Tables behind the figures of a circuit that is broken, for the page and for download."""

from collections.abc import Sequence

import pandas as pd

from app.circuit.breaking.numbers import Broken, by_template, levels, minimality_order, no_share
from app.circuit.members import Classes, class_of, member_words
from app.words.phrases import grouped_by
from ioi_core import Circuit, CircuitEvaluation, Completeness, Member, Minimality, PromptPairs, bootstrap_interval


def members_frame(circuit: Circuit, off: Circuit, classes: Classes, minimality: Minimality | None) -> pd.DataFrame:
    """Return a row for each member: whether it is on, and what its loss would change."""
    scores: dict[Member, float] = {}
    removed: dict[Member, str] = {}
    if minimality is not None and not no_share(minimality):
        scores = dict(zip(minimality.members, minimality.signed_scores.tolist(), strict=True))
        removed = dict(zip(minimality.members, map(str, minimality.removed), strict=True))
    off_members = set(off.members)
    return pd.DataFrame(
        {
            "on": [member not in off_members for member in circuit.members],
            "layer": [head.layer for head, _ in circuit.members],
            "head": [head.head for head, _ in circuit.members],
            "kept_at": [role for _, role in circuit.members],
            "class": [class_of(member, classes) for member in circuit.members],
            "minimality_percent": [100 * scores.get(member, float("nan")) for member in circuit.members],
            "K_gone_as_well": [removed.get(member, "") for member in circuit.members],
        }
    )


def levels_frame(broken: Broken, off: Circuit) -> pd.DataFrame:
    """Return a row for each level, each with how faithful the circuit is."""
    now = broken.now
    low, high = now.faithfulness_interval()
    return pd.DataFrame([vars(level) for level in levels(broken, off)]).assign(
        unit="logits", faithfulness_now=now.faithfulness, faithfulness_low_95=low, faithfulness_high_95=high,
        ablation=str(now.ablation), prompts=now.n_prompts, switched_off=str(off),
    )  # fmt: skip


def templates_frame(pairs: PromptPairs, result: CircuitEvaluation) -> pd.DataFrame:
    """Return faithfulness by template."""
    rows = [
        {
            grouped_by(pairs): template.name,
            "example": pairs.clean_text[template.first],
            "prompts": len(template.points),
            "faithfulness": template.value,
        }
        for template in by_template(pairs, result)
    ]
    return pd.DataFrame(rows).assign(overall=result.faithfulness, ablation=str(result.ablation))


def comparison_frame(
    pairs: PromptPairs, circuits: Sequence[Circuit], results: Sequence[CircuitEvaluation]
) -> pd.DataFrame:
    """Return the faithfulness of two circuits by template."""
    first, other = (templates_frame(pairs, result) for result in results)
    return first.assign(
        circuit=str(circuits[0]), other_circuit=str(circuits[1]), other_faithfulness=other["faithfulness"],
        other_overall=results[1].faithfulness,
    )  # fmt: skip


def completeness_frame(sets: Completeness) -> pd.DataFrame:
    """Return a row for each K: what the circuit and the model do without it."""
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
    """Return a row for each member, those that count most first: K, both runs and the score."""
    low, high = result.signed_scores_interval()
    frame = pd.DataFrame(
        {
            "member": [member_words(member) for member in result.members],
            "K": [str(removed) for removed in result.removed],
            "F(C without K)": result.values[0].astype(float),
            "F(C without K and member)": result.values[1].astype(float),
            "minimality_with_sign": result.signed_scores.astype(float),
            "low_95": low.astype(float),
            "high_95": high.astype(float),
            "ablation": str(result.ablation),
            "prompts": result.n_prompts,
        }
    )
    return frame.iloc[minimality_order(result)]
