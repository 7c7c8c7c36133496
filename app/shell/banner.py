"""Banners of every page: another model than asked for, results that cannot be kept on disk."""

import html
from collections.abc import Mapping, Sequence

import streamlit as st

from app.hosting.models import DEMO, GPT2, ModelState, ModelStatus
from app.hosting.services import computations, models
from app.shell.sidebar import end_stand_in, keep_stand_in, stands_in
from app.words.phrases import counted
from ioi_core import Model
from ioi_core.model.hub import HOW_TO_GET
from ioi_core.model.identity import OTHER_WEIGHTS

_HOW = """
**On a machine with internet access** nothing is needed: the weights (about 550 MB) are fetched once from the
Hugging Face hub, `openai-community/gpt2`, and kept in its cache. Press *Try again* once the machine is online.

**Without internet access** copy the model's folder from a machine that has it (`config.json`, `model.safetensors`,
`vocab.json`, `merges.txt`), set `IOI_MODEL_DIR` to its absolute path and start the app again:

```
IOI_MODEL_DIR=/absolute/path/to/gpt2 make run
```
"""

_NOT_HERE = (
    "Its weights are not on this server, or cannot be used. Whoever hosts it finds the reason in the server's log, and "
    "what to do in docs/hosting.md."
)

_MOST_NAMED = 40
_OTHER_WEIGHTS = (
    "The folder that this host names for it holds a model of its shape with other weights: it does not give the "
    "published figures, and what was published about GPT-2 small's heads does not hold for it."
)


def model_for(wanted: str) -> Model:
    """Return the model to show, with a banner if it only stands in for `wanted`."""
    model = models().get(wanted)
    if model is not None and not stands_in(wanted):
        if model.name == OTHER_WEIGHTS:
            _draw_banner("This is not GPT-2 small.", _OTHER_WEIGHTS)
        return model
    status = models().status(wanted)
    st.html("<style>:root { --banner: 2.5rem; }</style>")  # large.css leaves room for it
    with st.container(key="standin", horizontal=True, vertical_alignment="center", gap="small"):
        if model is not None:
            _draw_ready(wanted)
        elif status.state is ModelState.UNAVAILABLE:
            _draw_unavailable(wanted, status)
        else:
            with st.container():
                _draw_loading(wanted)
        st.button(
            f"Stay with {DEMO}", icon=":material/keep:", on_click=keep_stand_in, type="tertiary",
            help="The address names it then.",
        )  # fmt: skip
    return models().demo


def _draw_banner(title: str, text: str) -> None:
    said = f"<b>{html.escape(title)}</b> <span>{html.escape(text)}</span>"
    st.html(f'<div class="ioi-notice ioi-standin" role="status">{said}</div>')


def _draw_ready(wanted: str) -> None:
    _draw_banner(f"{wanted} is ready.", f"The figures below are still {DEMO}'s, the small bundled model's.")
    st.button(f"Show {wanted}", on_click=end_stand_in)


@st.fragment(run_every=1.0)
def _draw_loading(wanted: str) -> None:
    status = models().status(wanted)
    if status.state is not ModelState.LOADING:
        st.rerun()
    fetched = f" ({status.done / 1e6:.0f} of {status.total / 1e6:.0f} MB)" if status.total else ""
    _draw_banner(
        f"{wanted} is being loaded{fetched}.",
        f"Until then every number below is that of {DEMO}, the small bundled model.",
    )


def _draw_unavailable(wanted: str, status: ModelStatus) -> None:
    name = "GPT-2" if wanted == GPT2 else wanted
    _draw_banner(
        f"This is {DEMO}, not {name}.",
        "Every number below is that of the small bundled model.",
    )
    if not _at_the_server():
        with st.popover("Why", icon=":material/help:", type="tertiary"):
            st.write(_NOT_HERE)
        return
    more = "Why, and what to do" if wanted == GPT2 else "Why"
    with st.popover(more, icon=":material/help:", type="tertiary"):
        st.text(status.reason.removesuffix(HOW_TO_GET).strip())
        if wanted == GPT2:
            st.markdown(_HOW)
        st.button("Try again", on_click=models().start_loading, args=(wanted,))


def _at_the_server() -> bool:
    """Return whether the visitor sits at the machine that serves, and so may be its host; nobody else is told paths."""
    return st.context.ip_address is None


def disk_notice() -> None:
    """Warn at the end of the sidebar where results cannot be kept on disk, or kept ones could not be read."""
    if (warning := computations().warning) is not None:
        st.sidebar.html(f'<div class="ioi-notice ioi-standin ioi-disk" role="status">{html.escape(warning)}</div>')


def data_set_notice(unread: Sequence[str], reasons: Mapping[int, str]) -> None:
    """Say which columns of a data set are not read, and which rows were left out, and why."""
    if unread:
        with st.expander(f"{counted(len(unread), 'column')} of the data set not read"):
            st.text("\n".join(unread[:_MOST_NAMED]) + "\n..." * (len(unread) > _MOST_NAMED))
    if reasons:
        with st.expander(f"{counted(len(reasons), 'row')} of the data set left out"):
            st.text("\n".join(f"row {number}: {reason}" for number, reason in reasons.items()))
