"""A model and analyses that stand in for real ones: one waits at a gate, one is made of parts."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from cache.analyses import Analysis
from cache.computations import Computations
from cache.jobs import Job
from cache.store.disk import DiskStore
from cache.store.memory import MemoryStore, Store
from cache.store.tiers import TieredStore

MODEL = SimpleNamespace(name="m", fingerprint="f", numerics="float32", device="cpu")


def finish(job: Job, seconds: float = 60.0) -> Job:
    """Watch a job until it ends; so patient since tests run on busy machines too."""
    deadline = time.monotonic() + seconds
    while not job.wait(0.05):
        assert time.monotonic() < deadline, "the job does not end"
    return job


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.01)


class Clock:
    """Stands in for the module `time` of another module: its seconds pass when a test says so."""

    def __init__(self):
        self.seconds = 1000.0
        self.time = time.time

    @classmethod
    def of(cls, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> "Clock":
        clock = cls()
        monkeypatch.setattr(module, "time", clock)
        return clock

    def monotonic(self) -> float:
        return self.seconds


class Gate:
    """An analysis that stays inside until it is opened, reporting progress all the time."""

    def __init__(self):
        self.opened, self.entered = threading.Event(), threading.Event()
        self.calls: list[object] = []
        self.cancelled = 0

    def __call__(self, model, *, x=0, progress):
        self.calls.append(x)
        self.entered.set()
        try:
            for done in range(1000):
                progress(done, 1000)
                if self.opened.wait(0.01):
                    return np.array([x])
        except BaseException:
            self.cancelled += 1
            raise
        raise TimeoutError


N_PARTS = 6


class InParts:
    """A fake analysis of six parts; `computed` tells which it did not find. It waits before part `stop`."""

    def __init__(self, stop: int = N_PARTS):
        self.stop = stop
        self.computed: list[int] = []
        self.stopped = threading.Event()

    def __call__(self, model, *, x=0, progress, parts):
        found = []
        for number in range(N_PARTS):
            progress(number, N_PARTS)
            name = f"layer {number} prompts 0-8"
            if name not in parts:
                while number == self.stop:
                    self.stopped.set()
                    time.sleep(0.01)
                    progress(number, N_PARTS)
                self.computed.append(number)
                parts[name] = np.full((2, 3), x + number / 3, dtype=np.float32)
            found.append(parts[name])
        return np.stack(found)


def tiered(folder: Path) -> TieredStore:
    return TieredStore(MemoryStore(10**7), lambda: DiskStore(folder, 10**8))


def asked(store: Store, analysis: InParts, **options) -> Computations:
    return Computations(store, analyses={"it": Analysis(analysis, 1, resumable=True)}, **options)
