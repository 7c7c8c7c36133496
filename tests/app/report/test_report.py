"""The Report page: every figure of every page is drawn again as on its page, and all of it goes into one file."""

import io
import json
import random
import zipfile
from dataclasses import replace
from urllib.parse import urlencode

import nbformat
import pytest
from streamlit.runtime.scriptrunner import RerunData, RerunException, get_script_run_ctx
from streamlit.testing.v1 import AppTest

from app import url
from app.hosting import services
from app.report import panels
from app.report.files import Figure, report_cells, report_page, report_zip
from app.report.pins import Pin, read, written
from app.report.rerun import caught_in
from app.take_home.caught import Caught
from app.take_home.page import Part
from tests.app.pages import assert_fine, opened, shown
from tests.app.take_home.every_figure import SMALL, VIEWS, every_figure, results_of
from tests.app.take_home.kernel import run
from tests.app.take_home.test_notebook import HOSTILE

REPORT = "../pages/report.py"


def report(*pins: Pin, **query: str) -> AppTest:
    return opened(REPORT, pins=written(pins), **query)


def view(name: str) -> str:
    page, query, _ = VIEWS[name]
    return f"{page}?{urlencode({'parts': 'open', 'model': 'ioi-demo'} | SMALL | query)}"


def drawn(at: AppTest, pin: Pin) -> Caught:
    return at.session_state["_report_drawn"][pin.view]


@pytest.mark.parametrize("name", VIEWS)
def test_every_figure_is_drawn_again_as_on_its_page(name, loader, demo_model):
    wanted = every_figure()[name]
    pins = [Pin(view(name), one.record.name) for one in wanted]
    if VIEWS[name][2]:  # computed on request: a report asks for none of that
        unknown = replace(pins[0], view=pins[0].view.replace("seed=1", "seed=99"), figure="head_edges_in")
        assert "press “Compute the edges of head" in shown(report(unknown))
        for request in (request for one in wanted for request in one.record.requests):
            services.computations().request(request.analysis, demo_model, **request.parameters).wait_for_end()
    at = report(*pins)
    assert_fine(at)
    caught = drawn(at, pins[0])
    assert caught.parts.keys() == {pin.figure for pin in pins}
    for one in wanted:
        again = caught.parts[one.record.name]
        assert again.record.digest == one.record.digest
        assert [figure.to_json() for figure in again.figures] == [figure.to_json() for figure in one.figures]
    assert len(at.get("plotly_chart")) == sum(len(one.figures) for one in wanted)


LENS, ANSWERS = Pin(view("logit lens"), "logit_lens_curve"), Pin(view("prompt"), "logit_diff")


def kept(at: AppTest) -> list[Pin]:
    return read("".join(at.query_params[url.PINS]))


def test_notes_order_and_removal_go_into_the_address(loader):
    at = report(LENS, ANSWERS, prompts="generated", n="3")
    at.text_input[-2].set_value("<b>why</b>").run()
    noted = Pin(LENS.view, LENS.figure, "<b>why</b>")
    assert kept(at) == [noted, ANSWERS]
    at.button(key=f"later-{LENS.key}").click().run()
    assert kept(at) == [ANSWERS, noted]
    assert [one.value for one in at.header] == ["1. Prompt", "2. Logit lens"]
    at.button(key=f"remove-{ANSWERS.key}").click().run()
    assert kept(at) == [noted]
    assert at.text_input[-1].value == "<b>why</b>"
    at.button(key=f"remove-{LENS.key}").click().run()
    assert "Nothing is pinned yet" in shown(at)
    assert at.session_state[url.PROMPTS] == "generated", "the visitor's own choice is as it was"
    assert_fine(at)


def test_tables_beyond_the_most_rows_are_left_out_and_that_is_said(loader, demo_model, monkeypatch):
    [one] = [one for one in every_figure()["prompt"] if one.record.name == "logit_diff"]
    figure = Figure(Part(one.record, one.frame, one.figures, "why"), results_of(demo_model, one.record))
    whole = zipfile.ZipFile(io.BytesIO(report_zip([figure] * 3)))
    assert len(whole.namelist()) == 7, "two tables a figure, and the list"
    monkeypatch.setattr("app.report.files.MOST_ROWS", 1)
    cut = zipfile.ZipFile(io.BytesIO(report_zip([figure] * 3)))
    assert cut.namelist() == [*whole.namelist()[:2], "report.txt"]
    assert cut.read("report.txt").decode().count("Its tables are left out") == 2


def test_what_cannot_be_drawn_is_said_and_the_rest_is_there(loader):
    gone = Pin(view("prompt"), "no_such_figure")
    wrong = Pin("prompt?prompts=own&text=&model=ioi-demo", "logit_diff")
    nowhere, away = Pin("elsewhere", "logit_diff"), Pin("?head=1&prompts=own", "logit_diff")
    mistyped = Pin(f"{LENS.view}&shown=abc", LENS.figure)
    at = report(gone, wrong, nowhere, LENS, away, mistyped)
    text = shown(at)
    assert "No such figure cannot be drawn: its view does not show it any more" in text
    assert "Logit diff cannot be drawn: type a prompt in the sidebar" in text
    assert "its link leads to another page" in text
    assert len(at.get("plotly_chart")) == 2, "the number that is none is 1, as on its page"
    assert [one.value for one in at.header][2] == "3. No page of this app"
    assert "went wrong" not in text
    assert not at.exception


