"""Models in memory: the bundled one at once and for good, GPT-2 when it is there, others as long as there is room."""

import gc
import math
import re
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from app.hosting.models import ModelState, ResidentModels
from ioi_core import Model, ModelUnavailableError, arena_pairs, predictions


def wait_for(models: ResidentModels, state: ModelState, name: str = "gpt2-small") -> None:
    done = threading.Event()
    for _ in range(3000):
        if models.status(name).state is state:
            return
        done.wait(0.02)
    raise AssertionError(f"{name} is {models.status(name)}, not {state}")


def test_the_demo_is_there_at_once_while_gpt2_loads_with_progress(demo_model):
    gate = threading.Event()

    def load(name, progress=None):
        if name == "ioi-demo":
            return demo_model
        progress(10, 100)
        gate.wait(60)
        return demo_model

    models = ResidentModels(load)
    assert models.demo is demo_model
    wait_for(models, ModelState.LOADING)
    assert models.get("gpt2-small") is None
    gate.set()
    wait_for(models, ModelState.READY)
    assert models.get("gpt2-small") is demo_model


@pytest.mark.parametrize("error", [ModelUnavailableError("no network"), RuntimeError("secret")])
def test_a_model_that_cannot_be_had_says_why_and_can_be_tried_again(demo_model, error):
    calls: list[str] = []

    def load(name, progress=None):
        calls.append(name)
        if name == "gpt2-small" and calls.count(name) == 1:
            raise error
        return demo_model

    models = ResidentModels(load)
    wait_for(models, ModelState.UNAVAILABLE)
    reason = models.status("gpt2-small").reason
    assert ("no network" in reason) == isinstance(error, ModelUnavailableError)
    assert "secret" not in reason
    models.start_loading("gpt2-small")
    wait_for(models, ModelState.READY)
    models.start_loading("gpt2-small")
    assert calls.count("gpt2-small") == 2


def size_of(demo: Model) -> int:
    """Megabytes of the bundled model, which stands in for all others: its two embeddings, and a tenth for the rest."""
    return math.ceil(1.1 * 2 * 4 * demo.cfg.d_vocab * demo.cfg.d_model / 2**20)


def several(demo: Model, megabytes: int, calls: list[str] | None = None) -> ResidentModels:
    """Four checkpoints; GPT-2 cannot be had."""

    def load(name: str, progress=None) -> Model:
        if name == "gpt2-small":
            raise ModelUnavailableError("no network")
        if calls is not None:
            calls.append(name)
        return replace(demo)

    models = ResidentModels(load, {name: Path("/models", name) for name in "abcd"}, megabytes)
    wait_for(models, ModelState.UNAVAILABLE)
    return models


def asked(models: ResidentModels, name: str) -> Model:
    models.get(name)
    wait_for(models, ModelState.READY, name)
    model = models.get(name)
    assert model is not None
    return model


def test_models_share_a_limit_and_the_one_used_longest_ago_leaves_first(demo_model: Model) -> None:
    calls: list[str] = []
    models = several(demo_model, 3 * size_of(demo_model), calls)
    assert models.names == ("gpt2-small", "ioi-demo", "a", "b", "c", "d")
    assert [models.status(name).state for name in "abcd"] == ["away"] * 4, "nothing is loaded unasked"
    held = asked(models, "a")
    assert held.name == "a"
    asked(models, "b")
    asked(models, "c")
    asked(models, "a")
    asked(models, "d")
    assert [models.status(name).state for name in "abcd"] == ["ready", "away", "ready", "ready"]
    asked(models, "b")
    assert [models.status(name).state for name in "abcd"] == ["ready", "ready", "away", "ready"]
    assert models.demo is models.get("ioi-demo"), "never leaves"
    assert calls == ["ioi-demo", "/models/a", "/models/b", "/models/c", "/models/d", "/models/b"]


def test_who_computes_on_a_model_that_leaves_keeps_it_until_the_end(demo_model: Model) -> None:
    models = several(demo_model, size_of(demo_model))
    held, alive = asked(models, "a"), weakref.ref(asked(models, "a"))
    asked(models, "b")
    assert models.status("a").state is ModelState.AWAY
    assert predictions(held, arena_pairs(held)).values[0] > 0
    del held
    gc.collect()
    assert alive() is None
    assert asked(models, "a").fingerprint == demo_model.fingerprint


def test_a_model_that_alone_is_too_large_is_refused_and_drives_no_other_out(demo_model: Model) -> None:
    allowed = size_of(demo_model) // 2
    models = several(demo_model, allowed)
    models.get("a")
    wait_for(models, ModelState.UNAVAILABLE, "a")
    said = rf"takes \d+ MB of memory: this host allows {allowed} .IOI_MODELS_MEGABYTES"
    assert re.search(said, models.status("a").reason)
    assert models.get("a") is None
    assert models.status("a").state is ModelState.UNAVAILABLE, "it is not tried again unasked"


def test_many_visitors_ask_at_once_and_each_model_is_loaded_once(demo_model: Model) -> None:
    calls: list[str] = []
    models = several(demo_model, 5 * size_of(demo_model), calls)
    visitors = [threading.Thread(target=models.get, args=(name,)) for name in "abcd" * 8]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    for name in "abcd":
        asked(models, name)
    assert sorted(calls) == ["/models/a", "/models/b", "/models/c", "/models/d", "ioi-demo"]
