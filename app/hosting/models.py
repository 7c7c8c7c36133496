"""The models of this process, for all visitors: `ioi-demo` always, `gpt2-small` from the start, others when asked for.

Weights are fetched and loaded in the background, so no page waits for them. Models besides `ioi-demo` share a limit of
memory: the one used longest ago leaves first, and is loaded again when it is asked for. A computation on it that is
under way holds it until it ends. This file holds no Streamlit calls; `services.py` keeps the one instance.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from ioi_core import IOIError, Model, ModelUnavailableError, load_model
from ioi_core.model.loading import release_memory

DEMO = "ioi-demo"
GPT2 = "gpt2-small"

_log = logging.getLogger(__name__)


class ModelState(StrEnum):
    """The states of a model."""

    AWAY = "away"  # not in memory, not asked for since it left
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
    """All loaded models of this process.

    Attributes:
        names: the visitor's choices, the default first. Never a path: only the host may set one.
    """

    def __init__(
        self,
        load: Callable[..., Model] = load_model,
        folders: Mapping[str, Path] = MappingProxyType({}),
        megabytes: int = 4096,
    ):
        """Load `ioi-demo` and begin to load GPT-2.

        Args:
            folders: name -> folder of each of the host's own checkpoints.
            megabytes: memory for the weights of all models besides `ioi-demo`.
        """
        self.names = (GPT2, DEMO, *folders)
        self._load, self._folders, self._megabytes = load, folders, megabytes
        self._when_ready: Callable[[Model], None] | None = None
        self._lock, self._one_at_a_time = threading.Lock(), threading.Lock()
        self._models = {DEMO: load(DEMO)}  # in the order of their last use
        self._status = {name: ModelStatus(ModelState.AWAY) for name in self.names}
        self._status[DEMO] = ModelStatus(ModelState.READY)
        settle_memory()
        self.start_loading(GPT2)

    @property
    def demo(self) -> Model:
        """The bundled model, which is always loaded."""
        return self._models[DEMO]

    def get(self, name: str) -> Model | None:
        """Return the model and note that it is used; begin to load one that is away. None if it is not loaded."""
        with self._lock:
            if (model := self._models.pop(name, None)) is not None:
                self._models[name] = model
                return model
        if self.status(name).state is ModelState.AWAY:
            self.start_loading(name)
        return None

    def when_ready(self, call: Callable[[Model], None]) -> None:
        """Have `call` called once with each model that is loaded, now or later, in the background."""
        with self._lock:
            self._when_ready, loaded = call, tuple(self._models.values())
        for model in loaded:
            call(model)

    def status(self, name: str) -> ModelStatus:
        """Return the model's status."""
        return self._status[name]

    def start_loading(self, name: str) -> None:
        """Load `name` in the background, unless it is loaded or loading; try again if it was unavailable."""
        with self._lock:
            if self._status[name].state in (ModelState.LOADING, ModelState.READY):
                return
            self._status[name] = ModelStatus(ModelState.LOADING)
        threading.Thread(target=self._load_in_background, args=(name,), name=f"load {name}", daemon=True).start()

    def _load_in_background(self, name: str) -> None:
        def progress(done: int, total: int) -> None:
            self._status[name] = ModelStatus(ModelState.LOADING, done, total)

        started = time.monotonic()
        try:
            # Loading takes several times a model's memory. GPT-2 is not waited for: it may have to be downloaded.
            with self._one_at_a_time if name in self._folders else nullcontext():
                model = self._loaded(name, progress)
        except IOIError as error:
            _log.warning("%s is unavailable: %s", name, error)
            reason = str(error).replace(str(self._folders.get(name, name)), name)  # visitors need not know where it is
            self._status[name] = ModelStatus(ModelState.UNAVAILABLE, reason=reason)
        except Exception as error:
            _log.exception("%s could not be loaded", name)
            kind = type(error).__name__
            self._status[name] = ModelStatus(ModelState.UNAVAILABLE, reason=f"loading it failed ({kind}); see the log")
        else:
            self._keep(name, model)
            settle_memory()
            _log.info("%s loaded in %.1f s", name, time.monotonic() - started)
            if self._when_ready is not None:
                self._when_ready(model)

    def _loaded(self, name: str, progress: Callable[[int, int], None]) -> Model:
        folder = self._folders.get(name)
        model = replace(self._load(str(folder)), name=name) if folder else self._load(name, progress=progress)
        if (needed := model.megabytes) > self._megabytes:
            raise ModelUnavailableError(
                f"{name} takes {needed:,.0f} MB of memory: this host allows {self._megabytes:,} (IOI_MODELS_MEGABYTES)"
            )
        return model

    def _keep(self, name: str, model: Model) -> None:
        """Take a model in, and let those used longest ago go until all fit."""
        with self._lock:
            self._models[name] = model
            self._status[name] = ModelStatus(ModelState.READY)
            sizes = {name: one.megabytes for name, one in self._models.items() if name != DEMO}
            for oldest in tuple(sizes):
                if sum(sizes.values()) <= self._megabytes:
                    return
                del self._models[oldest], sizes[oldest]
                self._status[oldest] = ModelStatus(ModelState.AWAY)
                _log.info("%s left memory", oldest)


def settle_memory() -> None:
    """Give memory back, and take everything that is loaded out of garbage collection.

    Streamlit collects after every script run; over torch, a tokenizer and plotly each time takes ~190 ms.
    """
    gc.unfreeze()  # models that have left since
    release_memory()
    gc.freeze()
