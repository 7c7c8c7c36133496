"""The path patching page as Streamlit runs it, without a browser."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.path_patching.requests import most_attended
from app.path_patching.trail import Step, TrailError, read_trail, write_trail
from app.words.phrases import number
from ioi_core import (
    Direction,
    Head,
    HeadError,
    Model,
    arena_pairs,
    explain_attention,
    head_roles,
    patch_paths,
    prompt_pairs,
    role_attention,
)
from tests.app.pages import assert_fine, body, holds, opened, says
from tests.models.bundled import INHIBITION, MOVERS, PREVIOUS, SHAPE

PAGE = "../pages/path_patching.py"
QUERIES = write_trail((Step(), Step(MOVERS, "q")))

pytestmark = pytest.mark.usefixtures("loader")


def page(**query: str) -> AppTest:
    return opened(PAGE, model="ioi-demo", **query)


def button(at: AppTest, label: str):
    return next(found for found in at.button if found.label.startswith(label))


def picked(at: AppTest) -> list[str]:
    return at.multiselect(key="next_receivers").value


def test_the_page_says_what_the_core_computes(demo_model: Model) -> None:
    at = page()
    assert_fine(at)
    result = patch_paths(demo_model, arena_pairs(demo_model))
    layer, head = divmod(int(abs(result.values).argmax()), SHAPE[1])
    assert any(f"head {layer}.{head} ({number(result.values[layer, head])})" in text for text in says(at))
    ranking = at.dataframe[0].value
    assert ranking["sender"].iloc[0] == f"head {layer}.{head}"
    assert ranking["effect"].iloc[0] == pytest.approx(result.values[layer, head], abs=1e-5)
    assert len(ranking) == SHAPE[0] * (SHAPE[1] + 1), "every head and MLP"
    split = explain_attention(demo_model, arena_pairs(demo_model), Head(layer, head))
    assert any(f"the attention logit is {number(split.logits.mean())}" in text for text in says(at))


def test_picking_a_sender_and_going_on_walks_the_trail_and_back(demo_model: Model) -> None:
    at = page()
    assert button(at, "queries").disabled
    one, other = MOVERS
    at.multiselect(key="next_receivers").select(str(one)).select(str(other)).run()
    button(at, "queries").click().run()
    assert_fine(at)
    assert at.text_input(key="trail").value == QUERIES == f"logits > {one} {other} q"
    assert picked(at) == []
    result = patch_paths(demo_model, arena_pairs(demo_model), MOVERS, receiver_input="q")
    ranking = at.dataframe[0].value
    earlier = [*result.values[: one.layer].ravel(), *result.mlp_values[: one.layer]]
    strongest = max(earlier, key=abs)
    assert ranking["effect"].iloc[0] == pytest.approx(strongest, abs=1e-5)
    assert len(ranking) == len(earlier) == one.layer * (SHAPE[1] + 1), "senders without a path are not ranked"
    button(at, "logits").click().run()
    assert_fine(at)
    assert at.text_input(key="trail").value == "logits"


def test_a_class_of_heads_can_be_picked(demo_model: Model) -> None:
    at = page()
    movers = [str(head) for head in head_roles(demo_model, arena_pairs(demo_model)).heads("name mover")]
    button(at, "name mover").click().run()
    assert_fine(at)
    assert picked(at) == movers


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("between", ["recomputed", "frozen"])
@pytest.mark.parametrize("position", ["all", "S2", "END"])
def test_every_kind_of_path(direction: Direction, between: str, position: str) -> None:
    at = page(trail=QUERIES, path_direction=str(direction), between=between, sender_position=position)
    assert_fine(at)
    nothing = position == "S2"  # what is sent at S2 reaches no query at END, which the name movers answer with
    assert len(at.get("plotly_chart")) == (0 if nothing else 4)
    assert any("by next to nothing, for every sender" in text for text in says(at)) == nothing


def test_a_sender_elsewhere_does_nothing_to_the_logits_and_that_is_said() -> None:
    at = page(sender_position="S2")
    assert not at.exception
    assert "the logits are read at END alone" in body(at)
    assert not at.get("plotly_chart")


def test_nothing_lies_below_layer_0() -> None:
    assert PREVIOUS[0].layer == 0
    at = page(trail=f"{PREVIOUS[0]} v")
    assert not at.exception
    assert f"Go back one step: nothing lies below the values of {PREVIOUS[0]}" in body(at)


def test_identical_prompts_are_undefined_in_words() -> None:
    text = "When John and Mary went to the shops, John gave the bag to"
    at = page(prompts="own", text=text, corrupted=text)
    assert not at.exception
    assert body(at).count("Change the corrupted prompt") == 1, "at the top, and not again in the figure's place"
    assert "nothing to recover" not in body(at)
    refusals = [said for said in at.columns[0].get("html") if "there is nothing to draw" in said.proto.body]
    assert len(refusals) == 1, "where the figure would be: on a phone above the controls, which are a screen high"


JOHN, MARY = (f"When John and Mary went to the shops, {who} gave the bag to" for who in ("John", "Mary"))


def test_where_the_clean_run_scores_below_the_corrupted_one_red_is_still_a_fall(demo_model: Model) -> None:
    at = page(prompts="own", text=JOHN, corrupted=MARY, io="John", s="Mary")
    assert_fine(at)
    pairs = prompt_pairs(demo_model, [JOHN], [MARY], "John", "Mary")
    result = patch_paths(demo_model, pairs, metric="logit_diff")
    assert result.clean < result.corrupted
    [said] = [text for text in says(at) if "alone " in text]
    strongest = "lowers" if result.effects.mean(-1).ravel()[np.abs(result.effects.mean(-1)).argmax()] < 0 else "raises"
    assert f"alone {strongest} logit_diff most" in said
    assert "a share above 0 is a fall of logit_diff" in said


def test_mirror_images_are_called_so() -> None:
    said = "noising and denoising are mirror images here"
    assert any(said in caption.value for caption in page().caption)
    assert not any(said in caption.value for caption in page(prompts="generated", n="4").caption)


def test_why_it_attends_follows_the_head_until_a_role_is_chosen(demo_model: Model) -> None:
    attention = role_attention(demo_model, arena_pairs(demo_model))
    reader, mover = INHIBITION[0], MOVERS[0]
    at = page(why_head=str(reader))
    assert holds(at, "why_key") == most_attended(attention, reader) == "S2"
    at.selectbox(key="why_head").select(str(mover)).run()
    assert holds(at, "why_key") == most_attended(attention, mover) == "IO"
    at.selectbox(key="why_key").select("S1").run()
    at.selectbox(key="why_head").select(str(reader)).run()
    assert_fine(at)
    assert holds(at, "why_key") == "S1"
    assert holds(page(why_head=str(reader), why_key="IO"), "why_key") == "IO"


def test_another_task_has_no_roles_but_works() -> None:
    at = page(prompts="own", text="The capital of France is", corrupted="The capital of Italy is", io="Paris", s="Rome")
    assert not at.exception
    assert any("only END is known" in text.value for text in at.markdown)
    assert len(at.get("plotly_chart")) == 2


@pytest.mark.parametrize(
    ("trail", "says_why"),
    [
        ("9.9 q", "Head 9.9 does not exist"),
        ("<script>alert(1)</script>", "is no step of a trail"),
        ("1.1 z", "is no step of a trail"),
        ("q", "is no step of a trail"),
        ("logits > " * 20 + "logits", "at most 12"),
        ("1.1 " * 1000 + "q", "at most 2,000"),
    ],
)
def test_a_trail_that_cannot_be_read_is_refused_and_can_be_left(trail: str, says_why: str) -> None:
    at = page(trail=trail)
    assert not at.exception
    assert says_why in body(at)
    assert "<script>" not in body(at)
    button(at, "Start again").click().run()
    assert_fine(at)
    assert at.text_input(key="trail").value == "logits"


def test_trails_are_read_as_they_are_written(demo_model: Model) -> None:
    steps = (Step(), Step((Head(2, 0), Head(3, 1)), "k"), Step((Head(1, 3),), "v"))
    assert write_trail(steps) == "logits > 2.0 3.1 k > 1.3 v"
    assert read_trail(demo_model, write_trail(steps)) == steps
    assert read_trail(demo_model, " 3.1  2.0 3.1 k ") == (Step((Head(2, 0), Head(3, 1)), "k"),)
    assert read_trail(demo_model, "") == (Step(),)
    with pytest.raises(TrailError, match="no step"):
        read_trail(demo_model, "logits >")
    with pytest.raises(HeadError, match=r"3\.9 does not"):
        read_trail(demo_model, "3.9 q")
