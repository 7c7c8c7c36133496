"""The results of all analyses: NumPy values with named axes, the metric, its unit and the number of prompts.

A `Result` is just that; a `PromptResult` is a mean over prompts and holds each prompt's own value; a `TwoRunResult`
moved activations between a clean and a corrupted run. Only fields that may be absent have a default.
`over_prompts` gives the fields of a `PromptResult` that follow from each prompt's own value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from jaxtyping import Float

from ioi_core.errors import IOIError
from ioi_core.inputs import shown
from ioi_core.uncertainty import bootstrap_interval
from ioi_core.vocabulary import Direction

Progress = Callable[[int, int], None]
"""Called with (done, total) work units; an exception raised in it cancels the analysis and leaves nothing behind."""

Axes = Mapping[str, tuple[str, ...]]
"""Axis name -> its labels, in the order of the axes."""

_COUNTED = ("layer", "head", "pos", "batch", "k")
"""Axes whose labels are whole numbers; also with something in front ("sender_layer")."""

_FINAL = "final"
"""The label, behind all layers, of the residual stream after the last."""

_Kind = TypeVar("_Kind", bound="Result")


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """Values over named axes.

    Attributes:
        values: one number a cell; nan where undefined.
        axes: axis name -> its labels, in the order of the axes of `values`.
        metric: the field's word for a value ("logit_diff").
        unit: its unit ("logits", "probability", "fraction").
        n_prompts: the number of prompts behind the values.
        undefined: the reason why cells of `values` are nan, if any are.
    """

    values: Float[np.ndarray, "..."]
    axes: Axes
    metric: str
    unit: str
    n_prompts: int
    undefined: str | None = None

    def __post_init__(self) -> None:
        """Refuse labels that do not fit and one name for two columns; make arrays read-only: results are shared."""
        want = tuple(len(labels) for labels in self.axes.values())
        if self.values.shape != want:
            raise ValueError(f"axes {dict.fromkeys(self.axes)} want shape {want}, got {self.values.shape}")
        if self.metric in self.axes:
            raise ValueError(f"{self.metric} is an axis and the metric: a table would have two columns of that name")
        for array in vars(self).values():
            if isinstance(array, np.ndarray):
                array.setflags(write=False)

    def __init_subclass__(cls) -> None:
        """Give every kind the short `repr`: `dataclass` writes one of all fields only where a class has none."""
        type.__setattr__(cls, "__repr__", Result.__repr__)

    def __repr__(self) -> str:
        """The kind, the size of each axis, the metric with its unit and the number of prompts; no numbers."""
        sizes = ", ".join(f"{axis} {len(labels)}" for axis, labels in self.axes.items())
        return f"{type(self).__name__}({self.metric} in {self.unit}, [{sizes}], n_prompts {self.n_prompts})"

    def at(self, **labels: object) -> "Result":
        """Return the cells at one label of each of some axes (`at(layer=9, head=6)`), over the axes that are left.

        Raises:
            ValueError: there is no such axis, or it has no such label.
        """
        return self._at(Result, labels)

    def _at(self, kind: type[_Kind], labels: Mapping[str, object]) -> _Kind:
        """Return the fields that `kind` has, of the cells at some labels."""
        for axis, label in labels.items():
            if str(label) not in self.axes.get(axis, ()):
                allowed = {name: f"{all_labels[0]} ... {all_labels[-1]}" for name, all_labels in self.axes.items()}
                raise ValueError(f"there is no {axis} {label}: the axes are {allowed}")
        cell = tuple(
            all_labels.index(str(labels[axis])) if axis in labels else slice(None)
            for axis, all_labels in self.axes.items()
        )
        parts = {field.name: getattr(self, field.name) for field in fields(kind)}
        for name in parts.keys() & {"values", "per_prompt"}:
            parts[name] = parts[name][(*cell, ...)]
        parts["axes"] = {axis: all_labels for axis, all_labels in self.axes.items() if axis not in labels}
        return kind(**parts)

    def to_frame(self) -> pd.DataFrame:
        """Long form: one row a cell, a column for each axis, then the value under the metric's name.

        Layers, heads and positions are whole numbers; all other labels are text. The residual stream before each layer
        and after the last has a column of its stages in front as well, named as those of `logit_lens`.
        """
        if not self.axes:
            return pd.DataFrame({self.metric: self.values.ravel()})
        labels = [_typed_labels(axis, labels) for axis, labels in self.axes.items()]
        index = pd.MultiIndex.from_product(labels, names=list(self.axes))
        frame = pd.Series(self.values.ravel(), index=index, name=self.metric).reset_index()
        return _staged(frame, self.axes["layer"]) if _FINAL in self.axes.get("layer", ()) else frame


@dataclass(frozen=True, eq=False, kw_only=True)
class PromptResult(Result):
    """Means over prompts.

    Attributes:
        per_prompt: each prompt's own value; the axes of `values`, and `batch` last.
    """

    per_prompt: Float[np.ndarray, "..."]

    def __post_init__(self) -> None:
        """Refuse prompts that do not fit the values as well."""
        super().__post_init__()
        want = (*self.values.shape, self.n_prompts)
        if self.per_prompt.shape != want:
            raise ValueError(f"per_prompt wants shape {want}, got {self.per_prompt.shape}")

    def at(self, **labels: object) -> "PromptResult":
        """Return the cells at one label of each of some axes, with their prompts; as `Result.at`."""
        return self._at(PromptResult, labels)

    def interval(self) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """Return (low, high), the 95 % bootstrap interval of each value; nan for a single prompt."""
        return bootstrap_interval(self.per_prompt)

    def to_frame(self, *, interval: bool = False) -> pd.DataFrame:
        """Long form as `Result.to_frame`; with `interval`, columns low_95 and high_95 behind the value."""
        frame = super().to_frame()
        if not interval:
            return frame
        low, high = self.interval()
        return frame.assign(low_95=low.ravel(), high_95=high.ravel())


def _typed_labels(axis: str, labels: tuple[str, ...]) -> list[str] | list[int]:
    """Return labels as whole numbers where an axis counts something; beside a last layer "final" all are text."""
    counted = axis.rsplit("_", 1)[-1] in _COUNTED and all(label.isdecimal() for label in labels)
    return [int(label) for label in labels] if counted else list(labels)


def _staged(frame: pd.DataFrame, labels: tuple[str, ...]) -> pd.DataFrame:
    """Return a table with the last stage, "final", as what comes after the last layer."""
    stages = {label: "final_post" if label == _FINAL else f"{label}_pre" for label in labels}
    layers = {label: len(labels) - 2 if label == _FINAL else int(label) for label in labels}
    staged = frame.assign(layer=frame["layer"].map(layers))
    staged.insert(0, "stage", frame["layer"].map(stages))
    return staged


def check_result(kind: type[Result], **given: object) -> None:
    """Refuse anything but results of a kind; IOIError names the parameter, what was got and what is wanted."""
    for name, value in given.items():
        if not isinstance(value, kind):
            raise IOIError(f"{name} must be a {kind.__name__}, got {shown(value)}")


def over_prompts(per_prompt: Float[np.ndarray, "*cells batch"]) -> dict[str, Any]:
    """Return the fields of a `PromptResult` that follow from each prompt's own value: it, the mean and the number."""
    return {"values": np.asarray(per_prompt.mean(-1)), "n_prompts": per_prompt.shape[-1], "per_prompt": per_prompt}


