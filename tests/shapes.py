"""What a test run checks of every function of `ioi_core`: types by beartype, shapes by jaxtyping."""

import inspect
from collections.abc import Callable
from typing import Any


def where_there_are_arrays(shapes: Callable[..., Any]) -> Callable[..., Any]:
    """Return jaxtyping's decorator for functions that speak of arrays, and its type checker alone for all others.

    It binds the arguments of every call, which takes ten times as long as the type checker itself; functions of heads
    and words are called by the million.
    """

    def decorator(*, typechecker: Callable[..., Any]) -> Callable[..., Any]:
        def decorate(defined: Any) -> Any:
            return shapes(defined, typechecker=typechecker) if _has_arrays(defined) else typechecker(defined)

        return decorate

    return decorator


def _has_arrays(defined: Any) -> bool:
    """Whether the annotations of a function, or of a class and its bases, name an array of jaxtyping's."""
    named = [inspect.get_annotations(one) for one in getattr(defined, "__mro__", [defined])]
    return any("jaxtyping." in repr(kind) or isinstance(kind, str) for kinds in named for kind in kinds.values())
