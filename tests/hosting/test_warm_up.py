"""Warming up: everything is there before the first visitor, and nothing breaks if it fails."""

import gc
import inspect
import logging
import subprocess
import sys

import pytest

from app.hosting import models, services, warm_up
from app.questions.ask import ask
from cache.computations import Computations
from cache.store.memory import MemoryStore
from ioi_core import Model, head_scores
from tests import ROOT

COLD = """
import sys, threading
from app.hosting import warm_up
assert not {"torch", "plotly", "app.hosting.services"} & set(sys.modules), "importing it loads nothing"
warm_up.in_background()
[thread] = [thread for thread in threading.enumerate() if thread.name == "warm-up"]
thread.join(120)
print(sorted(name for name in ("torch", "plotly.graph_objects", "app.heads.panels", "app.main") if name in sys.modules))
"""


def test_it_loads_all_but_what_runs_the_app():
    done = subprocess.run(
        [sys.executable, "-c", COLD], cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.stdout == "['app.heads.panels', 'plotly.graph_objects', 'torch']\n", done.stderr
    assert "missing ScriptRunContext" not in done.stderr


@pytest.mark.usefixtures("loader")
def test_what_it_loads_is_what_visitors_get_and_is_out_of_garbage_collection(monkeypatch):
    made: list[object] = []
    real = services.ResidentModels
    monkeypatch.setattr(services, "ResidentModels", lambda **_: made.append(real()) or made[-1])
    monkeypatch.setattr(models, "settle_memory", inspect.unwrap(models.settle_memory))  # tests do it once
    gc.unfreeze()
    try:
        warm_up.warm_up()
        assert gc.get_freeze_count() > 100_000
    finally:
        gc.freeze()  # as it was
    assert services.models() is made[0]
    assert len(made) == 1


def test_what_is_scored_of_a_model_is_what_the_heads_page_asks_for(demo_model: Model, monkeypatch):
    computations = Computations(MemoryStore(10**7))
    monkeypatch.setattr(services, "computations", lambda: computations)
    services.score_heads(demo_model)
    assert computations.is_kept("head_scores", demo_model, **ask(head_scores).parameters)


@pytest.mark.usefixtures("loader")
def test_a_failure_is_logged_and_goes_no_further(monkeypatch, caplog):
    monkeypatch.setenv("IOI_MAX_PROMPTS", "many")
    with caplog.at_level(logging.ERROR):
        warm_up.warm_up()
    assert "warming up failed" in caplog.text
