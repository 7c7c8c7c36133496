"""All heads, ranked by one of several measures."""

from app.questions import measures
from app.questions.compute import compute
from ioi_core import Model, PromptPairs

RANKED_BY = {
    "direct effect": "direct effect",
    "patching": "patching effect",
    **{name: name for name in measures.SCORES},
}
"""Choice, under the name that links have for it -> measure."""


def ranking(model: Model, pairs: PromptPairs, measure: str) -> measures.Measure:
    """Rank all heads on all prompts by one of the measures of `RANKED_BY`, computing nothing else."""
    direct, patching, scores, _ = measures.measure_requests(pairs)
    if measure == "direct effect":
        return measures.direct_effect(compute(model, direct))
    if measure == "patching effect":
        return measures.patching_effect(compute(model, patching))
    return measures.attention_score(compute(model, scores), measure)
