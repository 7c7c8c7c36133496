"""Named classes of heads to choose from: GPT-2 small's published ones, or what a model's own heads measure as."""

from app.compute import ask, compute
from ioi_core import ROLES, Head, HeadRoles, Model, PromptPairs
from ioi_core.published_classes import PUBLISHED_CLASSES, published_class

PUBLISHED, MEASURED = "Wang et al. 2022", "measured"


def head_classes(model: Model, pairs: PromptPairs) -> tuple[str, dict[str, tuple[Head, ...]]]:
    """Where the classes come from, and their heads; none where the prompts are no IOI prompts."""
    published = {group.name: group.heads for group in PUBLISHED_CLASSES}
    if all(published_class(model, head) for heads in published.values() for head in heads):
        return PUBLISHED, published
    if any(role not in pairs.roles for role in ROLES):
        return MEASURED, {}
    [found] = compute(model, ask("head_roles", pairs=pairs))
    return MEASURED, measured_classes(found)


def measured_classes(found: HeadRoles) -> dict[str, tuple[Head, ...]]:
    """The roles that some head has."""
    heads = {role: found.heads(role) for role in found.axes["role"]}
    return {role: members for role, members in heads.items() if members}
