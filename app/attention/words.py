"""Sentences computed from attention patterns."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from app.questions.measures import Measure
from app.questions.patterns import PromptPatterns
from app.words.effects import NOTHING, not_shown, shows
from app.words.phrases import listed, number, size
from ioi_core import Head

WEIGHTING = {"plain": "shares that add up to 1", "value-weighted": "shares times the size of what is read there"}
"""The two metrics of attention, with captions."""


def ranking_story(ranked: Measure, heads: Sequence[Head]) -> str:
    """Name the heads that are drawn, with the values that they were chosen by."""
    largest = float(np.abs(ranked.values).max())
    values = [ranked.of(head) for head in heads]
    chosen_by = ", ".join(
        f"{head} {number(value, largest) if ranked.signed else size(value)}"
        for head, value in zip(heads, values, strict=True)
    )
    unit = {"share": "of logit_diff recovered", "attention": "of attention"}.get(ranked.unit, ranked.unit)
    strongest = f"these are the {len(heads)} strongest" if len(heads) > 1 else "this is the strongest"
    return f"By {ranked.name}, {strongest} of {ranked.values.size} heads.\n{chosen_by} {unit} ({ranked.sample})."


def note(patterns: PromptPatterns, run: str) -> str:
    """Return the overview's unit and the meaning of its colours."""
    limit = patterns.limit(run)
    unit = "norm written" if patterns.weighted else "probability"
    scale = f"0 (white) to {size(limit, nothing=0)} (brown)"
    if run == "difference":
        scale = f"blue: more in the clean prompt, red: more in the corrupted one, up to {size(limit, nothing=0)}"
    if patterns.weighted:
        scale += ", half the colour at a quarter of that"
    return f"{unit}, {scale}; grey: later tokens, which cannot be seen; 1 prompt"


def hover_texts(patterns: PromptPatterns, run: str) -> list[list[str]]:
    """Return for each head of the overview where it looks from END: [layer][head]."""
    values = patterns.values(run)[:, :, patterns.end]
    changed = run == "difference"
    first, write = (
        f"{patterns.metric} from END{' (clean minus corrupted)' * changed}",
        partial(number if changed else size, nothing=_nothing(patterns)),
    )
    sentences: list[list[str]] = []
    for layer, row in zip(patterns.layers, values, strict=True):
        sentences.append([])
        for head, from_end in enumerate(row):
            names = ", ".join(f"{role} {write(from_end[n])}" for role, n in patterns.names.items())
            most = int(np.abs(from_end).argmax())
            sentences[-1].append(
                f"Head {layer}.{head}, {first}:\n{names + '; ' if names else ''}"
                f"{'most changed' if changed else 'most'} at {patterns.token_at(most, run)} {write(from_end[most])}"
            )
    return sentences


def overview_story(patterns: PromptPatterns, run: str) -> str:
    """Name the heads that look most from END at each name; for the difference, those whose attention changes most."""
    if run == "difference":
        return _largest_change_story(patterns)
    from_end = patterns.values(run)[:, :, patterns.end]
    difference = patterns.values("difference")
    changes = difference[:, :, patterns.end, list(patterns.names.values())]
    if difference.any() and changes.size and not shows(changes, _least(patterns)):  # of two prompts, not of one twice
        names = listed(list(patterns.names))
        return not_shown(f"no head's attention from END to {names} changes to speak of in the {_twin(run)} prompt")
    parts = []
    for role, position in patterns.names.items():
        heads = ", ".join(
            f"{_head_name(patterns, index)} ({_written(patterns, from_end[(*index, position)])})"
            for index in _largest(from_end[:, :, position], 3)
        )
        parts.append(f"at {role}, “{patterns.tokens(run)[position]}”: heads {heads}")
    if parts:
        most, *others = parts
        rest = f"\nMost {'; '.join(others)}." if others else ""
        return f"In {patterns.title(run)}, from END, these look most {most}.{rest}"
    if patterns.end == 0:
        return f"In {patterns.title(run)} there is one token, which looks at itself."
    [(layer, head, key)] = _largest(from_end[:, :, 1:], 1)
    name, share = _head_name(patterns, (layer, head)), from_end[layer, head, key + 1]
    return (
        f"In {patterns.title(run)}, the first token aside, the strongest look from END is that of head "
        f"{name} at {patterns.token_at(key + 1, run)}: {_written(patterns, share)}."
    )


