"""The models that stay loaded for all visitors: `ioi-demo` from the start, `gpt2-small` once it is fetched.

GPT-2's weights are fetched and loaded in the background, so the first page never waits for them. This file holds no
Streamlit calls; `services.py` keeps the one instance.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ioi_core import IOIError, Model, load_model

DEMO = "ioi-demo"
GPT2 = "gpt2-small"
MODEL_NAMES = (GPT2, DEMO)
"""The visitor's choices, the default first. Never a folder: only the host may set one."""

_log = logging.getLogger(__name__)


class ModelState(StrEnum):
    """The states of a model."""

    LOADING = "loading"
    READY = "ready"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class ModelStatus:
    """State of one model; bytes fetched while it loads, the reason where it is unavailable."""

    state: ModelState
    done: int = 0
    total: int = 0
    reason: str = ""


class ResidentModels:
    """All loaded models of this process."""

    def __init__(self, load: Callable[..., Model] = load_model):
        self._load = load
        self._lock = threading.Lock()
        self._models = {DEMO: load(DEMO)}
        self._status = {DEMO: ModelStatus(ModelState.READY)}
        settle_memory()
        self.start_loading(GPT2)

    @property
    def demo(self) -> Model:
        """The bundled model, which is always loaded."""
        return self._models[DEMO]

    def get(self, name: str) -> Model | None:
        """Return the model, None if it is not loaded."""
        return self._models.get(name)

    def status(self, name: str) -> ModelStatus:
        """Return the model's status."""
        return self._status[name]

    def start_loading(self, name: str) -> None:
        """Load `name` in the background, unless it is loaded or loading; try again if it was unavailable."""
        with self._lock:
            if name in self._status and self._status[name].state is not ModelState.UNAVAILABLE:
                return
            self._status[name] = ModelStatus(ModelState.LOADING)
        threading.Thread(target=self._load_in_background, args=(name,), name=f"load {name}", daemon=True).start()

    def _load_in_background(self, name: str) -> None:
        def progress(done: int, total: int) -> None:
            self._status[name] = ModelStatus(ModelState.LOADING, done, total)

        started = time.monotonic()
        try:
            self._models[name] = self._load(name, progress=progress)
        except IOIError as error:
            _log.warning("%s is unavailable: %s", name, error)
            self._status[name] = ModelStatus(ModelState.UNAVAILABLE, reason=str(error))
        except Exception as error:
            _log.exception("%s could not be loaded", name)
            kind = type(error).__name__
            self._status[name] = ModelStatus(ModelState.UNAVAILABLE, reason=f"loading it failed ({kind}); see the log")
        else:
            settle_memory()
            self._status[name] = ModelStatus(ModelState.READY)
            _log.info("%s loaded in %.1f s", name, time.monotonic() - started)


def settle_memory() -> None:
    """Take everything loaded so far out of garbage collection.

    Streamlit collects after every script run; over torch, a tokenizer and plotly each time takes ~190 ms.
    """
    gc.collect()
    gc.freeze()
