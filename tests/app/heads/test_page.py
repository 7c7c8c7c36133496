"""The Heads page as Streamlit runs it, without a browser."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.heads.charts import edge_bars
from app.heads.edges import edges_in, strongest_edges
from app.heads.tables import all_heads_frame, role_attention_frame, role_attention_table, with_intervals
from app.heads.words import role_attention_of_head
from app.questions.measures import role_attention_measures
from app.words.effects import least
from app.words.phrases import adds_or_takes, ends, number
from ioi_core import (
    Head,
    Model,
    arena_pairs,
    attention_and_writing,
    attribute_heads,
    bootstrap_interval,
    copy_scores,
    edge_atlas,
    head_roles,
    head_scores,
    patch_activations,
    patch_paths,
    role_attention,
)
from tests.app.drawing.test_table import cells
from tests.app.pages import assert_fine, body, opened, says, shown
from tests.models.bundled import DUPLICATE, INDUCTION, INHIBITION, MOVERS, NEGATIVE, PREVIOUS, SHAPE

PAGE = "../pages/heads.py"

pytestmark = pytest.mark.usefixtures("loader")


def page(**query: str) -> AppTest:
    return opened(PAGE, model="ioi-demo", **query)


HEAD = INHIBITION[0]
AT = HEAD.layer, HEAD.head


def title(at: AppTest) -> str:
    return at.title[0].value


def heads_of(at: AppTest) -> list[tuple[int, int]]:
    frame = table(at, "direct effect")
    return list(zip(frame["layer"], frame["head"], strict=True))


def written(at: AppTest, first: str) -> pd.DataFrame:
    """The plain table whose first column is `first`, its cells as they are read."""
    rows = next(rows for drawn in re.findall(r"<table>.*?</table>", shown(at)) if (rows := cells(drawn))[0][0] == first)
    return pd.DataFrame(rows[1:], columns=rows[0]).set_index(first)


def table(at: AppTest, column: str):
    return next(frame.value for frame in at.dataframe if column in frame.value.columns)


@pytest.mark.parametrize("head", [MOVERS[0], DUPLICATE[0], NEGATIVE[0]], ids=str)
def test_one_head_shows_the_cores_numbers(demo_model: Model, head: Head) -> None:
    at, name = page(head=str(head)), str(head)
    assert_fine(at)
    assert title(at) == f"What does head {name} do?"
    pairs = arena_pairs(demo_model)
    direct = float(attribute_heads(demo_model, pairs).values[head.layer, head.head])
    said = adds_or_takes(f"Directly, head {name}", direct)
    if abs(direct) < least():
        said = f"Directly, head {name} adds next to nothing to logit_diff: {number(direct)} logits"
    assert any(said in text for text in says(at))
    ranks = written(at, "measure")
    scores, copying = head_scores(demo_model), copy_scores(demo_model)
    patched = patch_activations(demo_model, pairs, "z").effects.mean(-1)
    assert ranks.loc["direct effect", "value"] == number(direct)
    assert ranks.loc["patching effect", "value"] == number(patched[head.layer, head.head])
    by_name = dict(zip(scores.axes["score"], scores.values[:, head.layer, head.head], strict=True))
    assert ranks.loc["induction score", "value"] == number(by_name["induction"])
    positive = copying.values[0, head.layer, head.head]
    assert ranks.loc["positive copy score", "value"] == number(positive)
    assert ranks.loc["positive copy score", "rank"] == str(int((copying.values[0] > positive).sum()) + 1)
    writing = attention_and_writing(demo_model, pairs)
    to_io = float(writing.attention[0, head.layer, head.head].mean())
    assert any(f"from END at IO {to_io:.2f}" in text for text in says(at))


def test_roles_are_measured_ones_and_no_class_is_borrowed_from_another_model(demo_model: Model) -> None:
    found = head_roles(demo_model, arena_pairs(demo_model))
    without = next(head for head in demo_model.heads if not found.roles_of(head))
    for head in (MOVERS[0], INHIBITION[0], INDUCTION[0], without):
        at = page(head=str(head))
        roles = found.roles_of(head)
        [verdict] = [text for text in says(at) if "By the rules below" in text]
        assert all(role in verdict for role in roles)
        assert ("none of the" in verdict) == (not roles)
        assert "no class is published for ioi-demo" in verdict
        for role in roles:
            assert all(str(one) in body(at) for one in found.evidence(head, role))


def test_means_over_prompts_have_their_intervals(demo_model: Model) -> None:
    pairs, head = arena_pairs(demo_model), HEAD
    ranks = written(page(head=str(HEAD)), "measure")
    direct, patched = attribute_heads(demo_model, pairs), patch_activations(demo_model, pairs, "z")
    scores = head_scores(demo_model)
    for measure, (low, high) in {
        "direct effect": bootstrap_interval(direct.per_prompt[AT]),
        "patching effect": bootstrap_interval(patched.effects[AT], gaps=patched.gaps),
        "induction score": bootstrap_interval(scores.per_prompt[scores.axes["score"].index("induction"), *AT]),
    }.items():
        assert list(ranks.loc[measure, ["95 % from", "95 % to"]]) == [number(float(low)), number(float(high))]
    assert ranks.loc["positive copy score", "95 % from"] == "", "a share of a list has none"
    found = edges_in([patch_paths(demo_model, pairs, [head], receiver_input=x) for x in "qkv"], head)
    result = patch_paths(demo_model, pairs, [head], receiver_input=found[0].through)
    sender = Head.parse(found[0].sender.removeprefix("head "))
    low, high = bootstrap_interval(result.effects[sender.layer, sender.head], gaps=result.gaps)
    assert found[0].interval == pytest.approx((float(low), float(high)), abs=1e-6)
    errors = edge_bars(strongest_edges(found), "t", len(pairs), inwards=True).data[0].error_x
    assert errors.array[0] == pytest.approx(float(high) - found[0].effect, abs=1e-6)


def test_attention_between_roles_is_a_mean_over_the_prompts_in_which_it_can_be(demo_model: Model) -> None:
    pairs, head = arena_pairs(demo_model), HEAD
    attention = role_attention(demo_model, pairs)
    roles = attention.axes["query_role"]
    to_s2 = attention.per_prompt[roles.index("END"), roles.index("S2"), *AT]
    low, high = bootstrap_interval(to_s2)
    read = written(page(head=str(HEAD)), "looks from")
    assert read.loc["END", "at S2"] == f"{to_s2.mean():.2f} ({low:.2f} to {high:.2f})"
    assert read.loc["IO", "at END"] == ""
    frame = role_attention_frame(role_attention_of_head(attention, pairs, head), roles).set_index(["from", "to"])
    first = pairs.roles["IO"] < pairs.roles["S1"]
    assert frame.loc[("S1", "IO"), "prompts"] == first.sum() == 4
    of_pair = attention.per_prompt[roles.index("S1"), roles.index("IO"), *AT]
    assert frame.loc[("S1", "IO"), "attention"] == pytest.approx(of_pair[first].mean())
    assert not of_pair[~first].any(), "in the others IO comes later"
    one = pairs.take(slice(0, 1))
    alone = role_attention_of_head(role_attention(demo_model, one), one, head)
    assert role_attention_table(alone, roles).set_index("looks from").loc["END", "at S2"] == f"{to_s2[0]:.2f}"
    assert np.isnan(role_attention_frame(alone, roles)["low_95"]).all()


def test_sites_are_patched_as_asked(demo_model: Model) -> None:
    at = page(head=str(HEAD), direction="noising")
    at.session_state["head_sites"] = ["z", "v"]
    at.run()
    assert_fine(at)
    pairs = arena_pairs(demo_model)
    [said] = [text for text in says(at) if f"head {HEAD} changes logit_diff_recovered" in text]
    for site in ("z", "v"):
        effect = float(patch_activations(demo_model, pairs, site, direction="noising").effects[AT].mean())
        assert f"{site} {number(effect)}" in said


def test_edges_are_computed_on_request_in_and_out(demo_model: Model) -> None:
    at = page(head=str(HEAD))
    assert not any(f"Corrupting what head {HEAD} sends" in text for text in says(at))
    next(button for button in at.button if button.label == f"Compute the edges of head {HEAD}").click().run()
    assert_fine(at)
    pairs, head = arena_pairs(demo_model), HEAD
    into = {x: patch_paths(demo_model, pairs, [head], receiver_input=x).values for x in "qkv"}
    [said] = [text for text in says(at) if "Corrupted one by one" in text]
    for values in into.values():
        sender = np.unravel_index(np.nanargmax(np.abs(values)), values.shape)
        if abs(values[sender]) > 0.05:  # an MLP may come before a weaker head
            assert f"head {sender[0]}.{sender[1]} ({number(values[sender])})" in said
    assert any(f"Corrupting what head {HEAD} sends straight to the logits" in text for text in says(at))
    next(button for button in at.button if button.label == "Compute every edge between heads").click().run()
    assert_fine(at)
    onto_queries = edge_atlas(demo_model, pairs, "q", metric="logit_diff_change").values[AT]
    receiver = np.unravel_index(np.nanargmax(np.abs(onto_queries)), onto_queries.shape)
    said = f"the queries of head {receiver[0]}.{receiver[1]} ({number(onto_queries[receiver])})"
    assert any(said in text for text in says(at))


def test_all_heads_stand_in_one_table_that_can_be_filtered(demo_model: Model) -> None:
    at = page(heads_shown="all heads")
    assert_fine(at)
    assert title(at) == "What does each head do?"
    frame = table(at, "direct effect")
    assert len(frame) == math.prod(SHAPE)
    direct = attribute_heads(demo_model, arena_pairs(demo_model))
    rows, low, high = (frame["layer"], frame["head"]), *bootstrap_interval(direct.per_prompt)
    np.testing.assert_allclose(frame["direct effect"], direct.values[rows], atol=1e-5)
    assert list(frame["95 % interval"]) == [ends(*of_head) for of_head in zip(low[rows], high[rows], strict=True)]
    assert list(frame)[:4] == ["layer", "head", "direct effect", "95 % interval"], "what is chosen is in sight"
    assert not any("patching effect, 95 %" in column for column in frame), "the file has the intervals of all"
    at.selectbox(key="table_role").select("name mover").run()
    movers = head_roles(demo_model, arena_pairs(demo_model)).heads("name mover")
    assert set(heads_of(at)) == {(head.layer, head.head) for head in movers}
    at.selectbox(key="table_role").select("any").run()
    at.multiselect(key="table_layers").select("1").run()
    assert sorted(heads_of(at)) == [(1, head) for head in range(SHAPE[1])]


@pytest.mark.parametrize("measure", ["direct effect", "duplicate-token score"])
def test_the_heads_that_stand_out_stand_first_by_layer_and_head_as_numbers(measure: str, demo_model: Model) -> None:
    at = page(heads_shown="all heads", table_measure=measure)
    assert_fine(at)
    frame = table(at, measure)
    assert list(frame)[:3] == ["layer", "head", measure]
    assert all(pd.api.types.is_integer_dtype(frame[name]) for name in ("layer", "head")), "10 comes after 9"
    assert set(heads_of(at)) == {(head.layer, head.head) for head in demo_model.heads}
    sizes = frame[measure].abs()
    assert list(sizes) == sorted(sizes, reverse=True)
    values = {
        "direct effect": attribute_heads(demo_model, arena_pairs(demo_model)).values,
        "duplicate-token score": head_scores(demo_model).at(score="duplicate_token").values,
    }[measure]
    assert heads_of(at)[0] == np.unravel_index(np.abs(values).argmax(), values.shape)
    styles = at.dataframe[0].proto.arrow_data.styler.styles
    assert styles.count("background-color") > 1, "their size is seen"


def test_the_chosen_measure_of_all_heads_is_drawn_by_template(demo_model: Model) -> None:
    at = page(heads_shown="all heads", table_measure="END to IO", templates_all_heads="true")
    assert_fine(at)
    assert list(table(at, "direct effect"))[2:4] == ["END to IO", "95 % interval"]
    [chart] = at.get("plotly_chart")
    assert "END to IO of all heads, by template" in chart.proto.spec
    at.selectbox(key="table_measure").select("induction score").run()
    assert_fine(at)
    assert not at.get("plotly_chart"), "random tokens have no templates"


def test_effects_that_are_undefined_have_no_templates(demo_model: Model) -> None:
    two = "When John and Mary went to the shops, John gave the bag to\nWhen Tom and Amy met, Tom waved to"
    query = {"prompts": "own", "text": two, "corrupted": two, "heads_shown": "all heads", "templates_all_heads": "true"}
    at = page(**query, table_measure="patching effect")
    assert_fine(at)
    assert not at.get("plotly_chart")
    assert page(**query, table_measure="direct effect").get("plotly_chart")


def test_the_file_has_all_intervals(demo_model: Model) -> None:
    pairs = arena_pairs(demo_model)
    found = role_attention_measures(role_attention(demo_model, pairs))
    heads = (DUPLICATE[1], PREVIOUS[0])
    rows = [head.layer * SHAPE[1] + head.head for head in heads]
    frame = with_intervals(all_heads_frame(demo_model, found, None).iloc[rows], found)
    attention = role_attention(demo_model, pairs)
    roles = attention.axes["query_role"]
    low, _ = bootstrap_interval(attention.per_prompt[roles.index("S2"), roles.index("S1")])
    assert list(frame["name"]) == [str(head) for head in heads]
    of_heads = [low[head.layer, head.head] for head in heads]
    np.testing.assert_allclose(frame["S2 to S1, 95 % from"], of_heads, atol=1e-6)
    assert of_heads[0] != pytest.approx(of_heads[1], abs=1e-3), "so that a file in another order is noticed"


@pytest.mark.parametrize("name", ["9.9", "<script>alert(1)</script>", "03.2", "$x$", "3.2.1" * 50])
def test_a_head_that_does_not_exist_is_answered_in_words(demo_model: Model, name: str) -> None:
    at = page(head=name)
    assert_fine(at)
    assert "<script>" not in body(at)
    assert "instead" in body(at)
    direct = attribute_heads(demo_model, arena_pairs(demo_model)).values
    strongest = demo_model.heads[int(np.abs(direct).argmax())]
    assert title(at) == f"What does head {strongest} do?"


def test_another_tasks_prompts_have_no_roles_but_a_page() -> None:
    at = page(
        head=str(HEAD), prompts="own", text="The capital of France is", corrupted="The capital of Italy is", io="Paris",
        s="Rome",
    )  # fmt: skip
    assert_fine(at)
    assert "no role can be measured" in body(at) + " ".join(text.value for text in at.markdown)
    assert any(f"Directly, head {HEAD}" in text for text in says(at))


def test_identical_prompts_are_undefined_in_words() -> None:
    text = "When John and Mary went to the shops, John gave the bag to"
    at = page(head=str(HEAD), prompts="own", text=text, corrupted=text)
    assert_fine(at)
    assert any("nothing to recover" in said for said in says(at))
