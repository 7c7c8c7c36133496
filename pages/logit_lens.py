"""Logit lens: where in the model the answer appears, and which layers and heads write it."""

from functools import partial

from app import url
from app.logit_lens import panels
from app.shell.current_view import current_view
from app.shell.title import Part, headline, roles_caption, show_parts
from app.shell.way import LOGIT_LENS

view = current_view()

headline(
    LOGIT_LENS.question,
    "Read early, as if the model ended there: above 0 it prefers the right answer, **IO**; below 0, the other, **S**.",
    more="Layer by layer, the model adds to one running vector per token, the **residual stream**. Here it is read.",
)
roles_caption(view.pairs)
panels.show_curves(view)

tokens_of = f"What would each layer say at each token of prompt {view.row + 1}?"
show_parts(
    Part(tokens_of, url.PART_TOKENS, partial(panels.show_tokens, view), holds=[url.CELLS]),
    Part("Which layers write the answer?", url.PART_LAYERS, partial(panels.show_layers, view)),
    Part("Which heads write the answer?", url.PART_HEADS, partial(panels.show_heads, view)),
)
