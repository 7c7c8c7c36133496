"""The objects that all visitors of this process share: settings, models, computations."""

import contextlib
import os

import numpy as np
import plotly.graph_objects  # noqa: F401  # loaded before memory is settled
import streamlit as st

from app.hosting import metrics
from app.hosting.logs import log_request
from app.hosting.models import DEMO, ModelState, ResidentModels
from app.hosting.settings import Settings
from cache.analyses import parameters_of
from cache.computations import Computations
from cache.records import Record
from cache.store.disk import DiskStore
from cache.store.memory import MemoryStore, Store
from cache.store.tiers import TieredStore
from ioi_core import IOIError, Model, arena_pairs, head_scores, logit_lens
from ioi_core.model.checkpoints import checkpoints
from ioi_core.model.identity import NAMES


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Return the settings from the environment."""
    return Settings.from_environment(os.environ)


@st.cache_resource(show_spinner="Loading the bundled model ...")
def models() -> ResidentModels:
    """Return the loaded models."""
    limits = settings()
    folders = checkpoints(limits.models_folder, (*NAMES, DEMO))
    resident = ResidentModels(folders=folders, megabytes=limits.models_megabytes)
    metrics.watch_models(resident.names, lambda name: resident.status(name).state is ModelState.READY)
    return resident


def score_heads(model: Model) -> None:
    """Compute what the Heads page asks of a model whatever the prompts, so that nobody waits for it; once, then kept.

    A failure is the page's to show.
    """
    with contextlib.suppress(IOIError):
        asked = parameters_of(head_scores)
        computations().request(head_scores.__name__, model, place=None, **asked).wait_for_end()


def compute_afresh() -> None:
    """Run the bundled model on the device that pages compute on; nothing that was kept is read, and nothing is kept.

    Where a cluster computes a worker must be there besides.

    Raises:
        IOIError: there is none.
        Exception: whatever PyTorch raises where the device is lost; ArithmeticError where it gives no numbers.
    """
    demo = models().demo
    if words := computations().missing(demo):
        raise IOIError(words)
    if not np.isfinite(logit_lens(demo, arena_pairs(demo)).per_prompt).all():
        raise ArithmeticError("the bundled model gives no finite numbers")


def not_ready(reason: str) -> None:
    """Note in words why the health check fails; "" as it begins."""
    _not_ready[0] = reason


def why_not_ready() -> str:
    """Return why the last health check failed."""
    return _not_ready[0]


_not_ready = [""]
_begun: list[tuple[Computations, Store]] = []


@st.cache_resource(show_spinner=False)
def computations() -> Computations:
    """Return the computations of this process."""
    limits = settings()
    store = _store(limits)
    if limits.cluster is None:
        shared = Computations(store, max_waiting=limits.max_queued, observe=_observe)
    else:
        from cache.cluster.line import ClusterLine  # and with it Dask, which one machine does without

        line = ClusterLine(limits.cluster, limits.max_queued)
        shared = Computations(store, observe=_observe, elsewhere=line, device=limits.cluster.device)
    _begun.append((shared, store))
    metrics.watch_queue(lambda: shared.waiting)
    return shared


def stop_computing(seconds: float) -> bool:
    """Cancel what is computed, and keep what is done; return whether all has ended within `seconds`."""
    ended = True
    for shared, store in _begun:
        ended = shared.stop(seconds) and ended
        if isinstance(store, TieredStore):
            ended = store.flush(seconds / 3) and ended
    return ended


def _observe(record: Record) -> None:
    log_request(record)
    metrics.count(record)


def _store(limits: Settings) -> Store:
    """Return memory, with the disk behind it unless that is turned off."""
    memory = MemoryStore(limits.result_megabytes * 2**20)
    if limits.cache_megabytes == 0:
        return memory
    return TieredStore(memory, lambda: DiskStore(limits.cache_folder, limits.cache_megabytes * 2**20))
