"""The web page: one file, no request, nothing of a visitor's is markup."""

import base64
import gzip
import hashlib
import inspect
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

import ioi_core
from app.questions.ask import ask
from app.take_home.code import Code
from app.take_home.computed import PARAMETERS, TITLES, computed
from app.take_home.page import Part, page
from cache.analyses import ANALYSES
from tests.app.take_home.every_figure import SMALL, every_figure, figures_of
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
    odd = ask(
        ioi_core.patch_activations, taken.record.source.pairs, "<img src=x>", metric="</dd><script>alert(1)</script>"
    )
    text = page([Part(replace(taken.record, requests=(odd,)), taken.frame, [])]).decode()
    assert "<img" not in text
    assert "<script" not in text
    assert "<dd>&lt;img src=x&gt;</dd>" in text


def test_it_says_what_it_is_of(taken):
    text = page([Part(taken.record, taken.frame, taken.figures)]).decode()
    for said in (taken.record.source.fingerprint, taken.record.source.in_words, "ioi_core"):
        assert said in text


def test_it_says_in_words_what_was_computed(loader):
    [one] = [one for one in figures_of("activation_patching", **SMALL, site="v") if one.record.name == "patch_heatmap"]
    told = {"positions": "END", "direction": "noising", "metric": "prob"}
    [request] = one.record.requests
    other = replace(one.record, requests=(ask(request.function, **request.parameters | told),))
    texts = [page([Part(record, one.frame, one.figures)], light=True).decode() for record in (one.record, other)]
    for text, facts in zip(
        texts,
        (
            ("denoising, clean into corrupted: is it enough?", "all at once", "logit_diff_recovered, share of"),
            ("noising, corrupted into clean: is it needed?", "END", "probability of the right answer"),
        ),
        strict=True,
    ):
        said = re.search(r"<h3>What was computed</h3>(.*?)</div>", text, re.S)[1]
        assert "Activation patching <code>ioi_core.patch_activations</code>" in said
        for fact in ("v, head values", *facts):
            assert f"<dd>{fact}" in said


def test_every_analysis_has_words_and_no_two_of_a_figure_the_same(loader):
    assert TITLES.keys() == ANALYSES.keys()
    parameters = [inspect.signature(analysis.function).parameters for analysis in ANALYSES.values()]
    assert {name for names in parameters for name in names} - {"model", "progress", "parts"} == PARAMETERS.keys()
    for record in (one.record for of_view in every_figure().values() for one in of_view):
        told = computed(record.requests, record.source.pairs)
        assert len(told) == len(set(Code(record)._calls)), record.name


def test_attention_in_the_longest_prompt_that_is_drawn_is_below_six_megabytes(taken):
    drawn = attention_of_length(158)
    made = page([Part(taken.record, taken.frame, [drawn, go.Figure(go.Bar(y=[1, 2]))])])
    assert len(made) < 6_000_000
    large, small = json.loads(re.search(r'id="figures">(.*?)</script>', made.decode(), re.S)[1])
    unpacked = json.loads(gzip.decompress(base64.b64decode(large)))
    assert unpacked["data"] == json.loads(drawn.to_json())["data"]
    assert small["data"][0]["type"] == "bar"


def attention_of_length(n: int) -> go.Figure:
    """A layer of GPT-2 small's heads side by side, as the Attention page draws it: nothing looks at later tokens."""
    scores = np.exp(np.random.default_rng(0).normal(0, 2, (12, n, n))) * np.tri(n)
    shares = np.where(np.tri(n, dtype=bool), scores / scores.sum(-1, keepdims=True), np.nan)
    return go.Figure(go.Heatmap(z=np.round(np.concatenate(list(shares), 1), 4).astype(np.float32), hoverinfo="skip"))
