"""A knock-out in sentences computed from its numbers. No Streamlit here."""

from collections.abc import Sequence

from app.circuit.backup.numbers import Mover, Stage
from app.words.phrases import heads_words, interval, over_prompts, signed

_MOST_NAMED = 4
_COUNTS = 0.05  # of what the heads wrote (or of the largest change): less is not named
_HARDLY = 0.02  # of logit_diff: heads that write less have nothing that could be made up for


def stage_name(stage: Stage) -> str:
    """What a stage is called on axes."""
    return f"without {' '.join(map(str, stage.gone))}" if stage.gone else "nothing gone"


def expected_story(found: Sequence[Stage], stage: Stage, n_prompts: int) -> str:
    """The naive prediction against the real logit_diff."""
    lost, over = found[0].real - stage.naive, over_prompts(n_prompts)
    sure = interval(*stage.real_interval, over)
    said = (
        f"Without {heads_words(stage.gone)} one would expect a logit_diff of {stage.naive:+.2f} instead of "
        f"{found[0].real:+.2f}; the model still has {stage.real:+.2f} ({sure})."
    )
    if abs(lost) < _HARDLY * max(abs(found[0].real), 1e-6):
        return f"{said} What these heads write themselves hardly counts, so there is nothing to make up for."
    if lost < 0:
        return f"{said} These heads write against the answer: taking them away should help."
    if stage.repair > _COUNTS * lost:
        return (
            f"{said} Of the {lost:.2f} logits that these heads wrote, {stage.repair:.2f} are made up for "
            f"({interval(*stage.repair_interval, over)})."
        )
    if stage.repair < -_COUNTS * lost:
        return f"{said} That is {-stage.repair:.2f} less than expected: what is left works worse without them."
    return f"{said} That is what one would expect: nothing makes up for these heads."


def cause_story(found: Sequence[Stage], stage: Stage, n_layers: int) -> str:
    """How much of self-repair is LayerNorm's, and how much is heads and MLPs that write something else."""
    before, after = found[0].scale, stage.scale
    change = round(100 * (after / before - 1))
    counts = "more" if change < 0 else "less" if change > 0 else "about the same"
    said = (
        f"logit_diff is {abs(stage.repair):.2f} logits {'above' if stage.repair >= 0 else 'below'} what was "
        f"expected, in three parts. LayerNorm: {signed(stage.by_scale)}; it divides by {after:.2f} instead of "
        f"{before:.2f} ({change:+d} %), so whatever is left counts for {counts}. Other heads that write "
        f"something else than before: {signed(stage.by_heads)}. MLPs that do: {signed(stage.by_rest)}."
    )
    if all(head.layer == n_layers - 1 for head in stage.gone):
        said += " No other head could notice: those that are gone stand in the last layer."
    lost = found[0].real - stage.naive
    if lost < _HARDLY * abs(found[0].real) or stage.repair <= _COUNTS * lost:
        return said
    if stage.by_heads < 0.2 * stage.repair:
        return f"{said} So no head steps in here: what looks like backup is mostly {_other_cause(stage)}."
    if stage.by_heads > 0.6 * stage.repair:
        return f"{said} So other heads do step in."
    return f"{said} So other heads step in, but they are not all of it."


def _other_cause(stage: Stage) -> str:
    return "LayerNorm" if stage.by_scale >= stage.by_rest else "the MLPs"


def movers_story(found: Sequence[Mover], stage: Stage) -> str:
    """Who moves most, from where to where, and who of them writes something else."""
    reach = max(abs(mover.change) for mover in found)
    if reach < 1e-6:
        return "No other head's direct effect changes at all."
    named = [mover for mover in found[:_MOST_NAMED] if abs(mover.change) > max(_COUNTS * reach, 1e-6)]
    moves = ", ".join(
        f"{mover.head} ({signed(mover.before, reach)} to {signed(mover.after, reach)})" for mover in named
    )
    said = f"With {heads_words(stage.gone)} gone, these direct effects move most: {moves}."
    own = [mover for mover in named if abs(mover.change - mover.by_scale) > 0.5 * abs(mover.change)]
    if not own:
        return f"{said} All of them write much the same as before, and LayerNorm lets it count differently."
    if len(own) == len(named):
        return f"{said} Each of them writes something else than before."
    return (
        f"{said} Of these, {heads_words([mover.head for mover in own])} write{'s' * (len(own) == 1)} something else "
        "than before; the others write much the same, and LayerNorm lets it count differently."
    )
