"""Named classes of heads to choose from: GPT-2 small's published ones, or what a model's own heads measure as."""

from app.questions.compute import compute, is_known
from app.questions.measures import role_requests
from ioi_core import (
    PUBLISHED_CLASSES,
    Head,
    HeadRoles,
    Model,
    PromptPairs,
    infer_roles,
    published_class,
)

PUBLISHED, MEASURED = "Wang et al. 2022", "measured"


def head_classes(model: Model, pairs: PromptPairs) -> tuple[str, dict[str, tuple[Head, ...]]]:
    """Return where the classes come from, and their heads; none where the prompts are no IOI prompts."""
    if not pairs.has_all_roles:
        return MEASURED, {}
    if _are_published(model):
        return PUBLISHED, {group.name: group.heads for group in PUBLISHED_CLASSES}
    roles = measured_roles(model, pairs)
    return MEASURED, {role: heads for role in roles.axes["role"] if (heads := roles.heads(role))}


def are_classes_known(model: Model, pairs: PromptPairs) -> bool:
    """True if `head_classes` has nothing to compute."""
    if _are_published(model) or not pairs.has_all_roles:
        return True
    return all(is_known(model, request) for request in role_requests(pairs))


def _are_published(model: Model) -> bool:
    return all(published_class(model, head) for group in PUBLISHED_CLASSES for head in group.heads)


def measured_roles(model: Model, pairs: PromptPairs) -> HeadRoles:
    """Return the roles of all heads, from results that other panels show too, so that each is computed once.

    Raises:
        PromptError: the prompts are no IOI prompts.
    """
    return infer_roles(*compute(model, *role_requests(pairs)))
