"""What attention patterns show, in words computed from them."""

from collections.abc import Sequence

import numpy as np

from app.questions.measures import Measure
from app.questions.patterns import PromptPatterns
from app.words.phrases import signed
from ioi_core import Head

WEIGHTING = {"plain": "shares that add up to 1", "value-weighted": "shares times the size of what is read there"}
"""How attention can be counted, in words."""


def ranking_story(ranked: Measure, heads: Sequence[Head]) -> str:
    """The heads that are drawn, with the values that they were chosen by."""
    reach = float(np.abs(ranked.values).max())
    values = [ranked.of(head) for head in heads]
    said = ", ".join(
        f"{head} {signed(value, reach) if ranked.signed else f'{value:.2f}'}"
        for head, value in zip(heads, values, strict=True)
    )
    unit = {"share": "of logit_diff recovered", "attention": "of attention"}.get(ranked.unit, ranked.unit)
    strongest = f"the {len(heads)} strongest" if len(heads) > 1 else "the strongest"
    return f"By {ranked.name}, {strongest} of {ranked.values.size} heads: {said} {unit} ({ranked.over})."


def note(patterns: PromptPatterns, run: str) -> str:
    """The overview's unit and how to read its colours."""
    reach = patterns.reach(run)
    unit = "norm written" if patterns.weighted else "probability"
    scale = f"0 (white) to {reach:.3g} (brown)"
    if run == "difference":
        scale = f"blue: more in the clean prompt, red: more in the corrupted one, up to {reach:.2g}"
    if patterns.weighted:
        scale += ", half the colour at a quarter of that"
    return f"{unit}, {scale}; grey: later tokens, which cannot be seen; 1 prompt"


def hover(patterns: PromptPatterns, run: str) -> list[list[str]]:
    """For each head of the overview, where it looks from END."""
    values = patterns.values(run)[:, :, patterns.end]
    sign = "+" if run == "difference" else ""
    first = f"{patterns.metric} from END{' (clean minus corrupted)' if sign else ''}"
    sentences: list[list[str]] = []
    for layer, row in zip(patterns.layers, values, strict=True):
        sentences.append([])
        for head, from_end in enumerate(row):
            names = ", ".join(f"{role} {from_end[n]:{sign}.2f}" for role, n in patterns.names.items())
            most = int(np.abs(from_end).argmax())
            sentences[-1].append(
                f"Head {layer}.{head}, {first}:\n{names + '; ' if names else ''}"
                f"{'most changed' if sign else 'most'} at {patterns.place(most, run)} {from_end[most]:{sign}.2f}"
            )
    return sentences


def overview_story(patterns: PromptPatterns, run: str) -> str:
    """Which heads look most from END at each name; for the difference, whose attention changes most."""
    if run == "difference":
        return _largest_change(patterns)
    from_end = patterns.values(run)[:, :, patterns.end]
    said = []
    for role, position in patterns.names.items():
        heads = ", ".join(
            f"{_name(patterns, place)} ({from_end[(*place, position)]:.2f})"
            for place in _largest(from_end[:, :, position], 3)
        )
        said.append(f"at {role}, {patterns.tokens(run)[position]}: heads {heads}")
    if said:
        return f"In {patterns.named(run)}, from END, these look most {'; '.join(said)}."
    [(layer, head, key)] = _largest(from_end[:, :, 1:], 1)
    return (
        f"In {patterns.named(run)}, the first token aside, the strongest look from END is that of head "
        f"{_name(patterns, (layer, head))} at {patterns.place(key + 1, run)}: {from_end[layer, head, key + 1]:.2f}."
    )


def _largest_change(patterns: PromptPatterns) -> str:
    change = np.abs(patterns.values("difference"))
    if not change.any():
        return f"Nothing changes: the tokens of prompt {patterns.number} are the same, clean and corrupted."
    [place] = _largest(change, 1)
    [from_end] = _largest(change[:, :, patterns.end], 1)
    ending = (*from_end[:2], patterns.end, from_end[2])
    said = f"Over all positions, {_changed(patterns, place)}."
    return said if place == ending else f"{said} Looking from END, {_changed(patterns, ending)}."


def _changed(patterns: PromptPatterns, place: tuple[int, ...]) -> str:
    *head, query, key = place
    run = "difference"
    return (
        f"head {_name(patterns, tuple(head))} changes most: from {patterns.place(query, run)} to "
        f"{patterns.place(key, run)}: {patterns.clean[place]:.2f} clean, {patterns.corrupted[place]:.2f} corrupted"
    )


def head_story(patterns: PromptPatterns, head: Head) -> str:
    """Where one head looks from END in both prompts, and where its attention changes most."""
    clean, corrupted = patterns.of(head, "clean"), patterns.of(head, "corrupted")
    before, after = int(clean[patterns.end].argmax()), int(corrupted[patterns.end].argmax())
    said = (
        f"From END, head {head} looks most at {patterns.place(before, 'clean')} in clean prompt {patterns.number} "
        f"({clean[patterns.end, before]:.2f}), at {patterns.place(after, 'corrupted')} in the corrupted one "
        f"({corrupted[patterns.end, after]:.2f})."
    )
    change = np.abs(clean - corrupted)
    if not change.any():
        return f"{said} Nothing changes anywhere."
    [(query, key)] = _largest(change, 1)
    return (
        f"{said} The look that changes most is from {patterns.place(query, 'difference')} at "
        f"{patterns.place(key, 'difference')}: "
        f"{clean[query, key]:.2f} clean, {corrupted[query, key]:.2f} corrupted."
    )


def end_story(patterns: PromptPatterns) -> str:
    """For each name, the head whose look from END the corruption changes most."""
    said = []
    for role, position in patterns.names.items():
        to_name = (slice(None), slice(None), patterns.end, position)
        clean, corrupted = patterns.clean[to_name], patterns.corrupted[to_name]
        [place] = _largest(np.abs(clean - corrupted), 1)
        said.append(
            f"to {role} ({patterns.tokens('difference')[position]}) head {_name(patterns, place)}, "
            f"{clean[place]:.2f} clean and {corrupted[place]:.2f} corrupted"
        )
    return f"Whose {patterns.metric} from END changes most in prompt {patterns.number}: {'; '.join(said)}."


def _name(patterns: PromptPatterns, place: tuple[int, ...]) -> str:
    return f"{patterns.layers[place[0]]}.{place[1]}"


def _largest(values: np.ndarray, n: int) -> list[tuple[int, ...]]:
    """The places of the n largest values, the largest first."""
    order = np.argsort(-values, axis=None, kind="stable")[:n]
    return [tuple(int(i) for i in np.unravel_index(place, values.shape)) for place in order]
