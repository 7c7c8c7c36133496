"""Figures drawn once: one for equal arguments, another for any other, and never changed by whoever is given it."""

import dataclasses

import numpy as np
import plotly.graph_objects as go
import pytest
from cachetools import LRUCache

from app.drawing import kept
from app.drawing.kept import drawn_once
from app.logit_lens.charts import layer_bars
from ioi_core import Result, arena_pairs, attribute_layers
from tests import ROOT
from tests.app.pages import assert_fine, opened

WITHOUT_FIGURES = ("__init__", "start", "lessons", "report")  # as they open
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem not in WITHOUT_FIGURES)


@pytest.fixture(autouse=True)
def nothing_kept():
    kept._figures.clear()


def result(*values: float) -> Result:
    axes = {"component": tuple(map(str, range(len(values))))}
    return Result(values=np.array(values, float), axes=axes, metric="m", unit="u", n_prompts=1)


def test_equal_arguments_share_a_figure_and_different_ones_never_do():
    calls: list[float] = []

    @drawn_once
    def bars(result: Result, *, title: str) -> go.Figure:
        calls.append(float(result.values[0]))
        return go.Figure(go.Bar(y=result.values), {"title": {"text": title}})

    first = bars(result(1, 2), title="a")
    assert bars(result(1, 2), title="a") is first
    others = [
        bars(result(1, 3), title="a"),
        bars(result(1, 2), title="b"),
        bars(result(1, 2, 3), title="a"),
        bars(dataclasses.replace(result(1, 2), values=np.array([1, 2], np.float32)), title="a"),
    ]
    assert len({id(figure) for figure in [first, *others]}) == 5
    assert len(calls) == 5
    assert list(first.data[0].y) == [1, 2]


def test_two_charts_with_the_same_arguments_are_two_figures():
    one = drawn_once(lambda n: go.Figure(layout={"height": 10 + n}))

    @drawn_once
    def other(n: int) -> go.Figure:
        return go.Figure(layout={"height": 100 + n})

    assert (one(1).layout.height, other(1).layout.height) == (11, 101)


def test_only_the_last_used_are_kept(monkeypatch):
    monkeypatch.setattr(kept, "_figures", LRUCache(3))
    chart = drawn_once(lambda n: go.Figure(layout={"height": 10 + n}))
    figures = [chart(n) for n in range(3)]
    assert chart(0) is figures[0]
    chart(3)  # drops 1, used longest ago
    assert [chart(n) is figures[n] for n in (0, 2)] == [True, True]
    assert chart(1) is not figures[1]
    assert len(kept._figures) == 3


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("page", PAGES)
def test_a_second_visitor_draws_nothing_anew(monkeypatch, page):
    path = f"../pages/{page}.py"
    assert_fine(opened(path, model="ioi-demo"))
    before = dict(kept._figures)
    shown = {key: figure.to_json() for key, figure in before.items()}
    assert before
    at = opened(path, model="ioi-demo")
    assert_fine(at)
    assert dict(kept._figures).keys() == before.keys()
    assert_fine(opened(path, model="ioi-demo", size="large"))
    assert {key: figure.to_json() for key, figure in kept._figures.items() if key in shown} == shown


def test_a_kept_figure_is_what_would_be_drawn(demo_model):
    found = attribute_layers(demo_model, arena_pairs(demo_model))
    layer_bars(found)
    assert layer_bars(found).to_json() == layer_bars.__wrapped__(found).to_json()
