"""Which analyses can be taken apart into blocks of prompts, and why the others cannot."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from ioi_core.activation_patching.estimate import estimate_patching
from ioi_core.activation_patching.exact import patch_activations
from ioi_core.activation_patching.sites import RESIDUAL_SITES
from ioi_core.attention.explain import explain_attention
from ioi_core.attention.name_writing import attention_and_writing
from ioi_core.attention.patterns import role_attention
from ioi_core.attribution.direct import attribute_heads, attribute_layers
from ioi_core.attribution.logit_lens import logit_lens
from ioi_core.attribution.predictions import predictions
from ioi_core.circuit.backup import backup_heads
from ioi_core.circuit.definition import Circuit
from ioi_core.circuit.evaluation import ablate, completeness, evaluate_circuit
from ioi_core.circuit.methods import direct_and_total
from ioi_core.edges.evaluation import edge_curve, evaluate_edges
from ioi_core.edges.results import EdgeCurve, EdgeScores
from ioi_core.edges.scores import edge_scores
from ioi_core.engine.scoring import PATH_UNITS, UNITS, check_metric, noted_runs
from ioi_core.errors import ChoiceError
from ioi_core.inputs import shown
from ioi_core.model.weights import Model
from ioi_core.path_patching.atlas import edge_atlas
from ioi_core.path_patching.patch import patch_paths
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import BesideTwoRuns, Progress, PromptResult
from ioi_core.sweeps.moments import SCALED, Moments
from ioi_core.sweeps.prompts import Source
from ioi_core.vocabulary import Ablation, Head

_WITH_METRICS: dict[Callable[..., PromptResult], Mapping[str, str]] = {
    patch_activations: UNITS,
    estimate_patching: UNITS,
    patch_paths: PATH_UNITS,
    edge_atlas: PATH_UNITS,
}
_OTHERS: tuple[Callable[..., PromptResult], ...] = (
    predictions, logit_lens, attribute_layers, attribute_heads, role_attention, attention_and_writing,
    explain_attention, edge_scores, evaluate_edges, edge_curve, ablate, evaluate_circuit, completeness,
    direct_and_total, backup_heads,
)  # fmt: skip

SWEPT: Mapping[str, Callable[..., PromptResult]] = {
    function.__name__: function for function in (*_WITH_METRICS, *_OTHERS)
}
"""Name -> analysis: each prompt's own value does not depend on the prompts beside it."""

_NO_MEAN = "it is no mean over prompts"
_CHOOSES = "it chooses by means over all prompts, so that blocks would choose differently"
_NOT_OF_PAIRS = "it does not read pairs of prompts"
REFUSED = {
    "attention_patterns": _NO_MEAN,
    "lens_tokens": _NO_MEAN,
    "answer_form_ranks": "it is a median over prompts, which blocks cannot be joined to",
    "head_roles": _CHOOSES,
    "find_circuit": _CHOOSES,
    "completeness_sets": _CHOOSES,
    "minimality": _CHOOSES,
    "edit_circuit": _CHOOSES,
    "minimal_edges": _CHOOSES,
    "contrast_methods": "one of its methods is mean ablation, whose mean is over all prompts",
    "token_and_position": "it reads six sets of twins",
    "head_scores": _NOT_OF_PAIRS,
    "copy_scores": _NOT_OF_PAIRS,
    "copied_tokens": _NOT_OF_PAIRS,
}
"""Name -> why it is not swept."""

_GIVEN = ("model", "pairs", "progress", "parts")


@dataclass(frozen=True)
class Request:
    """An analysis with its parameters, as blocks are asked for; goes to other processes.

    Attributes:
        parameters: those of the function. metric, unit: of the values at the end, None for the result's own.
        scale: the metric if it is a ratio of means; blocks are asked for logit_diff then.
    """

    analysis: str
    parameters: Mapping[str, Any]
    metric: str | None = None
    unit: str | None = None
    scale: str | None = None

    def identity(self) -> str:
        """Return all that decides a block's values, but for prompts and model, as text."""
        return json.dumps([self.analysis, plain(self.parameters)], sort_keys=True)

    def of_block(
        self, model: Model, pairs: PromptPairs, groups: list[str] | None, progress: Progress | None
    ) -> tuple[PromptResult, Moments]:
        """Analyse a block; its moments are those of the raw metric where there is a scale."""
        with noted_runs() as noted:
            result = SWEPT[self.analysis](model, pairs, **self.parameters, progress=progress)
        per_prompt, runs = result.per_prompt, np.empty((0, len(pairs)))
        if noted:
            [runs] = noted
        elif isinstance(result, BesideTwoRuns):
            runs = np.stack([result.clean_per_prompt, result.corrupted_per_prompt])
        elif isinstance(result, EdgeScores):  # which knows the two means alone
            runs = np.repeat([[result.clean], [result.corrupted]], len(pairs), axis=1)
        if isinstance(result, EdgeCurve):
            per_prompt = result.logit_diffs
        return result, Moments.of(per_prompt, runs, groups)


