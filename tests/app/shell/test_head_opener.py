"""The control that opens a head stands at the one that the figure's sentence is about, until another is chosen."""

import numpy as np
import pytest

from ioi_core import Head, Model, arena_pairs, attribute_heads, backup_heads, direct_and_total, with_twins
from tests.app.pages import assert_fine, opened, says

pytestmark = pytest.mark.usefixtures("loader")


def largest(effects: np.ndarray) -> str:
    return "{}.{}".format(*np.unravel_index(int(np.nanargmax(np.abs(effects))), effects.shape))


def expected(model: Model, view: str) -> str:
    pairs = arena_pairs(model)
    if view == "direct and total":
        direct, total = direct_and_total(model, with_twins(model, pairs, "abc")).values
        return largest(total - direct)
    if view == "backup heads":
        changes = backup_heads(model, pairs, [Head(3, 1), Head(4, 1)]).changes[-1].copy()
        changes[[3, 4], 1] = 0
        return largest(changes)
    return largest(attribute_heads(model, pairs).values)


@pytest.mark.parametrize(
    ("page", "query", "sentence"),
    [
        ("logit_lens", {}, ">Head "),
        ("circuit", {"circuit_part": "direct and total"}, "the line"),
        ("circuit", {"circuit_part": "backup heads", "knock_out": ["3.1", "4.1"]}, "move most"),
        ("heads", {"heads_shown": "all heads", "size": "large"}, "largest direct effect"),
    ],
)
def test_it_opens_the_head_that_the_sentence_names(demo_model: Model, page: str, query, sentence: str) -> None:
    at = opened(f"../pages/{page}.py", model="ioi-demo", **query)
    assert_fine(at)
    head = expected(demo_model, query.get("circuit_part", page))
    [said] = [text.split("<small>")[0] for text in says(at) if sentence in text]
    assert head in said
    assert at.selectbox(key="head_to_open").value is None
    assert at.selectbox(key="head_to_open").placeholder == head
    assert at.button(key=f"open-{head}")
    at.selectbox(key="head_to_open").select("1.1").run()
    assert at.button(key="open-1.1")
