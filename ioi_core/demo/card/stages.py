"""The stages of the bundled model on held-out sentences: every head's attention and weight, and whole stages patched.

z is patched from a run with S2 flipped, or from a run with three other names, or set to zero. The heads of a stage are
those of the app's rules (`circuit`).
"""

import itertools
from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from ioi_core.demo.card import probe
from ioi_core.demo.card.probe import Patch, Rows, Run, mean_attention, run
from ioi_core.demo.card.values import HeadTables, Intervention, MeasuredCircuit
from ioi_core.demo.training.token_classes import demo_vocabulary
from ioi_core.vocabulary import Head

SEED = 20_003


def head_tables(model: GPT2LMHeadModel, rows: Rows, clean: Run, flipped: Run) -> HeadTables:
    """Return each head's attention, direct attribution and necessity."""
    attribution = probe.direct_attribution(model, rows, clean)

    def without(positions: Tensor, source: Tensor | None) -> Tensor:
        heads = (Head(*index) for index in itertools.product(*map(range, attribution.shape)))
        runs = (run(model, rows, Patch([head], positions, source)) for head in heads)
        values = [float(patched.logit_diff(rows).mean()) for patched in runs]
        return torch.tensor(values).view_as(attribution)

    return HeadTables(
        end_to_io=mean_attention(clean, rows.end, rows.io),
        end_to_s2=mean_attention(clean, rows.end, rows.s2),
        s2_to_s1=mean_attention(clean, rows.s2, rows.s1),
        previous_token=probe.previous_token_attention(clean, rows),
        attribution=attribution,
        zeroed_at_end=without(rows.end, None),
        flipped_at_end=without(rows.end, flipped.z),
        flipped_at_s2=without(rows.s2, flipped.z),
    )


def interventions(
    model: GPT2LMHeadModel,
    rows: Rows,
    flipped: Run,
    circuit: MeasuredCircuit,
) -> tuple[Intervention, ...]:
    """Patch each stage as a whole; return what is left of logit_diff and attention."""
    other = _three_other_names(model, rows)
    movers, inhibition = circuit.heads("name mover"), circuit.heads("S-inhibition")
    repeats = tuple(sorted({*circuit.heads("duplicate token"), *circuit.heads("induction")}))
    jobs = (
        ("nothing patched", (), rows.end, None),
        ("name movers zero at END", movers, rows.end, None),
        ("name movers at END from the S2-flipped run", movers, rows.end, flipped.z),
        ("negative name movers zero at END", circuit.heads("negative name mover"), rows.end, None),
        ("S-inhibition heads zero at END", inhibition, rows.end, None),
        ("S-inhibition heads at END from the S2-flipped run", inhibition, rows.end, flipped.z),
        ("duplicate-token heads at S2 from three other names", circuit.heads("duplicate token"), rows.s2, other.z),
        ("induction heads at S2 from three other names", circuit.heads("induction"), rows.s2, other.z),
        ("both of these at S2 from three other names", repeats, rows.s2, other.z),
    )
    return tuple(
        _intervene(model, rows, what, tuple(heads), positions, source, movers)
        for what, heads, positions, source in jobs
    )


def _three_other_names(model: GPT2LMHeadModel, rows: Rows) -> Run:
    rng, names = Random(SEED), demo_vocabulary().trained_names
    drawn = torch.tensor([rng.sample(names, 3) for _ in rows.end])
    return run(model, rows.with_names({"io": drawn[:, 0], "s1": drawn[:, 1], "s2": drawn[:, 2]}))


def _intervene(
    model: GPT2LMHeadModel,
    rows: Rows,
    what: str,
    heads: tuple[Head, ...],
    positions: Tensor,
    source: Tensor | None,
    movers: Sequence[Head],
) -> Intervention:
    patched = run(model, rows, Patch(heads, positions, source))
    diff = patched.logit_diff(rows)
    to_io, to_s1 = (mean_attention(patched, rows.end, key) for key in (rows.io, rows.s1))
    attention = [sum(float(table[h.layer, h.head]) for h in movers) / max(1, len(movers)) for table in (to_io, to_s1)]
    return Intervention(what, heads, float(diff.mean()), float((diff > 0).float().mean()), *attention)
