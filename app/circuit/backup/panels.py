"""Who steps in? The Circuit page's part about backup heads: heads are knocked out one after another."""

from collections.abc import Sequence

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

import ioi_core
from app import url
from app.circuit.backup.charts import change_heatmap, mover_bars, stage_bars
from app.circuit.backup.numbers import Stage, changes_of_others, movers, movers_frame, stages, stages_frame
from app.circuit.backup.words import cause_story, expected_story, movers_story, stage_name
from app.circuit.choices import ablation_control, first_heads, heads_control, strongest_writers
from app.drawing.about import ABOUT
from app.drawing.by_template import show_by_template, show_heatmaps_by_template
from app.drawing.by_template_charts import template_curves
from app.drawing.figure import show_figure
from app.drawing.look import says
from app.questions.ask import ask
from app.questions.compute import compute
from app.questions.twins import circuit_pairs, twins_story
from app.shell.links import open_head
from app.view import View
from app.words.phrases import head_names
from ioi_core import Ablation, Backup


def show_backup(view: View) -> None:
    """Take heads away one after another, and see what the others do then."""
    st.write(
        "Heads are taken away at END, one after another. If the others did not care, logit_diff would fall to the "
        "diamond. **Where the bar ends to the right of it, something makes up for the loss.**"
    )
    with st.expander("Words on this page: direct effect, naive prediction, self-repair, backup"):
        st.markdown(ABOUT["backup_words"])
    direct = compute(view.model, ask(ioi_core.attribute_heads, pairs=view.pairs))
    writers = strongest_writers(direct)
    left, right = st.columns(2)
    with left:
        first, source = first_heads(view.model, writers)
        heads = heads_control(view, url.KNOCK_OUT, "Heads to take away, in this order", writers, first)
        st.caption(f"To begin with: {source}.")
    with right:
        # Zero first, as the notebooks do it.
        ablation = ablation_control(url.KNOCK_OUT_BY, "Heads that are gone", Ablation.ZERO)
    if not heads:
        st.write("Choose at least one head to take away.")
        return
    pairs = view.pairs
    if ablation is not Ablation.ZERO:
        pairs = circuit_pairs(view)
        st.caption(twins_story(view, pairs))
    backup, layers = compute(
        view.model,
        ask(ioi_core.backup_heads, pairs=pairs, heads=heads, ablation=ablation),
        ask(ioi_core.attribute_layers, pairs=view.pairs),
    )
    found = stages(backup, layers)
    _show_stages(view, found, backup)
    st.subheader("Who moves?")
    _show_movers(view, found, backup)


def _show_stages(view: View, found: Sequence[Stage], backup: Backup) -> None:
    last, n_prompts = found[-1], backup.n_prompts
    stories = [expected_story(found, last, n_prompts)]
    if len(found) > 2:
        stories.insert(0, expected_story(found, found[1], n_prompts))
    show_figure(
        "backup_stages",
        stage_bars(found, backup),
        " ".join(stories),
        lambda: stages_frame(found, backup),
        large=view.large,
    )
    columns: dict[str, ColumnConfig] = {"heads_gone": st.column_config.TextColumn("heads gone", pinned=True)}
    columns |= {
        name: st.column_config.NumberColumn(label, format="%+.2f", help=said)
        for name, label, said in (
            ("logit_diff", "logit_diff", "mean over prompts, in logits"),
            ("naive_prediction", "expected", "if nothing else reacted"),
            ("made_up_for", "made up for", "logit_diff minus expected"),
            ("by_layernorm", "by LayerNorm", "what is left is divided by another scale"),
            ("by_other_heads", "by other heads", "that write something else than before"),
            ("by_mlps", "by MLPs", "that write something else than before"),
        )
    }
    columns["layernorm_scale"] = st.column_config.NumberColumn("LayerNorm scale", format="%.2f", help="at END")
    frame = stages_frame(found, backup)
    st.dataframe(
        frame[list(columns)], hide_index=True, column_config=columns, key="table-backup_stages"
    )  # fmt: skip
    real, names = backup.logit_diff_per_prompt, [stage_name(stage) for stage in found]
    show_by_template(
        view, "backup_stages", real, names,
        lambda groups: template_curves(real, groups, names, "What is left as heads go", "logits"),
    )  # fmt: skip


def _show_movers(view: View, found: Sequence[Stage], backup: Backup) -> None:
    names = [stage_name(stage) for stage in found[1:]]
    key = url.gone_of(backup.knocked_out)
    chosen = st.selectbox("Heads that are gone", names, index=len(names) - 1, key=key, bind="query-params")
    stage = found[1 + names.index(chosen)]
    moved = movers(backup, len(stage.gone))
    if not moved:
        st.write("No other head is left.")
        return
    says(cause_story(found, stage, len(backup.axes["layer"])))
    show_figure(
        "backup_movers",
        mover_bars(moved, stage, backup),
        movers_story(moved, stage),
        lambda: movers_frame(moved, stage.gone, backup),
        large=view.large,
        on_click=open_head,
    )
    changes = changes_of_others(backup, len(stage.gone))
    show_figure(
        "backup_changes",
        change_heatmap(changes, stage, backup),
        "",
        lambda: movers_frame(moved, stage.gone, backup),
        large=view.large,
        min_width=90 + 42 * changes.shape[1],
        on_click=open_head,
    )
    show_heatmaps_by_template(
        view, "backup_changes", changes, head_names(backup), f"Changes {stage_name(stage)}", "logits"
    )
