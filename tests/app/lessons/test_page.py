"""The page Lessons without a browser: every step of every lesson asked, answered, revealed, left; hostile addresses."""

import html
import re

import pytest
from streamlit.testing.v1 import AppTest

from app import url
from app.hosting import services
from app.lessons.answers import write_answer
from app.lessons.files.library import library
from app.lessons.printout import print_out
from app.lessons.steps import about, lesson_pairs, question_of, reveal_step, verdict
from app.words.glossary import GLOSSARY
from ioi_core import Model
from tests.app.lessons.test_keys import in_line
from tests.app.pages import assert_fine, body, opened, plain, says, shown

PAGE = "../pages/lessons.py"
LESSONS = {lesson.id: lesson for lesson in library(None).lessons}
pytestmark = pytest.mark.usefixtures("loader")


def lesson_page(**query: str) -> AppTest:
    return opened(PAGE, model="ioi-demo", **query)


def press(at: AppTest, label: str) -> AppTest:
    next(button for button in at.button if button.label == label).click()
    return at.run()


def query(at: AppTest, name: str) -> str:
    return "".join(at.query_params.get(name, []))


def test_the_list_names_every_lesson_and_leads_to_it():
    at = lesson_page()
    assert_fine(at)
    assert [button.label.replace("\\", "") for button in at.button if button.key.startswith("open-")] == [
        lesson.title for lesson in LESSONS.values()
    ]
    at.button(key="open-paths").click().run()
    assert (query(at, url.LESSON), query(at, url.STEP)) == ("paths", "1")
    assert at.title[0].value == LESSONS["paths"].steps[0].title


def test_what_the_model_is_stands_in_the_list_and_in_the_first_question(demo_model: Model):
    what = about(demo_model)
    assert what.startswith("ioi-demo is a small language model")
    assert what in shown(lesson_page()).replace("\\", "")
    assert what in shown(lesson_page(lesson="first")).replace("\\", "")


@pytest.mark.parametrize("name", LESSONS)
def test_every_step_is_asked_and_revealed(demo_model: Model, name: str):
    lesson, compute = LESSONS[name], in_line(demo_model)
    pairs, given, told = lesson_pairs(lesson, demo_model), {}, []
    at = lesson_page(lesson=name)
    for n, step in enumerate(lesson.steps):
        assert_fine(at)
        assert at.title[0].value.replace("\\", "") == step.title
        assert says(at) == []
        question, reveal = question_of(step, demo_model, pairs), reveal_step(lesson, n, demo_model, compute)
        press(at, "Show the answer")  # where a slider stands at first is no answer
        do = {"number": "move the slider", "curve": "move a slider"}.get(question["kind"], "choose an answer")
        assert f"To see the answer, {do} first." in body(at)
        assert says(at) == []
        answer = reveal["key"]
        key = f"lesson-{name}-{n + 1}"
        if question["kind"] == "choice":
            at.radio(key=key).set_value(answer)
        elif question["kind"] == "number":
            answer = float(round(answer / question["step"]) * question["step"])
            at.slider(key=key).set_value(int(answer + (question["step"] if answer < question["high"] else -1))).run()
            at.slider(key=key).set_value(int(answer))  # wherever it stood at first, it was moved
        elif question["kind"] == "cell":
            at.selectbox(key=f"{key}-row").set_value(answer[0])
            at.selectbox(key=f"{key}-column").set_value(answer[1])
        elif question["kind"] == "heads":
            at.multiselect(key=key).set_value([f"{layer}.{head}" for layer, head in answer])
        else:
            answer = [0.0, 0.0, 0.0, 0.0, 0.5, 4.0, 3.5]
            for k, value in enumerate(answer):
                at.slider(key=f"{key}-{k}").set_value(value)
        press(at.run(), "Show the answer")
        assert_fine(at)
        given[n + 1] = write_answer(question["kind"], answer)
        assert html.escape(verdict(question, reveal, answer)) in says(at)[0]
        assert "Right: " in says(at)[0]
        assert len(at.get("plotly_chart")) == 1
        assert "Take home" in [one.proto.popover.label for one in at.get("popover")]
        told.append(verdict(question, reveal, answer))
        assert "ioi-table" in body(at)
        assert f'<a href="{html.escape(reveal["link"][1:])}">' in body(at)  # in the same tab
        press(at, "To the end" if n + 1 == len(lesson.steps) else "Next question")
    assert at.title[0].value == "What you found"
    assert f"right in {len(given)} of {len(given)} questions" in says(at)[0]
    recap = plain(next(one.value for one in at.markdown if one.value.startswith("1. "))).replace("\\", "").splitlines()
    assert [line.partition("** ")[2] for line in recap] == told
    following = [*LESSONS.values(), None][[*LESSONS].index(name) + 1]
    labels = [button.label.replace("\\", "") for button in at.button if button.key == "next-lesson"]
    assert labels == ([f"Next lesson: {following.title}"] if following else [])
    assert query(at, url.ANSWERS) == ";".join(f"{n}:{answer}" for n, answer in given.items())
    press(at, "Start again")
    assert query(at, url.ANSWERS) == ""
    assert query(at, url.STEP) == "1"


