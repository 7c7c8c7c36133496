"""Tables of the Heads page: all heads by every measure, and what is known about one."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from app.heads.words import interval_words
from app.questions.measures import Measure
from app.words.phrases import ordinal
from app.words.tokens import token_label, token_text
from ioi_core import (
    HEAD_ROLES,
    CopiedTokens,
    Head,
    HeadAttribution,
    HeadRoles,
    Model,
    NameWriting,
    PatchResult,
    PromptPairs,
    bootstrap_interval,
    published_class,
)
from ioi_core.heads.rules import QUANTITIES


def rank_frame(found: Sequence[Measure], head: Head) -> pd.DataFrame:
    """One head's values with their intervals and ranks, a row a measure."""
    low, high = np.array([one.interval(head) for one in found]).T
    return pd.DataFrame(
        {
            "measure": [one.name for one in found],
            "head": str(head),
            "value": [one.of(head) for one in found],
            "low_95": low,
            "high_95": high,
            "unit": [one.unit for one in found],
            "rank": pd.array([one.rank(head) for one in found], dtype="Int64"),
            "heads": [one.values.size for one in found],
            "taken": [one.over for one in found],
            "what_it_is": [one.meaning for one in found],
        }
    )


def rank_story(found: Sequence[Measure], head: Head) -> str:
    """Where the head stands highest, and where it is undefined."""
    ranked = [(rank, one) for one in found if (rank := one.rank(head)) is not None and one.of(head) != 0]
    best = sorted(ranked, key=lambda pair: pair[0])[:3]
    said = ", ".join(f"{ordinal(rank)} by {one.name} ({one.said(head)})" for rank, one in best)
    reasons = "".join(f" There is no {one.name}: {one.undefined}." for one in found if one.undefined)
    return f"Among {found[0].values.size} heads, head {head} is {said}.{reasons}"


def all_heads_frame(model: Model, found: Sequence[Measure], roles: HeadRoles | None) -> pd.DataFrame:
    """Every head with all its numbers; with measured roles if there are any, the published class beside them."""
    layer, head = (axis.ravel() for axis in np.indices(found[0].values.shape))
    heads = [Head(int(n), int(m)) for n, m in zip(layer, head, strict=True)]
    published = [published_class(model, one) for one in heads]
    columns: dict[str, object] = {"name": [str(one) for one in heads], "layer": layer, "head": head}
    if roles is not None:
        columns["measured role"] = [", ".join(roles.roles_of(one)) for one in heads]
    if any(published):
        columns["published class"] = ["" if group is None else group.name for group in published]
    return pd.DataFrame(columns | {one.name: one.values.ravel().astype(np.float64) for one in found})


def bounds(one: Measure) -> tuple[str, str]:
    """What the columns of its interval are called."""
    return f"{one.name}, 95 % from", f"{one.name}, 95 % to"


def with_intervals(shown: pd.DataFrame, found: Sequence[Measure]) -> pd.DataFrame:
    """The same heads, with these measures' intervals behind their values, where they have any."""
    rows = shown["layer"].to_numpy(), shown["head"].to_numpy()
    shown = shown.copy()
    for one in found:
        if one.per_prompt is not None:
            place = list(shown.columns).index(one.name)
            for n, (name, bound) in enumerate(zip(bounds(one), one.interval(), strict=True), 1):
                shown.insert(place + n, name, bound[rows])
    return shown


def filtered(frame: pd.DataFrame, layers: Sequence[str], role: str, measure: str, least: float) -> pd.DataFrame:
    """The heads of some layers (none: of all), with a role (unless it is none of the roles), above a bound."""
    keep = np.ones(len(frame), dtype=bool)
    if layers:
        keep &= frame["layer"].astype(str).isin(layers).to_numpy()
    if role in HEAD_ROLES:
        # A column of joined names: "name mover" is also part of "negative name mover".
        keep &= np.array([role in text.split(", ") for text in frame["measured role"]])
    if least > 0:
        keep &= frame[measure].abs().ge(least).to_numpy()
    return frame[keep].reset_index(drop=True)


