"""The way through the pages, the first page, and the links of the time when Prompt was the first one."""

import pytest
from streamlit.testing.v1 import AppTest

from app.shell.way import _VISITED, BESIDE, PROMPT, START, WAY, Step
from app.words.glossary import GLOSSARY
from app.words.phrases import percent
from ioi_core import Model, arena_pairs, predictions
from tests import ROOT
from tests.app.pages import assert_fine, at_root, body, opened, shown

pytestmark = pytest.mark.usefixtures("loader")


def links(at) -> list[str]:
    return [link.proto.label for link in at.get("page_link")]


def test_the_way_leads_through_every_page():
    assert {step.name for step in (*WAY, *BESIDE)} == {path.stem for path in (ROOT / "pages").glob("[a-z]*.py")}
    assert len({step.title for step in WAY}) == len(WAY)


@pytest.mark.parametrize("n", range(len(WAY)))
def test_every_page_has_its_question_its_words_and_the_links_on_and_back(n: int):
    at = opened(WAY[n].path, model="ioi-demo", **({"heads_shown": "all heads"} if WAY[n].name == "heads" else {}))
    assert_fine(at)
    assert [title.value for title in at.title] == [WAY[n].question]
    expected = [f"Back: {WAY[n - 1].title}"] * (n > 0) + [f"Next: {step.question}" for step in WAY[n + 1 : n + 2]]
    expected += ["That was the last question: see all"] * (WAY[n] is WAY[-1])
    assert links(at)[-len(expected) :] == expected
    assert not any(f": {meaning}" in shown(at) for meaning in GLOSSARY.values()), "sent to those who open them"
    at.session_state["words"] = True
    at.run()
    first = next(text.value for text in at.markdown if text.value.startswith("- **")).split("\n\n")[0]
    assert [line.split("**")[1] for line in first.splitlines()] == list(WAY[n].words)
    assert all(f"**{term}**: {meaning}" in shown(at) for term, meaning in GLOSSARY.items())


@pytest.mark.parametrize("step", BESIDE, ids=lambda step: step.name)
def test_a_page_beside_the_way_leads_back_to_no_page_that_nobody_came_from(step: Step):
    at = opened(step.path, model="ioi-demo")
    assert links(at)[-1] == "Start: the way through the pages"
    assert not any(link.startswith("Back") for link in links(at))


def test_the_first_page_says_in_60_words_what_and_where_to_begin(demo_model: Model):
    at = at_root(model="ioi-demo").run()
    assert_fine(at)
    assert at.title[0].value == START.question
    about = next(text.value for text in at.markdown if "indirect object identification" in text.value)
    assert len(about.split()) <= 60
    assert [link.split("**")[1] for link in links(at) if "**" in link] == [step.question for step in WAY[1:]]
    assert links(at)[0] == "New here? Take a lesson of 15 minutes first"
    right, wrong = predictions(demo_model, arena_pairs(demo_model)).answer_probs[0, 0]
    assert f"“·Mary” with a probability of {percent(right)}, with “·John” of {percent(wrong)}" in body(at)


def start_page(**query: str) -> AppTest:
    """The first page with other prompts, as a visitor comes back to it from another page."""
    at = at_root(model="ioi-demo", prompts="own", **query)
    at.session_state[_VISITED] = True
    return at.run()


def test_the_example_is_the_prompt_that_is_shown_whatever_the_task():
    at = start_page(text="When Tom and Amy met, Tom waved to")
    assert '<span class="ioi-token ioi-IO">·Amy</span> occurs once: the right answer' in body(at)
    capital = {"text": "The capital of France is", "corrupted": "The capital of Italy is", "s": "Rome"}
    assert "&lt;b&gt;" in body(start_page(**capital, io="<b>"))
    at = start_page(**capital, io="Paris")
    assert_fine(at)
    assert "·Paris</span> right answer" in body(at)


@pytest.mark.parametrize(
    ("query", "step"),
    [
        ({}, START),
        ({"model": "ioi-demo", "size": "large"}, START),
        ({"prompts": "own", "text": "When Tom and Amy met, Tom waved to", "model": "ioi-demo"}, PROMPT),
        ({"shown": "3"}, PROMPT),
        ({"prompts": "generated", "n": "5", "seed": "7", "templates_logit_diff": "true"}, PROMPT),
    ],
)
def test_links_to_the_root_open_what_they_ask_for(query: dict[str, str], step):
    at = at_root(**query).run()
    assert_fine(at)
    assert at.title[0].value == step.question
    assert {name: at.query_params[name] for name in query} == query
    assert f"<b>Prompt shown:</b> {query.get('shown', 1)}" in body(at)
    if "text" in query:
        assert "·Amy" in body(at)
    if "n" in query:
        assert "<b>Prompts:</b> 5" in body(at)


def test_the_root_leads_elsewhere_once_a_visit_alone():
    at = at_root(shown="3").run()
    at.switch_page(START.path).run()
    assert at.title[0].value == START.question


@pytest.mark.parametrize("page", [PROMPT.path, WAY[4].path])
def test_prompts_that_are_refused_leave_the_page_its_question(page: str):
    at = opened(page, model="ioi-demo", prompts="own", text="Nobody is named here")
    assert "ioi-problem" in body(at)
    assert len(at.title) == 1
    assert any(link.startswith("Next: ") for link in links(at))


def test_a_closed_gate_shows_no_way(monkeypatch):
    monkeypatch.setattr("app.shell.gate._visitors_ahead", lambda: 2)
    at = at_root().run()
    assert at.title[0].value == "Every place is taken"
    assert links(at) == []
