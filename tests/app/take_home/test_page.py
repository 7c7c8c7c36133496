"""The web page: one file, no request, nothing of a visitor's is markup."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from app.take_home.page import Part, page
from tests.app.take_home.every_figure import figures_of
from tests.app.take_home.test_notebook import HOSTILE


class Read(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.scripts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag == "script" and "type" not in dict(attrs)
        if self._inside:
            self.scripts.append("")

    def handle_data(self, data):
        if self._inside:
            self.scripts[-1] += data

    def handle_endtag(self, tag):
        self._inside = False


@pytest.fixture
def taken(loader):
    figures = figures_of("prompt", prompts="own", text=HOSTILE, io="Mary", s="John")
    [one] = [one for one in figures if one.record.name == "logit_diff"]
    return one


def test_it_is_one_file_that_asks_nobody(taken):
    made = page([Part(taken.record, taken.frame, taken.figures)])
    read = Read()
    read.feed(made.decode())
    assert len(made) < 6_000_000
    assert not [attrs for _, attrs in read.tags if "src" in attrs or "srcset" in attrs]
    assert {tag for tag, _ in read.tags}.isdisjoint({"img", "link", "iframe", "base", "form", "object", "embed"})
    [policy] = [attrs["content"] for tag, attrs in read.tags if attrs.get("http-equiv")]
    assert policy.startswith("default-src 'none'; ")
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in read.scripts]
    assert sorted(allowed) == sorted(digests)
    assert "unsafe-inline'; script" not in policy


def test_what_a_visitor_typed_is_text(taken):
    hostile = lambda: pd.DataFrame({"</script><b>": ["<img src=x onerror=alert(1)>"]})  # noqa: E731
    text = page([Part(taken.record, hostile, taken.figures, note="<script>alert(1)</script>")], title="<b>")
    text = text.decode()
    assert "<img" not in re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    assert "<script>alert" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_it_says_what_it_is_of(taken):
    text = page([Part(taken.record, taken.frame, taken.figures)]).decode()
    for said in (taken.record.source.fingerprint, taken.record.source.in_words, "ioi_core"):
        assert said in text