def test_a_slider_shows_its_ends_and_where_it_stands_is_an_answer_once_somebody_says_so():
    at = lesson_page(lesson="first", step="2")
    ends = "<span>0</span><span>{}</span><span>100 % of the probability</span>"
    assert ends.format("Move the slider.") in body(at)
    assert not [button for button in at.button if button.label.startswith("I mean")]
    press(at, "Show the answer")
    press(at, "I mean 50 % of the probability")
    assert query(at, url.ANSWERS) == "2:50"
    assert "Every answer from 80 to 100 % of the probability counts as right." in says(at)[0]
    at = lesson_page(lesson="first", step="2")
    at.slider(key="lesson-first-2").set_value(51).run()
    assert ends.format("") in body(at)
    press(press(lesson_page(lesson="attribution", step="1"), "Show the answer"), "I mean it as it stands")


def test_what_speaks_of_pages_is_said_on_the_page():
    at = lesson_page(lesson="model", step="2", answers="2:8")
    [said] = LESSONS["model"].steps[1].say.on_page
    assert said in shown(at).replace("\\", "")


def test_a_lesson_opened_anew_offers_what_was_answered_before():
    offer = '<a data-ioi-lesson="first" hidden>'
    assert offer in body(lesson_page(lesson="first"))
    assert offer not in body(lesson_page(lesson="first", answers="1:0"))


def test_the_end_says_what_was_not_answered_and_the_next_lesson_begins_at_its_first_question():
    at = lesson_page(lesson="first", step="7", answers="1:1")
    assert_fine(at)
    recap = plain(next(one.value for one in at.markdown if one.value.startswith("1. "))).replace("\\", "").splitlines()
    assert "Not quite: it is Tom" in recap[0]
    assert all(line.endswith("Not answered.") for line in recap[1:])
    unanswered = lesson_page(lesson="first", step="7")
    assert "You were right" in body(at)
    assert "No answer of yours is known here" in body(unanswered)
    at.button(key="next-lesson").click().run()
    assert (query(at, url.LESSON), query(at, url.STEP), query(at, url.ANSWERS)) == ("model", "1", "")


def test_what_a_link_leads_to_is_bridged_in_the_first_lesson():
    for n, step in enumerate(LESSONS["first"].steps, 1):
        assert 0 < len(step.link.note.split()) <= 15, n
        assert "logit_diff" in step.link.note
    assert LESSONS["first"].steps[0].link.note in shown(lesson_page(lesson="first", step="1", answers="1:0"))


def test_hints_go_from_a_nudge_to_the_answer_and_ask_for_nothing():
    at = lesson_page(lesson="anomalies", step="3")
    for label in ("Hint 1 of 3", "Hint 2 of 3", "Show me"):
        press(at, label)
    assert_fine(at)
    assert len(says(at)) == 3
    assert "It is 90 %." in says(at)[-1]
    assert not any(button.label.startswith(("Hint", "Show me")) for button in at.button)


TELLING = [(lesson.id, n) for lesson in LESSONS.values() for n, step in enumerate(lesson.steps, 1) if step.terms_after]


@pytest.mark.parametrize(("name", "n"), TELLING)
def test_words_that_tell_the_answer_come_with_it(demo_model: Model, name: str, n: int):
    lesson = LESSONS[name]
    step, hidden = lesson.steps[n - 1], ".st-key-words { display: none; }"
    at = lesson_page(lesson=name, step=str(n))
    assert not any(GLOSSARY[term] in shown(at) for term in step.terms_after)
    assert hidden in shown(at), "the whole glossary is on the page"
    question = question_of(step, demo_model, lesson_pairs(lesson, demo_model))
    answer = {"choice": 0, "number": 1.0}[question["kind"]]
    at = lesson_page(lesson=name, step=str(n), answers=f"{n}:{write_answer(question['kind'], answer)}")
    assert all(GLOSSARY[term] in shown(at) for term in (*step.terms, *step.terms_after))
    assert hidden not in shown(at)


