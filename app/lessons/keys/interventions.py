"""What lessons measure by interventions: patching, paths, heads taken away, circuits. No Streamlit here.

Requests are those of the pages, so a result that a page or the warmed cache has is not computed again.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

import ioi_core
from app.lessons.keys.measured import Behind, Measured
from app.lessons.keys.run import (
    NotMeasuredError,
    Run,
    amount,
    head_labels,
    heads_of,
    layers_asked,
    some_of,
    token_labels,
)
from app.questions.ask import ask
from app.words.phrases import heads_words, mean_over
from ioi_core import LOGITS, with_twins


def patch_activations(run: Run, read: str, given: Mapping[str, Any]) -> Measured:
    """Read what clean activations bring back, or corrupted ones take away."""
    positions = "all" if read == "heads" else "each"
    result = run.compute(
        ask(
            ioi_core.patch_activations, pairs=run.pairs, site=given["site"], positions=positions,
            direction=ioi_core.Direction(given["direction"]), metric="logit_diff_recovered",
        )
    )  # fmt: skip
    if result.undefined:
        raise NotMeasuredError(result.undefined)
    effects, note = result.effects.mean(-1), mean_over(result.n_prompts)
    facts = {"clean": amount(result.clean), "corrupted": amount(result.corrupted)}
    title = "Change in logit_diff_recovered"
    if read == "heads":
        return Measured(effects, "share", title, note, head_labels(run), facts)
    if "pos" not in result.axes:
        raise NotMeasuredError("the prompts differ in length")
    layers = tuple(f"layer {layer}" for layer in result.axes["layer"])
    if read == "cells":
        return Measured(effects, "share", title, note, (layers, token_labels(run)), facts)
    at = {role: effects[:, int(run.pairs.roles[role][0])] for role in ("S2", "END")}
    facts |= {"at_S2": amount(float(at["S2"][0])), "at_END": amount(float(at["END"][-1]))}
    if read == "at S2":
        kept = some_of(len(layers))
        return Measured(
            at["S2"][kept], "share", "Recovered by the residual stream at S2", note, (layers_asked(run),), facts
        )
    if read == "start":
        return Measured(np.array(100 * at["S2"][0]), "%", "Recovered by S2 before layer 0", note, facts=facts)
    later = np.flatnonzero(at["END"] > at["S2"])
    if not len(later) or at["S2"][0] <= at["END"][0]:
        raise NotMeasuredError("the answer does not move from S2 to END")
    return Measured(np.array(float(later[0])), "layer", "First layer with more at END than at S2", note, facts=facts)


def patch_paths(run: Run, read: str, given: Mapping[str, Any]) -> Measured:
    """Read what is lost by the paths from each head into some receivers."""
    group = given["receivers"]
    receivers = () if group == LOGITS else tuple(sorted(heads_of(run, group)))
    results = {
        letter: run.compute(
            ask(
                ioi_core.patch_paths, pairs=run.pairs, receivers=list(receivers) or LOGITS, receiver_input=letter,
                direction=ioi_core.Direction.NOISING, metric="logit_diff_change",
            )
        )
        for letter in ("qkv" if read == "inputs" else given["receiver_input"])
    }  # fmt: skip
    effects = {letter: result.effects.mean(-1) for letter, result in results.items()}
    first = next(iter(results.values()))
    facts = {"receivers": heads_words(receivers) if receivers else "the logits"}
    note = mean_over(first.n_prompts)
    if first.undefined and not receivers:
        raise NotMeasuredError(first.undefined)
    title = "Change in logit_diff by the path, as a share of the gap"
    if read == "heads":
        return Measured(next(iter(effects.values())), "share", title, note, head_labels(run), facts, receivers)
    senders = heads_of(run, given["senders"])
    facts["senders"] = heads_words(senders)
    sums = [float(np.nansum([of[head.layer, head.head] for head in senders])) for of in effects.values()]
    if np.isnan([of[head.layer, head.head] for of in effects.values() for head in senders]).all():
        raise NotMeasuredError("there is no path between these heads")
    return Measured(-np.array(sums), "share", "logit_diff lost by the path", note, (("q", "k", "v"),), facts, receivers)


def backup_heads(run: Run, read: str, given: Mapping[str, Any]) -> Measured:
    """Read what is left without some heads, and who writes more then."""
    heads, ablation = heads_of(run, given["heads"]), ioi_core.Ablation(given["ablation"])
    pairs = run.pairs if ablation is ioi_core.Ablation.ZERO else with_twins(run.model, run.pairs, "abc")
    result = run.compute(ask(ioi_core.backup_heads, pairs=pairs, heads=list(heads), ablation=ablation))
    before, after, expected = float(result.logit_diff[0]), float(result.logit_diff[-1]), float(result.naive[-1])
    if before <= 0:
        raise NotMeasuredError("it does not prefer the right name, so nothing can be lost")
    facts = {
        "gone": heads_words(heads), "before": amount(before), "after": amount(after), "expected": amount(expected),
        "expected_share": f"{round(100 * expected / before)} %",
        "own_share": f"{100 - round(100 * expected / before)} %", "left": f"{round(100 * after / before)} %",
    }  # fmt: skip
    note = mean_over(result.n_prompts)
    if read == "left":
        share = 100 * after / before
        bars = ("with all heads", "without the head" if len(heads) == 1 else "without these heads")
        title, behind = f"logit_diff without {heads_words(heads)}", Behind(bars, (100.0, share), "% of the lead")
        return Measured(np.array(share), "%", title, note, facts=facts, heads=heads, behind=behind)
    changes = result.changes[-1].astype(float).copy()
    for head in heads:
        changes[head.layer, head.head] = np.nan
    title = f"Change in direct effect without {heads_words(heads)}"
    return Measured(changes, "logits", title, note, head_labels(run), facts, heads)


def evaluate_circuit(run: Run, read: str, _: Mapping[str, Any]) -> Measured:
    """Read how much of the model its circuit is: the published one, or the one that is found."""
    pairs = with_twins(run.model, run.pairs, "abc")
    circuit = ioi_core.IOI_CIRCUIT
    if not run.model.is_gpt2_small:
        circuit = run.compute(ask(ioi_core.find_circuit, pairs=pairs)).circuit
    result = run.compute(ask(ioi_core.evaluate_circuit, pairs=pairs, circuit=circuit, ablation=ioi_core.Ablation.MEAN))
    if not result.model_logit_diff > 0 or not circuit:
        raise NotMeasuredError("it does not prefer the right name, so no circuit does")
    share, empty = (100 * value / result.model_logit_diff for value in (result.logit_diff, result.empty_logit_diff))
    members, heads = len({head for head, _ in circuit.members}), len(run.model.heads)
    facts = {
        "whole": amount(result.model_logit_diff), "kept": amount(result.logit_diff), "share": f"{round(share)} %",
        "empty": amount(result.empty_logit_diff), "members": str(members), "all_heads": str(heads),
    }  # fmt: skip
    value, title = {
        "faithfulness": (share, "logit_diff of the circuit alone"),
        "empty": (empty, "logit_diff with every head ablated"),
        "size": (100 * members / heads, "Heads in the circuit"),
    }[read]
    return Measured(np.array(value), "%", title, mean_over(result.n_prompts), facts=facts)
