"""The first page: what the app is, its example, and the questions of all other pages."""

import pytest
from streamlit.testing.v1 import AppTest

from app.shell.way import _VISITED, START, WAY
from app.words.phrases import percent
from ioi_core import Model, arena_pairs, predictions
from tests.app.pages import assert_fine, at_root, body, links

pytestmark = pytest.mark.usefixtures("loader")


def test_the_first_page_says_in_60_words_what_and_where_to_begin(demo_model: Model):
    at = at_root(model="ioi-demo").run()
    assert_fine(at)
    assert at.title[0].value == START.question
    about = next(text.value for text in at.markdown if "indirect object identification" in text.value)
    assert len(about.split()) <= 60
    assert [link.split("**")[1] for link in links(at) if "**" in link] == [step.question for step in WAY[1:]]
    assert links(at)[0] == "New here? Take a lesson of 15 minutes first"
    right, wrong = predictions(demo_model, arena_pairs(demo_model)).answer_probs[0, 0]
    assert "ioi-demo, not GPT-2, gives" in body(at)
    assert f"gives “·Mary” a probability of {percent(right)} as the next word" in body(at)
    assert f"“·John” one of {percent(wrong)}." in body(at)


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