def evidence_frame(found: HeadRoles, head: Head) -> pd.DataFrame:
    """Every condition of every role, a row each."""
    return pd.DataFrame(
        [
            {
                "head": str(head),
                "role": role,
                "has_role": role in found.roles_of(head),
                "condition": QUANTITIES[one.condition.quantity],
                "measured": one.value,
                "wanted": f"{'at most' if one.condition.at_most else 'at least'} {one.condition.bound}",
                "holds": one.holds,
                "prompts": found.n_prompts,
            }
            for role in HEAD_ROLES
            for one in found.evidence(head, role)
        ]
    )


def direct_frame(pairs: PromptPairs, direct: HeadAttribution, head: Head) -> pd.DataFrame:
    """The direct effect, a row a prompt."""
    return pd.DataFrame(
        {
            "prompt": np.arange(1, len(pairs) + 1),
            "clean": pairs.clean_text,
            "head": str(head),
            "direct_effect_logits": direct.per_prompt[head.layer, head.head],
        }
    )


def looks_frame(looks: np.ndarray, roles: Sequence[str]) -> pd.DataFrame:
    """Attention between roles (`possible_looks`), a row a pair of roles: mean over the prompts in which it can be."""
    rows = []
    for query, of_query in zip(roles, looks, strict=True):
        for key, per_prompt in zip(roles, of_query, strict=True):
            there = per_prompt[~np.isnan(per_prompt)]
            mean = float(there.mean()) if len(there) else np.nan
            low, high = map(float, bootstrap_interval(there))
            rows.append((query, key, mean, low, high, len(there)))
    return pd.DataFrame(rows, columns=["from", "to", "attention", "low_95", "high_95", "prompts"])


def looks_table(looks: np.ndarray, roles: Sequence[str]) -> pd.DataFrame:
    """The same for the eye: a row for each role that looks, a column for each looked at, intervals in brackets."""
    frame = looks_frame(looks, roles)
    said = [
        "" if np.isnan(mean) else f"{mean:.2f}{interval_words(low, high)}"
        for mean, low, high in frame[["attention", "low_95", "high_95"]].itertuples(index=False)
    ]
    table = frame.assign(said=said).pivot(index="from", columns="to", values="said")
    table = table.loc[list(roles), list(roles)].rename(columns="at {}".format)
    return table.rename_axis(index="looks from", columns=None).reset_index()


def writing_frame(model: Model, pairs: PromptPairs, found: NameWriting, head: Head) -> pd.DataFrame:
    """Every point of the scatter."""
    return pd.DataFrame(
        [
            {
                "prompt": row + 1,
                "head": str(head),
                "place": name,
                "name": token_text(model, pairs.answers[row, 0 if name == "IO" else 1]),
                "attention_from_END": found.attention[n, head.layer, head.head, row],
                "written_logits": found.per_prompt[n, head.layer, head.head, row],
            }
            for n, name in enumerate(found.axes["name"])
            for row in range(len(pairs))
        ]
    )


def copying_frame(
    model: Model, tokens: Sequence[int], written: CopiedTokens, against: CopiedTokens, *, literal: bool = False
) -> pd.DataFrame:
    """What the OV circuit makes of each name: the tokens it writes and writes against most, its own marked."""
    spelled = token_text if literal else token_label
    columns: dict[str, list[object]] = {"it looks at": [spelled(model, token) for token in tokens]}
    for name, result in (("writes", written), ("writes against", against)):
        ids = result.ids
        columns[f"{name} the name itself"] = [int(token) in ids[n] for n, token in enumerate(tokens)]
        columns[f"it {name} most"] = ["  ".join(spelled(model, int(token)) for token in row) for row in ids]
    return pd.DataFrame(columns)


def sites_frame(results: Mapping[str, PatchResult], head: Head) -> pd.DataFrame:
    """One row a site: the effect and its interval."""
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
