"""The shared controls' values: the model, the prompts and the one prompt that is shown."""

from dataclasses import dataclass

from ioi_core import Model, PromptPairs


@dataclass(frozen=True)
class View:
    """The shared controls' values.

    Attributes:
        model: the model that computes, always the one that the strip names.
        pairs: the prompts.
        row: index of the prompt that figures of a single prompt show.
        corruption: of the corrupted prompts, in words.
        large: projector-sized text.
    """

    model: Model
    pairs: PromptPairs
    row: int
    corruption: str
    large: bool
