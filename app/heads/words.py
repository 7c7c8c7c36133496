"""One head in words: its roles and their evidence, its output, its attention. No Streamlit here."""

import html
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

import ioi_core
from app.heads.edges import HeadEdge
from app.questions.measures import Measure
from app.words.choices import INPUTS
from app.words.effects import blown_up, least, least_effect, not_shown, shows
from app.words.phrases import (
    adds_or_takes,
    capitalised,
    ends,
    listed,
    mean_over,
    number,
    ordinal,
    size,
    threshold,
    with_interval,
)
from ioi_core import (
    HEAD_ROLES,
    PUBLISHED_CLASSES,
    Direction,
    Head,
    HeadRoles,
    Model,
    NameWriting,
    PatchResult,
    PromptPairs,
    PromptResult,
    published_class,
)
from ioi_core.uncertainty import pearson

PENDING = "What it does is still being measured, on these prompts and on random tokens: the answer will stand here."


NO_ROLES = "Roles are told apart on IOI prompts, and these are others: no role can be measured."


def verdict(model: Model, roles: HeadRoles, head: Head) -> str:
    """Name the measured roles and the published class."""
    names = roles.roles_of(head)
    text = f"By the rules below, head {head} measures as {_role_words(names)}."
    if not names:
        text = f"By the rules below, head {head} has none of the {len(HEAD_ROLES)} roles."
    text += f"\n{capitalised(mean_over(roles.n_prompts))}."
    if roles.undefined:
        text += f" Some conditions cannot be measured: {roles.undefined}."
    return f"{text} {published_words(model, head)}"


def _role_words(roles: Sequence[str]) -> str:
    return listed([f"{'an' if role[0] in 'iS' else 'a'} {role} head" for role in roles])


def published_words(model: Model, head: Head) -> str:
    """Name the class the paper gives the head; for other models, say that it gives none."""
    if published_class(model, PUBLISHED_CLASSES[0].heads[0]) is None:
        return f"Wang et al. 2022 studied GPT-2 small alone: no class is published for {model.name}."
    group = published_class(model, head)
    if group is None:
        return "It is not among the 26 heads of the circuit that Wang et al. 2022 published."
    return f"Wang et al. 2022 published it as {_role_words([group.name])}."


def role_cards(roles: HeadRoles, head: Head, *, has: bool) -> str:
    """Return HTML of the roles that a head has, or has not: every condition with what was measured."""
    own = roles.roles_of(head)
    cards = []
    for role in (role for role in HEAD_ROLES if (role in own) is has):
        lines = "".join(
            f"<li>{'✓' if evidence.holds else '✗'} {html.escape(str(evidence))}</li>"
            for evidence in roles.evidence(head, role)
        )
        answer, kind = ("yes", " ioi-has") if has else ("no", "")
        cards.append(f'<div class="ioi-card{kind}"><b>{html.escape(role)}: {answer}</b><ul>{lines}</ul></div>')
    return f'<div class="ioi-cards">{"".join(cards)}</div>'


def direct_story(direct: PromptResult, head: Head) -> str:
    """Say what the head adds to logit_diff directly, and in how many prompts the sign is the same."""
    sizes, value = np.abs(direct.values), float(direct.values[head.layer, head.head])
    rank = int((sizes > abs(value)).sum()) + 1
    per_prompt = direct.per_prompt[head.layer, head.head]
    same = int((np.sign(per_prompt) == np.sign(value)).sum())
    if abs(value) < least():
        return (
            f"Directly, head {head} adds next to nothing to logit_diff: {number(value)} logits "
            f"({with_interval(per_prompt)})."
        )
    text = (
        f"{adds_or_takes(f'Directly, head {head}', value)}: {ordinal(rank)} of {sizes.size} heads by size.\n"
        f"{capitalised(with_interval(per_prompt))}."
    )
    if len(per_prompt) == 1:
        return text
    return f"{text} The sign is the same in {same} of {len(per_prompt)} prompts."


