"""The Path patching page's own controls: the trail of receivers, the patching's options, the next receivers."""

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import ioi_core
from app import url
from app.path_patching.cells import sender_head
from app.path_patching.requests import PathChoice, most_attended
from app.path_patching.trail import START, Step, read_trail, write_trail
from app.questions.ask import ask
from app.questions.compute import compute
from app.shell.heads import head_control
from app.shell.widgets import choose, direction_control, drop_stale, option_control
from app.view import View
from app.words.choices import INPUTS, METRICS, PATH_METRICS
from ioi_core import ROLES, Direction, Head, IOIError, Model, PromptPairs

_RECOMPUTED, _KEPT = "recomputed", "frozen"
_MLP_MODES = {_RECOMPUTED: "the paper's: a path may run through MLPs", _KEPT: "TransformerLens's direct path"}


def path_controls(pairs: PromptPairs) -> PathChoice:
    """Draw the controls beside the figure."""
    direction = direction_control(url.PATH_DIRECTION, "this path", first=Direction.NOISING)
    mlps = st.radio(
        "MLPs between sender and receiver", tuple(_MLP_MODES), captions=tuple(_MLP_MODES.values()), key=url.BETWEEN,
        bind="query-params",
    )  # fmt: skip
    roles = tuple(role for role in ROLES if role in pairs.roles)
    position = st.selectbox("Senders send from", ("all", *roles), key=url.SENDER_POSITION, bind="query-params")
    metric = st.selectbox(
        "Scored by", PATH_METRICS[direction], key=url.PATH_METRIC[direction], bind="query-params",
        help="\n".join(f"- **{name}**: {METRICS[name]}" for name in PATH_METRICS[direction]),
    )  # fmt: skip
    return PathChoice(direction, metric, position, mlps == _RECOMPUTED)


def trail_control(model: Model, crumbs: DeltaGenerator) -> tuple[Step, ...]:
    """Draw the trail as text, and in `crumbs` as buttons that go back to each of its steps, which are returned.

    Raises:
        IOIError: the link's or the typed trail cannot be read.
    """
    with st.expander("The trail as text (to type, or to keep)"):
        text = st.text_input(
            "Receivers, one step after another",
            START,
            key=url.TRAIL,
            bind="query-params",
            help='Steps are joined by ">". A step is "logits", or heads and then q, k or v: "9.6 9.9 10.0 q".',
        )
    try:
        steps = read_trail(model, text)
    except IOIError:
        crumbs.button("Start again at the logits", on_click=_set_trail, args=((Step(),),))
        raise
    for n, step in enumerate(steps):
        here = n == len(steps) - 1
        crumbs.button(
            f"{'→ ' if n else ''}{step}", key=f"crumb-{n}", on_click=_set_trail, args=(steps[: n + 1],),
            type="primary" if here else "secondary", help=f"Who acts on {step.words}?",
        )  # fmt: skip
    return steps


def _set_trail(steps: Sequence[Step]) -> None:
    choose({url.TRAIL: write_trail(steps)})
    st.session_state[url.NEXT] = []


def add_receiver(key: str) -> None:
    """Add a clicked sender to the next receivers, unless it is an MLP, which has no q, k or v."""
    head, picked = sender_head(key), list(st.session_state.get(url.NEXT, []))
    if head is not None and str(head) not in picked:
        st.session_state[url.NEXT] = [*picked, str(head)]


def picked_heads(model: Model) -> tuple[Head, ...]:
    """Return the heads picked so far as the next receivers."""
    heads = {str(head): head for head in model.heads}
    names = st.session_state.get(url.NEXT, st.query_params.get_all(url.NEXT))
    return tuple(heads[name] for name in names if name in heads)


def next_control(
    model: Model,
    steps: tuple[Step, ...],
    strongest: Sequence[Head],
    classes: Mapping[str, tuple[Head, ...]],
    source: str,
) -> None:
    """Ask for the next receivers, by name or by class, and for the input they receive through.

    Args:
        strongest: heads to offer first; classes: named classes of heads; source: where they come from.
    """
    allowed = [str(head) for head in dict.fromkeys([*strongest, *model.heads])]
    drop_stale(url.NEXT, allowed)
    st.multiselect(
        "Next receivers (click senders in the figure, or pick them here)", allowed, key=url.NEXT, bind="query-params",
        placeholder="Heads, the strongest senders first",
    )  # fmt: skip
    if classes:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"or a class of heads ({source}):", width="content")
            for name, heads in classes.items():
                st.button(
                    f"{name} ({' '.join(map(str, heads))})", key=f"class-{name}", on_click=_set_next, args=(heads,),
                )  # fmt: skip
    heads = picked_heads(model)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Who acts on their", width="content")
        for letter, word in INPUTS.items():
            step = Step(tuple(sorted(heads)), letter)
            st.button(
                f"{word} ({letter})?", key=f"go-{letter}", disabled=not heads, on_click=_set_trail,
                args=((*steps, step),),
            )  # fmt: skip


def _set_next(heads: Sequence[Head]) -> None:
    st.session_state[url.NEXT] = [str(head) for head in heads]


def attention_control(view: View, offered: Sequence[Head]) -> tuple[Head, str, str]:
    """Ask for a head, its query role and its key role: to begin with, the one that it attends to most."""
    pairs = view.pairs
    roles = tuple(role for role in ROLES if role in pairs.roles)
    first, second, third = st.columns(3)
    with first:
        head = head_control(view, "Head", offered[0], key=url.WHY_HEAD, offered=offered)
    query = second.selectbox("looks from", roles, index=roles.index("END"), key=url.WHY_QUERY, bind="query-params")
    attention = compute(view.model, ask(ioi_core.role_attention, pairs=pairs))
    keys = [role for role in roles if (pairs.roles[role] <= pairs.roles[query]).all()]  # no token sees later ones

    def why_not(asked: str) -> str:
        return f"{query} does not look at {asked[:40]!r}: it sees {', '.join(keys)}."

    with third:
        most = most_attended(attention, head, query, keys)
        help_text = f"To begin with, what {query} looks at most."
        key = option_control("at", keys, most, url.WHY_KEY, why_not, help=help_text)
    return head, query, key
