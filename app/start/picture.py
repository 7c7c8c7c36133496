"""The example as a picture: the prompt, a gap at its end, and how likely either answer is. No Streamlit here."""

import html

from app.words.phrases import percent
from app.words.tokens import answer_labels, chips, role_meanings, row_labels, row_roles
from ioi_core import Model, Predictions, PromptPairs


def example(model: Model, pairs: PromptPairs, result: Predictions, row: int) -> str:
    """Return HTML of one prompt and the probabilities of its two answers."""
    names = pairs.has_all_roles
    meanings = ("occurs once: the right answer", "is repeated") if names else ("right answer", "wrong answer")
    roles = ("IO", "S2") if names else ("", "")
    answers = zip(answer_labels(model, pairs, row), roles, meanings, result.answer_probs[0, row], strict=True)
    meant = role_meanings(model, pairs)
    drawn = chips(row_labels(model, pairs, row), row_roles(pairs, row), meant, name="The example")
    bars = "".join(_bar(*answer[:3], float(answer[3])) for answer in answers)
    return f'<div class="ioi-example">{drawn}<div class="ioi-gap">?</div><div class="ioi-answers">{bars}</div></div>'


def _bar(label: str, role: str, meaning: str, probability: float) -> str:
    return (
        f'<div class="ioi-answer"><span><span class="ioi-token ioi-{role}">{html.escape(label)}</span> {meaning}</span>'
        f'<span class="ioi-share"><i style="width: {100 * probability:.1f}%"></i></span>'
        f"<b>{percent(probability)}</b></div>"
    )
