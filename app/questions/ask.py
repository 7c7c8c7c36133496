"""A request: which analysis, with which parameters. A plain value; no Streamlit here.

`ask(ioi_core.patch_activations, pairs=pairs, site="z")` names the function that computes the numbers, so an editor
jumps from a figure to its computation and a type checker checks every parameter.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Concatenate, Generic, ParamSpec, Protocol, TypeVar

from cache.analyses import parameters_of
from ioi_core import Model

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, eq=False)
class Request(Generic[R_co]):
    """One analysis and its parameters.

    Attributes:
        function: of `ioi_core`, registered in `cache.analyses`.
        parameters: all that the result depends on but the model; what was left out has its default.
    """

    function: Callable[..., R_co]
    parameters: Mapping[str, object]

    @property
    def analysis(self) -> str:
        """The registered name of the analysis."""
        return self.function.__name__


def ask(function: Callable[Concatenate[Model, P], R], /, *args: P.args, **parameters: P.kwargs) -> Request[R]:
    """Return the request for `compute`: the analysis and its parameters, without the model.

    Raises:
        TypeError: the analysis has no such parameter, or needs one that is missing.
    """
    return Request(function, parameters_of(function, *args, **parameters))


class Compute(Protocol):
    """Computes a request on one model, or finds its result."""

    def __call__(self, request: Request[R], /) -> R:
        """Return the result."""
        ...
