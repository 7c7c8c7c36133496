"""Made-up results of the circuit analyses, of every sign and size."""

import numpy as np
from hypothesis import strategies as st

from app.circuit.backup.numbers import Mover, Stage
from ioi_core import (
    Ablation,
    Circuit,
    CircuitEvaluation,
    Completeness,
    Head,
    MethodContrast,
    Minimality,
    PromptResult,
    SignalFit,
)
from ioi_core.circuit.methods import METHODS
from ioi_core.circuit.signals import SIGNALS, fit
from ioi_core.results import over_prompts
from ioi_core.uncertainty import bootstrap_interval
from tests.app.made_up import COUNTS, of_prompts

CIRCUIT = Circuit({Head(0, 1): "S2", Head(1, 0): "END", Head(1, 2): "END"})


def fields(draw, per_prompt: np.ndarray, whole: np.ndarray, axes: dict[str, tuple[str, ...]]) -> dict[str, object]:
    templates = np.arange(len(whole)) % draw(st.integers(1, len(whole)))
    return {
        **over_prompts(per_prompt), "axes": axes, "metric": "logit_diff", "unit": "logits", "templates": templates,
        "ablation": draw(st.sampled_from(list(Ablation))), "model_per_prompt": whole,
    }  # fmt: skip


@st.composite
def evaluations(draw, whole: np.ndarray | None = None) -> CircuitEvaluation:
    n = draw(COUNTS) if whole is None else len(whole)
    circuit, model, empty = draw(of_prompts(n, 3))
    runs = np.stack([circuit, model if whole is None else whole, empty])
    axes = {"run": ("circuit", "model", "empty")}
    return CircuitEvaluation(**fields(draw, runs, runs[1], axes), circuit=CIRCUIT)


@st.composite
def minimalities(draw) -> Minimality:
    n = draw(COUNTS)
    members = CIRCUIT.members
    runs, whole = draw(of_prompts(n, 2, len(members))), draw(of_prompts(n, 1))[0]
    axes = {"run": ("without_k", "without_k_and_member"), "member": tuple(f"{head} {role}" for head, role in members)}
    removed = (Circuit(),) * len(members)
    return Minimality(**fields(draw, runs, whole, axes), circuit=CIRCUIT, members=members, removed=removed)


@st.composite
def completenesses(draw, whole: np.ndarray | None = None) -> Completeness:
    """Of three sets, or of the one K of a page whose F(M) is `whole`."""
    n = draw(COUNTS) if whole is None else len(whole)
    sets = () if whole is not None else (3,)
    axes = {"run": ("circuit", "model")} | ({"set": ("empty", "at END", "random 1")} if sets else {})
    model = draw(of_prompts(n, 1))[0] if whole is None else whole
    kinds = ("empty", "class", "random") if sets else ("given",)
    removed = (Circuit(), Circuit({Head(1, 0): "END"}), CIRCUIT)[: len(kinds)]
    runs = draw(of_prompts(n, 2, *sets))
    return Completeness(**fields(draw, runs, model, axes), circuit=CIRCUIT, removed=removed, kinds=kinds)


@st.composite
def backup_stages(draw) -> tuple[Stage, Stage, int]:
    """The stage that lacks no head, one that lacks some, and the number of prompts."""
    n = draw(COUNTS)
    clean, naive, by_scale, by_heads, by_rest = draw(of_prompts(n, 5))
    scales = draw(st.tuples(st.floats(1, 30), st.floats(1, 30)))
    gone = tuple(draw(st.sets(st.builds(Head, st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=3)))
    zero = np.zeros(n)
    before = _stage((), clean, clean, zero, zero, zero, scales[0])
    return before, _stage(gone, naive + by_scale + by_heads + by_rest, naive, by_scale, by_heads, by_rest, scales[1]), n


def _stage(
    gone: tuple[Head, ...], real: np.ndarray, naive: np.ndarray, by_scale: np.ndarray, by_heads: np.ndarray,
    by_rest: np.ndarray, scale: float,
) -> Stage:  # fmt: skip
    def interval(per_prompt: np.ndarray) -> tuple[float, float]:
        low, high = bootstrap_interval(per_prompt)
        return float(low), float(high)

    return Stage(
        gone, float(real.mean()), interval(real), float(naive.mean()), interval(naive), float((real - naive).mean()),
        interval(real - naive), scale, (scale, scale), float(by_scale.mean()), float(by_heads.mean()),
        float(by_rest.mean()),
    )  # fmt: skip


@st.composite
def backup_movers(draw) -> list[Mover]:
    before, change, by_scale = draw(of_prompts(2, 3, 4)).mean(-1)
    moved = [
        Mover(Head(1, n), b, b + c, c, float("nan"), float("nan"), s)
        for n, (b, c, s) in enumerate(zip(before.tolist(), change.tolist(), by_scale.tolist(), strict=True))
    ]
    return sorted(moved, key=lambda mover: -abs(mover.change))


@st.composite
def contrasts(draw) -> MethodContrast:
    n = draw(COUNTS)
    clean, corrupted, *runs = draw(of_prompts(n, 2 + len(METHODS)))
    return MethodContrast(
        **over_prompts(np.stack(runs)), axes={"method": METHODS}, metric="logit_diff", unit="logits",
        heads=Circuit({Head(1, 0): "END"}), clean_per_prompt=clean, corrupted_per_prompt=corrupted,
    )  # fmt: skip


@st.composite
def two_effects(draw) -> PromptResult:
    axes = {"effect": ("direct", "total"), "layer": ("0", "1"), "head": ("0", "1", "2")}
    return PromptResult(
        **over_prompts(draw(of_prompts(draw(COUNTS), 2, 2, 3))), axes=axes, metric="logit_diff", unit="logits"
    )


@st.composite
def signal_fits(draw) -> SignalFit:
    """Signals that add up, with something on top."""
    n = draw(COUNTS)
    (place, token), rest = draw(of_prompts(n, 2)), draw(of_prompts(n, 6))
    signals = np.array(list(SIGNALS.values()), float)
    per_prompt = signals @ np.stack([place, token]) + rest * draw(st.sampled_from((0, 0.1, 1)))
    return SignalFit(
        **over_prompts(per_prompt), axes={"flip": tuple(SIGNALS)}, metric="logit_diff", unit="logits",
        heads=(Head(1, 0),), coefficients=fit(per_prompt.mean(-1)),
    )  # fmt: skip
