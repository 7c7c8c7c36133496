"""What every analysis returns: NumPy values with named axes, the metric, its unit and the number of prompts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

Progress = Callable[[int, int], None]
"""Called with (done, total) work units; an exception raised in it cancels the analysis and leaves nothing behind."""


@dataclass(frozen=True, eq=False)
class Result:
    """Values over named axes.

    Attributes:
        values: one number a cell; nan where undefined.
        axes: axis name -> its labels, in the order of the axes of `values`.
        metric: what a value is, in the field's word ("logit_diff").
        unit: its unit ("logits", "probability", "fraction").
        n_prompts: how many prompts the mean is taken over.
        per_prompt: the same axes and `batch` last, where `values` is a mean over prompts.
        undefined: why cells of `values` are nan, if any are.
    """

    values: Float[np.ndarray, "..."]
    axes: Mapping[str, tuple[str, ...]]
    metric: str
    unit: str
    n_prompts: int
    per_prompt: Float[np.ndarray, "..."] | None = None
    undefined: str | None = None

    def __post_init__(self) -> None:
        """Refuse labels that do not fit the values, and make the arrays read-only: results are shared."""
        want = tuple(len(labels) for labels in self.axes.values())
        if self.values.shape != want:
            raise ValueError(f"axes {dict.fromkeys(self.axes)} want shape {want}, got {self.values.shape}")
        if self.per_prompt is not None and self.per_prompt.shape != (*want, self.n_prompts):
            raise ValueError(f"per_prompt wants shape {(*want, self.n_prompts)}, got {self.per_prompt.shape}")
        for array in vars(self).values():
            if isinstance(array, np.ndarray):
                array.setflags(write=False)

    def to_frame(self) -> pd.DataFrame:
        """Long form: one row a cell, a column for each axis, then the value under the metric's name."""
        if not self.axes:
            return pd.DataFrame({self.metric: self.values.ravel()})
        index = pd.MultiIndex.from_product(list(self.axes.values()), names=list(self.axes))
        return pd.Series(self.values.ravel(), index=index, name=self.metric).reset_index()
