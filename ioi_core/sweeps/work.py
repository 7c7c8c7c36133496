"""One block of a sweep as a job for any process, and what comes back: bytes that belong to this block alone."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np

from ioi_core.errors import IOIError
from ioi_core.model.loading import load_model
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Axes, Progress
from ioi_core.sweeps.analyses import Request
from ioi_core.sweeps.files import DamagedFileError, pack, unpack
from ioi_core.sweeps.moments import Means, Moments
from ioi_core.sweeps.prompts import digest


@dataclass(frozen=True)
class Weights:
    """The model that a job wants: where it is loaded from, and what it must turn out to be."""

    name: str
    device: str
    dtype: str
    fingerprint: str
    numerics: str

    @classmethod
    def of(cls, model: Model) -> "Weights":
        """Those of a model that is loaded here."""
        dtype = str(model.weights.W_E.dtype).removeprefix("torch.")
        return cls(model.name, str(model.device), dtype, model.fingerprint, model.numerics)


@dataclass(frozen=True, eq=False)
class Job:
    """A block of prompts and what is asked about it.

    Attributes:
        key: names request, model and prompts: equal keys have equal results.
    """

    index: int
    key: str
    request: Request
    weights: Weights
    pairs: PromptPairs
    groups: list[str] | None

    @classmethod
    def of(cls, index: int, request: Request, weights: Weights, pairs: PromptPairs, groups: list[str] | None) -> "Job":
        """The job of a block."""
        told = [request.identity(), weights.fingerprint, weights.numerics, digest(pairs, groups)]
        return cls(index, hashlib.sha256("\n".join(told).encode()).hexdigest(), request, weights, pairs, groups)


@dataclass(frozen=True, eq=False)
class Block:
    """What a block, or several joined ones, came to."""

    axes: Axes
    metric: str
    unit: str
    undefined: str | None
    moments: Moments

    def merged(self, other: "Block") -> "Block":
        """Of the prompts of both.

        Raises:
            IOIError: their axes differ, so that a cell of one is none of the other.
        """
        if self.axes != other.axes:
            ours, theirs = ([f"{axis} {len(labels)}" for axis, labels in of.axes.items()] for of in (self, other))
            raise IOIError(
                f"blocks of these prompts have different axes ({', '.join(ours)} and {', '.join(theirs)}): sweep "
                "prompts of one kind, or choose positions by role"
            )
        return Block(self.axes, self.metric, self.unit, self.undefined, self.moments.merged(other.moments))


def computed(model: Model, job: Job, progress: Progress | None = None) -> bytes:
    """Analyse a block; return its moments as bytes under the job's key."""
    result, moments = job.request.of_block(model, job.pairs, job.groups, progress)
    names = list(moments.groups)
    told = {
        "axes": [[axis, list(labels)] for axis, labels in result.axes.items()],
        "metric": result.metric,
        "unit": result.unit,
        "undefined": result.undefined,
        "n": moments.means.n,
        "groups": [[name, moments.groups[name].n] for name in names],
    }
    of_groups = [moments.groups[name] for name in names]
    empty = Means(0, moments.means.cells[:0], moments.means.runs[:0])
    arrays = {
        "cells": moments.means.cells,
        "run_means": moments.means.runs,
        "squares": moments.squares,
        "across": moments.across,
        "runs": moments.runs,
        "group_cells": np.stack([of.cells for of in of_groups or [empty]]),
        "group_runs": np.stack([of.runs for of in of_groups or [empty]]),
    }
    return pack(job.key, told, arrays)


def read_block(data: bytes, key: str, n_prompts: int) -> Block:
    """Return what was computed for the block of a key.

    Raises:
        DamagedFileError: these bytes are not that.
    """
    told, arrays = unpack(key, data)
    try:
        return _block(told, arrays, n_prompts)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFileError(f"{type(error).__name__}: {error}") from error


def _block(told: Mapping[str, Any], arrays: Mapping[str, np.ndarray], n_prompts: int) -> Block:
    axes = {str(axis): tuple(map(str, labels)) for axis, labels in told["axes"]}
    size = int(np.prod([len(labels) for labels in axes.values()], dtype=np.int64))
    groups = [(str(name), int(n)) for name, n in told["groups"]]
    runs = len(arrays["run_means"])
    wanted = {
        "cells": (size,),
        "run_means": (runs,),
        "squares": (size,),
        "across": (runs, size),
        "runs": (runs, runs),
        "group_cells": (len(groups), size) if groups else (1, 0),
        "group_runs": (len(groups), runs) if groups else (1, 0),
    }
    if {name: array.shape for name, array in arrays.items()} != wanted or runs not in (0, 2):
        raise ValueError("arrays of other shapes")
    if any(array.dtype != np.float64 for array in arrays.values()):
        raise ValueError("arrays of another type")
    sizes = [n for _, n in groups]
    if told["n"] != n_prompts or (groups and (sum(sizes) != n_prompts or min(sizes) < 1)):
        raise ValueError("another number of prompts")
    undefined = told["undefined"]
    by_group = {
        name: Means(n, arrays["group_cells"][number], arrays["group_runs"][number])
        for number, (name, n) in enumerate(groups)
    }
    means = Means(n_prompts, arrays["cells"], arrays["run_means"])
    moments = Moments(means, arrays["squares"], arrays["across"], arrays["runs"], by_group)
    return Block(axes, str(told["metric"]), str(told["unit"]), None if undefined is None else str(undefined), moments)


_ONE_AT_A_TIME = Lock()


def computed_here(job: Job) -> bytes:
    """Analyse a block in a process that may not have the model yet; it stays loaded for the next one.

    Raises:
        IOIError: the model cannot be loaded here, or is not the one that the sweep began with.
    """
    with _ONE_AT_A_TIME:
        weights = job.weights
        model = _loaded(weights.name, weights.device, weights.dtype)
        if (model.fingerprint, model.numerics) != (weights.fingerprint, weights.numerics):
            raise IOIError(
                f"{weights.name} has other weights or numerics here ({model.fingerprint[:12]}, {model.numerics}) than "
                f"where the sweep began ({weights.fingerprint[:12]}, {weights.numerics}): give all machines the same"
            )
        return computed(model, job)


@lru_cache(maxsize=1)
def _loaded(name: str, device: str, dtype: str) -> Model:
    return load_model(name, device=device, dtype=dtype)
