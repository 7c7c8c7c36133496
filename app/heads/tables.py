"""Tables of the Heads page: all heads by every measure, and what is known about one."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

import ioi_core
from app.heads.edges import METRIC, HeadEdge, intervals
from app.heads.words import interval_words
from app.questions.measures import Measure
from app.words.phrases import ends, size
from app.words.tokens import token_label, token_text
from ioi_core import (
    QUANTITIES,
    CopiedTokens,
    Head,
    HeadRoles,
    Model,
    NameWriting,
    PatchResult,
    PathResult,
    PromptPairs,
    PromptResult,
    published_class,
)

INTERVAL = "95 % interval"
"""The column of the chosen measure's intervals."""


def rank_frame(measures: Sequence[Measure], head: Head) -> pd.DataFrame:
    """Return one head's values with their intervals and ranks, a row a measure."""
    low, high = np.array([measure.interval(head) for measure in measures]).T
    return pd.DataFrame(
        {
            "measure": [measure.name for measure in measures],
            "head": str(head),
            "value": [measure.of(head) for measure in measures],
            "low_95": low,
            "high_95": high,
            "unit": [measure.unit for measure in measures],
            "rank": pd.array([measure.rank(head) for measure in measures], dtype="Int64"),
            "heads": [measure.values.size for measure in measures],
            "taken": [measure.sample for measure in measures],
            "what_it_is": [measure.meaning for measure in measures],
        }
    )


def all_heads_frame(model: Model, measures: Sequence[Measure], roles: HeadRoles | None) -> pd.DataFrame:
    """Return a row a head: measured roles and published class, as far as there are any, and all measures."""
    layer, head = (axis.ravel() for axis in np.indices(measures[0].values.shape))
    heads = [Head(int(n), int(m)) for n, m in zip(layer, head, strict=True)]
    published = [published_class(model, one) for one in heads]
    columns: dict[str, object] = {"name": [str(one) for one in heads], "layer": layer, "head": head}
    if roles is not None:
        columns["measured role"] = [", ".join(roles.roles_of(one)) for one in heads]
    if any(published):
        columns["published class"] = ["" if group is None else group.name for group in published]
    return pd.DataFrame(columns | {one.name: one.values.ravel().astype(np.float64) for one in measures})


def interval_columns(measure: Measure) -> tuple[str, str]:
    """Return the names of the columns of a measure's interval."""
    return f"{measure.name}, 95 % from", f"{measure.name}, 95 % to"


def with_intervals(shown: pd.DataFrame, measures: Sequence[Measure]) -> pd.DataFrame:
    """Return the same heads with these measures' intervals, where they have any, after their values."""
    rows = shown["layer"].to_numpy(), shown["head"].to_numpy()
    shown = shown.copy()
    for measure in measures:
        if measure.per_prompt is not None:
            column = list(shown.columns).index(measure.name)
            for n, (name, bound) in enumerate(zip(interval_columns(measure), measure.interval(), strict=True), 1):
                shown.insert(column + n, name, bound[rows])
    return shown


