"""The analyses that pages may ask for, by name; the version is part of every key.

Raise a version whenever the analysis would return something else for the same parameters: kept results of the old
version are then never shown again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ioi_core


@dataclass(frozen=True)
class Analysis:
    """A function of `ioi_core`, called as `function(model, **parameters, progress=...)`, and its version.

    One that is resumable is called with `parts=...` as well, a mapping in which it puts each finished part and finds
    those of an earlier, interrupted run.
    """

    function: Callable[..., Any]
    version: int
    resumable: bool = False


ANALYSES: Mapping[str, Analysis] = {
    "predictions": Analysis(ioi_core.predictions, 1),
    "logit_lens": Analysis(ioi_core.logit_lens, 1),
    "lens_tokens": Analysis(ioi_core.lens_tokens, 1),
    "attribute_layers": Analysis(ioi_core.attribute_layers, 1),
    "attribute_heads": Analysis(ioi_core.attribute_heads, 1),
    "attention_patterns": Analysis(ioi_core.attention_patterns, 1),
    "attention_and_writing": Analysis(ioi_core.attention_and_writing, 1),
    "role_attention": Analysis(ioi_core.role_attention, 1),
    "head_scores": Analysis(ioi_core.head_scores, 1),
    "copy_scores": Analysis(ioi_core.copy_scores, 1),
    "copied_tokens": Analysis(ioi_core.copied_tokens, 1),
    "head_roles": Analysis(ioi_core.head_roles, 1),
    "patch_activations": Analysis(ioi_core.patch_activations, 1),
    "estimate_patching": Analysis(ioi_core.estimate_patching, 1),
    "patch_paths": Analysis(ioi_core.patch_paths, 1),
    "edge_atlas": Analysis(ioi_core.edge_atlas, 1, resumable=True),
    "explain_attention": Analysis(ioi_core.explain_attention, 1),
    "ablate": Analysis(ioi_core.ablate, 1),
    "evaluate_circuit": Analysis(ioi_core.evaluate_circuit, 1),
    "completeness": Analysis(ioi_core.completeness, 1),
    "minimality": Analysis(ioi_core.minimality, 1),
    "edit_circuit": Analysis(ioi_core.edit_circuit, 1),
    "completeness_sets": Analysis(ioi_core.completeness_sets, 1),
    "find_circuit": Analysis(ioi_core.find_circuit, 1),
    "backup_heads": Analysis(ioi_core.backup_heads, 1),
    "token_and_position": Analysis(ioi_core.token_and_position, 1),
    "contrast_methods": Analysis(ioi_core.contrast_methods, 1),
    "direct_and_total": Analysis(ioi_core.direct_and_total, 1),
}
