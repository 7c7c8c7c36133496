"""Where the names of some points of a scatter stand, so that a reader can tell which point each is of. No Streamlit.

The browser decides how large a plot is, so places are offsets in pixels that hold at the sizes a plot usually has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ioi_core import Head

MARK = 11
"""The diameter of a point's mark in pixels."""

_LETTER, _LINE = 5.5, 14
"""Pixels of a letter to the side, of a line upwards, where letters have their usual size."""
_PLOTS = {False: np.array([(260, 300), (880, 410)]), True: np.array([(812, 196), (1335, 340)])}
"""Large? -> pixels to the side and upwards between the outermost marks: a phone's and a laptop's, or projectors'."""
_LARGER = 1.33
_BESIDE = 8, 11.5
"""Pixels from a point to a name right beside it: to the side to its edge, upwards to its middle."""
_FURTHER = (14, 26, 42, 64)
"""Pixels of a line that joins a name to its point."""
_NAMED = 30
"""How many other marks one with a name counts for, where it is covered."""
_CLEAR = 4
"""Pixels by which a name's own point is to be nearer than any other."""
_DESCENTS = 10


@dataclass(frozen=True)
class Place:
    """Where a name's middle stands: pixels to the right of its point and above it, and whether a line joins the two."""

    right: float
    up: float
    joined: bool


def places_of_names(values: np.ndarray, spans: np.ndarray, heads: Sequence[Head], *, large: bool) -> dict[Head, Place]:
    """Return a place for each name: beside its point where no other point is as near, else further off and joined.

    Args:
        values: [x or y, layer, head]; spans: of all that is drawn, to the side and upwards; heads: those with a name.
        large: the letters are a projector's.
    """
    at = _PLOTS[large][:, None] / np.maximum(spans, 1e-9) * values.reshape(2, -1).T  # [plot, point, 2]
    named = [head.layer * values.shape[2] + head.head for head in heads]
    halves = [(_LARGER if large else 1) * np.array([_LETTER * len(str(head)), _LINE]) / 2 for head in heads]
    starts = [at[:, [n]] for n in named]  # [plot, 1, 2]
    ways = [_ways(half, outwards=-1 if start[0, 0, 0] < 0 else 1) for half, start in zip(halves, starts, strict=True)]
    costs = np.array([_cost(at, named, n, half, way) for n, half, way in zip(named, halves, ways, strict=True)])
    pairs = np.zeros((len(heads), len(_JOINED), len(heads), len(_JOINED)), np.uint8)
    for one, other in combinations(range(len(heads)), 2):
        gap = starts[other] - starts[one]
        pairs[one, :, other] = _clash(gap, ways[one], ways[other], halves[one], halves[other])
        pairs[other, :, one] = pairs[one, :, other].T
    chosen = _least(costs.reshape(-1, len(_JOINED)), pairs)
    return {
        head: Place(float(of_head[way, 0]), float(of_head[way, 1]), bool(_JOINED[way]))
        for head, of_head, way in zip(heads, ways, chosen, strict=True)
    }


_SIDES = ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))
"""Where a name may stand right beside its point, the best first, for a point on the right."""
_TURNS = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_JOINED = np.arange(len(_SIDES) + len(_FURTHER) * len(_TURNS)) >= len(_SIDES)


def _ways(half: np.ndarray, *, outwards: int) -> np.ndarray:
    """Return [way, 2] the offsets that a name may have, those right beside its point first."""
    circle = np.column_stack([np.cos(_TURNS), np.sin(_TURNS)])
    further = [circle * (MARK / 2 + line + half) for line in _FURTHER]
    return np.concatenate([np.array(_SIDES) * (_BESIDE[0] + half[0], _BESIDE[1]), *further]) * (outwards, 1)


def _cost(at: np.ndarray, named: Sequence[int], own: int, half: np.ndarray, ways: np.ndarray) -> Any:
    """Return [way] what speaks against each place of a name, other names aside."""
    start = at[:, None, [own]]
    gaps = np.maximum(np.abs(start + ways[:, None] - at[:, None]) - half, 0)
    far = np.linalg.norm(gaps, axis=-1)  # from a name's edge to each point: [plot, way, point]
    doubtful = (far < far[..., [own]] + _CLEAR).sum(-1) > 1  # its own point is one
    close = (far < MARK / 2 + 3 * _CLEAR).sum(-1).clip(max=3)  # beside another point it is taken for that one's
    away = at - at[:, [own]]
    along = np.clip(ways @ away.swapaxes(1, 2) / (ways**2).sum(-1)[:, None], 0, 1)  # of each line: [plot, way, point]
    beside = np.linalg.norm(along[..., None] * ways[:, None] - away[:, None], axis=-1)
    weights = np.ones(at.shape[1])
    weights[named] = _NAMED
    covered = (far < MARK / 2) @ weights
    apart = np.linalg.norm(away, axis=-1)[:, None] > MARK / 2  # no line can leave out what lies under its point
    passed = ((beside < MARK / 2) & apart) @ np.where(weights == 1, 0.3, 20)
    length = np.linalg.norm(ways, axis=-1)
    order = np.arange(len(ways)) / 1000
    apart_costs = (passed + 3 * close).sum(0) + 2 + length / 20
    return covered.sum(0) + np.where(_JOINED, apart_costs, 40 * doubtful.sum(0)) + order


def _clash(gap: np.ndarray, ways: np.ndarray, others: np.ndarray, half: np.ndarray, other_half: np.ndarray) -> Any:
    """Return [way, other's way] what speaks against two places of two names together.

    Args:
        gap: [plot, 1, 2] from one's point to the other's.
    """
    gap, ways = gap[:, None], ways[:, None]
    joined = _JOINED[:, None]
    over = _within(gap + others - ways, half + other_half + 1)
    through = _meet(ways, gap + others, other_half + 1) & joined
    under = _meet(others, ways - gap, half + 1) & _JOINED
    across = _side(gap, ways) * _side(gap + others, ways) < 0
    crossed = across & (_side(-gap, others) * _side(ways - gap, others) < 0) & joined & _JOINED
    return (60 * (over | through | under) + 10 * crossed).sum(0)


def _least(costs: np.ndarray, pairs: np.ndarray) -> list[int]:
    """Return a way for each name, so that alone and together they cost little: the best of some descents."""
    names = np.arange(len(costs))
    found: list[tuple[float, list[int]]] = []
    for start in [costs.argmin(1), *np.random.default_rng(0).integers(costs.shape[1], size=(_DESCENTS, len(costs)))]:
        chosen, before = start.copy(), None
        while before is None or (chosen != before).any():
            before = chosen.copy()
            for n in names:
                chosen[n] = (costs[n] + pairs[n][:, names, chosen].sum(1)).argmin()
        together = pairs[names[:, None], chosen[:, None], names, chosen].sum() / 2
        found.append((costs[names, chosen].sum() + together, chosen.tolist()))
    return min(found)[1]


def _meet(way: np.ndarray, middle: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return whether lines from 0 along `way` meet boxes: neither axis, nor the line's own normal, parts the two."""
    long = np.abs(way)
    normal = np.abs(_side(middle, way)) < long[..., 1] * half[0] + long[..., 0] * half[1]
    return normal & _within(middle - way / 2, half + long / 2)


def _within(gap: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Return whether a gap is smaller than the room on both axes."""
    near = np.abs(gap) < room
    return near[..., 0] & near[..., 1]


def _side(point: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Return on which side of a line from 0 along `way` a point is: the sign."""
    return way[..., 0] * point[..., 1] - way[..., 1] * point[..., 0]
