"""One head in words: its roles and their evidence, what it writes, where it looks. No Streamlit here."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from app.effects import number
from app.exports import token_text
from app.tokens import token_label
from app.words import ordinal, over_prompts, prompts, signed, with_interval
from ioi_core import (
    HEAD_ROLES,
    PUBLISHED_CLASSES,
    ROLES,
    CopiedTokens,
    Direction,
    Head,
    HeadAttribution,
    HeadRoles,
    Model,
    NameWriting,
    PatchResult,
    PromptPairs,
    Result,
    bootstrap_interval,
    published_class,
)
from ioi_core.head_rules import QUANTITIES

PENDING = "What it does is still being measured, on these prompts and on random tokens: the answer will stand here."
NO_ROLES = "Roles are told apart on IOI prompts. In these only END is known, so no role can be measured."


def verdict(model: Model, found: HeadRoles, head: Head) -> str:
    """The measured roles; the published class beside them where there is one to name."""
    roles = found.roles_of(head)
    said = f"By the rules below, head {head} measures as {_and(roles)} ({over_prompts(found.n_prompts)})."
    if not roles:
        said = f"By the rules below, head {head} has none of the {len(HEAD_ROLES)} roles ({prompts(found.n_prompts)})."
    if found.undefined:
        said += f" Some conditions cannot be measured: {found.undefined}."
    return f"{said} {published_words(model, head)}"


def _and(roles: Sequence[str]) -> str:
    names = [f"{'an' if role[0] in 'iS' else 'a'} {role} head" for role in roles]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def published_words(model: Model, head: Head) -> str:
    """What the paper calls the head; for other models, that it says nothing about them."""
    if published_class(model, PUBLISHED_CLASSES[0].heads[0]) is None:
        return f"Wang et al. 2022 studied GPT-2 small alone: no class is published for {model.name}."
    group = published_class(model, head)
    if group is None:
        return "It is not among the 26 heads of the circuit that Wang et al. 2022 published."
    return f"Wang et al. 2022 published it as {_and([group.name])}."


def role_cards(found: HeadRoles, head: Head) -> str:
    """HTML: each role, whether the head has it, and every condition with what was measured."""
    has = found.roles_of(head)
    cards = []
    for role in HEAD_ROLES:
        lines = "".join(
            f"<li>{'✓' if one.holds else '✗'} {html.escape(str(one))}</li>" for one in found.evidence(head, role)
        )
        answer = "yes" if role in has else "no"
        kind = " ioi-has" if role in has else ""
        cards.append(f'<div class="ioi-card{kind}"><b>{html.escape(role)}: {answer}</b><ul>{lines}</ul></div>')
    return f'<div class="ioi-cards">{"".join(cards)}</div>'


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


def direct_story(direct: HeadAttribution, head: Head) -> str:
    """What the head writes itself, and how steadily."""
    assert direct.per_prompt is not None
    sizes, value = np.abs(direct.values), float(direct.values[head.layer, head.head])
    rank = int((sizes > abs(value)).sum()) + 1
    each = direct.per_prompt[head.layer, head.head]
    same = int((np.sign(each) == np.sign(value)).sum())
    verb, where = ("adds", "to") if value >= 0 else ("takes", "away from")
    said = (
        f"Directly, head {head} {verb} {signed(abs(value), float(sizes.max())).lstrip('+')} logits {where} logit_diff "
        f"({with_interval(each)}): {ordinal(rank)} of {sizes.size} heads by size."
    )
    return said if len(each) == 1 else f"{said} The sign is the same in {same} of {len(each)} prompts."


def direct_frame(pairs: PromptPairs, direct: HeadAttribution, head: Head) -> pd.DataFrame:
    """The direct effect, a row a prompt."""
    assert direct.per_prompt is not None
    return pd.DataFrame(
        {
            "prompt": np.arange(1, len(pairs) + 1),
            "clean": pairs.clean_text,
            "head": str(head),
            "direct_effect_logits": direct.per_prompt[head.layer, head.head],
        }
    )


def possible_looks(attention: Result, pairs: PromptPairs, head: Head) -> np.ndarray:
    """[query_role key_role batch] a head's attention; nan where the token looked at comes after the one that looks."""
    assert attention.per_prompt is not None
    positions = np.stack([pairs.roles[role] for role in attention.axes["query_role"]])
    possible = positions[None, :] <= positions[:, None]
    return np.where(possible, attention.per_prompt[:, :, head.layer, head.head], np.nan)


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
        "" if np.isnan(mean) else f"{mean:.2f}{_between(low, high)}"
        for mean, low, high in frame[["attention", "low_95", "high_95"]].itertuples(index=False)
    ]
    table = frame.assign(said=said).pivot(index="from", columns="to", values="said")
    table = table.loc[list(roles), list(roles)].rename(columns="at {}".format)
    return table.rename_axis(index="looks from", columns=None).reset_index()


