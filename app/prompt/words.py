"""Sentences on the model's predictions."""

from app.words.phrases import ordinal, percent, with_interval
from app.words.tokens import token_label
from ioi_core import Model, Predictions, PromptPairs, Result


def prediction_story(model: Model, pairs: PromptPairs, result: Predictions, row: int) -> str:
    """Name the model's first choice after one prompt, and the rank of the right answer."""
    top, prob = token_label(model, result.top_ids[0, row, 0]), float(result.top_probs[0, row, 0])
    io, s = (token_label(model, token) for token in pairs.answers[row])
    rank, io_prob = int(result.answer_ranks[0, row, 0]) + 1, float(result.answer_probs[0, row, 0])
    where = "the right answer" if rank == 1 else f"the right answer {io} comes {ordinal(rank)} with {percent(io_prob)}"
    return (
        f"After prompt {row + 1} the model's first choice is {top} with {percent(prob)}, {where}. "
        f"Its logit_diff ({io} over {s}) is {result.clean_logit_diff[row]:+.2f}."
    )


def answer_form_hint(model: Model, pairs: PromptPairs, ranks: Result) -> str | None:
    """Say that the right answers rank ten times better in their other form; None where they do not."""
    given, other = (float(rank) + 1 for rank in ranks.values)
    if not other <= given / 10:
        return None
    first = token_label(model, pairs.answers[0, 0])
    there, switch = ("without it", "off") if first.startswith("·") else ("with one", "on")
    with_or_without = "with a space in front" if first.startswith("·") else "without a space in front"
    return (
        f"The right answers, {first} in the first prompt, are read {with_or_without} and have rank {given:,.0f} "
        f"(median); {there} they have rank {other:,.0f}. For that, switch Space before the answers {switch}."
    )


def all_prompts_story(result: Predictions) -> str:
    """Say in how many prompts IO beats S, and give both means of logit_diff."""
    clean, corrupted = result.clean_logit_diff, result.corrupted_logit_diff
    right = int((clean > 0).sum())
    share = "the one prompt" if len(clean) == 1 else f"{right} of {len(clean)} prompts"
    verdict = share if len(clean) > 1 or right else "no prompt"
    mean = "Mean logit_diff" if len(clean) > 1 else "logit_diff"
    return (
        f"IO is more likely than S in {verdict}. {mean}: {clean.mean():+.2f} on the clean prompts "
        f"({with_interval(clean)}), {corrupted.mean():+.2f} on the corrupted ones ({with_interval(corrupted)})."
    )
