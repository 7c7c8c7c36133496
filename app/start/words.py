"""What the first page says in words."""

from app.words.phrases import percent
from app.words.tokens import answer_labels
from ioi_core import Model, Predictions, PromptPairs

ABOUT_IOI = (
    "*When John and Mary went to the shops, John gave the bag to* ... Mary: **indirect object identification**, IOI, "
    "means going on with the name not repeated. This app opens up a language model, GPT-2 small or a smaller one, "
    "and shows which of its parts do this, and how. Begin with question 1; each page leads to the next."
)
"""What IOI is, what the app does and where to begin, in 60 words."""


def example_story(model: Model, pairs: PromptPairs, result: Predictions, row: int, *, bundled: bool) -> str:
    """Say how likely the model finds either answer, and of the bundled one that it is not GPT-2."""
    right, wrong = answer_labels(model, pairs, row)
    of_right, of_wrong = (percent(float(probability)) for probability in result.answer_probs[0, row])
    return (
        f"{model.name}{', not GPT-2,' * bundled} gives “{right}” a probability of {of_right} as the next word of "
        f"this one sentence, and “{wrong}” one of {of_wrong}."
    )