def role_attention_of_head(attention: PromptResult, pairs: PromptPairs, head: Head) -> np.ndarray:
    """Return a head's attention [query_role key_role batch]; nan where the key comes after the query."""
    positions = np.stack([pairs.roles[role] for role in attention.axes["query_role"]])
    possible = positions[None, :] <= positions[:, None]
    return np.where(possible, attention.per_prompt[:, :, head.layer, head.head], np.nan)


def role_attention_story(attention: PromptResult, head: Head) -> str:
    """Say how much attention goes from END to each name, and how much to tokens without a role."""
    from_end = attention.at(query_role="END", layer=head.layer, head=head.head)
    names = {role: float(from_end.at(key_role=role).values) for role in ("IO", "S1", "S2")}
    shares = ", ".join(f"{size(share)} to {role}" for role, share in names.items())
    rest = 1 - float(from_end.values.sum())
    return (
        f"From END, head {head} gives {shares}; {size(max(rest, 0.0))} goes to tokens without a role.\n"
        f"{capitalised(mean_over(attention.n_prompts))}."
    )


def shows_writing(result: NameWriting, head: Head) -> bool:
    """Return whether the head writes anything to speak of about a name, on average."""
    return shows(result.per_prompt[:, head.layer, head.head].mean(-1), least())


def writing_story(result: NameWriting, head: Head) -> str:
    """Say how attention to a name and the logits written of it correlate."""
    of_head = (slice(None), head.layer, head.head)
    x, y = result.attention[of_head], result.per_prompt[of_head]  # [name batch]
    means = "; ".join(
        f"at {name} {_mean_words(x[n], size)}, writing {_mean_words(y[n], number)} logits of it"
        for n, name in enumerate(result.axes["name"])
    )
    if not shows_writing(result, head):
        why = f"what it writes of any name it looks at is below {threshold(least())} logits"
        return not_shown(why, f"Head {head} does")
    r = pearson(x, y, least=1e-6)
    strength = (
        "is undefined, for one of the two hardly varies" if np.isnan(r) else f"is {number(r)} over {x.size} points"
    )
    note = "" if result.n_prompts == 1 else ", with 95 % intervals"
    return f"The correlation of looking and writing {strength}.\nHead {head} looks from END {means} (means{note})."


def _mean_words(per_prompt: np.ndarray, write: Callable[[float], str]) -> str:
    """Return a mean with its interval in brackets, if it has one."""
    low, high = ioi_core.bootstrap_interval(per_prompt)
    return f"{write(float(per_prompt.mean()))}{interval_words(float(low), float(high), write)}"


def interval_words(low: float, high: float, write: Callable[[float], str]) -> str:
    """Return an interval in brackets, "" where there is none; `write` is `number` or `size`."""
    return "" if np.isnan(low) else f" ({ends(low, high, write)})"


def copying_story(frame: pd.DataFrame, head: Head, top_k: int) -> str:
    """Say how many of the tokens the head copies, and how many it writes against."""
    copied, against = (int(frame[f"{way} the token itself"].sum()) for way in ("writes", "writes against"))
    return (
        f"Looking at one of these, head {head} writes it among its top {top_k} in {copied} of {len(frame)} cases, and "
        f"against it in {against}.\nAgainst: it is among the {top_k} tokens that the head lowers most."
    )


def shows_sites(results: Mapping[str, PatchResult], head: Head) -> bool:
    """Return whether patching any of these sites of the head changes anything to speak of."""
    return any(
        shows(result.effects[head.layer, head.head].mean(-1), least_effect(result)) for result in results.values()
    )


