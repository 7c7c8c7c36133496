"""Requests of the Path patching page. No Streamlit here."""

from collections.abc import Sequence
from dataclasses import dataclass

import ioi_core
from app.path_patching.trail import Step
from app.questions.ask import Request, ask
from ioi_core import ALL, LOGITS, ROLES, AttentionSplit, Direction, Head, PathResult, PromptPairs, PromptResult


@dataclass(frozen=True)
class PathChoice:
    """The patching's options, arguments of `patch_paths`; by default those the page opens with."""

    direction: Direction = Direction.NOISING
    metric: str = "logit_diff_change"
    sender_position: str = ALL
    through_mlps: bool = True


def path_request(pairs: PromptPairs, step: Step, choice: PathChoice) -> Request[PathResult]:
    """Ask for every sender's effect through the receivers of one step."""
    return ask(
        ioi_core.patch_paths, pairs=pairs, receivers=list(step.heads) or LOGITS, receiver_input=step.receiver_input,
        direction=choice.direction, metric=choice.metric, sender_position=choice.sender_position,
        through_mlps=choice.through_mlps,
    )  # fmt: skip


def split_request(pairs: PromptPairs, head: Head, query: str, key: str) -> Request[AttentionSplit]:
    """Ask why a head attends from one role to another."""
    return ask(ioi_core.explain_attention, pairs=pairs, head=head, query=query, key=key)


def most_attended(attention: PromptResult, head: Head, query: str = "END", keys: Sequence[str] = ROLES) -> str:
    """Return the role of `keys` that a head attends to most from `query`; `attention` is that of `role_attention`."""
    of_head = attention.at(query_role=query, layer=head.layer, head=head.head)
    shares = {role: float(share) for role, share in zip(of_head.axes["key_role"], of_head.values, strict=True)}
    return max((role for role in shares if role in keys), key=shares.__getitem__)