def looks_story(attention: Result, head: Head) -> str:
    """From END, how much goes to each name and how much elsewhere."""
    roles = attention.axes["query_role"]
    from_end = attention.values[roles.index("END"), :, head.layer, head.head]
    names = {role: float(from_end[roles.index(role)]) for role in ("IO", "S1", "S2")}
    said = ", ".join(f"{share:.2f} to {role}" for role, share in names.items())
    rest = 1 - float(from_end.sum())
    return (
        f"From END, head {head} gives {said}; {max(rest, 0.0):.2f} goes to tokens without a role "
        f"({over_prompts(attention.n_prompts)})."
    )


def writing_story(found: NameWriting, head: Head) -> str:
    """Whether the head writes more of a name the more it looks at it."""
    assert found.attention is not None
    place = (slice(None), head.layer, head.head)
    x, y = found.attention[place], found.written[place]  # [name batch]
    means = "; ".join(
        f"at {name} {_mean(x[n])}, writing {_mean(y[n], '+')} logits of it" for n, name in enumerate(found.axes["name"])
    )
    r = _correlation(x.ravel(), y.ravel())
    strength = "is undefined, as nothing varies" if np.isnan(r) else f"is {r:+.2f} over {x.size} points"
    sure = "" if found.n_prompts == 1 else ", with 95 % intervals"
    return f"Head {head} looks from END {means} (means{sure}). The correlation of looking and writing {strength}."


def _mean(per_prompt: np.ndarray, sign: str = "") -> str:
    """A mean with its interval in brackets, if it has one."""
    low, high = bootstrap_interval(per_prompt)
    return f"{float(per_prompt.mean()):{sign}.2f}{_between(float(low), float(high), sign)}"


def _between(low: float, high: float, sign: str = "") -> str:
    return "" if np.isnan(low) else f" ({low:{sign}.2f} to {high:{sign}.2f})"


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if min(np.ptp(x), np.ptp(y)) > 1e-6 else float("nan")


def writing_frame(model: Model, pairs: PromptPairs, found: NameWriting, head: Head) -> pd.DataFrame:
    """Every point of the scatter."""
    assert found.attention is not None
    return pd.DataFrame(
        [
            {
                "prompt": row + 1,
                "head": str(head),
                "place": name,
                "name": token_text(model, pairs.answers[row, 0 if name == "IO" else 1]),
                "attention_from_END": found.attention[n, head.layer, head.head, row],
                "written_logits": found.written[n, head.layer, head.head, row],
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
        assert result.ids is not None
        ids = result.ids
        columns[f"{name} the name itself"] = [int(token) in ids[n] for n, token in enumerate(tokens)]
        columns[f"it {name} most"] = ["  ".join(spelled(model, int(token)) for token in row) for row in ids]
    return pd.DataFrame(columns)


def copying_story(frame: pd.DataFrame, head: Head, top_k: int) -> str:
    """How many of the names it copies, and how many it writes against."""
    copied, against = (int(frame[f"{way} the name itself"].sum()) for way in ("writes", "writes against"))
    return (
        f"Looking at a name, head {head} would put that same name among the {top_k} tokens it writes most in {copied} "
        f"of {len(frame)} cases, and among the {top_k} that it writes against most in {against}."
    )


def sites_story(results: Mapping[str, PatchResult], head: Head) -> str:
    """What patching each part of the head changes, and that this is a total effect."""
    first = next(iter(results.values()))
    denoising = first.direction is Direction.DENOISING
    done = "Given its clean" if denoising else "Given its corrupted"
    said = ", ".join(
        f"{site} {number(float(result.effects[head.layer, head.head].mean()))}" for site, result in results.items()
    )
    runs = "corrupted" if denoising else "clean"
    return (
        f"{done} activations in the {runs} runs, head {head} changes logit_diff_recovered by: {said} "
        f"({over_prompts(first.n_prompts)}; 1 is the whole way from corrupted to clean)."
    )


def sites_frame(results: Mapping[str, PatchResult], head: Head) -> pd.DataFrame:
    """One row a site: the effect and its interval."""
    rows = []
    for site, result in results.items():
        effects = result.effects[head.layer, head.head]
        low, high = bootstrap_interval(effects, gaps=result.gaps)
        rows.append(
            {
                "head": str(head),
                "site": site,
                f"change_in_{result.metric}": float(effects.mean()),
                "low_95": float(low),
                "high_95": float(high),
                "direction": str(result.direction),
                "clean_run": result.clean,
                "corrupted_run": result.corrupted,
                "prompts": result.n_prompts,
            }
        )
    return pd.DataFrame(rows)


def table_story(shown: pd.DataFrame, total: int, measure: str) -> str:
    """How many heads are left, and which of them stand out."""
    if shown.empty:
        return "No head passes these filters: take one away."
    order = shown[measure].abs().sort_values(ascending=False, kind="stable").index[:3]
    reach = float(shown[measure].abs().max())
    best = ", ".join(
        f"{name} ({signed(value, reach)})"
        for name, value in shown.loc[order, ["name", measure]].itertuples(index=False)
    )
    return (
        f"{len(shown)} of {total} heads; largest {measure}: {best}." if np.isfinite(reach) else f"{len(shown)} heads."
    )


def has_all_roles(pairs: PromptPairs) -> bool:
    """Whether these are IOI prompts."""
    return all(role in pairs.roles for role in ROLES)