def ordered(shown: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """Return the same heads to be read: the largest by `measure` first, its values and intervals before all others."""
    name, first = measure.name, ["layer", "head", measure.name]
    shown = with_intervals(shown, [measure]).sort_values(
        name, key=lambda values: -values.abs(), kind="stable", ignore_index=True
    )
    if measure.per_prompt is not None:
        bounds, written = shown[list(interval_columns(measure))], None if measure.signed else size
        shown[INTERVAL] = ["" if np.isnan(low) else ends(low, high, written) for low, high in bounds.to_numpy()]
        first.append(INTERVAL)
        shown = shown.drop(columns=bounds.columns)
    return shown[[*first, *(column for column in shown if column not in first)]]


def filtered(frame: pd.DataFrame, layers: Sequence[str], role: str, measure: str, least: float) -> pd.DataFrame:
    """Return the heads of some layers (none: of all), with a role (if it is one), above a bound."""
    keep = np.ones(len(frame), dtype=bool)
    if layers:
        keep &= frame["layer"].astype(str).isin(layers).to_numpy()
    if role in ioi_core.HEAD_ROLES:
        # A column of joined names: "name mover" is also part of "negative name mover".
        keep &= np.array([role in text.split(", ") for text in frame["measured role"]])
    if least > 0:
        keep &= frame[measure].abs().ge(least).to_numpy()
    return frame[keep].reset_index(drop=True)


def evidence_frame(roles: HeadRoles, head: Head) -> pd.DataFrame:
    """Return a row for every condition of every role."""
    return pd.DataFrame(
        [
            {
                "head": str(head),
                "role": role,
                "has_role": role in roles.roles_of(head),
                "condition": QUANTITIES[evidence.condition.quantity],
                "measured": evidence.value,
                "wanted": f"{'at most' if evidence.condition.at_most else 'at least'} {evidence.condition.bound}",
                "holds": evidence.holds,
                "prompts": roles.n_prompts,
            }
            for role in ioi_core.HEAD_ROLES
            for evidence in roles.evidence(head, role)
        ]
    )


def direct_frame(pairs: PromptPairs, direct: PromptResult, head: Head) -> pd.DataFrame:
    """Return the direct effect, a row a prompt."""
    return pd.DataFrame(
        {
            "prompt": np.arange(1, len(pairs) + 1),
            "clean": pairs.clean_text,
            "head": str(head),
            "direct_effect_logits": direct.per_prompt[head.layer, head.head],
        }
    )


def role_attention_frame(attention: np.ndarray, roles: Sequence[str]) -> pd.DataFrame:
    """Return `role_attention_of_head`, a row a pair of roles: mean over the prompts in which it is possible."""
    rows = []
    for query, of_query in zip(roles, attention, strict=True):
        for key, per_prompt in zip(roles, of_query, strict=True):
            defined = per_prompt[~np.isnan(per_prompt)]
            mean = float(defined.mean()) if len(defined) else np.nan
            low, high = map(float, ioi_core.bootstrap_interval(defined))
            rows.append((query, key, mean, low, high, len(defined)))
    return pd.DataFrame(rows, columns=["from", "to", "attention", "low_95", "high_95", "prompts"])


def role_attention_table(attention: np.ndarray, roles: Sequence[str]) -> pd.DataFrame:
    """Return the same to be read: a row for each query role, a column for each key role, intervals in brackets."""
    frame = role_attention_frame(attention, roles)
    texts = [
        "" if np.isnan(mean) else f"{size(mean)}{interval_words(low, high, size)}"
        for mean, low, high in frame[["attention", "low_95", "high_95"]].itertuples(index=False)
    ]
    table = frame.assign(texts=texts).pivot(index="from", columns="to", values="texts")
    table = table.loc[list(roles), list(roles)].rename(columns="at {}".format)
    return table.rename_axis(index="looks from", columns=None).reset_index()


def writing_frame(model: Model, pairs: PromptPairs, result: NameWriting, head: Head) -> pd.DataFrame:
    """Return every point of the scatter."""
    return pd.DataFrame(
        [
            {
                "prompt": row + 1,
                "head": str(head),
                "place": name,
                "name": token_text(model, pairs.answers[row, 0 if name == "IO" else 1]),
                "attention_from_END": result.attention[n, head.layer, head.head, row],
                "written_logits": result.per_prompt[n, head.layer, head.head, row],
            }
            for n, name in enumerate(result.axes["name"])
            for row in range(len(pairs))
        ]
    )


def copying_frame(
    model: Model, tokens: Sequence[int], written: CopiedTokens, against: CopiedTokens, *, literal: bool = False
) -> pd.DataFrame:
    """Return the tokens that the OV circuit writes and writes against most for each name; `literal` keeps spaces."""
    spelled = token_text if literal else token_label
    columns: dict[str, list[object]] = {"it looks at": [spelled(model, token) for token in tokens]}
    for name, result in (("writes", written), ("writes against", against)):
        ids = result.ids
        columns[f"{name} the token itself"] = [int(token) in ids[n] for n, token in enumerate(tokens)]
        columns[f"it {name} most"] = ["  ".join(spelled(model, int(token)) for token in row) for row in ids]
    return pd.DataFrame(columns)


def sites_frame(results: Mapping[str, PatchResult], head: Head) -> pd.DataFrame:
    """Return a row a site: the effect and its interval."""
    rows = []
    for site, result in results.items():
        of_head = result.at(layer=head.layer, head=head.head)
        low, high = of_head.effect_interval()
        rows.append(
            {
                "head": str(head),
                "site": site,
                f"change_in_{result.metric}": float(of_head.effects.mean()),
                "low_95": float(low),
                "high_95": float(high),
                "direction": str(result.direction),
                "clean_run": result.clean,
                "corrupted_run": result.corrupted,
                "prompts": result.n_prompts,
            }
        )
    return pd.DataFrame(rows)


def edges_frame(edges: Sequence[HeadEdge], result: PathResult) -> pd.DataFrame:
    """Return all edges as a table."""
    low, high = intervals(edges)
    return pd.DataFrame(
        {
            "sender": [edge.sender for edge in edges],
            "receiver": [edge.receiver for edge in edges],
            "receiver_input": [edge.through or "" for edge in edges],
            f"change_in_{METRIC}": [edge.effect for edge in edges],
            "low_95": low,
            "high_95": high,
            "direction": str(result.direction),
            "through_mlps": result.through_mlps,
            "clean_run": result.clean,
            "corrupted_run": result.corrupted,
            "prompts": result.n_prompts,
        }
    )