def sites_story(results: Mapping[str, PatchResult], head: Head) -> str:
    """Say what patching each site of the head changes."""
    first = next(iter(results.values()))
    if not shows_sites(results, head):
        why = f"patched, it changes logit_diff_recovered by less than {threshold(least_effect(first))}"
        return not_shown(why, f"Head {head} does")
    denoising = first.direction is Direction.DENOISING
    done = "Given its clean" if denoising else "Given its corrupted"
    changes = ", ".join(
        f"{site} {number(float(result.effects[head.layer, head.head].mean()))}" for site, result in results.items()
    )
    runs = "corrupted" if denoising else "clean"
    return (
        f"{done} activations in the {runs} runs, head {head} changes logit_diff_recovered by: {changes}.\n"
        f"{capitalised(mean_over(first.n_prompts))}; 1 is the whole way from corrupted to clean.{blown_up(first)}"
    )


def table_story(shown: pd.DataFrame, total: int, measure: str, smallest: float = 0.0) -> str:
    """Say how many heads are left, and which are the largest by `measure`, of which below `smallest` is nothing."""
    if shown.empty:
        return "No head passes these filters: take one away."
    order = shown[measure].abs().sort_values(ascending=False, kind="stable").index[:3]
    largest = float(shown[measure].abs().max())
    best = ", ".join(
        f"{name} ({number(value, largest)})"
        for name, value in shown.loc[order, ["name", measure]].itertuples(index=False)
    )
    if not largest > 0:  # nan as well: undefined for all
        return f"{len(shown)} of {total} heads."
    if largest < smallest:
        return f"{len(shown)} of {total} heads. {not_shown(f'no {measure} of theirs is {threshold(smallest)} or more')}"
    return f"{len(shown)} of {total} heads; largest {measure}: {best}."


def in_story(edges: Sequence[HeadEdge], head: Head, n_prompts: int) -> str:
    """Say who acts most on the head, by each of its inputs."""
    parts, order = [], []
    for letter, word in INPUTS.items():
        if of_letter := [edge for edge in edges if edge.through == letter and edge.counts][:2]:
            senders = " and ".join(f"{edge.sender} ({number(edge.effect)})" for edge in of_letter)
            parts.append(f"its {word} from {senders}")
            order.append(-abs(of_letter[0].effect))
    if not parts:
        return f"Nothing stands out: no edge into head {head} changes logit_diff by anything to speak of."
    most, *others = (parts[n] for n in np.argsort(order, kind="stable"))
    rest = f"Then {'; '.join(others)}. " if others else ""
    return f"Corrupted one by one, these change logit_diff most: {most}.\n{rest}{capitalised(_share(n_prompts))}."


def out_story(edges: Sequence[HeadEdge], head: Head, n_prompts: int) -> str:
    """Say on whom the head acts most, after its edge to the logits."""
    to_logits = next(edge for edge in edges if edge.through is None)
    text = (
        f"Corrupting what head {head} sends straight to the logits changes logit_diff by "
        f"{number(to_logits.effect)}.\n{capitalised(_share(n_prompts))}."
    )
    later = [edge for edge in edges if edge.through is not None]
    if strong := [edge for edge in later if edge.counts][:3]:
        return f"{text} Of later heads it acts most on {', '.join(f'{e.into} ({number(e.effect)})' for e in strong)}."
    return f"{text} On later heads it does next to nothing." if later else text


def _share(n_prompts: int) -> str:
    return f"as a share of clean minus corrupted, {mean_over(n_prompts)}"


def rank_story(measures: Sequence[Measure], head: Head) -> str:
    """Name the measures in which the head ranks highest, and those that are undefined."""
    ranked = [
        (rank, measure)
        for measure in measures
        if (rank := measure.rank(head)) is not None and abs(measure.of(head)) >= measure.least
    ]
    reasons = "".join(f" There is no {measure.name}: {measure.undefined}." for measure in measures if measure.undefined)
    if not ranked:
        return f"Every measure of head {head} is 0 or next to it.{reasons}"
    best = sorted(ranked, key=lambda pair: pair[0])[:3]
    best_words = ", ".join(f"{ordinal(rank)} by {measure.name} ({measure.text(head)})" for rank, measure in best)
    return f"Among {measures[0].values.size} heads, head {head} is {best_words}.\n{reasons.strip()}"
