"""What lessons measure in a run that nobody touches: predictions, direct effects, attention. No Streamlit here.

Requests are those of the pages, so a result that a page or the warmed cache has is not computed again.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

import ioi_core
from app.lessons.keys.measured import Behind, Measured
from app.lessons.keys.run import (
    AGAINST,
    STRONGEST,
    NotMeasuredError,
    Run,
    amount,
    head_labels,
    heads_of,
    some_of,
    stages_asked,
)
from app.questions.ask import ask
from app.words.phrases import mean_over, percent, stage
from ioi_core import ROLES

NEXT = ("IO", "S", "other")
"""What comes next: the right name, the wrong one, another word."""


EVERY = "all"
PROMPTS = (EVERY, *map(str, range(1, 9)))
"""Of which prompts a probability is read: the mean over all, or one, counted from 1 as the pages count them."""


def predictions(run: Run, read: str, given: Mapping[str, Any]) -> Measured:
    """Read how likely the two names are."""
    result = run.compute(ask(ioi_core.predictions, pairs=run.pairs))
    clean, corrupted = (float(value) for value in result.values)
    chosen = range(len(run.pairs)) if given["prompt"] == EVERY else [int(given["prompt"]) - 1]
    if chosen[-1] >= len(run.pairs):
        raise NotMeasuredError(f"there is no prompt {given['prompt']}")
    right, wrong = (float(value) for value in result.answer_probs[0, chosen].mean(0))
    ahead = int((result.clean_logit_diff > 0).sum())
    facts = {
        "logit_diff": f"{amount(clean)} logits", "corrupted": f"{amount(corrupted)} logits",
        "probability": percent(right), "wrong_probability": percent(wrong),
        "times": f"{np.exp(clean):,.0f}", "ahead": str(ahead), "prompts": str(len(run.pairs)),
        "first_probability": percent(float(result.answer_probs[0, 0, 0])),
        "mean_probability": percent(float(result.answer_probs[0, :, 0].mean())),
    }  # fmt: skip
    note = mean_over(len(chosen) if read.startswith("probabilit") else len(run.pairs))
    of = {
        "logit_diff": (clean, "logits", "logit_diff"),
        "times": (np.exp(clean), "times", "The right name is so many times as likely"),
        "ahead": (ahead, "prompts", "Prompts in which the right name is ahead"),
        "probability": (100 * right, "%", "Probability of the right name"),
        "corrupted": (100 * corrupted / clean if clean else np.nan, "%", "logit_diff of the corrupted prompts"),
    }
    behind = {
        "probability": Behind(
            ("the right name", "the wrong name"), (100 * right, 100 * wrong), "% of the probability", 0
        ),
        "corrupted": Behind(
            ("before the change", "after the change"), (100.0, float(of["corrupted"][0])), "% of its lead"
        ),
    }
    if read in of:
        value, unit, title = of[read]
        return Measured(np.array(value), unit, title, note, facts=facts, behind=behind.get(read))
    if read == "most likely":
        first = [int((result.answer_ranks[0, :, answer] == 0).sum()) for answer in (0, 1)]
        counts = np.array([*first, len(run.pairs) - sum(first)], dtype=float)
        return Measured(counts, "sentences", "Which word is the most likely", f"of {len(run.pairs)}", (NEXT,), facts)
    values = 100 * np.array([right, wrong, 1 - right - wrong])
    return Measured(values, "%", "Probability of the next word", note, (NEXT,), facts)


def logit_lens(run: Run, read: str, _: Mapping[str, Any]) -> Measured:
    """Read logit_diff off the residual stream, stage by stage."""
    result = run.compute(ask(ioi_core.logit_lens, pairs=run.pairs, scale="final"))
    stages, values = result.axes["stage"], result.values
    steps = np.diff(values)
    steepest, peak = int(steps.argmax()), int(values.argmax())
    layer, when = stages[steepest].split("_")
    facts = {
        "first": amount(float(values[0])), "peak": amount(float(values[peak])), "peak_at": stage(stages[peak]),
        "last": amount(float(values[-1])), "rise": amount(float(steps[steepest])),
        "rise_at": f"the {'attention' if when == 'pre' else 'MLP'} of layer {layer}",
        "rise_layer": f"layer {layer}", "layers": str(run.model.cfg.n_layers),
        "last_layer": f"layer {run.model.cfg.n_layers - 1}",
    }  # fmt: skip
    title, note = "logit_diff, read out early", mean_over(result.n_prompts)
    if read == "steepest":
        share = 100 * (steepest + 1) / len(steps)
        whole = float(values[-1]) or np.nan
        so_far = tuple(float(value) for value in 100 * values / whole)
        curve = Behind(tuple(map(stage, stages)), so_far, "% of the lead at the end", is_curve=True)
        title = "Where the largest rise ends, as a share of the way"
        return Measured(np.array(share), "%", title, note, facts=facts, behind=curve)
    kept = [2 * n for n in some_of(run.model.cfg.n_layers + 1)]  # without those between attention and MLP
    return Measured(values[kept], "logits", title, note, (stages_asked(run),), facts)


def attribute_layers(run: Run, read: str, _: Mapping[str, Any]) -> Measured:
    """Read what each kind of layer adds to logit_diff."""
    result = run.compute(ask(ioi_core.attribute_layers, pairs=run.pairs))
    of = dict(zip(result.axes["component"], map(float, result.values), strict=True))
    kinds = {
        kind: sum(value for name, value in of.items() if name.endswith(ending))
        for kind, ending in (("attention", "attn_out"), ("MLPs", "mlp_out"), ("embeddings", "embed"))
    }
    by_layer = [of[f"{layer}_attn_out"] for layer in range(run.model.cfg.n_layers)]
    facts = {name: amount(value) for name, value in kinds.items()} | {"total": amount(sum(of.values()))}
    note = mean_over(result.n_prompts)
    if read == "kinds":
        return Measured(
            np.array([*kinds.values()]), "logits", "Direct effect on logit_diff", note, (tuple(kinds),), facts
        )
    names = tuple(f"layer {layer}" for layer in range(len(by_layer)))
    return Measured(np.array(by_layer), "logits", "Direct effect of each attention layer", note, (names,), facts)


def attribute_heads(run: Run, read: str, _: Mapping[str, Any]) -> Measured:
    """Read what each head adds to logit_diff by itself."""
    result = run.compute(ask(ioi_core.attribute_heads, pairs=run.pairs))
    (best,), (worst,) = heads_of(run, STRONGEST), heads_of(run, AGAINST)
    most, least = (float(result.values[head.layer, head.head]) for head in (best, worst))
    facts = {"for_head": str(best), "for": amount(most), "against_head": str(worst), "against": amount(least)}
    title, note = "Direct effect on logit_diff", mean_over(result.n_prompts)
    if read == "against":
        whole = float(run.compute(ask(ioi_core.predictions, pairs=run.pairs)).values[0])
        if whole <= 0:
            raise NotMeasuredError("it does not prefer the right name")
        return Measured(
            np.array(-100 * least / whole), "%", "Written against the answer by one head", note, facts=facts
        )
    return Measured(result.values, "logits", title, note, head_labels(run), facts)


def role_attention(run: Run, _: str, given: Mapping[str, Any]) -> Measured:
    """Read where one head looks from one token."""
    result = run.compute(ask(ioi_core.role_attention, pairs=run.pairs))
    head = heads_of(run, given["head"])[0]
    row = result.at(query_role=given["query"], layer=head.layer, head=head.head)
    values = np.array([float(row.at(key_role=role).values) for role in ROLES])
    rest = max(0.0, 1 - float(np.nansum(values)))
    facts = {role.replace("+1", "next"): percent(float(value)) for role, value in zip(ROLES, values, strict=True)}
    facts |= {"head": str(head), "elsewhere": percent(rest)}
    labels, title = (*ROLES, "elsewhere"), f"Attention of head {head} from {given['query']}"
    return Measured(100 * np.array([*values, rest]), "%", title, mean_over(result.n_prompts), (labels,), facts, (head,))


def head_scores(run: Run, _: str, given: Mapping[str, Any]) -> Measured:
    """Read attention on random repeated tokens, head by head."""
    result = run.compute(ask(ioi_core.head_scores))
    values = result.at(score=given["score"]).values
    note = f"mean over {result.n_prompts} random sequences"
    return Measured(values, "share", f"{given['score'].replace('_', ' ').capitalize()} score", note, head_labels(run))
