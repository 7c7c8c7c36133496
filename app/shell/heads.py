"""Controls that ask for heads of the model; a link's head that the model lacks is refused in words."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.shell.widgets import chosen, link_refusals, option_control, refuse_link, refused_choice
from app.view import View
from app.words.phrases import refusal
from ioi_core import Head, HeadError


def head_control(
    view: View, label: str, first: Head, *, key: str, offered: Sequence[Head] = (), help: str | None = None,
    then: Callable[[], None] | None = None,
) -> Head:  # fmt: skip
    """Ask for a head; `first` holds until one is chosen.

    Args:
        offered: heads that are offered before all others; help, then: as in `option_control`.
    """

    def why_not(asked: str) -> str:
        try:
            head = view.model.check_head(Head.parse(asked))
        except HeadError as error:
            return refusal(error)
        return f"{asked[:40]!r} is another way to write head {head}."

    names = [str(head) for head in dict.fromkeys([*offered, *view.model.heads])]
    return Head.parse(option_control(label, names, str(first), key, why_not, help=help, then=then))


def heads_control(
    view: View, key: str, label: str, offered: Sequence[Head], default: Sequence[Head], most: int
) -> list[Head]:
    """Ask for some heads and return them in the order in which they were chosen.

    Until a visitor changes the choice it follows the prompts and the model: a new default replaces the old one.

    Args:
        offered: every head of the model, in the order in which they are offered.
        most: how many may be chosen.
    """
    names, default_names = [str(head) for head in offered], [str(head) for head in default]
    default_key = f"_{key}_default"
    asked = list(st.session_state[key] if key in st.session_state else st.query_params.get_all(key))
    usable = [name for name in dict.fromkeys(asked) if name in names][:most]
    untouched = asked == st.session_state.get(default_key)
    if untouched or not (usable or key in st.session_state) or (asked and not usable):
        usable, st.session_state[default_key] = default_names, default_names
    if not untouched and (left_out := [name for name in asked if name not in usable]):
        refuse_link(
            key,
            f"Choose at most {most} heads that {view.model.name} has. Left out of those asked for: "
            f"{', '.join(left_out)[:60]}. Shown: {', '.join(usable) or 'no head'}.",
        )
    if said := refused_choice(key):
        link_refusals()[key] = said
    st.session_state[key] = usable
    picked = st.multiselect(
        label, names, default_names, key=key, bind="query-params", max_selections=most,
        placeholder=f"at most {most} heads", on_change=chosen, args=(key,),
    )  # fmt: skip
    return [Head.parse(name) for name in picked]
