"""Sentences about a knock-out, computed from its numbers. No Streamlit here."""

from collections.abc import Sequence

import numpy as np

from app.circuit.backup.numbers import Mover, Stage
from app.words.effects import least, not_shown, shows, sure
from app.words.phrases import capitalised, heads_words, interval, listed, mean_over, number, size, threshold

_MOST_NAMED, _MOST_GONE = 4, 3
_COUNTS = 0.05  # of what the heads wrote (or of the largest change): less is not named


def stage_name(stage: Stage) -> str:
    """Return the name of a stage on axes."""
    return f"without {' '.join(map(str, stage.gone))}" if stage.gone else "no head ablated"


def shows_stages(stages: Sequence[Stage]) -> bool:
    """Return whether the heads that go write anything to speak of, or the model does something else than expected."""
    before = stages[0]
    changes = [[stage.naive - before.real, stage.repair] for stage in stages[1:]]
    return shows(np.array(changes), least(before.real))


def stages_story(stages: Sequence[Stage], moved: Sequence[Mover], n_prompts: int) -> str:
    """Say who steps in, and `expected_story` of the first and of all heads that go; or that they show nothing.

    Args:
        stages: the first lacks no head; moved: the other heads in the last one.
    """
    before, first, last = stages[0], stages[1], stages[-1]
    if not shows_stages(stages):
        near = f"within {threshold(least(before.real))} logits"
        why = f"without them logit_diff should stay at {number(before.real)}, {near}, and what is left is as expected"
        return not_shown(why, "These heads do")
    told = (last,) if last is first else (last, first)
    expected = (expected_story(before, stage, n_prompts) for stage in told)
    return "\n".join([*step_in_story(moved, before, last), *expected])


def step_in_story(moved: Sequence[Mover], before: Stage, stage: Stage) -> list[str]:
    """Name the heads that write clearly more towards the right answer once others are ablated; nothing if none is lost.

    What LayerNorm's scale does to a head that writes as before is no stepping in; nor is it if a head that writes
    towards the wrong answer holds back, which is said for itself.
    """
    nothing = least(before.real)
    if before.real - stage.naive < nothing:
        return []
    risen = sorted((one for one in moved if one.change >= nothing), key=lambda one: -one.change)
    risen = [one for one in risen if one.change >= _COUNTS * risen[0].change and sure(one.low, one.high)]
    risen = [one for one in risen if _writes_else(one)]
    in_place, held_back = ([one for one in risen if (one.after > 0) is right] for right in (True, False))
    gone = heads_words(stage.gone) if len(stage.gone) <= _MOST_GONE else "these heads"
    less = f"{held_back[0].head} takes less away" if held_back else ""
    if not in_place:
        why = f", but {less}" if less else ": none writes clearly more towards the right answer"
        return [f"No head steps in without {gone}{why}."]
    first, *others = (f"{number(one.before)} to {number(one.after)}" for one in in_place)
    named, steps = f"head {in_place[0].head}", f"steps in (direct effect from {first} logits)"
    if others:
        named = f"heads {in_place[0].head} (direct effect {first}) and {in_place[1].head} ({others[0]})"
        steps = "step in most" if len(others) > 1 else "step in"
    return [f"Without {gone}, {named} {steps}{f'; {less}' if less else ''}."]


def _writes_else(mover: Mover) -> bool:
    """Return whether a head writes something else than before, more than LayerNorm's scale makes of it."""
    return abs(mover.change - mover.by_scale) > 0.5 * abs(mover.change)


def expected_story(before: Stage, stage: Stage, n_prompts: int) -> str:
    """Say what the naive prediction for a stage is, and the real logit_diff; `before` lacks no head."""
    lost, sample = before.real - stage.naive, mean_over(n_prompts)
    text = (
        f"Without {heads_words(stage.gone)} one would expect a logit_diff of {number(stage.naive)} instead of "
        f"{number(before.real)}; the model has {number(stage.real)}.\n"
        f"{capitalised(interval(*stage.real_interval, sample))}."
    )
    reacts, gap = _reacts(before, stage), f"{size(stage.repair)} logits"
    sure_gap = f"{gap} ({interval(*stage.repair_interval, sample)})"
    if reacts and not sure(*stage.repair_interval):
        return f"{text} Whether that is more or less than expected is uncertain: the difference is {sure_gap}."
    if abs(lost) < least(before.real):
        text += " What these heads write themselves hardly counts"
        if not reacts:
            return f"{text}, so there is nothing to make up for."
        return f"{text}, yet logit_diff ends {sure_gap} {_side(stage)}: they work by way of others."
    if lost < 0:
        text += " By themselves these heads lower logit_diff: one expects more without them"
        return f"{text}. It ends {sure_gap} {_side(stage)} that." if reacts else f"{text}, and that is what happens."
    if not reacts:
        return f"{text} That is what one would expect: nothing makes up for these heads."
    if stage.repair < 0:
        return f"{text} That is {gap} less than expected: what is left works worse without them."
    if stage.repair > lost:
        return f"{text} The {size(lost)} logits that these heads wrote are more than made up for, by {sure_gap} in all."
    return f"{text} Of the {size(lost)} logits that these heads wrote, {sure_gap} are made up for."


