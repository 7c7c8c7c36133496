"""The load tool: what it counts as a page, and that it asks no more of this machine than it may."""

import re
import subprocess
import sys

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks import load, visitor
from benchmarks.visitor import PageError, Seen
from tests import ROOT


@pytest.mark.slow
def test_a_few_visitors_see_every_page_whole():
    command = [sys.executable, "-m", "benchmarks.load", "--sessions", "6", "--arrive", "1", "--think", "0", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "errors: 0" in done.stdout
    assert re.search(r"^all +24 ", done.stdout, re.M), done.stdout


@pytest.mark.slow
def test_more_visitors_than_files_find_themselves_at_the_gate_or_on_the_page_that_tries_again():
    """Of 276 files 16 sessions are planned for: 8 inside, 8 waiting."""
    command = [sys.executable, "-m", "benchmarks.rush", "--sessions", "20", "--files", "276", "--arrive", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^ +(\d+) (\w+)", done.stdout, re.M) == [("8", "let"), ("4", "on"), ("8", "wait")]


def test_every_page_is_visited():
    pages = {path.stem for path in (ROOT / "pages").glob("*.py")} - {"__init__", "start"}
    assert set(load.HEADINGS) == pages | {""}


def element(**fields: object) -> ForwardMsg:
    message = ForwardMsg()
    for path, value in fields.items():
        target = message.delta.new_element
        *parents, name = path.split("__")
        for parent in parents:
            target = getattr(target, parent)
        setattr(target, name, value)
    return message


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"exception__type": "ValueError", "exception__message": "no"}, "ValueError no"),
        ({"html__body": '<div class="ioi-notice ioi-problem" role="alert">Too many</div>'}, "Too many"),
    ],
)
def test_a_page_that_fails_is_an_error(fields, said):
    with pytest.raises(PageError, match=said):
        Seen().take(element(**fields))


def test_a_missing_chart_or_another_page_is_an_error():
    whole = Seen(headings=["Title"], charts={"figure-a", "figure-b"})
    tally = load.Tally({"heads": whole})
    tally._compare("heads", whole)
    with pytest.raises(PageError, match="charts"):
        tally._compare("heads", Seen(headings=["Title"], charts={"figure-a"}))
    with pytest.raises(PageError, match="headings"):
        tally._compare("heads", Seen(headings=["Other"], charts=whole.charts))


def test_a_chart_without_its_data_is_none():
    seen = Seen()
    seen.take(element(plotly_chart__id="$$ID-0-figure-a", plotly_chart__spec="{}"))
    assert not seen.charts
    seen.take(element(plotly_chart__id="$$ID-0-figure-a", plotly_chart__spec='{"data": []}'))
    assert seen.charts == {"figure-a"}


@pytest.mark.parametrize("sessions", ["0", "2001", "1000000"])
def test_it_is_bounded_and_stays_on_this_machine(sessions):
    with pytest.raises(SystemExit):
        load.main(["--sessions", sessions])
    assert visitor.HOST == "127.0.0.1"
