"""The plain words on every page when something is not as it should be: another model than asked for, no disk."""

import html

import streamlit as st

from app.hosting.models import DEMO, GPT2, ModelState, ModelStatus
from app.hosting.services import computations, models
from app.shell.sidebar import STANDING_IN
from ioi_core import Model
from ioi_core.model.hub import HOW_TO_GET

_HOW = """
**On a machine with internet access** nothing is needed: the weights (about 550 MB) are fetched once from the
Hugging Face hub, `openai-community/gpt2`, and kept in its cache. Press *Try again* once the machine is online.

**Without internet access** copy the model's folder from a machine that has it (`config.json`, `model.safetensors`,
`vocab.json`, `merges.txt`), set `IOI_MODEL_DIR` to its absolute path and start the app again:

```
IOI_MODEL_DIR=/absolute/path/to/gpt2 make run
```
"""


def model_for(wanted: str) -> Model:
    """The model to show, with a banner if it only stands in for `wanted`.

    A visitor who began on the stand-in keeps it until asking for the switch: numbers never change under the eyes.
    """
    status = models().status(wanted)
    standing_in = st.session_state.get(STANDING_IN, False)
    model = models().get(wanted)
    if status.state is ModelState.READY and model is not None and not standing_in:
        return model
    st.session_state[STANDING_IN] = True
    with st.container(key="standin"):
        if status.state is ModelState.READY:
            _ready()
        elif status.state is ModelState.LOADING:
            _loading()
        else:
            _unavailable(status)
    return models().demo


def _say(title: str, text: str) -> None:
    st.html(f'<div class="ioi-notice ioi-standin" role="status"><b>{html.escape(title)}</b> {html.escape(text)}</div>')


def _ready() -> None:
    _say(f"{GPT2} is ready.", f"The figures below are still those of {DEMO}, the small bundled model.")
    st.button(f"Show {GPT2}", on_click=_switch)


def _switch() -> None:
    st.session_state[STANDING_IN] = False


@st.fragment(run_every=1.0)
def _loading() -> None:
    status = models().status(GPT2)
    if status.state is not ModelState.LOADING:
        st.rerun()
    _say(
        f"{GPT2} is being loaded. Until then this is {DEMO},",
        "the small model that comes with the app: all numbers below are its own, not GPT-2's.",
    )
    if status.total:
        megabytes = f"{status.done / 1e6:.0f} of {status.total / 1e6:.0f} MB"
        st.progress(min(1.0, status.done / status.total), f"Fetching the weights: {megabytes}")


def _unavailable(status: ModelStatus) -> None:
    _say(
        f"This is {DEMO}, not GPT-2.",
        "GPT-2's weights could not be had, so every number below is that of the small model that comes with the app.",
    )
    with st.expander("Why, and how to get GPT-2's weights"):
        st.text(status.reason.removesuffix(HOW_TO_GET).strip())
        st.markdown(_HOW)
        st.button("Try again", on_click=models().start_loading, args=(GPT2,))


def disk_notice() -> None:
    """One sentence at the end of the sidebar where results are not, or were not, well kept on disk."""
    if (warning := computations().warning) is not None:
        st.sidebar.html(f'<div class="ioi-notice ioi-standin ioi-disk" role="status">{html.escape(warning)}</div>')
