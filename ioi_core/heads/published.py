"""The 26 heads of GPT-2 small's IOI circuit as Wang et al. 2022 published them (arXiv 2211.00593, figure 2).

Each class with the token role at which their circuit keeps it. They hold for GPT-2 small's own weights alone;
`head_roles` measures the roles of any model's heads.
"""

from dataclasses import dataclass

from ioi_core.inputs import OneHead, as_head
from ioi_core.model.weights import Model, check_model
from ioi_core.notation import one_line
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.vocabulary import Head


@dataclass(frozen=True)
class HeadClass:
    """One class of heads.

    Attributes:
        name: the paper's word for it.
        heads: its members.
        kept_at: the token role whose position the circuit keeps.
    """

    name: str
    heads: tuple[Head, ...]
    kept_at: str

    def __repr__(self) -> str:
        return one_line(f"HeadClass({self.name}, kept at {self.kept_at}: {', '.join(map(str, self.heads))})")


def _head_class(name: str, kept_at: str, heads: str) -> HeadClass:
    return HeadClass(name, tuple(Head.parse(head) for head in heads.split()), kept_at)


PUBLISHED_CLASSES = (
    _head_class("previous token", "S1+1", "2.2 4.11"),
    _head_class("duplicate token", "S2", "0.1 0.10 3.0"),
    _head_class("induction", "S2", "5.5 5.8 5.9 6.9"),
    _head_class("S-inhibition", "END", "7.3 7.9 8.6 8.10"),
    _head_class("name mover", "END", "9.6 9.9 10.0"),
    _head_class("negative name mover", "END", "10.7 11.10"),
    _head_class("backup name mover", "END", "9.0 9.7 10.1 10.2 10.6 10.10 11.2 11.9"),
)


def published_class(model: Model, head: OneHead) -> HeadClass | None:
    """The published class of a head; None for heads outside the circuit and for every model but GPT-2 small."""
    wanted = as_head(head)
    if not check_model(model).is_gpt2_small:
        return None
    return next((group for group in PUBLISHED_CLASSES if wanted in group.heads), None)


def published_class_on(model: Model, pairs: PromptPairs, head: Head) -> HeadClass | None:
    """`published_class` where the prompts are IOI prompts; the classes say nothing about a head in another task."""
    return published_class(model, head) if pairs.has_all_roles else None
