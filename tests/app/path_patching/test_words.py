"""Sentences and colours of the Path patching page, held against the change of logit_diff itself."""

import re

import numpy as np
import pytest
from hypothesis import given

from app.colours import FAVOURS_IO, FAVOURS_S
from app.path_patching.cells import path_grid, trail_edges
from app.path_patching.charts import edge_graph, path_heatmap
from app.path_patching.requests import most_attended
from app.path_patching.trail import Step
from app.path_patching.words import path_story, runs_story
from app.words.effects import least, least_effect, sure
from ioi_core import Model, PromptPairs, arena_pairs, bootstrap_interval, role_attention
from tests.app.made_up import named, paths
from tests.models.bundled import INHIBITION, MOVERS


def changes_by_name(grid, changes: np.ndarray) -> dict[str, float]:
    return {key: float(changes[at].mean()) for at, key in np.ndenumerate(np.array(grid.keys))}


@given(paths())
def test_what_is_said_to_raise_or_lower_logit_diff_does(made) -> None:
    result, changes = made
    grid = path_grid(result)
    text, raw = path_story(grid, result, Step()), changes_by_name(grid, changes)
    low, high = bootstrap_interval(grid.per_prompt, gaps=result.gaps)
    for verb, who in re.findall(r"(raises|lowers) (?:logit_diff most|prob_diff most|it) for (.*?)\.(?:\s|$)", text):
        for name, _ in named(who):
            assert raw[name] * (1 if verb == "raises" else -1) > 0
    size = least_effect(result) if result.metric == "prob_diff" else least(result.clean, result.corrupted)
    told = [name for name, _ in named(text)]
    assert all(abs(raw[name]) >= 0.999 * size for name in told)
    clear = (np.abs(changes.mean(-1)) > 1.001 * size) & sure(low, high)
    largest = np.abs(changes.mean(-1)).max()
    if "does not show it" in text:
        assert (np.abs(changes.mean(-1)) < 1.001 * size).all()
    elif "Nothing stands out" in text:
        assert not (clear & (np.abs(changes.mean(-1)) > 0.051 * largest)).any()
    else:
        assert abs(raw[told[0]]) == pytest.approx(np.abs(changes.mean(-1))[clear].max(), rel=1e-3)


@given(paths())
def test_red_is_where_logit_diff_falls(made) -> None:
    result, changes = made
    grid = path_grid(result)
    cells = path_heatmap(grid, result, Step(), []).data[0]
    blue = -cells.z if cells.reversescale else cells.z
    raw = changes.mean(-1)
    counts = np.abs(raw) > 1e-4 * max(1, abs(result.clean), abs(result.corrupted))
    assert (np.sign(blue[counts]) == np.sign(raw[counts])).all()
    steps, by_name = (Step(),), changes_by_name(grid, changes)
    edges = trail_edges(grid, steps, 0)
    lines = [trace for trace in edge_graph(edges, steps, result, 2).data if trace.mode == "lines"]
    for edge, line in zip(edges, lines, strict=True):
        assert line.line.color == (FAVOURS_IO if by_name[edge.sender] > 0 else FAVOURS_S)


@given(paths())
def test_shares_of_a_negative_number_are_pointed_out(made) -> None:
    result, _ = made
    turned = {
        "logit_diff": False, "prob_diff": False, "percent_of_clean": result.clean < 0,
    }.get(result.metric, result.clean < result.corrupted)  # fmt: skip
    assert ("a share above 0 is a fall of logit_diff" in runs_story(result)) == turned


def test_why_it_attends_opens_on_what_it_attends_to(demo_model: Model) -> None:
    pairs: PromptPairs = arena_pairs(demo_model)
    attention = role_attention(demo_model, pairs)
    for head in (INHIBITION[0], MOVERS[0]):
        role = most_attended(attention, head)
        shares = {key: attention.at(query_role="END", key_role=key, layer=head.layer, head=head.head).values
                  for key in pairs.roles}  # fmt: skip
        assert shares[role] == max(shares.values())
    assert most_attended(attention, MOVERS[0], keys=("S1",)) == "S1"
