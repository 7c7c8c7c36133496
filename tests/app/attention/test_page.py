"""The attention page as Streamlit runs it, without a browser."""

import html
import math
import re

import numpy as np
import pytest

from app.attention import circuitsvis_frame
from app.hosting import services
from app.questions.prompt_patterns import MOST_CELLS
from app.words.phrases import number, size
from cache.computations import Computations
from ioi_core import (
    Head,
    Model,
    arena_pairs,
    attention_patterns,
    attribute_heads,
    head_scores,
    ioi_dataset,
    patch_activations,
    prompt_pairs,
)
from tests.app.attention.attention_page import drawn_by_circuitsvis, long_prompt, looked, spoken
from tests.app.pages import Loader, assert_fine, body, gpt2_is, holds, says
from tests.models.bundled import BACKUP, INHIBITION, MOVERS, PREVIOUS, SHAPE

pytestmark = pytest.mark.usefixtures("loader")
BESIDE = {"parts": "closed", "part_side_by_side": "true"}
"""Of the page's parts the one that circuitsvis draws."""


def patterns_of(model: Model, row: int = 0, pairs=None, *, weighted: bool = False) -> tuple[np.ndarray, np.ndarray]:
    pairs = pairs or arena_pairs(model)
    length = int(pairs.lengths[row])
    return tuple(
        attention_patterns(model, tokens[row : row + 1, :length], weighted=weighted).values[0]
        for tokens in (pairs.clean_tokens, pairs.corrupted_tokens)
    )


def test_the_page_shows_what_the_core_computes(demo_model: Model) -> None:
    at = looked()
    assert_fine(at)
    clean, corrupted = patterns_of(demo_model)
    end, io = 14, 4
    layer, head = np.unravel_index(clean[:, :, end, io].argmax(), clean.shape[:2])
    assert holds(at, "attention_head") == f"{layer}.{head}"
    assert f"at IO, “·Mary”: heads {layer}.{head} ({size(clean[layer, head, end, io])})" in spoken(at)
    assert len(at.get("plotly_chart")) == 4
    table = at.dataframe[0].value
    for _, line in table.iterrows():
        place = int(line["layer"]), int(line["head"]), end
        for role, position in (("IO", 4), ("S1", 2), ("S2", 10)):
            assert line[f"{role} clean"] == pytest.approx(clean[(*place, position)], abs=1e-6)
            assert line[f"{role} corrupted"] == pytest.approx(corrupted[(*place, position)], abs=1e-6)
            change = clean[(*place, position)] - corrupted[(*place, position)]
            assert line[f"{role} difference"] == pytest.approx(change, abs=1e-6)
    assert len(table) == math.prod(SHAPE)


@pytest.mark.parametrize("weighted", [False, True])
def test_circuitsvis_gets_the_strongest_heads_clean_and_corrupted(demo_model: Model, weighted: bool) -> None:
    at = looked(**BESIDE, top="3", shown="2", attention="value-weighted" if weighted else "plain")
    assert_fine(at)
    direct = attribute_heads(demo_model, arena_pairs(demo_model)).values
    order = np.argsort(-np.abs(direct), axis=None)[:3]
    heads = [divmod(int(n), direct.shape[1]) for n in order]
    both = patterns_of(demo_model, 1, weighted=weighted)
    for props, values, name in zip(drawn_by_circuitsvis(at), both, ("·John", "·Mary"), strict=True):
        assert props["attentionHeadNames"] == [f"{layer}.{head}" for layer, head in heads]
        assert props["tokens"][10] != name
        shown = np.array(props["attention"])
        np.testing.assert_allclose(shown, np.stack([values[place] for place in heads]), atol=5.1e-5)
    if weighted:
        assert props["maxValue"] == pytest.approx(max(values[place].max() for values in both for place in heads))
    layer, head = heads[0]
    assert f"{layer}.{head} {number(direct[layer, head])}" in spoken(at)


def test_a_head_is_not_drawn_side_by_side_with_others_while_it_is_looked_at_closely() -> None:
    alone = looked(**BESIDE)
    four = drawn_by_circuitsvis(alone)[0]["attentionHeadNames"]
    at = looked(attention_head=four[1])
    rest = [name for name in four if name != four[1]]
    assert [props["attentionHeadNames"] for props in drawn_by_circuitsvis(at)] == [rest, rest]
    assert any(f"Head {four[1]} is drawn in the closer look above" in caption.value for caption in at.caption)
    [told] = [text for text in says(alone) if "of 24 heads" in text]
    assert told in says(at), "the sentence is on all four"
    at = looked(attention_head=four[0], top="1")
    assert_fine(at)
    assert not at.get("iframe")


