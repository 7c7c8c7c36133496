"""What a page shows: the model, the prompts and the one prompt looked at, as the shared controls have set them."""

from dataclasses import dataclass

from ioi_core import Model, PromptPairs


@dataclass(frozen=True)
class View:
    """The shared controls' values.

    Attributes:
        model: the model that computes; never another one than the strip names.
        pairs: the prompts.
        row: index of the prompt that figures of a single prompt show.
        corruption: how the corrupted prompts came about, in words.
        large: projector-sized text.
    """

    model: Model
    pairs: PromptPairs
    row: int
    corruption: str
    large: bool
