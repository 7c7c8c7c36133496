"""Circuit: switch its heads off and on, and see what it does without them and what the whole model does."""

import streamlit as st

from app import url
from app.circuit.backup.panels import show_backup
from app.circuit.breaking.panels import show_breaking
from app.circuit.methods.panels import show_methods, show_total
from app.circuit.signals.panels import show_signals
from app.shell.current_view import current_view
from app.shell.title import headline
from app.shell.widgets import part_control

# The name in the control, the question, and the panel that answers it.
PARTS = {
    "break it": ("What happens if you break the circuit?", show_breaking),
    "backup heads": ("Who steps in when a head is gone?", show_backup),
    "token or position": ("Do the heads signal the token, or the position?", show_signals),
    "direct and total": ("How far do direct and total effects agree?", show_total),
    "ways to ablate": ("Does it matter how heads are taken away?", show_methods),
}

view = current_view()

title = st.empty()
part = part_control(url.CIRCUIT_PART, tuple(PARTS))
question, panel = PARTS[part]
with title:
    headline(question, f"Circuit: {part}")
panel(view)