def test_heads_ranked_by_patching_and_chosen_by_hand(demo_model: Model) -> None:
    at = looked(**BESIDE, by="patching", top="2")
    effects = patch_activations(demo_model, arena_pairs(demo_model), "z").effects.mean(-1)
    order = np.argsort(-np.abs(effects), axis=None)[:2]
    names = [str(Head(*divmod(int(n), effects.shape[1]))) for n in order]
    assert [props["attentionHeadNames"] for props in drawn_by_circuitsvis(at)] == [names, names]

    by_hand = [str(PREVIOUS[0]), str(INHIBITION[0])]
    at.selectbox(key="by").select("chosen by hand").run()
    at.multiselect(key="heads").set_value(by_hand).run()
    assert_fine(at)
    assert drawn_by_circuitsvis(at)[0]["attentionHeadNames"] == by_hand
    at.multiselect(key="heads").set_value([]).run()
    assert_fine(at)
    assert not at.get("iframe")
    assert any("No heads are chosen yet" in text.value for text in at.markdown)


@pytest.mark.parametrize("score", ["previous_token", "duplicate_token", "induction"])
def test_heads_ranked_by_a_score(demo_model: Model, score: str) -> None:
    at = looked(by=f"{score.replace('_', '-')} score", top="2")
    assert_fine(at)
    found = head_scores(demo_model)
    values = found.values[found.axes["score"].index(score)]
    best = Head(*divmod(int(values.argmax()), values.shape[1]))
    assert drawn_by_circuitsvis(at)[0]["attentionHeadNames"][0] == str(best)
    assert f"{best} {size(values.max())}," in spoken(at)
    assert "(mean over 50 random sequences)" in spoken(at)


@pytest.mark.parametrize("run", ["clean", "corrupted", "difference"])
@pytest.mark.parametrize("attention", ["plain", "value-weighted"])
@pytest.mark.parametrize("bos", ["true", "false"])
def test_every_view_of_prompts_of_unequal_length(demo_model: Model, run: str, attention: str, bos: str) -> None:
    at = looked(prompts="generated", n="9", corruption="ABC", shown="4", run=run, attention=attention, bos=bos)
    assert_fine(at)
    pairs = ioi_dataset(demo_model, 9, corruption="abc", prepend_bos=bos == "true")
    assert len(set(pairs.lengths.tolist())) > 1
    clean, corrupted = patterns_of(demo_model, 3, pairs, weighted=attention == "value-weighted")
    [overview] = [text for text in map(html.unescape, says(at)) if ("changes most" in text) == (run == "difference")][
        :1
    ]
    if run == "difference":
        change = np.abs(clean - corrupted)
        place = np.unravel_index(change.argmax(), change.shape)
        assert f"head {place[0]}.{place[1]} changes most" in overview
        assert f"{size(clean[place])} clean, {size(corrupted[place])} corrupted" in overview
    else:
        values = (clean if run == "clean" else corrupted)[:, :, pairs.roles["END"][3], pairs.roles["S2"][3]]
        assert f"({size(values.max())})" in overview


def test_the_chosen_head_stays_when_another_prompt_is_shown() -> None:
    at, head = looked(), str(INHIBITION[0])
    assert holds(at, "attention_head") != head
    at.selectbox(key="attention_head").select(head).run()
    at.number_input(key="shown").set_value(5).run()
    assert_fine(at)
    assert holds(at, "attention_head") == head
    assert f"head {head} looks most" in spoken(at)
    assert "clean prompt 5" in spoken(at)


def test_heads_that_another_model_does_not_have_are_forgotten(loader: Loader, small_model: Model) -> None:
    loader.gpt2 = small_model
    gone, other, stays = MOVERS[0], BACKUP[0], PREVIOUS[0]
    assert stays.layer < small_model.cfg.n_layers <= min(gone.layer, other.layer)
    services.models()
    gpt2_is("ready")
    at = looked(by="chosen by hand", head=str(gone))
    at.multiselect(key="heads").set_value([str(other), str(stays)]).run()
    assert holds(at, "attention_head") == str(gone)
    at.selectbox(key="model").select("gpt2-small").run()
    assert_fine(at)
    assert Head.parse(holds(at, "attention_head")).layer < small_model.cfg.n_layers
    assert at.session_state["attention_head"] is None
    assert at.session_state["heads"] == [str(stays)]


