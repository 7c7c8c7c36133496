"""Named classes of heads to choose from: GPT-2 small's published ones, or what a model's own heads measure as."""

from app.questions.ask import Request, ask
from app.questions.compute import compute
from ioi_core import (
    ROLES,
    Direction,
    Head,
    HeadRoles,
    Model,
    PromptPairs,
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


def role_requests(pairs: PromptPairs) -> list[Request]:
    """What `infer_roles` reads, in its order; `head_roles` computes the same in one go."""
    return [
        ask("predictions", pairs=pairs),
        ask("attribute_heads", pairs=pairs),
        ask("role_attention", pairs=pairs),
        ask("head_scores"),
        ask("copy_scores"),
        ask("patch_activations", pairs=pairs, site="z", direction=Direction.NOISING, positions="END",
            metric="logit_diff_recovered"),
    ]  # fmt: skip


def measured_classes(found: HeadRoles) -> dict[str, tuple[Head, ...]]:
    """The roles that some head has."""
    heads = {role: found.heads(role) for role in found.axes["role"]}
    return {role: members for role, members in heads.items() if members}


def has_all_roles(pairs: PromptPairs) -> bool:
    """Whether these are IOI prompts."""
    return all(role in pairs.roles for role in ROLES)
