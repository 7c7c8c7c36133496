"""Sentences of the Heads page, held against results of every sign and size."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.heads.edges import edges_in, edges_out
from app.heads.words import copying_story, direct_story, in_story, out_story, rank_story, sites_story, table_story
from app.questions.measures import Measure
from app.words.effects import least_effect
from app.words.phrases import number
from ioi_core import Direction, EdgeAtlas, Head, PathResult, PromptResult
from ioi_core.engine.scoring import PATH_UNITS
from ioi_core.results import over_prompts
from tests.app.made_up import COUNTS, NUMBER, named, of_prompts, patched, two_runs

AXES = {"layer": ("0", "1"), "head": ("0", "1", "2")}


@st.composite
def edges_of(draw, receivers: tuple[Head, ...]) -> PathResult:
    n = draw(COUNTS)
    fields, _ = draw(two_runs(n, "logit_diff_change", Direction.NOISING, (2, 4)))
    values, per_prompt = fields.pop("values"), fields.pop("per_prompt")
    return PathResult(
        **fields, values=values[:, :3], per_prompt=per_prompt[:, :3], mlp_values=values[:, 3],
        mlp_per_prompt=per_prompt[:, 3], axes=AXES, metric="logit_diff_change", unit=PATH_UNITS["logit_diff_change"],
        receivers=receivers, receiver_input="q" if receivers else None, sender_position="all", through_mlps=True,
    )  # fmt: skip


@given(edges_of((Head(1, 0),)))
def test_edges_into_a_head_are_named_where_they_are_something(result) -> None:
    edges = edges_in([result], Head(1, 0))
    text, effects = in_story(edges, Head(1, 0), result.n_prompts), {edge.sender: edge.effect for edge in edges}
    largest = max(map(abs, effects.values()))
    assert ("Nothing stands out" in text) == (largest < least_effect(result))
    found = named(text.replace("into head 1.0 changes", ""))
    assert all(value == float(number(effects[name])) for name, value in found)
    assert all(abs(effects[name]) >= least_effect(result) for name, _ in found)
    assert not found or abs(effects[found[0][0]]) == largest


@given(edges_of(()), st.data())
def test_later_heads_are_named_where_they_are_something(result, data) -> None:
    changes = data.draw(of_prompts(result.n_prompts, 3))
    per_prompt = np.full((2, 3, 2, 3, result.n_prompts), np.nan)
    per_prompt[0, 0, 1] = changes
    shared = {
        name: getattr(result, name) for name in ("direction", "clean", "corrupted", "unpatched", "gaps", "metric")
    }
    atlas = EdgeAtlas(
        **shared, values=per_prompt.mean(-1), per_prompt=per_prompt + result.unpatched, n_prompts=result.n_prompts,
        axes={"sender_layer": ("0", "1"), "sender_head": ("0", "1", "2"), "layer": ("0", "1"), "head": ("0", "1", "2")},
        unit="fraction", receiver_input="q", through_mlps=True,
    )  # fmt: skip
    text = out_story(edges_out(result, {"q": atlas}, Head(0, 0)), Head(0, 0), result.n_prompts)
    assert f"straight to the logits changes logit_diff by {number(float(result.effects[0, 0].mean()))}" in text
    sizes = np.abs(atlas.effects[0, 0, 1].mean(-1))
    assert ("next to nothing" in text) == (sizes.max() < least_effect(result))
    assert len(re.findall(r"the queries of head", text)) == min(3, (sizes >= least_effect(result)).sum())
    assert "to the logits" in out_story(edges_out(result, {}, Head(1, 0)), Head(1, 0), result.n_prompts)


@given(st.data())
def test_direct_effects_add_or_take_as_they_do(data) -> None:
    n = data.draw(COUNTS)
    direct = PromptResult(**over_prompts(data.draw(of_prompts(n, 2, 3))), axes=AXES, metric="logit_diff", unit="logits")
    text, value = direct_story(direct, Head(0, 1)), float(direct.values[0, 1])
    assert ("next to nothing" in text) == (abs(value) < 0.01)
    if "next to nothing" in text:
        assert f": {number(value)} logits" in text
        return
    assert ("takes" in text) == (value < 0)
    assert f"{number(abs(value)).removeprefix('+')} logits" in text
    if same := re.search(r"The sign is the same in (\d+) of", text):
        per_prompt = direct.per_prompt[0, 1]
        assert int(same[1]) == (per_prompt * value > 0).sum()


@given(patched(("logit_diff_recovered",)))
def test_every_site_says_its_own_change(made) -> None:
    result, _ = made
    text = sites_story({"z": result}, Head(1, 2))
    nothing = abs(float(result.effects[1, 2].mean())) < least_effect(result)
    assert ("does not show it" in text) == nothing
    if nothing:
        return
    assert f"z {number(float(result.effects[1, 2].mean()))}" in text
    gap = abs(result.clean - result.corrupted)
    if gap < 0.1 * max(abs(result.clean), abs(result.corrupted)):
        assert "shares of that difference are blown up" in text


@given(st.data())
def test_ranks_are_those_of_the_values(data) -> None:
    values = data.draw(of_prompts(1, 2, 3))[..., 0]
    undefined = data.draw(st.booleans())
    measures = [
        Measure("direct effect", "", "logits", "8 prompts", values, signed=True),
        Measure("patching effect", "", "share", "8 prompts", values * np.nan if undefined else values, signed=True,
                undefined="nothing to recover" if undefined else None),
    ]  # fmt: skip
    text = rank_story(measures, Head(0, 0))
    nothing = abs(values[0, 0]) < measures[0].least
    assert ("Every measure of head 0.0 is 0" in text) == nothing
    assert ("There is no patching effect" in text) == undefined
    assert " is ." not in text
    if not nothing:
        rank = int((np.abs(values) > abs(values[0, 0])).sum()) + 1
        assert re.search(rf"is {rank}(st|nd|rd|th) by direct effect \({re.escape(number(values[0, 0]))}\)", text)


@given(st.data())
def test_a_table_of_nothing_names_no_largest(data) -> None:
    values = data.draw(of_prompts(1, 4))[:, 0]
    frame = pd.DataFrame({"name": list("abcd"), "score": values})
    text = table_story(frame, 9, "score")
    assert text.startswith("4 of 9 heads")
    assert ("largest" in text) == bool(values.any())
    if values.any():
        first = re.search(rf"score: (\w) \(({NUMBER})\)", text)
        assert first
        assert abs(frame.set_index("name")["score"][first[1]]) == np.abs(values).max()
    assert "nan" not in table_story(frame.assign(score=np.nan), 9, "score")


@pytest.mark.parametrize(("copied", "against"), [(0, 0), (2, 1)])
def test_copies_are_counted(copied: int, against: int) -> None:
    frame = pd.DataFrame(
        {f"{way} the token itself": [n < count for n in range(3)]
         for way, count in (("writes", copied), ("writes against", against))}
    )  # fmt: skip
    text = copying_story(frame, Head(1, 0), 5)
    assert f"among its top 5 in {copied} of 3 cases, and against it in {against}." in text
