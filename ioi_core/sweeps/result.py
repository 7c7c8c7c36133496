"""The result of a sweep, and the file it is kept in."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from ioi_core.errors import IOIError
from ioi_core.inputs import FilePath, Fraction, as_fraction, shown
from ioi_core.results import Result
from ioi_core.sweeps.files import DamagedFileError, pack, read, unpack, write

_KEY = "sweep"
_ARRAYS = ("values", "standard_error", "group_sizes", "group_values")
_TOLD = (
    "axes", "metric", "unit", "n_prompts", "undefined", "analysis", "parameters", "prompts", "model", "fingerprint",
    "numerics", "group_axis", "groups", "clean", "corrupted",
)  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class SweepResult(Result):
    """Means of one analysis over very many prompts; `values` and `axes` are what all prompts at once would give.

    Attributes:
        standard_error: of each value, to first order where values are ratios of means; nan for a single prompt.
        analysis, parameters: the function and its arguments, as JSON values.
        prompts: what they were: generated with which options, or given.
        model, fingerprint, numerics: whose weights, and the dtype and device they were run in.
        group_axis: "label" or "template", or None; groups: their names; group_sizes: their numbers of prompts.
        group_values: [group ...] means over each group's prompts, on the scale of all prompts.
        clean, corrupted: the raw metric of the two runs, mean over prompts; None for an analysis without them.
    """

    standard_error: Float[np.ndarray, "..."]
    analysis: str
    parameters: Mapping[str, Any]
    prompts: Mapping[str, Any]
    model: str
    fingerprint: str
    numerics: str
    group_axis: str | None
    groups: tuple[str, ...]
    group_sizes: Int[np.ndarray, " group"]
    group_values: Float[np.ndarray, "group ..."]
    clean: float | None
    corrupted: float | None

    def __post_init__(self) -> None:
        """Refuse errors or groups that do not fit the values as well."""
        super().__post_init__()
        wanted = (len(self.groups), *self.values.shape)
        if self.standard_error.shape != self.values.shape or self.group_values.shape != wanted:
            raise ValueError(
                f"standard errors {self.standard_error.shape} or groups {self.group_values.shape} do not fit"
            )
        if self.group_sizes.shape != wanted[:1]:
            raise ValueError(f"{len(self.groups)} groups have sizes of shape {self.group_sizes.shape}")

    def interval(self, level: Fraction = 0.95) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """Return (low, high) of each value: so many standard errors to both sides as a normal mean would have.

        Raises:
            PromptError: `level` is not between 0 and 1.
        """
        half = NormalDist().inv_cdf((1 + as_fraction(level, "level")) / 2) * self.standard_error
        return self.values - half, self.values + half

    def to_frame(self, *, interval: bool = False) -> pd.DataFrame:
        """Long form as `Result.to_frame`; with `interval`, columns standard_error, low_95 and high_95 as well."""
        frame = super().to_frame()
        if not interval:
            return frame
        low, high = self.interval()
        return frame.assign(standard_error=self.standard_error.ravel(), low_95=low.ravel(), high_95=high.ravel())

    def by_group(self) -> pd.DataFrame:
        """Long form of the groups' means: the group and its number of prompts, the axes, the value."""
        cells, axis = super().to_frame(), self.group_axis or "group"
        frames = [
            cells.assign(**{self.metric: values.ravel()}).pipe(_with_first, {axis: name, "n_prompts": int(size)})
            for name, size, values in zip(self.groups, self.group_sizes, self.group_values, strict=True)
        ]
        return (
            pd.concat(frames, ignore_index=True)
            if frames
            else cells.head(0).pipe(_with_first, {axis: "", "n_prompts": 0})
        )


def write_sweep(path: Path, result: SweepResult) -> None:
    """Keep a result as one file, whole or not at all."""
    told = {name: getattr(result, name) for name in _TOLD}
    told["axes"] = [[axis, list(labels)] for axis, labels in result.axes.items()]
    write(path, pack(_KEY, told, {name: getattr(result, name) for name in _ARRAYS}))


def read_sweep(path: FilePath) -> SweepResult:
    """Return the result that `sweep` or `python -m ioi_core sweep` kept in a file. Nothing in the file is run.

    Raises:
        IOIError: it cannot be read, or is no finished sweep, or is damaged.
    """
    try:
        data = read(Path(path))
    except (DamagedFileError, TypeError, ValueError) as error:
        raise _no_sweep(str(path)) from error
    return sweep_of(data, str(path))


def sweep_of(data: bytes, name: str) -> SweepResult:
    """Return the result that a file holds. Nothing in it is run.

    Args:
        name: of the file, for the error.
    Raises:
        IOIError: it is no finished sweep, or is damaged.
    """
    try:
        return _of(*unpack(_KEY, data))
    except (DamagedFileError, TypeError, ValueError, ArithmeticError) as error:
        raise _no_sweep(name) from error


def _no_sweep(name: str) -> IOIError:
    return IOIError(
        f"{shown(name)} is no finished sweep, or is damaged", "give the file that python -m ioi_core sweep wrote"
    )


def _of(told: dict[str, Any], arrays: dict[str, np.ndarray]) -> SweepResult:
    """Return the result of a file's contents; ValueError or TypeError where it is none."""
    if sorted(told) != sorted(_TOLD) or sorted(arrays) != sorted(_ARRAYS):
        raise ValueError("other fields")
    texts = ("metric", "unit", "analysis", "model", "fingerprint", "numerics")
    if not all(isinstance(told[name], str) for name in texts):
        raise TypeError("text is wanted")
    if not all(told[name] is None or isinstance(told[name], str) for name in ("undefined", "group_axis")):
        raise TypeError("text or nothing is wanted")
    if not all(isinstance(told[name], dict) for name in ("parameters", "prompts")):
        raise TypeError("an object is wanted")
    if isinstance(told["n_prompts"], bool) or not isinstance(told["n_prompts"], int) or told["n_prompts"] < 1:
        raise ValueError("a number of prompts is wanted")
    if any(arrays[name].dtype != (np.int64 if name == "group_sizes" else np.float64) for name in _ARRAYS):
        raise ValueError("other types of numbers")
    for name in ("clean", "corrupted"):
        told[name] = None if told[name] is None else float(told[name])
    fields: dict[str, Any] = {**told, **arrays}
    fields["axes"] = {_text(axis): tuple(map(_text, labels)) for axis, labels in told["axes"]}
    fields["groups"] = tuple(map(_text, told["groups"]))
    return SweepResult(**fields)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text is wanted")
    return value


def _with_first(frame: pd.DataFrame, columns: Mapping[str, str | int]) -> pd.DataFrame:
    """Return a frame with constant columns in front."""
    for place, (name, value) in enumerate(columns.items()):
        frame.insert(place, name, value)
    return frame


def finite(value: float) -> float | None:
    """Return a number, or None for nan, which JSON has not."""
    return None if math.isnan(value) else value