def test_a_lessons_reveal_is_drawn_again_and_is_no_narrower(loader):
    at = report(Pin("lessons?model=ioi-demo&lesson=patching&step=3&answers=3%3A4%2C14", "lesson_reveal"))
    assert_fine(at)
    assert [one.value for one in at.header] == ["1. Lessons"]
    assert len(at.get("plotly_chart")) == 1
    assert ".st-key-wide-report-0-0 { display: grid; grid-template-columns: max(100%, 820px)" in shown(at)


def test_another_model_than_the_link_asks_for_is_named(loader):
    at = report(Pin(LENS.view.replace("ioi-demo", "gpt2-small"), LENS.figure))
    assert "Drawn on ioi-demo: gpt2-small, which the link asks for, is not here" in shown(at)


def test_two_changes_of_one_moment_are_both_kept(loader):
    at = report(LENS, ANSWERS)
    at.text_input(key=f"note-{LENS.key}").set_value("typed")
    at.button(key=f"later-{LENS.key}").click().run()
    assert kept(at) == [ANSWERS, Pin(LENS.view, LENS.figure, "typed")]


def test_what_has_no_room_in_the_link_is_said_and_not_kept(loader):
    letters = random.Random(0)
    notes = ["".join(chr(letters.randrange(0x4E00, 0x9FFF)) for _ in range(500)) for _ in range(6)]
    pins = [Pin(LENS.view, f"no_such_{n}", note) for n, note in enumerate(notes[:4])]
    at = report(*pins, LENS)
    at.text_input(key=f"note-{LENS.key}").set_value(notes[4]).run()
    at.text_input(key=f"note-{pins[0].key}").set_value("").run()
    assert [pin.note for pin in kept(at)] == ["", *notes[1:4], ""]
    at = report(*pins, LENS)
    at.text_input(key=f"note-{LENS.key}").set_value(notes[4]).run()
    assert "has no room for that" in shown(at)
    assert kept(at) == [*pins, LENS]


def test_a_link_that_is_no_report_says_so(loader):
    at = opened(REPORT, pins="nonsense")
    assert "Copy all of the link: it seems to have been cut, so the report cannot be read." in shown(at)
    assert not at.exception


def figures(model, *names: str, note: str = "") -> list[Figure]:
    found = [one for name in names for one in every_figure()[name][:2]]
    return [Figure(Part(one.record, one.frame, one.figures, note), results_of(model, one.record)) for one in found]


def test_the_notebook_of_a_report_computes_every_figure(loader, demo_model, tmp_path):
    of_report = figures(demo_model, "prompt", "logit lens: ranks", "activation patching", note=HOSTILE)
    made = report_cells(of_report, "ioi-explorer")
    assert made == report_cells(of_report, "ioi-explorer")
    book = nbformat.reads(made.decode(), as_version=4)
    nbformat.validate(book)
    code = "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
    assert code.count("ioi_core.load_model") == 1
    assert code.count("def check(") == code.count("%pip install") == 1
    assert "<img" not in "".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    assert run(made, tmp_path).count("numbers hold") == len(of_report)
    changed = made.decode().replace("prepend_bos=True", "prepend_bos=False")
    assert changed != made.decode()
    with pytest.raises(AssertionError, match=r"not the figure's|the figure has"):
        run(changed.encode(), tmp_path)


def test_the_other_files_of_a_report_hold_every_figure(loader, demo_model):
    of_report = figures(demo_model, "prompt", "logit lens", note=HOSTILE)
    made = report_page(of_report).decode()
    assert made.count("<section>") == made.count("<h3>What was computed</h3>") == len(of_report)
    assert "<img" not in made.split("<script")[0]
    assert "plotly" in made
    with zipfile.ZipFile(io.BytesIO(report_zip(of_report))) as files:
        assert files.testzip() is None
        names = files.namelist()
        assert len(set(names)) == len(names)
        listed = files.read("report.txt").decode()
        for n, one in enumerate(of_report, 1):
            assert any(name == f"{n:02}_{one.part.record.file_name('csv')}" for name in names)
            assert one.part.record.title in listed
    assert report_zip(of_report) == report_zip(of_report)
    assert json.dumps(HOSTILE) not in listed  # as it was typed, not as JSON
    assert HOSTILE in listed


def test_a_run_that_is_to_end_ends_while_a_view_is_drawn(loader, monkeypatch):
    ended: list[str] = []

    def interrupted(page: str, query: str, wanted: frozenset[str]) -> Caught:
        own = get_script_run_ctx()
        again = RerunData(own.query_string, page_script_hash=own.page_script_hash)
        told = iter([RerunException(again)])  # once only, as Streamlit tells it

        def check() -> None:
            for end in told:
                ended.append("told")
                raise end

        monkeypatch.setattr(own, "yield_check", check)
        try:
            return caught_in(page, query, wanted)
        except RerunException:
            ended.append("ended")
            monkeypatch.setattr(panels, "caught_in", caught_in)
            raise

    monkeypatch.setattr(panels, "caught_in", interrupted)
    at = report(LENS)
    assert ended == ["told", "ended"]
    assert_fine(at)
    assert len(at.get("plotly_chart")) == 1, "the run that followed drew it"
