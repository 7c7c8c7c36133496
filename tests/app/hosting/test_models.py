"""Models that stay in memory: the bundled one at once, GPT-2 when it is there."""

import threading

import pytest

from app.hosting.models import ModelState, ResidentModels
from ioi_core import ModelUnavailableError


def wait_for(models: ResidentModels, state: ModelState) -> None:
    done = threading.Event()
    for _ in range(3000):
        if models.status("gpt2-small").state is state:
            return
        done.wait(0.02)
    raise AssertionError(f"gpt2-small is {models.status('gpt2-small')}, not {state}")


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
