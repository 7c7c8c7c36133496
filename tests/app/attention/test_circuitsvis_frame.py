"""circuitsvis in its frame: no text gets out of it, and it holds what was asked for."""

import html
import json
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
import streamlit
from hypothesis import given
from hypothesis import strategies as st

from app.attention.circuitsvis_frame import frame, inert_json
from tests.app.attention.attention_page import SCRIPT, drawn_by_circuitsvis, looked, props_of
from tests.app.pages import assert_fine, body

pytestmark = pytest.mark.usefixtures("loader")


class Reader(HTMLParser):
    """The elements of a document, as a browser finds them."""

    def __init__(self, document: str):
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.feed(document)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def named(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]


@given(st.text(), st.lists(st.text(), max_size=4), st.text())
def test_no_text_gets_out_of_the_frame_without_rights(said: str, tokens: list[str], more: str) -> None:
    tokens = [*tokens, more + SCRIPT, f"<!--{more}<script>", "&lt;/script>", "\u2028"]
    outer = Reader(frame("/app/static/x.js", {"tokens": tokens}, said + SCRIPT + "\"'><b>"))
    assert [tag for tag, _ in outer.elements] == ["style", "iframe"]
    [iframe] = outer.named("iframe")
    assert iframe["sandbox"] == "allow-scripts"
    inner = Reader(iframe["srcdoc"])
    assert [tag for tag, _ in inner.elements] == [
        "html",
        "head",
        "meta",
        "meta",
        "style",
        "body",
        "div",
        *["script"] * 2,
    ]
    assert json.loads(props_of(frame("", {"tokens": tokens}, "")))["tokens"] == tokens
    assert "default-src 'none'" in inner.named("meta")[1]["content"]


def test_it_is_dark_where_the_page_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme, inverted in (("light", False), ("dark", True)):
        monkeypatch.setattr(type(streamlit.context), "theme", SimpleNamespace(type=scheme))
        at = looked()
        assert_fine(at)
        frames = [iframe.proto.srcdoc for iframe in at.get("iframe")]
        assert len(frames) == 2
        assert all(("filter: invert(1)" in drawn) is inverted for drawn in frames)


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans(), lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts)
    )
)
def test_json_for_a_script_says_the_same_and_holds_no_markup(value) -> None:
    text = inert_json(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")


def test_numbers_that_are_none_are_not_drawn() -> None:
    with pytest.raises(ValueError, match="JSON"):
        inert_json([float("nan")])


def test_hostile_prompts_stay_text() -> None:
    text = f"When Mary and John met{SCRIPT}, John gave a bag to"
    at = looked(prompts="own", text=text, io="Mary", s="John")
    assert_fine(at)
    assert "".join(drawn_by_circuitsvis(at)[0]["tokens"]).replace("·", " ")[3:] == text
    for element in at.get("iframe"):
        assert [tag for tag, _ in Reader(element.proto.srcdoc).elements] == ["style", "iframe"]
        assert len(Reader(html.unescape(element.proto.srcdoc)).named("script")) == 2
    assert "<script" not in body(at)
