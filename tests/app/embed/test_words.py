"""The frame that shows a view: what was typed stays text, in the address and in the page that it is pasted into."""

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest

from app.embed.words import frame, where_it_works
from app.url import link

HOSTILE = ('"><script>alert(1)</script>', "' onload=alert(1) x='", "</iframe>", "a&b=c#d", "\ud800", "é · \n\x00")


class Tags(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("typed", HOSTILE)
def test_what_was_typed_stays_in_the_address(typed: str) -> None:
    code = frame("https://ioi.example/heads", {"text": typed, "heads": [typed, "2.1"]}, f"Heads {typed}")
    [(tag, attributes)] = Tags(code).found
    assert tag == "iframe"
    assert set(attributes) == {"src", "title", "width", "height", "style", "loading", "allow"}
    address = urlsplit(attributes["src"])
    sent = typed.encode(errors="replace").decode()
    assert parse_qs(address.query) == {"text": [sent], "heads": [sent, "2.1"], "embed": ["true"]}
    assert (address.netloc, address.path, address.fragment) == ("ioi.example", "/heads", "")


def test_a_view_without_choices_has_no_question_mark() -> None:
    assert link("http://localhost:8501/", {}) == "http://localhost:8501/"


@pytest.mark.parametrize(
    ("ancestors", "says"),
    [
        ("'self'", "in its own pages alone"),
        ("'none'", "in no page"),
        ("'self' https://school.example", "`https://school.example`, and this host's own."),
        ("https://*.school.example http://b:80", "in pages of `https://*.school.example`, `http://b:80`."),
    ],
)
def test_a_visitor_is_told_where_a_frame_works(ancestors: str, says: str) -> None:
    told = where_it_works(ancestors)
    assert says in told
    assert ("IOI_FRAME_ANCESTORS" in told) == (ancestors in ("'self'", "'none'"))
