"""Which heads to look at first: all heads, ranked by one of several measures."""

from functools import partial

from app.questions.compute import compute
from app.questions.measures import (
    SCORES,
    Measure,
    attention_score,
    direct_effect,
    measure_requests,
    patching_effect,
)
from ioi_core import Model, PromptPairs

RANKED_BY = {"direct effect": "direct effect", "patching": "patching effect", **{name: name for name in SCORES}}
"""What heads can be ranked by, under the names that links have for it -> the measure."""


def ranking(model: Model, pairs: PromptPairs, measure: str) -> Measure:
    """Rank all heads on all prompts by one of the measures of `RANKED_BY`; nothing else is computed for it."""
    direct, patching, scores, _ = measure_requests(pairs)
    request, read = {
        "direct effect": (direct, direct_effect),
        "patching effect": (patching, patching_effect),
    }.get(measure, (scores, partial(attention_score, name=measure)))
    [result] = compute(model, request)
    return read(result)
