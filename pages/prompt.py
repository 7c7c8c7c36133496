"""Prompt: what the model reads, what it predicts, and how sure it is of the right answer against the other."""

from functools import partial

import numpy as np
import streamlit as st

import ioi_core
from app import url
from app.colours import CLEAN, CORRUPTED
from app.drawing.by_template import show_bars_by_template
from app.drawing.figure import show_figure, show_table
from app.drawing.look import notice
from app.prompt.charts import LABELLED, prompt_bars
from app.prompt.panels import PREDICTION_COLUMNS, show_answers, show_prompts
from app.prompt.tables import predictions_table, prompt_frame, tokens_shown
from app.prompt.words import all_prompts_story, answer_form_hint, may_have_hint, prediction_story
from app.questions.ask import ask
from app.questions.compute import compute
from app.shell.current_view import current_view
from app.shell.title import Part, headline, roles_caption, show_parts
from app.shell.way import PROMPT
from app.words.phrases import grouped_by
from ioi_core.attribution.predictions import RUNS

view = current_view()
model, pairs, row = view.model, view.pairs, view.row

headline(
    PROMPT.question,
    "Each prompt repeats one of two words, **S**: the right answer is the other, **IO**."
    if pairs.has_all_roles
    else "**IO** stands for the right answer, **S** for the wrong one; where several are right, IO is all of them.",
    more="Every box is one token, the unit that the model reads; a middle dot is a space.",
)
roles_caption(pairs)
request = ask(ioi_core.predictions, pairs=pairs)
result = compute(model, request)
differences = dict(zip(RUNS, (result.clean_logit_diff, result.corrupted_logit_diff), strict=True))
left, right = st.columns([3, 1])
with left:
    show_figure(
        "logit_diff",
        prompt_bars(result, row),
        f"{prediction_story(model, pairs, result, row)} {all_prompts_story(result)}",
        lambda: prompt_frame(pairs, {f"{run}_logit_diff": values for run, values in differences.items()}),
        large=view.large,
        requests=[request],
        min_width=120 + 48 * len(pairs) if len(pairs) <= LABELLED else 0,
        first=True,
    )
    per_prompt, title = np.stack(list(differences.values())), f"logit_diff, by {grouped_by(pairs)}"
    show_bars_by_template(
        view, "logit_diff", per_prompt, RUNS, title, "logits", requests=[request], colours=(CLEAN, CORRUPTED)
    )
with right:
    st.markdown(f"**Next token after prompt {row + 1}**")
    show_table(
        "predictions_clean",
        predictions_table(model, result, "clean", row),
        PREDICTION_COLUMNS,
        large=view.large,
        file=partial(predictions_table, model, result, "clean", row, literal=True),
        requests=[request],
        shown=tokens_shown("clean", row),
    )

if may_have_hint(pairs, result):
    ranks = compute(model, ask(ioi_core.answer_form_ranks, pairs=pairs))
    if hint := answer_form_hint(model, pairs, ranks):
        notice(hint)
answers = f"Where do the answers stand after prompt {row + 1} and its corrupted twin?"
show_parts(
    Part("What does the model read?", url.PART_READ, partial(show_prompts, model, pairs, row)),
    Part(answers, url.PART_ANSWERS, partial(show_answers, view, result, [request])),
)
