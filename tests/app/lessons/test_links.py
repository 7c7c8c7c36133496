"""Each step leads to a page in the very state that it is about: the page takes all that the link asks for."""

from urllib.parse import parse_qs, urlsplit

import pytest

from app.lessons.files.library import library
from app.lessons.files.reading import PAGES
from app.lessons.steps import link_of, reveal_step
from app.shell.way import WAY
from ioi_core import Model
from tests.app.lessons.test_keys import in_line
from tests.app.pages import body, opened

LESSONS = {lesson.id: lesson for lesson in library(None).lessons}
TRIED = (("first", 5), ("patching", 3), ("paths", 2), ("anomalies", 4), ("circuit", 5))
"""Lesson and step: one for each page and kind of choice; the others differ in what they choose alone."""


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(("name", "n"), TRIED)
def test_a_link_opens_its_page_as_it_says(demo_model: Model, name: str, n: int):
    link = urlsplit(reveal_step(LESSONS[name], n - 1, demo_model, in_line(demo_model))["link"])
    query = parse_qs(link.query)
    at = opened(f"../pages{link.path}.py", **query)
    assert not at.exception
    assert "ioi-problem" not in body(at)
    assert "ioi-standin" not in body(at), "a choice was refused"
    for key, values in query.items():
        if key in at.session_state and not isinstance(at.session_state[key], bool):
            held = at.session_state[key]
            assert (list(map(str, held)) if isinstance(held, list) else [str(held)]) == values


def test_a_step_may_lead_to_every_page_on_the_way():
    assert [step.name for step in WAY] == ["start", *PAGES]


def test_links_carry_the_model_and_the_prompts_and_fill_all_braces(demo_model: Model):
    for lesson in LESSONS.values():
        more = parse_qs(urlsplit(link_of(lesson.more_link, lesson, demo_model)).query)
        assert more["model"] == [demo_model.name]
        links = [link_of(step.link, lesson, demo_model, {}, demo_model.heads[:1]) for step in lesson.steps]
        assert all(("prompts=generated" in link) == (lesson.prompts == "generated") for link in links)
