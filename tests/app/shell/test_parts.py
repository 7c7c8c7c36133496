"""The parts of a page below its main figure: closed at first, and then neither drawn nor asked for."""

import html
import re

import pytest
from streamlit.testing.v1 import AppTest

from app import url
from app.hosting import services
from tests.app.pages import assert_fine, body, opened

PAGES = {
    "prompt": (url.PART_READ, url.PART_ANSWERS),
    "logit_lens": (url.PART_TOKENS, url.PART_LAYERS, url.PART_HEADS),
    "attention": (url.PART_CLOSELY, url.PART_FROM_END, url.PART_SIDE_BY_SIDE),
    "activation_patching": (url.PART_CELL, url.PART_ESTIMATE),
    "path_patching": (url.PART_SENDERS, url.PART_PATHS, url.PART_WHY),
    "edges": (url.PART_CURVE, url.PART_EDGE, url.PART_ESTIMATES, url.PART_AGREEMENT, url.PART_SMALLEST, url.PART_FILES),
    "circuit": (
        url.PART_MEMBERS, url.PART_LEVELS, url.PART_MINIMALITY,
        url.PART_TEMPLATES, url.PART_COMPARISON, url.PART_COMPLETENESS,
    ),
    "heads": (
        url.PART_ATTENDS, url.PART_WRITES, url.PART_COPIES, url.PART_PATCHED,
        url.PART_COMPARED, url.PART_ROLES, url.PART_EDGES,
    ),
}  # fmt: skip
"""Page -> its parts."""


def parts_open(at: AppTest) -> dict[str, bool]:
    """Which parts stand open, by what is in them."""
    return {room.proto.id.split("-")[-1]: bool(len(room.children)) for room in at.expander if "-part_" in room.proto.id}


def listed(at: AppTest) -> dict[str, str]:
    """The page's list of contents: what is in each part -> its line."""
    [nav] = re.findall(r'<nav class="ioi-contents".*?</nav>', body(at)) or [""]
    return {key: html.unescape(line) for key, line in re.findall(r'<a href="#(part_\w+)">(.*?)</a>', nav)}


def lines(at: AppTest) -> dict[str, str]:
    """The same, as the parts have it."""
    return {room.proto.id.split("-")[-1]: room.label for room in at.expander if "-part_" in room.proto.id}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The analyses that the page asks for."""
    names: list[str] = []
    real = services.computations().request

    def request(analysis: str, *args: object, **parameters: object) -> object:
        names.append(analysis)
        return real(analysis, *args, **parameters)

    monkeypatch.setattr(services.computations(), "request", request)
    return names


@pytest.mark.parametrize("page", PAGES)
def test_what_is_closed_is_not_drawn_and_a_link_opens_one_part(page: str) -> None:
    closed = opened(f"../pages/{page}.py", parts="closed")
    assert_fine(closed)
    assert parts_open(closed) == dict.fromkeys(PAGES[page], False)
    assert len(closed.get("plotly_chart")) == 1
    # Closed parts are the list themselves, but where much stands between them and the figure.
    assert listed(closed) == (lines(closed) if page == "circuit" else {})
    for part in PAGES[page][:: len(PAGES[page]) - 1]:
        at = opened(f"../pages/{page}.py", parts="closed", **{part: "true"})
        assert_fine(at)
        assert [name for name, is_open in parts_open(at).items() if is_open] == [part]
        assert listed(at) == lines(at), "they are far apart now"


def test_a_link_from_before_there_were_parts_opens_the_one_it_meant() -> None:
    at = opened("../pages/logit_lens.py", parts="closed", cells="rank of IO")
    assert parts_open(at) == {url.PART_TOKENS: True, url.PART_LAYERS: False, url.PART_HEADS: False}
    at = opened("../pages/attention.py", parts="closed", attention_head="2.1")
    assert parts_open(at)[url.PART_CLOSELY]


def test_what_is_closed_is_not_asked_for(asked: list[str]) -> None:
    opened("../pages/circuit.py", parts="closed", circuit_start="found automatically")
    assert "evaluate_circuit" in asked
    assert not {"minimality", "completeness_sets"} & set(asked)
    opened("../pages/logit_lens.py", parts="closed")
    assert "logit_lens" in asked
    assert not {"lens_tokens", "attribute_layers"} & set(asked)


@pytest.mark.parametrize("page", PAGES)
def test_one_control_opens_them_all(page: str) -> None:
    at = opened(f"../pages/{page}.py", parts="open")
    assert_fine(at)
    assert parts_open(at) == dict.fromkeys(PAGES[page], True)
    assert tuple(listed(at)) == PAGES[page]
    texts = [*(one.proto.body for one in at.get("html")), *(one.value for one in (*at.markdown, *at.caption))]
    assert not [part for text in texts for part in re.findall(r".{,40}\d %.{,40}", text)], "a line may end before %"


def test_that_control_opens_and_closes_them_until_it_is_changed_again() -> None:
    at = opened("../pages/logit_lens.py", parts="closed")
    for stand, is_open in (("open", True), ("closed", False), ("open", True)):
        at.radio(key=url.PARTS).set_value(stand).run()
        assert parts_open(at) == dict.fromkeys(PAGES["logit_lens"], is_open)
        at.toggle(key=url.BOS).set_value(not at.toggle(key=url.BOS).value).run()
        assert parts_open(at) == dict.fromkeys(PAGES["logit_lens"], is_open), "a later run keeps it"
