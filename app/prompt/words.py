"""Sentences on the model's predictions."""

import numpy as np

from app.words.effects import clearly_above_0, not_shown
from app.words.phrases import IN_SIDEBAR, number, ordinal, percent, prompts, with_interval
from app.words.tokens import answer_labels, token_label
from ioi_core import Model, Predictions, PromptPairs, Result

_TIMES_BETTER = 10  # a rank that the other form of an answer must reach to be worth a word


def prediction_story(model: Model, pairs: PromptPairs, result: Predictions, row: int) -> str:
    """Name the model's first choice after one prompt, and the rank of the right answer."""
    top, prob = f"“{token_label(model, result.top_ids[0, row, 0])}”", float(result.top_probs[0, row, 0])
    io, s = answer_labels(model, pairs, row)
    rank, io_prob = int(result.answer_ranks[0, row, 0]) + 1, float(result.answer_probs[0, row, 0])
    first = f"After prompt {row + 1} the model's first choice is {top} (probability {percent(prob)})"
    logit_diff = number(float(result.clean_logit_diff[row]))
    if pairs.answer_sets is not None:
        best = "one of the right ones" if rank == 1 else f"the best of the right ones comes {ordinal(rank)}"
        s_prob = percent(float(result.answer_probs[0, row, 1]))
        return (
            f"{first}, {best}.\nRight: {io}, together {percent(io_prob)}; wrong: {s}, {s_prob}. Its logit_diff, the "
            f"mean logit of the right minus that of the wrong, is {logit_diff}."
        )
    where = ", the right answer"
    if rank > 1:
        where = f"; the right answer, “{io}”, comes {ordinal(rank)} with {percent(io_prob)}"
    return f"{first}{where}.\nIts logit_diff (“{io}” over “{s}”) is {logit_diff}."


def may_have_hint(pairs: PromptPairs, result: Predictions) -> bool:
    """Return whether `answer_form_hint` can have anything to say: not of answers that rank high as they are."""
    return pairs.answer_sets is not None or float(np.median(result.answer_ranks[0, :, 0])) + 1 >= _TIMES_BETTER


def answer_form_hint(model: Model, pairs: PromptPairs, ranks: Result) -> str | None:
    """Say that the right answers rank ten times better in their other form; None where they do not."""
    given, other = (float(rank) + 1 for rank in ranks.values)
    if not other <= given / _TIMES_BETTER:
        return None
    first = token_label(model, pairs.answers[0, 0])
    there, here = ("without", "with") if first.startswith("·") else ("with", "without")
    return (
        f"The right answers, {first} in the first prompt, are read {here} a space in front and have rank {given:,.0f} "
        f"(median); {there} it they have rank {other:,.0f}. If that is meant, give them so: typed prompts and data "
        f"sets have Space before the answers {IN_SIDEBAR}."
    )


def all_prompts_story(result: Predictions) -> str:
    """Say in how many prompts the right answer is ahead, and give both means of logit_diff."""
    clean, corrupted = result.clean_logit_diff, result.corrupted_logit_diff
    of_clean, of_corrupted = number(float(clean.mean())), number(float(corrupted.mean()))
    right = int((clean > 0).sum())
    if len(clean) == 1:
        ahead = "ahead of" if right else "not ahead of"
        return (
            f"The right answer is {ahead} the other. logit_diff: {of_clean} on the clean prompt, {of_corrupted} on the "
            "corrupted one."
        )
    text = (
        f"The right answer is ahead of the other in {right} of {prompts(len(clean))}. Mean logit_diff: {of_clean} on "
        f"the clean prompts ({with_interval(clean)}), {of_corrupted} on the corrupted ones "
        f"({with_interval(corrupted)})."
    )
    if clearly_above_0(clean):
        return text
    return f"{text} {not_shown('the mean on the clean prompts is not clearly above 0')}"
