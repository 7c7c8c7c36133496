"""Every figure of every page, as the pages hand it to "Take home"."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import url
from app.drawing import figure
from app.hosting import services
from app.take_home import menu
from app.take_home.record import Record
from ioi_core import Model
from tests.app.pages import assert_fine, opened


@dataclass(frozen=True, eq=False)
class Taken:
    """What one figure hands over."""

    record: Record
    frame: Callable[[], pd.DataFrame]
    figures: Sequence[go.Figure]


def by_template(*figures: str) -> dict[str, str]:
    return {url.by_template(name): "true" for name in figures}


SMALL = {"prompts": "generated", "n": "4", "templates": "ABBA", "seed": "1"}
"""The prompts of most views: few, so that a notebook takes no time."""

VIEWS: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "prompt": ("prompt", by_template("logit_diff"), ()),
    "logit lens": ("logit_lens", by_template("lens", "heads"), ()),
    "logit lens: ranks": ("logit_lens", {"cells": "rank of IO", "prompts": "classic"}, ()),
    "attention": ("attention", {}, ()),
    "activation patching": ("activation_patching", by_template("patching"), ()),
    "activation patching: positions": ("activation_patching", {"site": "resid_pre", "where": "each"}, ()),
    "path patching": ("path_patching", by_template("paths", "split_query", "split_key"), ()),
    "edges": ("edges", {"edges_kept": "20", "edge_changes": "-embed->1.3<q>"}, ()),
    "heads": ("heads", by_template("head_direct", "role_attention", "head_sites"), ("edges-now", "atlas-now")),
    "heads: all": ("heads", {"heads_shown": "all heads", **by_template("all_heads")}, ()),
    "circuit": ("circuit", {"compare_with": "start: empty", "compare": "this circuit"}, ()),
    "circuit: backup": (
        "circuit", {"circuit_part": "backup heads", **by_template("backup_stages", "backup_changes")}, (),
    ),
    "circuit: signals": ("circuit", {"circuit_part": "token or position", **by_template("signal_fit")}, ()),
    "circuit: total": ("circuit", {"circuit_part": "direct and total", **by_template("direct_and_total")}, ()),
    "circuit: methods": ("circuit", {"circuit_part": "ways to ablate", **by_template("methods")}, ()),
}  # fmt: skip
"""Name -> page, query, and buttons to press."""


def figures_of(page: str, pressed: Sequence[str] = (), **query: str) -> list[Taken]:
    """Return every figure of a page as it is after the last button is pressed."""
    taken: dict[str, Taken] = {}

    def take(drawn: menu.Drawn, frame: Callable[[], pd.DataFrame], figures: Sequence[go.Figure] = ()) -> None:
        taken[drawn.name] = Taken(drawn.record(st.session_state[menu._SOURCE]), frame, figures)

    with patch.object(figure, "take_home", take):
        at: AppTest = opened(f"../pages/{page}.py", model="ioi-demo", **query)
        for key in pressed:
            at.button(key=key).click().run()
        assert_fine(at)
    return list(taken.values())


@cache
def every_figure() -> dict[str, list[Taken]]:
    """Return view -> its figures."""
    return {name: figures_of(page, pressed, **SMALL | query) for name, (page, query, pressed) in VIEWS.items()}


_results: dict[str, Any] = {}


def results_of(model: Model, record: Record) -> list[Any]:
    """Return the results of a record's requests, each computed once for all tests."""
    found = []
    for request in record.requests:
        key = services.computations().key(request.analysis, model, request.parameters)
        if key not in _results:
            _results[key] = request.function(model, **request.parameters)
        found.append(_results[key])
    return found
