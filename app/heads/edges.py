"""The edges of one head: into its queries, keys and values, out to later heads and the logits. No Streamlit here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

import ioi_core
from app.questions.ask import Request, ask
from app.words.choices import INPUTS
from app.words.effects import least_effect
from ioi_core import LOGITS, RECEIVER_INPUTS, EdgeAtlas, Head, PathResult, PromptPairs, bootstrap_interval

METRIC = "logit_diff_change"


_MOST_DRAWN = 12
"""Edges in a figure; the file has all."""


@dataclass(frozen=True, eq=False)
class HeadEdge:
    """One edge.

    Attributes:
        sender, receiver: "head 3.0", "MLP 0", "the logits".
        through: q, k or v of the receiver; None for the logits.
        per_prompt: change of logit_diff in each prompt, as a share of clean minus corrupted, if only this edge is
            corrupted; gaps: as in `PathResult`.
        least: the smallest effect that is not nothing (`app.words.effects`).
    """

    sender: str
    receiver: str
    through: str | None
    per_prompt: np.ndarray
    gaps: np.ndarray | None
    least: float

    @property
    def effect(self) -> float:
        """The mean over prompts."""
        return float(self.per_prompt.mean())

    @property
    def counts(self) -> bool:
        """True if the effect is not nothing."""
        return abs(self.effect) >= self.least

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval; nan for a single prompt."""
        low, high = bootstrap_interval(self.per_prompt, gaps=self.gaps)
        return float(low), float(high)

    @property
    def into(self) -> str:
        """The receiving end in words."""
        return self.receiver if self.through is None else f"the {INPUTS[self.through]} of {self.receiver}"


def in_requests(pairs: PromptPairs, head: Head) -> list[Request[PathResult]]:
    """Ask for the edges into the head's q, k and v, with what the Path patching page opens with."""
    return [
        ask(ioi_core.patch_paths, pairs=pairs, receivers=[head], receiver_input=letter, metric=METRIC)
        for letter in RECEIVER_INPUTS
    ]


def logits_request(pairs: PromptPairs) -> Request[PathResult]:
    """Ask for the edges into the logits."""
    return ask(ioi_core.patch_paths, pairs=pairs, receivers=LOGITS, metric=METRIC)


def atlas_requests(pairs: PromptPairs) -> dict[str, Request[EdgeAtlas]]:
    """Ask for every edge between heads, by the receivers' input."""
    return {
        letter: ask(ioi_core.edge_atlas, pairs=pairs, receiver_input=letter, metric=METRIC)
        for letter in RECEIVER_INPUTS
    }


def edges_in(results: Sequence[PathResult], head: Head) -> list[HeadEdge]:
    """Return all edges into a head, the strongest first."""
    edges = []
    for result in results:
        assert result.mlp_effects is not None  # `in_requests` asks for MLPs as senders too
        for layer in range(head.layer):
            senders = {f"head {layer}.{n}": changes for n, changes in enumerate(result.effects[layer])}
            senders[f"MLP {layer}"] = result.mlp_effects[layer]
            edges += [
                HeadEdge(sender, f"head {head}", result.receiver_input, changes, result.gaps, least_effect(result))
                for sender, changes in senders.items()
            ]
    return _strongest_first(edges)


def edges_out(logits: PathResult, atlases: Mapping[str, EdgeAtlas], head: Head) -> list[HeadEdge]:
    """Return the edge to the logits, and those to later heads in the given atlases; the strongest first."""
    least = least_effect(logits)
    to_logits = logits.effects[head.layer, head.head]
    edges = [HeadEdge(f"head {head}", "the logits", None, to_logits, logits.gaps, least)]
    for letter, atlas in atlases.items():
        changes = atlas.effects[head.layer, head.head]  # [receiver_layer receiver_head batch]
        later = np.argwhere(~np.isnan(changes).any(-1))
        edges += [HeadEdge(f"head {head}", f"head {x}.{y}", letter, changes[x, y], atlas.gaps, least) for x, y in later]
    return _strongest_first(edges)


def intervals(edges: Sequence[HeadEdge]) -> np.ndarray:
    """Return the ends of all intervals: [bound edge]."""
    return np.array([edge.interval for edge in edges]).reshape(-1, 2).T


def _strongest_first(edges: list[HeadEdge]) -> list[HeadEdge]:
    return sorted(edges, key=lambda edge: -abs(edge.effect))


def strongest_edges(edges: Sequence[HeadEdge]) -> list[HeadEdge]:
    """Return the strongest edges, without those that change nothing."""
    return [edge for edge in edges if edge.effect][:_MOST_DRAWN]
