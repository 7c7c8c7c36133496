"""Which heads to look at first: all heads, ranked by one of several measures."""

from app.questions import measures
from app.questions.compute import compute
from ioi_core import Model, PromptPairs

RANKED_BY = {
    "direct effect": "direct effect",
    "patching": "patching effect",
    **{name: name for name in measures.SCORES},
}
"""What heads can be ranked by, under the names that links have for it -> the measure."""


def ranking(model: Model, pairs: PromptPairs, measure: str) -> measures.Measure:
    """Rank all heads on all prompts by one of the measures of `RANKED_BY`; nothing else is computed for it."""
    direct, patching, scores, _ = measures.measure_requests(pairs)
    if measure == "direct effect":
        return measures.direct_effect(compute(model, direct))
    if measure == "patching effect":
        return measures.patching_effect(compute(model, patching))
    return measures.attention_score(compute(model, scores), measure)
