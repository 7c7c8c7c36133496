"""The analyses that pages may ask for, by the name of their function; the version is part of every key.

Raise a version whenever the analysis would return something else for the same parameters: kept results of the old
version are then never shown again.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import ioi_core
from ioi_core.activation_patching import grid
from ioi_core.edges import scores
from ioi_core.path_patching import atlas, patch

_ADDED_BY_COMPUTATIONS = ("progress", "parts")  # no result depends on them


@dataclass(frozen=True)
class Analysis:
    """A function of `ioi_core`, called as `function(model, **parameters, progress=...)`, and its version.

    One that is resumable is called with `parts=...` as well, a mapping in which it puts each finished part and finds
    those of an earlier, interrupted run.

    Attributes:
        cells: counts the patched runs that each prompt needs, called as the function is but without progress; None
            where nothing is patched.
    """

    function: Callable[..., Any]
    version: int
    resumable: bool = False
    cells: Callable[..., int] | None = None


ANALYSES: Mapping[str, Analysis] = {
    analysis.function.__name__: analysis
    for analysis in (
        Analysis(ioi_core.predictions, 1),
        Analysis(ioi_core.answer_form_ranks, 1),
        Analysis(ioi_core.logit_lens, 1),
        Analysis(ioi_core.lens_tokens, 1),
        Analysis(ioi_core.attribute_layers, 1),
        Analysis(ioi_core.attribute_heads, 1),
        Analysis(ioi_core.attention_patterns, 1),
        Analysis(ioi_core.attention_and_writing, 1),
        Analysis(ioi_core.role_attention, 1),
        Analysis(ioi_core.head_scores, 1),
        Analysis(ioi_core.copy_scores, 1),
        Analysis(ioi_core.copied_tokens, 1),
        Analysis(ioi_core.patch_activations, 1, cells=grid.count_cells),
        Analysis(ioi_core.estimate_patching, 1),
        Analysis(ioi_core.patch_paths, 1, cells=patch.count_cells),
        Analysis(ioi_core.edge_atlas, 1, resumable=True, cells=atlas.count_cells),
        Analysis(ioi_core.edge_scores, 1, resumable=True, cells=scores.count_cells),
        Analysis(ioi_core.evaluate_edges, 1),
        Analysis(ioi_core.edge_curve, 1),
        Analysis(ioi_core.minimal_edges, 1),
        Analysis(ioi_core.explain_attention, 1),
        Analysis(ioi_core.evaluate_circuit, 1),
        Analysis(ioi_core.completeness, 1),
        Analysis(ioi_core.minimality, 1),
        Analysis(ioi_core.edit_circuit, 2),
        Analysis(ioi_core.completeness_sets, 2),
        Analysis(ioi_core.find_circuit, 2),
        Analysis(ioi_core.backup_heads, 1),
        Analysis(ioi_core.token_and_position, 1),
        Analysis(ioi_core.contrast_methods, 1),
        Analysis(ioi_core.direct_and_total, 1),
    )
}


def parameters_of(function: Callable[..., object], /, *args: object, **parameters: object) -> dict[str, object]:
    """Return all parameters of a call that its result depends on but the model; what was left out has its default.

    Raises:
        TypeError: the function has no such parameter, or needs one that is missing.
    """
    call = _signature(function).bind(None, *args, **parameters)
    call.apply_defaults()
    _, *names = call.arguments
    return {name: call.arguments[name] for name in names if name not in _ADDED_BY_COMPUTATIONS}


@cache
def _signature(function: Callable[..., object]) -> inspect.Signature:
    """Return a function's signature, read once: that takes longer than all else of a request."""
    return inspect.signature(function)
