"""Colours of figures and chips; the page's own are in drawing/style.css. Blue favours IO, red favours S.

Within each set colour-blind people tell all of them apart.
"""

ROLE_COLOURS = {"IO": "#0072B2", "S1": "#D55E00", "S1+1": "#999999", "S2": "#E69F00", "END": "#CC79A7"}
"""Okabe-Ito, safe for colour-blind eyes; the same on chips, axes and graphs."""

LOGITS_COLOUR = "#F0E442"

FAVOURS_IO, FAVOURS_S = "#2E7EBB", "#D6503F"

CLEAN, CORRUPTED = "#009E73", "#8A8A8A"

DIVERGING = [[0.0, "#E0735B"], [0.25, "#F4B79F"], [0.5, "#FFFFFF"], [0.75, "#AFD3E8"], [1.0, "#5FA3D0"]]
"""Red to blue, so light that the same dark text is legible on all of it (contrast of 5 or more)."""

CHOSEN, DARK = "#E69F00", "#1b1f24"

LOOKED_AT = "#A84300"
"""The colour of full attention."""

ATTENTION = [[0.0, "#FFFFFF"], [1.0, LOOKED_AT]]

FAINT = "#D4A480"

UNSEEN = "rgba(128, 128, 128, 0.25)"

CLASS_COLOURS = {
    "previous token": "#DDDDDD",
    "duplicate token": "#99DDFF",
    "induction": "#77AADD",
    "S-inhibition": "#44BB99",
    "name mover": "#EEDD88",
    "negative name mover": "#EE8866",
    "backup name mover": "#BBCC33",
}
"""Paul Tol's light scheme, safe for colour-blind eyes and apart from the roles' colours: black text reads on all."""
