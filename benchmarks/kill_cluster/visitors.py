"""The visitors of `benchmarks.kill_cluster`: what they ask for, and one replica of them in a process of its own."""

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cache.analyses import ANALYSES, Analysis
from cache.cluster.address import Cluster
from cache.cluster.line import ClusterLine
from cache.computations import Computations
from cache.line import new_place
from cache.records import Record
from cache.store.codec import encode
from ioi_core import arena_pairs, load_model
from tests.cache.cluster import processes

VISITORS = 25  # of each replica
SITES = ("resid_pre", "resid_mid", "attn_out", "mlp_out", "z", "pattern")
_STUCK = 120.0  # seconds


@dataclass
class Counts:
    """What the visitors of a replica saw."""

    shown: int = 0
    computed: int = 0
    wrong: int = 0
    lost: int = 0
    failed: int = 0
    stuck: int = 0
    waited: float = 0.0
    errors: tuple[str, ...] = ()

    def __add__(self, other: "Counts") -> "Counts":
        both: dict[str, Any] = {}
        for name in (field.name for field in fields(self)):
            both[name] = getattr(self, name) + getattr(other, name)
        return Counts(**both | {"waited": max(self.waited, other.waited)})


class Asking:
    """What visitors ask for."""

    analyses: Mapping[str, Analysis]

    def model(self) -> Any:
        raise NotImplementedError

    def view(self, number: int) -> tuple[str, dict[str, Any]]:
        """The analysis and parameters of one view."""
        raise NotImplementedError

    def right(self, number: int) -> bytes:
        """Its result as bytes."""
        raise NotImplementedError


class Light(Asking):
    """Analyses that sleep; every third is made of parts."""

    analyses = processes.ANALYSES

    def model(self) -> Any:
        return processes.model()

    def view(self, number: int) -> tuple[str, dict[str, Any]]:
        if number % 3:
            return "count", {"x": float(number), "seconds": 0.05 * (number % 5)}
        return "in_parts", {"x": float(number), "n": 4 + number % 7, "seconds": 0.02}

    def right(self, number: int) -> bytes:
        parts = [number + part / 3 for part in range(4 + number % 7)]
        return encode("", np.array(parts if number % 3 == 0 else [number, number + 1.0]))


class Patched(Asking):
    """Activation patching of the bundled model."""

    analyses = ANALYSES

    def __init__(self) -> None:
        self._model: Any = None
        self._right: dict[tuple[int, int], bytes] = {}

    def model(self) -> Any:
        torch.set_num_threads(1)
        self._model = self._model or load_model("ioi-demo", device="cpu")
        return self._model

    def view(self, number: int) -> tuple[str, dict[str, Any]]:
        prompts, site = _which(number)
        rows = [row for row in range(8) if prompts >> row & 1]
        return "patch_activations", {"pairs": arena_pairs(self.model()).take(rows), "site": SITES[site]}

    def right(self, number: int) -> bytes:
        if (which := _which(number)) not in self._right:
            analysis, parameters = self.view(number)
            self._right[which] = encode("", self.analyses[analysis].function(self.model(), **parameters))
        return self._right[which]


def _which(number: int) -> tuple[int, int]:
    """Which of the eight prompts, as bits, and which site."""
    return number % 255 + 1, number // 255 % len(SITES)


def replica_process(cluster: Cluster, asking: Asking, kept: Path, replica: int, pipe: Connection) -> None:
    """Ask until told that it is enough, then say what was seen."""
    model = asking.model()
    records: list[Record] = []
    store = processes.store(kept)
    line = ClusterLine(cluster, 250)
    asked = Computations(store, analyses=asking.analyses, elsewhere=line, device="cpu", observe=records.append)
    counts, lock, enough = Counts(), threading.Lock(), threading.Event()
    shown: dict[int, bytes] = {}
    last = [float("inf")]  # when the last kill was
    pipe.send("asking")

    def visit(visitor: int) -> None:
        chance = random.Random(f"{replica} {visitor}")
        step = 0
        while not enough.is_set():
            step += 1
            own = 1000 * (visitor + VISITORS * replica + 1) + step
            number = step if chance.random() < 0.5 else own  # what all others ask for too, or nobody else
            analysis, parameters = asking.view(number)
            began = time.monotonic()
            job = asked.request(analysis, model, place=new_place(f"{replica} {visitor}"), **parameters)
            while not job.wait(0.25) and time.monotonic() < last[0] + _STUCK:
                continue
            with lock:
                counts.waited = max(counts.waited, time.monotonic() - began)
                counts.stuck += not job.ended
                if job.ended and job.error is not None:
                    counts.failed += 1
                    counts.errors += (repr(job.error),)
                if job.ended and job.error is None:
                    counts.shown += 1
                    shown[number] = encode("", job.result())

    threads = [threading.Thread(target=visit, args=(number,), daemon=True) for number in range(VISITORS)]
    for thread in threads:
        thread.start()
    pipe.recv()
    last[0] = time.monotonic()
    enough.set()
    for thread in threads:
        thread.join(_STUCK + 10)
    asked.stop(10)
    store.flush()
    again = processes.store(kept)  # as a replica that is started anew finds it
    for number, result in shown.items():
        analysis, parameters = asking.view(number)
        found = again.get(asked.key(analysis, model, parameters))
        counts.lost += found is None or encode("", found) != result
        counts.wrong += result != asking.right(number)
    counts.computed = sum(record.cache == "miss" for record in records)
    pipe.send(counts)
