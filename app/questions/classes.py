"""Named classes of heads to choose from: GPT-2 small's published ones, or what a model's own heads measure as."""

import ioi_core
from app.questions.ask import Request, ask
from app.questions.compute import compute
from app.questions.measures import patching_request
from ioi_core import (
    ROLES,
    CopyScores,
    Direction,
    Head,
    HeadAttribution,
    HeadRoles,
    Model,
    PatchResult,
    Predictions,
    PromptPairs,
    PromptResult,
    infer_roles,
)
from ioi_core.heads.published import PUBLISHED_CLASSES, published_class

PUBLISHED, MEASURED = "Wang et al. 2022", "measured"


def head_classes(model: Model, pairs: PromptPairs) -> tuple[str, dict[str, tuple[Head, ...]]]:
    """Where the classes come from, and their heads; none where the prompts are no IOI prompts."""
    published = {group.name: group.heads for group in PUBLISHED_CLASSES}
    if all(published_class(model, head) for heads in published.values() for head in heads):
        return PUBLISHED, published
    if not has_all_roles(pairs):
        return MEASURED, {}
    return MEASURED, measured_classes(measured_roles(model, pairs))


def measured_roles(model: Model, pairs: PromptPairs) -> HeadRoles:
    """The roles of all heads, read off results that other panels show too, so that each is computed once.

    Raises:
        PromptError: the prompts are no IOI prompts.
    """
    return infer_roles(*compute(model, *role_requests(pairs)))


RoleRequests = tuple[
    Request[Predictions], Request[HeadAttribution], Request[PromptResult], Request[PromptResult], Request[CopyScores],
    Request[PatchResult],
]  # fmt: skip


def role_requests(pairs: PromptPairs) -> RoleRequests:
    """What `infer_roles` reads, in its order; `head_roles` computes the same in one go."""
    return (
        ask(ioi_core.predictions, pairs=pairs),
        ask(ioi_core.attribute_heads, pairs=pairs),
        ask(ioi_core.role_attention, pairs=pairs),
        ask(ioi_core.head_scores),
        ask(ioi_core.copy_scores),
        patching_request(pairs, direction=Direction.NOISING, positions="END"),
    )


def measured_classes(found: HeadRoles) -> dict[str, tuple[Head, ...]]:
    """The roles that some head has."""
    heads = {role: found.heads(role) for role in found.axes["role"]}
    return {role: members for role, members in heads.items() if members}


def has_all_roles(pairs: PromptPairs) -> bool:
    """Whether these are IOI prompts."""
    return all(role in pairs.roles for role in ROLES)