def request(model: Model, analysis: object, parameters: object, source: Source) -> Request:
    """Check an analysis and its parameters as far as they decide whether, and how, it is taken apart.

    Raises:
        ChoiceError, MetricError: say what was got and what is allowed. What else is wrong with a parameter, the first
            block says.
    """
    name = getattr(analysis, "__name__", analysis)
    if not isinstance(name, str) or name not in SWEPT or (callable(analysis) and SWEPT[name] is not analysis):
        why = f": {REFUSED[name]}" if isinstance(name, str) and name in REFUSED else ""
        raise ChoiceError(f"analysis {shown(name)} cannot be swept{why}. Use one of {', '.join(SWEPT)}")
    function = SWEPT[name]
    given = _checked(function, {} if parameters is None else parameters)
    if str(given.get("ablation", _default(function, "ablation"))) == Ablation.MEAN:
        raise ChoiceError(
            "mean ablation puts in a mean over all prompts, which no block has: give ablation resample or zero"
        )
    if name == "edge_curve":
        return Request(name, given, "faithfulness", "fraction", "logit_diff_recovered")
    if function not in _WITH_METRICS:
        return Request(name, given)
    metric, units = given.get("metric", _default(function, "metric")), _WITH_METRICS[function]
    check_metric(metric, units)
    positions = _positions(given, source)
    if positions is not None:
        given["positions"] = positions
    scale = metric if metric in SCALED else None
    return Request(name, given | {"metric": "logit_diff" if scale else metric}, metric, units[metric], scale)


def plain(value: object) -> Any:
    """Return a parameter as JSON values that tell it from every other; arrays as their hash.

    Raises:
        ChoiceError: it is of a type that no parameter is of.
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Head):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        array = np.ascontiguousarray(value)
        return ["array", array.dtype.str, list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()]
    raise ChoiceError(f"{shown(value)} cannot be a parameter of a sweep: give numbers, text, lists or arrays")


def _checked(function: Callable[..., object], parameters: object) -> dict[str, Any]:
    wanted = {
        name: parameter for name, parameter in inspect.signature(function).parameters.items() if name not in _GIVEN
    }
    if not isinstance(parameters, Mapping) or not all(isinstance(name, str) for name in parameters):
        raise ChoiceError(f"parameters are names with values, such as {{'site': 'z'}}, got {shown(parameters)}")
    if unknown := [name for name in parameters if name not in wanted]:
        has = ", ".join(wanted) or "none"
        raise ChoiceError(f"{function.__name__} has no parameter {shown(unknown[0])}: it has {has}")
    missing = [
        name
        for name, parameter in wanted.items()
        if parameter.default is inspect.Parameter.empty and name not in parameters
    ]
    if missing:
        raise ChoiceError(f"{function.__name__} needs {' and '.join(missing)}: give them as parameters")
    return {name: _sendable(value) for name, value in parameters.items()}


def _sendable(value: object) -> object:
    """Return a parameter as it is sent to other processes: of a result that is given, its circuit or values alone."""
    circuit, edges = getattr(value, "circuit", None), getattr(value, "edges", None)
    if isinstance(circuit, Circuit):
        value = circuit
    elif isinstance(edges, tuple):
        value = edges
    elif isinstance(value, PromptResult):
        value = value.values
    plain(value)
    return value


def _positions(given: Mapping[str, object], source: Source) -> str | None:
    """Return the positions that the whole set would be patched at, where a block by itself could differ in them."""
    site, positions = given.get("site"), given.get("positions")
    residual = isinstance(site, str) and site in RESIDUAL_SITES
    each = positions == "each" or (residual and positions is None)
    if not each or source.equally_long:
        return None
    if residual:
        return "roles"
    raise ChoiceError(
        f"the prompts differ in length, so that a position by number is another word in each: give positions of {site} "
        "as all, roles, or a role such as END"
    )


def _default(function: Callable[..., object], name: str) -> Any:
    parameter = inspect.signature(function).parameters.get(name)
    return None if parameter is None else parameter.default
