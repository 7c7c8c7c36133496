"""Tables of the Edges page. No Streamlit here."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from app.edges.plan import Plan
from ioi_core import EdgeCurve, EdgeEvaluation, EdgeScores, bootstrap_interval
from ioi_core.edges.evaluation import ranking


def edges_frame(plan: Plan, exact: EdgeScores | None = None, most: int | None = None) -> pd.DataFrame:
    """Return every edge, the strongest first: what it adds to logit_diff, and whether it is in the circuit.

    Args:
        exact: the exact scores, where they are known and the edges are ranked by others.
        most: rows; all by default.
    """
    scores, graph = plan.scores, plan.graph
    rows = np.unravel_index(ranking(graph, scores.values)[:most], graph.exists.shape)
    senders, receivers = rows
    low, high = bootstrap_interval(scores.per_prompt[rows])
    nodes, letters = zip(*(_receiver(graph.receivers[at]) for at in receivers), strict=True)
    frame = pd.DataFrame(
        {
            "sender": [graph.senders[at] for at in senders],
            "receiver": nodes,
            "receiver_input": letters,
            "adds_to_logit_diff": -scores.values[rows],
            "low_95": -high,
            "high_95": -low,
            "kept": plan.mask[rows],
            "on_a_path": plan.pruned[rows],
            "method": scores.method,
        }
    )
    return frame if exact is None else frame.assign(exact=-exact.values[rows])


def _receiver(name: str) -> tuple[str, str]:
    node, _, letter = name.partition("<")
    return node, letter.removesuffix(">")


def circuit_frame(found: EdgeEvaluation) -> pd.DataFrame:
    """Return the edges of a circuit."""
    nodes, letters = (
        zip(*(_receiver(receiver) for _, receiver in found.edges), strict=True) if found.edges else ((), ())
    )
    return pd.DataFrame({"sender": [sender for sender, _ in found.edges], "receiver": nodes, "receiver_input": letters})


def curve_frame(curves: Mapping[str, EdgeCurve]) -> pd.DataFrame:
    """Return every circuit of the curves: its size, and its faithfulness with interval."""
    parts = []
    for method, curve in curves.items():
        low, high = curve.interval()
        parts.append(
            pd.DataFrame(
                {
                    "method": method,
                    "share_of_edges": curve.shares,
                    "edges": curve.n_chosen,
                    "edges_on_a_path": curve.n_edges,
                    "faithfulness": curve.values,
                    "low_95": low,
                    "high_95": high,
                    "cmd": curve.cmd,
                    "cpr": curve.cpr,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def estimate_frame(estimate: EdgeScores, exact: EdgeScores) -> pd.DataFrame:
    """Return every edge's two scores."""
    frame = exact.to_frame().rename(columns={exact.metric: "exact"})
    return frame.assign(**{estimate.method: estimate.values.ravel()}).dropna(subset=["exact"])
