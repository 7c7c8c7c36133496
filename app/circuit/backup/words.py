"""Sentences about a knock-out, computed from its numbers. No Streamlit here."""

from collections.abc import Sequence

from app.circuit.backup.numbers import Mover, Stage
from app.words.phrases import heads_words, interval, over_prompts, signed

_MOST_NAMED = 4
_COUNTS = 0.05  # of what the heads wrote (or of the largest change): less is not named
_HARDLY = 0.02  # of logit_diff: heads that write less have nothing that could be made up for


def stage_name(stage: Stage) -> str:
    """Return the name of a stage on axes."""
    return f"without {' '.join(map(str, stage.gone))}" if stage.gone else "nothing gone"


def expected_story(before: Stage, stage: Stage, n_prompts: int) -> str:
    """Say what the naive prediction for a stage is, and the real logit_diff; `before` lacks no head."""
    lost, sample = before.real - stage.naive, over_prompts(n_prompts)
    text = (
        f"Without {heads_words(stage.gone)} one would expect a logit_diff of {stage.naive:+.2f} instead of "
        f"{before.real:+.2f}; the model still has {stage.real:+.2f} ({interval(*stage.real_interval, sample)})."
    )
    if abs(lost) < _HARDLY * max(abs(before.real), 1e-6):
        return f"{text} What these heads write themselves hardly counts, so there is nothing to make up for."
    if lost < 0:
        return f"{text} These heads write against the answer: taking them away should help."
    if stage.repair > _COUNTS * lost:
        return (
            f"{text} Of the {lost:.2f} logits that these heads wrote, {stage.repair:.2f} are made up for "
            f"({interval(*stage.repair_interval, sample)})."
        )
    if stage.repair < -_COUNTS * lost:
        return f"{text} That is {-stage.repair:.2f} less than expected: what is left works worse without them."
    return f"{text} That is what one would expect: nothing makes up for these heads."


def cause_story(before: Stage, stage: Stage, n_layers: int) -> str:
    """Say how much of self-repair is LayerNorm's, and how much is that of heads and MLPs that write something else."""
    change = round(100 * (stage.scale / before.scale - 1))
    counts = "more" if change < 0 else "less" if change > 0 else "about the same"
    text = (
        f"logit_diff is {abs(stage.repair):.2f} logits {'above' if stage.repair >= 0 else 'below'} what was "
        f"expected, in three parts. LayerNorm: {signed(stage.by_scale)}; it divides by {stage.scale:.2f} instead of "
        f"{before.scale:.2f} ({change:+d} %), so whatever is left counts for {counts}. Other heads that write "
        f"something else than before: {signed(stage.by_heads)}. MLPs that do: {signed(stage.by_rest)}."
    )
    if all(head.layer == n_layers - 1 for head in stage.gone):
        text += " No other head could notice: those that are gone stand in the last layer."
    lost = before.real - stage.naive
    if lost < _HARDLY * abs(before.real) or stage.repair <= _COUNTS * lost:
        return text
    if stage.by_heads < 0.2 * stage.repair:
        cause = "LayerNorm" if stage.by_scale >= stage.by_rest else "the MLPs"
        return f"{text} So no head steps in here: what looks like backup is mostly {cause}."
    if stage.by_heads > 0.6 * stage.repair:
        return f"{text} So other heads do step in."
    return f"{text} So other heads step in, but they are not all of it."


def movers_story(moved: Sequence[Mover], stage: Stage) -> str:
    """Say which heads move most, from where to where, and which of them write something else."""
    largest = max(abs(mover.change) for mover in moved)
    if largest < 1e-6:
        return "No other head's direct effect changes at all."
    named = [mover for mover in moved[:_MOST_NAMED] if abs(mover.change) > max(_COUNTS * largest, 1e-6)]
    moves = ", ".join(
        f"{mover.head} ({signed(mover.before, largest)} to {signed(mover.after, largest)})" for mover in named
    )
    text = f"With {heads_words(stage.gone)} gone, these direct effects move most: {moves}."
    different = [mover.head for mover in named if abs(mover.change - mover.by_scale) > 0.5 * abs(mover.change)]
    if not different:
        return f"{text} All of them write much the same as before, and LayerNorm lets it count differently."
    if len(different) == len(named):
        return f"{text} Each of them writes something else than before."
    return (
        f"{text} Of these, {heads_words(different)} write{'s' * (len(different) == 1)} something else than "
        "before; the others write much the same, and LayerNorm lets it count differently."
    )
