"""Backup heads: the Circuit page's part in which heads are knocked out one after another."""

from collections.abc import Callable, Sequence
from functools import cache, partial

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

import ioi_core
from app import url
from app.circuit.backup import charts, numbers, tables, words
from app.circuit.choices import ablation_control, strongest_writers, writers_control
from app.drawing.by_template import show_by_template, show_heatmaps_by_template
from app.drawing.by_template_charts import template_curves
from app.drawing.figure import show_figure
from app.drawing.look import says
from app.drawing.table import number_column, show_frame
from app.questions.ask import Request, ask
from app.questions.compute import compute
from app.questions.shown import Requests, Shown
from app.questions.twins import circuit_pairs, twins_story
from app.shell.links import head_opener, open_head
from app.shell.title import Part, show_parts
from app.view import View
from app.words.effects import least
from app.words.phrases import head_names
from ioi_core import Ablation, Backup


def show_backup(view: View) -> None:
    """Ablate heads one after another, and draw what the others do then."""
    figure = st.container()
    writers = strongest_writers(view)
    left, right = st.columns(2)
    with left:
        heads = writers_control(view, url.KNOCK_OUT, "Heads to ablate, in this order", writers)
    with right:  # zero first, as the notebooks do it
        ablation = ablation_control(view, url.KNOCK_OUT_BY, first=Ablation.ZERO)
    if not heads:
        st.write("Choose at least one head to ablate.")
        return
    pairs = view.pairs
    if ablation is not Ablation.ZERO:
        pairs = circuit_pairs(view)
        with st.expander("On which prompts"):
            st.caption(twins_story(view, pairs, ablation))
    requests = (
        ask(ioi_core.backup_heads, pairs=pairs, heads=heads, ablation=ablation),
        ask(ioi_core.attribute_layers, pairs=view.pairs),
    )
    backup, layers = compute(view.model, *requests)
    stages = numbers.stages(backup, layers)
    frame = tables.stages_frame(stages, backup)
    movers = cache(partial(numbers.movers, backup))  # of so many ablated heads: two parts ask
    with figure:
        _show_stages(view, stages, movers(len(stages) - 1), backup, frame, requests)
    show_parts(
        Part("What is left, step by step?", url.PART_STEPS, partial(_show_stages_table, frame, large=view.large)),
        Part("Who moves?", url.PART_MOVERS, partial(_show_movers, view, stages, movers, backup, requests[0])),
    )


def _show_stages(
    view: View, stages: Sequence[numbers.Stage], moved: Sequence[numbers.Mover], backup: Backup, frame: pd.DataFrame,
    requests: Requests,
) -> None:  # fmt: skip
    shown = words.shows_stages(stages)
    figure = charts.stage_bars(stages, backup) if shown else None
    story = words.stages_story(stages, moved, backup.n_prompts)
    axes = ("stage", "prompt")
    measured, predicted = Shown("logit_diff_per_prompt", axes=axes), Shown("naive_per_prompt", axes=axes)
    bias = Shown("per_prompt", 1, (-1,))
    show_figure(
        "backup_stages", figure, story, lambda: frame, large=view.large, requests=requests,
        shown=[measured, predicted, Shown("scale_per_prompt", axes=axes), bias], first=True,
    )  # fmt: skip
    if not shown:
        return
    real, names = backup.logit_diff_per_prompt, [words.stage_name(stage) for stage in stages]
    show_by_template(
        view, "backup_stages", real, names,
        lambda groups: template_curves(real, groups, names, "logit_diff as heads are ablated", "logits"),
        requests=requests[:1], shown=[measured],
    )  # fmt: skip


def _show_stages_table(frame: pd.DataFrame, *, large: bool) -> None:
    columns: dict[str, ColumnConfig] = {"heads_ablated": st.column_config.TextColumn("ablated heads", pinned=True)}
    columns |= {
        name: number_column(label, explained)
        for name, label, explained in (
            ("logit_diff", "logit_diff", "mean over prompts, in logits"),
            ("naive_prediction", "expected", "if nothing else reacted"),
            ("made_up_for", "made up for", "logit_diff minus expected"),
            ("by_layernorm", "by LayerNorm", "what is left is divided by another scale"),
            ("by_other_heads", "by other heads", "that write something else than before"),
            ("by_mlps", "by MLPs", "that write something else than before"),
        )
    }
    columns["layernorm_scale"] = number_column("LayerNorm scale", "at END")
    show_frame(
        "backup_stages", frame[list(columns)], alt="What is left, head after head", large=large, columns=columns,
        unsigned=["layernorm_scale"],
    )  # fmt: skip


def _show_movers(
    view: View, stages: Sequence[numbers.Stage], movers: Callable[[int], list[numbers.Mover]], backup: Backup,
    request: Request[Backup],
) -> None:  # fmt: skip
    names = [words.stage_name(stage) for stage in stages[1:]]
    key = url.gone_of(backup.knocked_out)
    chosen = st.selectbox("Ablated heads", names, index=len(names) - 1, key=key, bind="query-params")
    stage = stages[1 + names.index(chosen)]
    moved = movers(len(stage.gone))
    if not moved:
        st.write("No other head is left.")
        return
    says(words.cause_story(stages[0], stage, len(backup.axes["layer"])))
    shown, frame = words.shows_movers(moved, stage), partial(tables.movers_frame, moved, stage.gone, backup)
    figure = charts.mover_bars(moved, stage, backup) if shown else None
    story = words.movers_story(moved, stage)
    gone = len(stage.gone)
    axes = ("stage", "layer", "head", "prompt")
    of_stage = [Shown("changes_per_prompt", cells=(gone,), axes=axes)]
    before_and_after = [Shown(of, cells=(n,)) for of in ("per_prompt", "scale_per_prompt") for n in (0, gone)]
    show_figure(
        "backup_movers", figure, story, frame, large=view.large, requests=[request],
        shown=[*before_and_after, *of_stage], on_click=open_head,
    )  # fmt: skip
    if not shown:
        return
    changes = numbers.changes_of_others(backup, len(stage.gone))
    changed = partial(tables.changes_frame, moved, stage.gone, backup)
    figure, width = charts.change_heatmap(changes, stage, backup), 90 + 42 * changes.shape[1]
    story = words.changes_story(changes, stage)
    show_figure(
        "backup_changes", figure, story, changed, large=view.large, requests=[request], shown=of_stage,
        min_width=width, on_click=open_head,
    )  # fmt: skip
    head_opener(view.model, moved[0].head)
    show_heatmaps_by_template(
        view, "backup_changes", changes, head_names(backup), f"Changes {chosen}", "logits", requests=[request],
        shown=of_stage, least=least(stage.real),
    )  # fmt: skip
