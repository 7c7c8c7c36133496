"""What lessons may measure: functions of `ioi_core`, their parameters, and which of their numbers are asked about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.lessons.keys import interventions, measures
from app.lessons.keys.measured import Measured
from app.lessons.keys.run import CLASSES, GROUPS, Run
from ioi_core import LOGITS, ROLES


@dataclass(frozen=True)
class Analysis:
    """A function that lessons may run.

    Attributes:
        reads: which numbers can be read -> their shape: "scalar", "labels", "cells", "heads" or "curve".
        parameters: name -> what it may be, the first by default.
        facts: placeholders that its numbers fill.
        measure: computes and reads.
    """

    reads: Mapping[str, str]
    parameters: Mapping[str, tuple[str, ...]]
    facts: tuple[str, ...]
    measure: Callable[[Run, str, Mapping[str, Any]], Measured]


_SITES = ("z", "q", "k", "v", "pattern", "attn_out", "mlp_out", "resid_pre", "resid_mid", "resid_post")

ANALYSES: Mapping[str, Analysis] = {
    "predictions": Analysis(
        dict.fromkeys(("logit_diff", "times", "ahead", "probability", "corrupted"), "scalar")
        | {"probabilities": "labels", "most likely": "labels"},
        {"prompt": measures.PROMPTS},
        (
            "logit_diff", "corrupted", "probability", "wrong_probability", "times", "ahead", "prompts",
            "first_probability", "mean_probability",
        ),
        measures.predictions,
    ),
    "logit_lens": Analysis(
        {"curve": "curve", "steepest": "scalar"}, {},
        ("first", "peak", "peak_at", "last", "rise", "rise_at", "rise_layer", "layers", "last_layer"),
        measures.logit_lens,
    ),
    "attribute_layers": Analysis(
        {"kinds": "labels", "attention": "labels"}, {}, ("attention", "MLPs", "embeddings", "total"),
        measures.attribute_layers,
    ),
    "attribute_heads": Analysis(
        {"heads": "heads", "against": "scalar"}, {}, ("for_head", "for", "against_head", "against"),
        measures.attribute_heads,
    ),
    "patch_activations": Analysis(
        {"heads": "heads", "cells": "cells", "at S2": "curve", "start": "scalar", "crossing": "scalar"},
        {"site": _SITES, "direction": ("denoising", "noising")}, ("clean", "corrupted", "at_S2", "at_END"),
        interventions.patch_activations,
    ),
    "patch_paths": Analysis(
        {"heads": "heads", "inputs": "labels"},
        {"receivers": (LOGITS, *CLASSES), "receiver_input": ("q", "k", "v"), "senders": CLASSES},
        ("receivers", "senders"), interventions.patch_paths,
    ),
    "role_attention": Analysis(
        {"keys": "labels"}, {"head": GROUPS, "query": tuple(reversed(ROLES))},
        (*(role.replace("+1", "next") for role in ROLES), "head", "elsewhere"), measures.role_attention,
    ),
    "head_scores": Analysis(
        {"heads": "heads"}, {"score": ("induction", "previous_token", "duplicate_token")}, (), measures.head_scores
    ),
    "backup_heads": Analysis(
        {"left": "scalar", "changes": "heads"}, {"heads": GROUPS, "ablation": ("zero", "mean")},
        ("gone", "before", "after", "expected", "expected_share", "own_share", "left"), interventions.backup_heads,
    ),
    "evaluate_circuit": Analysis(
        dict.fromkeys(("faithfulness", "empty", "size"), "scalar"), {},
        ("whole", "kept", "share", "empty", "members", "all_heads"), interventions.evaluate_circuit,
    ),
}  # fmt: skip
"""Name of the function in `ioi_core` -> how lessons may run it."""


def measure(run: Run, name: str, read: str, parameters: Mapping[str, Any]) -> Measured:
    """Return the numbers that a question is about; parameters that are left out have their default.

    Raises:
        NotMeasuredError: this model does not have what the question is about.
        IOIError: an analysis failed.
    """
    analysis = ANALYSES[name]
    given = {key: allowed[0] for key, allowed in analysis.parameters.items()} | dict(parameters)
    return analysis.measure(run, read, given)
