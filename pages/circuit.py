"""Circuit: switch its heads off and on, and see what it does without them and what the whole model does."""

import streamlit as st

from app import url
from app.circuit.backup.panels import show_backup
from app.circuit.breaking.panels import show_breaking
from app.circuit.methods.panels import show_methods, show_total
from app.circuit.signals.panels import show_signals
from app.shell.current_view import current_view
from app.shell.title import headline
from app.shell.way import CIRCUIT
from app.shell.widgets import part_control

# The name in the control, the question, how to read the figure, and the panel that answers.
PARTS = {
    "break it": (
        CIRCUIT.question,
        "All heads outside the circuit are ablated. **Click a head** to switch it off: it is ablated too.",
        show_breaking,
    ),
    "backup heads": (
        "Who steps in when a head is ablated?",
        "Heads are ablated one by one. Diamond: what is left **if nothing reacts**; a longer bar: something steps in.",
        show_backup,
    ),
    "token or position": (
        "Do the heads signal the token, or the position?",
        "S-inhibition heads are told another token or position: **what makes logit_diff fall** is what they signal.",
        show_signals,
    ),
    "direct and total": (
        "How far do direct and total effects agree?",
        "To the right: what a head writes itself. Upwards: what its ablation costs. **On the line they agree.**",
        show_total,
    ),
    "ways to ablate": (
        "Does it matter how heads are ablated?",
        "The same heads, by five methods: **they answer different questions, so they give different numbers.**",
        show_methods,
    ),
}

view = current_view()

title = st.empty()
part = part_control(url.CIRCUIT_PART, tuple(PARTS))
question, how, panel = PARTS[part]
with title:
    headline(question, how, tab=f"Circuit: {part}")
panel(view)