def _reacts(before: Stage, stage: Stage) -> bool:
    """Return whether the model does something else than expected, more than nothing."""
    return abs(stage.repair) >= max(least(before.real), _COUNTS * abs(before.real - stage.naive))


def _side(stage: Stage) -> str:
    return "above" if stage.repair >= 0 else "below"


def cause_story(before: Stage, stage: Stage, n_layers: int) -> str:
    """Say how much of self-repair is LayerNorm's, and how much is that of heads and MLPs that write something else."""
    if abs(stage.repair) < least(before.real):
        return f"logit_diff is what was expected, within {threshold(least(before.real))} logits."
    change = round(100 * (stage.scale / before.scale - 1))
    counts = "more" if change < 0 else "less" if change > 0 else "about the same"
    parts = stage.by_scale, stage.by_heads, stage.by_rest
    by_scale, by_heads, by_rest = (number(part, max(map(abs, parts))) for part in parts)
    text = (
        f"logit_diff is {size(stage.repair)} logits {_side(stage)} what was expected: LayerNorm {by_scale}, other "
        f"heads {by_heads}, MLPs {by_rest}.\nLayerNorm: it divides by {size(stage.scale)} instead of "
        f"{size(before.scale)} ({change:+d} %), so whatever is left counts for {counts}; other heads and MLPs write "
        "something else than before."
    )
    last = all(head.layer == n_layers - 1 for head in stage.gone)
    if last:
        text += " No other head could notice: those that are ablated stand in the last layer."
    lost = before.real - stage.naive
    made_up = stage.repair > 0 and _reacts(before, stage) and sure(*stage.repair_interval)
    if not made_up or lost < least(before.real):
        return text
    if stage.by_heads < 0.2 * stage.repair:
        cause = "LayerNorm" if stage.by_scale >= stage.by_rest else "the MLPs"
        few = "no" if last else "hardly any"
        return f"{text} So it is {few} other head: what looks like backup is above all {cause}."
    if stage.by_heads > 0.6 * stage.repair:
        return f"{text} So other heads do step in."
    return f"{text} So other heads step in, but they are not all of it."


def shows_movers(moved: Sequence[Mover], stage: Stage) -> bool:
    """Return whether any direct effect changes to speak of."""
    return shows(np.array([mover.change for mover in moved]), least(stage.real))


def movers_story(moved: Sequence[Mover], stage: Stage) -> str:
    """Say which heads move most, from where to where, and which of them write something else."""
    largest = max(abs(mover.change) for mover in moved)
    if not shows_movers(moved, stage):
        nothing = threshold(least(stage.real))
        return f"No other head's direct effect changes by {nothing} logits or more: next to nothing."
    named = [mover for mover in moved[:_MOST_NAMED] if abs(mover.change) >= max(_COUNTS * largest, least(stage.real))]
    moves = ", ".join(f"{mover.head} ({number(mover.before)} to {number(mover.after)})" for mover in named)
    text = f"These direct effects move most: {moves}.\nWith {heads_words(stage.gone)} ablated."
    different = [mover.head for mover in named if _writes_else(mover)]
    if not different:
        who = "All of them write" if len(named) > 1 else "It writes"
        return f"{text} {who} much the same as before, and LayerNorm lets it count differently."
    if len(different) == len(named):
        return f"{text} {'Each of them' if len(named) > 1 else 'It'} writes something else than before."
    return (
        f"{text} Of these, {heads_words(different)} write{'s' * (len(different) == 1)} something else than "
        "before; the others write much the same, and LayerNorm lets it count differently."
    )


def changes_story(per_prompt: np.ndarray, stage: Stage) -> str:
    """Say how many of the other heads move, and in which layers.

    Args:
        per_prompt: [layer head batch] change in logits, nan for the heads that are gone.
    """
    changes, nothing = per_prompt.mean(-1), least(stage.real)
    moves = np.abs(changes) >= nothing  # nan does not
    others, layers = int(np.isfinite(changes).sum()), np.flatnonzero(moves.any(1))
    where = f"in layer{'s' * (len(layers) > 1)} {listed(list(map(str, layers)))}"
    return f"{int(moves.sum())} of {others} other heads move by {threshold(nothing)} logits or more, {where}."
