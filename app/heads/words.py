"""One head in words: its roles and their evidence, what it writes, where it looks. No Streamlit here."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from app.words.phrases import adds_or_takes, ends, listed, number, ordinal, over_prompts, prompts, signed, with_interval
from ioi_core import (
    HEAD_ROLES,
    PUBLISHED_CLASSES,
    Direction,
    Head,
    HeadAttribution,
    HeadRoles,
    Model,
    NameWriting,
    PatchResult,
    PromptPairs,
    PromptResult,
    bootstrap_interval,
    published_class,
)

PENDING = "What it does is still being measured, on these prompts and on random tokens: the answer will stand here."
NO_ROLES = "Roles are told apart on IOI prompts. In these only END is known, so no role can be measured."


def verdict(model: Model, found: HeadRoles, head: Head) -> str:
    """The measured roles; the published class beside them where there is one to name."""
    roles = found.roles_of(head)
    said = f"By the rules below, head {head} measures as {_role_words(roles)} ({over_prompts(found.n_prompts)})."
    if not roles:
        said = f"By the rules below, head {head} has none of the {len(HEAD_ROLES)} roles ({prompts(found.n_prompts)})."
    if found.undefined:
        said += f" Some conditions cannot be measured: {found.undefined}."
    return f"{said} {published_words(model, head)}"


def _role_words(roles: Sequence[str]) -> str:
    return listed([f"{'an' if role[0] in 'iS' else 'a'} {role} head" for role in roles])


def published_words(model: Model, head: Head) -> str:
    """What the paper calls the head; for other models, that it says nothing about them."""
    if published_class(model, PUBLISHED_CLASSES[0].heads[0]) is None:
        return f"Wang et al. 2022 studied GPT-2 small alone: no class is published for {model.name}."
    group = published_class(model, head)
    if group is None:
        return "It is not among the 26 heads of the circuit that Wang et al. 2022 published."
    return f"Wang et al. 2022 published it as {_role_words([group.name])}."


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


def direct_story(direct: HeadAttribution, head: Head) -> str:
    """What the head writes itself, and how steadily."""
    sizes, value = np.abs(direct.values), float(direct.values[head.layer, head.head])
    rank = int((sizes > abs(value)).sum()) + 1
    each = direct.per_prompt[head.layer, head.head]
    same = int((np.sign(each) == np.sign(value)).sum())
    said = (
        f"{adds_or_takes(f'Directly, head {head}', value)} ({with_interval(each)}): {ordinal(rank)} of {sizes.size} "
        "heads by size."
    )
    return said if len(each) == 1 else f"{said} The sign is the same in {same} of {len(each)} prompts."


def possible_looks(attention: PromptResult, pairs: PromptPairs, head: Head) -> np.ndarray:
    """[query_role key_role batch] a head's attention; nan where the token looked at comes after the one that looks."""
    positions = np.stack([pairs.roles[role] for role in attention.axes["query_role"]])
    possible = positions[None, :] <= positions[:, None]
    return np.where(possible, attention.per_prompt[:, :, head.layer, head.head], np.nan)


def looks_story(attention: PromptResult, head: Head) -> str:
    """From END, how much goes to each name and how much elsewhere."""
    from_end = attention.at(query_role="END", layer=head.layer, head=head.head)
    names = {role: float(from_end.at(key_role=role).values) for role in ("IO", "S1", "S2")}
    said = ", ".join(f"{share:.2f} to {role}" for role, share in names.items())
    rest = 1 - float(from_end.values.sum())
    return (
        f"From END, head {head} gives {said}; {max(rest, 0.0):.2f} goes to tokens without a role "
        f"({over_prompts(attention.n_prompts)})."
    )


def writing_story(found: NameWriting, head: Head) -> str:
    """Whether the head writes more of a name the more it looks at it."""
    place = (slice(None), head.layer, head.head)
    x, y = found.attention[place], found.per_prompt[place]  # [name batch]
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
    return f"{float(per_prompt.mean()):{sign}.2f}{interval_words(float(low), float(high), sign)}"


def interval_words(low: float, high: float, sign: str = "") -> str:
    """An interval in brackets, nothing where there is none."""
    return "" if np.isnan(low) else f" ({ends(low, high, lambda end: f'{end:{sign}.2f}')})"


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if min(np.ptp(x), np.ptp(y)) > 1e-6 else float("nan")


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