def test_no_word_says_what_a_choice_asks():
    """Of the questions whose answer is a part of what a term means: these are the words that would tell."""
    telling = {
        ("first", 1): "the name that has not been repeated", ("first", 3): "the right answer",
        ("first", 5): "at IO", ("first", 6): "can do without", ("anomalies", 2): "at IO",
        ("attribution", 5): "*against* that name", ("paths", 3): "through their queries",
    }  # fmt: skip
    for (name, n), words in telling.items():
        step = LESSONS[name].steps[n - 1]
        assert not any(words in GLOSSARY[term] for term in step.terms), (name, n)
        assert any(words in GLOSSARY[term] for term in step.terms_after), (name, n)


@pytest.mark.parametrize(
    "asked",
    [
        {"lesson": "<script>alert(1)</script>"}, {"lesson": "first", "step": "-1"},
        {"lesson": "first", "step": "9" * 500},
        {"lesson": "first", "step": "1", "answers": "1:7"}, {"lesson": "first", "answers": "1:<b>;2:nan"},
        {"lesson": "patching", "step": "3", "answers": "3:99,99"}, {"lesson": "paths", "answers": "1:9.9"},
        {"lesson": "attribution", "answers": "1:1e400,0,0,0,0,0,0"},
    ],
)  # fmt: skip
def test_an_address_that_makes_no_sense_shows_a_question_or_the_list(asked: dict[str, str]):
    at = lesson_page(**asked)
    assert_fine(at)
    assert "<script>alert" not in body(at)
    assert says(at) == [] or "What you found" in at.title[0].value


def test_a_teachers_file_is_offered_shown_literally_and_a_bad_one_is_listed(tmp_path, monkeypatch):
    text = (library.__globals__["BUNDLED"] / "model.yaml").read_text()
    hostile = text.replace("The model and its task", "'<b>Mine</b> $x$ :red[x]'").replace(
        "- \"A mean can hide", "- \"<script>alert(1)</script> **A** mean can hide"
    )  # fmt: skip
    (tmp_path / "mine.yaml").write_text(hostile)
    (tmp_path / "bad.yaml").write_text("title: <i>x</i>\nsteps: 3\n")
    monkeypatch.setenv("IOI_LESSONS", str(tmp_path))
    services.settings.clear()
    at = lesson_page()
    assert_fine(at)
    assert "bad.yaml, line 2: &#x27;steps&#x27; must be a list" in body(at)
    assert str(tmp_path) not in shown(at)
    at.button(key="open-mine").click().run()
    press(at, "Next question")
    assert_fine(at)
    assert "<script>alert" not in shown(at)
    assert "\\<script\\>alert" in shown(at)
    services.settings.clear()


def test_a_model_that_does_not_do_the_task_is_asked_nothing(loader, small_model: Model):
    at = opened(PAGE, model="ioi-demo", lesson="attribution", step="4")
    assert says(at) == []
    loader.demo = small_model
    services.models.clear()
    at = opened(PAGE, model="ioi-demo", lesson="attribution", step="4")
    assert not at.exception
    assert f"{small_model.name} does not show this (it does not prefer the right name" in html.unescape(says(at)[0])
    assert [button for button in at.button if button.label == "Show the answer"] == []


def test_the_print_out_has_all_questions_before_the_first_answer(demo_model: Model):
    lesson = LESSONS["patching"]
    page = print_out(lesson, demo_model, in_line(demo_model)).decode()
    before, after = page.split('<div class="answers">')
    for n, step in enumerate(lesson.steps):
        assert html.escape(step.ask.words) in before
        reveal = reveal_step(lesson, n, demo_model, in_line(demo_model))
        assert html.escape(reveal["words"][0]) in after
        assert html.escape(reveal["words"][0]) not in before
    assert "break-before: page" in before
    assert re.findall(r"<(?:script|img|link|iframe)|https?://(?!www\.w3\.org)", page) == []
    assert after.count("<svg") == 2  # the grids
