"""What the Circuit page shows first where everything has yet to be computed, and where it has been."""

from pathlib import Path

import pytest
import streamlit as st

from app.circuit.breaking import panels
from tests.app.pages import Loader, opened

PAGE = "../pages/circuit.py"
VIEW = {"model": "ioi-demo", "prompts": "generated", "n": "3", "seed": "5", "circuit_start": "whole model"}


def test_the_numbers_do_not_wait_for_measured_classes_and_then_the_graph_does_not_wait_for_numbers(
    loader: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOI_CACHE_DIR", str(tmp_path / "cache"))
    with monkeypatch.context() as ended:
        ended.setattr(panels, "classes_of", lambda *_: st.stop())
        page = opened(PAGE, **VIEW)
        assert [number.label for number in page.metric] == [
            "Faithfulness", "logit_diff of the circuit", "of the whole model",
        ]  # fmt: skip
        assert not page.get("plotly_chart")
    opened(PAGE, **VIEW)
    with monkeypatch.context() as ended:
        ended.setattr(panels, "compute", lambda *_: st.stop())
        page = opened(PAGE, **VIEW)
        assert not page.metric
        assert page.get("plotly_chart")
