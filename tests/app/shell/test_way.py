"""The way through the pages, and the links of the time when Prompt was the first one."""

import pytest

from app.shell.way import BESIDE, PROMPT, START, WAY, Step
from app.words.glossary import GLOSSARY
from tests import ROOT
from tests.app.pages import assert_fine, at_root, body, links, opened, shown

pytestmark = pytest.mark.usefixtures("loader")


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