def test_hostile_links_fall_back() -> None:
    at = looked(
        attention="<script>", run="../etc", by="$x$", top="999", head="99.99", heads="<b>", layer="-1", shown="77"
    )
    assert_fine(at)
    assert "<script>" not in body(at)
    assert len(drawn_by_circuitsvis(at)[0]["attentionHeadNames"]) <= 12


def test_another_task_has_no_names_to_look_at_but_works(demo_model: Model) -> None:
    at = looked(
        prompts="own", text="The capital of France is", corrupted="The capital of Italy is", io="Paris", s="Rome"
    )
    assert_fine(at)
    pairs = prompt_pairs(demo_model, "The capital of France is", "The capital of Italy is", " Paris", " Rome")
    from_end = patterns_of(demo_model, 0, pairs)[0][:, :, -1, 1:]
    layer, head = np.unravel_index(from_end.max(-1).argmax(), from_end.shape[:2])
    assert f"that of head {layer}.{head} at" in spoken(at)
    assert not at.dataframe


def test_identical_prompts_change_nothing_and_rank_nothing() -> None:
    text = "When John and Mary went to the shops, John gave the bag to"
    at = looked(prompts="own", text=text, corrupted=text, run="difference", by="patching")
    assert_fine(at)
    assert "No head's attention changes to speak of between clean and corrupted prompt 1" in spoken(at)
    assert any("cannot be ranked by patching here" in text.value for text in at.markdown)


def test_a_long_prompt_is_drawn_a_layer_at_a_time_and_never_computed_whole(demo_model: Model, monkeypatch) -> None:
    asked = []
    request = Computations.request

    def spy(self, analysis, model, **parameters):
        if analysis == "attention_patterns":
            asked.append(parameters["layer"])
        return request(self, analysis, model, **parameters)

    monkeypatch.setattr(Computations, "request", spy)
    at = looked(prompts="own", text=long_prompt(190))
    assert_fine(at)
    assert None not in asked
    assert "too long for circuitsvis" in "".join(text.value for text in at.markdown)
    assert at.selectbox(key="layer").value == 0
    layer = MOVERS[0].layer
    at.selectbox(key="layer").select(layer).run()
    assert_fine(at)
    clean, _ = patterns_of(demo_model, 0, prompt_pairs(demo_model, long_prompt(190)))
    assert len(at.dataframe[0].value) == math.prod(SHAPE), "the table has every head all the same"
    io = at.dataframe[0].value.set_index(["layer", "head"])["IO clean"]
    best = int(clean[layer, :, -1, -10].argmax())
    assert f"heads {layer}.{best} ({size(clean[layer, best, -1, -10])})" in spoken(at)
    assert io[layer, best] == pytest.approx(clean[layer, best, -1, -10], abs=1e-6)


def test_a_prompt_too_long_to_draw_is_refused_in_words() -> None:
    at = looked(prompts="own", text=long_prompt(320))
    assert not at.exception
    [said] = re.findall(r"Choose a prompt of up to (\d+) tokens", body(at))
    assert SHAPE[1] * int(said) ** 2 <= MOST_CELLS < SHAPE[1] * (int(said) + 1) ** 2
    assert not at.get("plotly_chart")


def test_circuitsvis_draws_fewer_heads_of_a_longer_prompt() -> None:
    at = looked(**BESIDE, prompts="own", text=long_prompt(60), top="12")
    assert_fine(at)
    n = len(drawn_by_circuitsvis(at)[0]["tokens"])
    assert len(drawn_by_circuitsvis(at)[0]["attentionHeadNames"]) == 20_000 // n**2
    assert any(f"the first {20_000 // n**2} of these 12" in caption.value for caption in at.caption)


def test_without_the_library_the_page_says_so_and_shows_the_rest(monkeypatch) -> None:
    monkeypatch.setattr(circuitsvis_frame, "publish_circuitsvis", lambda: None)
    circuitsvis_frame._served_script.clear()
    at = looked()
    circuitsvis_frame._served_script.clear()
    assert_fine(at)
    assert len(at.get("plotly_chart")) == 4
    assert not at.get("iframe")
    assert any("circuitsvis, is missing on this server" in text.value for text in at.markdown)