@dataclass(frozen=True, eq=False, kw_only=True)
class BesideTwoRuns(PromptResult):
    """logit_diff of runs that lie beside, or between, an unpatched clean and corrupted run.

    Attributes:
        clean_per_prompt, corrupted_per_prompt: [batch] logit_diff of the two runs.
    """

    clean_per_prompt: Float[np.ndarray, " batch"]
    corrupted_per_prompt: Float[np.ndarray, " batch"]

    @property
    def clean(self) -> float:
        """The clean run's mean logit_diff."""
        return float(self.clean_per_prompt.mean())

    @property
    def corrupted(self) -> float:
        """The corrupted run's mean logit_diff."""
        return float(self.corrupted_per_prompt.mean())


@dataclass(frozen=True, eq=False, kw_only=True)
class TwoRunResult(PromptResult):
    """Values of one run into which activations of the other were put.

    Attributes:
        direction: clean into corrupted or the reverse.
        clean, corrupted: the raw metric of the two runs, mean over prompts (logit_diff where values are a scale of it).
        unpatched: [batch] the receiving run's own value on the scale of `values`; a cell minus this is its effect.
        gaps: [batch] each prompt's share of the mean by which values are divided, mean 1; None where they are not
            ratios of means. A resampled mean must be divided by the resampled gap.
    """

    direction: Direction
    clean: float
    corrupted: float
    unpatched: Float[np.ndarray, " batch"]
    gaps: Float[np.ndarray, " batch"] | None

    @property
    def effects(self) -> Float[np.ndarray, "*cells batch"]:
        """Each cell's change against the unpatched run, prompt by prompt; exactly 0 where nothing can change."""
        return self.per_prompt - self.unpatched

    def at(self, **labels: object) -> "TwoRunResult":
        """Return the cells at one label of each of some axes, with both runs; as `Result.at`."""
        return self._at(TwoRunResult, labels)

    def interval(self) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """Return (low, high) of each value; where values are ratios of means, both means are resampled together."""
        return bootstrap_interval(self.per_prompt, gaps=self.gaps)

    def effect_interval(self) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """Return (low, high) of each cell's mean effect."""
        return bootstrap_interval(self.effects, gaps=self.gaps)