def _twin(run: str) -> str:
    return "clean" if run == "corrupted" else "corrupted"


def _largest_change_story(patterns: PromptPatterns) -> str:
    change = np.abs(patterns.values("difference"))
    if change.max() < _least(patterns):
        return f"No head's attention changes to speak of between clean and corrupted prompt {patterns.number}."
    [index] = _largest(change, 1)
    [from_end] = _largest(change[:, :, patterns.end], 1)
    ending = (*from_end[:2], patterns.end, from_end[2])
    text = f"Over all positions, {_change_words(patterns, index)}."
    return text if index == ending else f"{text}\nLooking from END, {_change_words(patterns, ending)}."


def _change_words(patterns: PromptPatterns, index: tuple[int, ...]) -> str:
    *head, query, key = index
    run = "difference"
    return (
        f"head {_head_name(patterns, tuple(head))} changes most: from {patterns.token_at(query, run)} to "
        f"{patterns.token_at(key, run)}: {_written(patterns, patterns.clean[index])} clean, "
        f"{_written(patterns, patterns.corrupted[index])} corrupted"
    )


def head_story(patterns: PromptPatterns, head: Head) -> str:
    """Say where one head looks from END in both prompts, and where its attention changes most."""
    clean, corrupted = patterns.of(head, "clean"), patterns.of(head, "corrupted")
    before, after = int(clean[patterns.end].argmax()), int(corrupted[patterns.end].argmax())
    text = (
        f"From END, head {head} looks most at {patterns.token_at(before, 'clean')} in clean prompt {patterns.number} "
        f"({_written(patterns, clean[patterns.end, before])}); corrupted: at {patterns.token_at(after, 'corrupted')} "
        f"({_written(patterns, corrupted[patterns.end, after])})."
    )
    change = np.abs(clean - corrupted)
    if change.max() < _least(patterns):
        return f"{text}\nNowhere does it change to speak of."
    [(query, key)] = _largest(change, 1)
    return (
        f"{text}\nThe look that changes most is from {patterns.token_at(query, 'difference')} at "
        f"{patterns.token_at(key, 'difference')}: "
        f"{_written(patterns, clean[query, key])} clean, {_written(patterns, corrupted[query, key])} corrupted."
    )


def end_story(patterns: PromptPatterns) -> str:
    """Name the head whose attention from END the corruption changes most, for each name."""
    parts, unchanged = [], []
    for role, position in patterns.names.items():
        to_name = (slice(None), slice(None), patterns.end, position)
        clean, corrupted = patterns.clean[to_name], patterns.corrupted[to_name]
        [index] = _largest(np.abs(clean - corrupted), 1)
        if abs(clean[index] - corrupted[index]) < _least(patterns):
            unchanged.append(role)
            continue
        parts.append(
            f"to {role} ({patterns.tokens('difference')[position]}) head {_head_name(patterns, index)}, "
            f"{_written(patterns, clean[index])} clean and {_written(patterns, corrupted[index])} corrupted"
        )
    none = f"No head's {patterns.metric} from END to {listed(unchanged)} changes to speak of"
    if not parts:
        return f"{none} in prompt {patterns.number}."
    most, *others = parts
    text = f"Whose {patterns.metric} from END changes most in prompt {patterns.number}: {most}."
    rest = [*([f"And {'; '.join(others)}."] if others else []), *([f"{none}."] if unchanged else [])]
    return "\n".join([text, *rest])


def _least(patterns: PromptPatterns) -> float:
    """Return the smallest change that is not nothing: a hundredth of full attention, or of the largest norm."""
    return 0.01 * patterns.limit("clean")


def _nothing(patterns: PromptPatterns) -> float:
    """Return the smallest attention that is not written as nothing; a norm may be small in every head."""
    return min(NOTHING, NOTHING * patterns.limit("clean"))


def _written(patterns: PromptPatterns, value: float) -> str:
    return size(value, nothing=_nothing(patterns))


def _head_name(patterns: PromptPatterns, index: tuple[int, ...]) -> str:
    return f"{patterns.layers[index[0]]}.{index[1]}"


def _largest(values: np.ndarray, n: int) -> list[tuple[int, ...]]:
    """Return the indices of the `n` largest values, the largest first."""
    order = np.argsort(-values, axis=None, kind="stable")[:n]
    return [tuple(int(i) for i in np.unravel_index(index, values.shape)) for index in order]
