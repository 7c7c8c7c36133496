"""Circuit: switch its heads off and on, and see what it does without them and what the whole model does."""

import streamlit as st

from app.circuit_controls import part_control
from app.circuit_panels import show_breaking
from app.view import current_view

# The name in the control, the question, and the panel that answers it.
PARTS = {
    "break it": ("What happens if you break the circuit?", show_breaking),
}

view = current_view()

title = st.empty()
question, panel = PARTS[part_control(tuple(PARTS))]
title.header(question)
panel(view)
