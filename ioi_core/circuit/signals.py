"""The signals of S-inhibition heads: which token S is, or where it was (Wang et al. 2022, appendix A).

A flip is a prompt in which S2 repeats another name, or the name at another position, than in the clean prompt: token
and position of what is repeated are the same, inverted or (the token) of a third name. The heads' output at END is
taken from the flip into the clean run, and everything after it is recomputed. logit_diff, always of the clean prompt's
IO and S, is then fitted by a S_pos + b S_tok without a constant, where S_pos is 1 or -1 and S_tok 1, 0 or -1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ioi_core.circuit.definition import Circuit, CircuitError, check_circuit
from ioi_core.circuit.replacements import first_changes
from ioi_core.circuit.runs import CLEAN_NAMES, Variant, few_ablated_runs
from ioi_core.engine.checks import check_pairs
from ioi_core.engine.memory import blocks
from ioi_core.engine.progress import between, in_parts
from ioi_core.engine.recording import first_difference, record, record_from
from ioi_core.engine.tensors import joined, to_device
from ioi_core.errors import PromptMismatchError
from ioi_core.inputs import HeadList, as_heads, shown
from ioi_core.model.weights import Model
from ioi_core.prompts.corruptions import SIGNAL_FLIPS
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, PromptResult, over_prompts
from ioi_core.vocabulary import Ablation, Head

SIGNALS = {"ABB": (1, 1), "CDD": (1, 0), "BAA": (1, -1), "BAB": (-1, 1), "DCD": (-1, 0), "ABA": (-1, -1)}
"""Flip -> (S_pos, S_tok), the signals in its heads' output."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SignalFit(PromptResult):
    """`values` [flip] logit_diff with the heads' output at END taken from each flip; "ABB" is the clean run.

    Attributes:
        heads: those whose output is exchanged.
        coefficients: (a, b) of S_pos and S_tok, in logits: ordinary least squares over the six means.
    """

    heads: tuple[Head, ...]
    coefficients: tuple[float, float]

    @property
    def fitted(self) -> Float[np.ndarray, " flip"]:
        """a S_pos + b S_tok of each flip."""
        return _signals() @ np.array(self.coefficients)

    @property
    def mean_error(self) -> float:
        """Mean over the flips of abs(fitted - real), in logits."""
        return float(np.abs(self.fitted - self.values).mean())

    @property
    def relative_error(self) -> float:
        """`mean_error` as a fraction of the clean run's logit_diff; nan if that is 0."""
        clean = abs(float(self.values[0]))
        return self.mean_error / clean if clean > 1e-4 else float("nan")

    def coefficient_draws(self, n: int = 1000, seed: int = 0) -> Float[np.ndarray, "draw 2"]:
        """(a, b) refitted to `n` bootstrap samples of the prompts, for intervals."""
        batch = self.n_prompts
        shares = np.random.default_rng(seed).multinomial(batch, [1 / batch] * batch, size=n) / batch
        return np.stack([np.array(fit(self.per_prompt @ share)) for share in shares])


@torch.inference_mode()
def token_and_position(
    model: Model, flips: Mapping[str, PromptPairs], heads: HeadList, *, progress: Progress | None = None
) -> SignalFit:
    """Patch the heads' output at END from all six flips and fit the two signals.

    Args:
        flips: flip -> pairs whose corrupted prompts are that flip's (`with_twins(model, pairs, flip)`), all with the
            same clean prompts; one of each of `SIGNAL_FLIPS`.
        heads: in GPT-2 small the S-inhibition heads 7.3 7.9 8.6 8.10.
    Raises:
        CircuitError: no heads, or not these six flips. PromptMismatchError: their clean prompts differ.
        HeadError, PromptError: say what was got and what is allowed.
    """
    if not isinstance(flips, Mapping) or set(flips) != set(SIGNAL_FLIPS):
        raise CircuitError(f"pairs of each of the flips {', '.join(SIGNAL_FLIPS)} are wanted, got {shown(flips)}")
    chosen = as_heads(heads)
    if not chosen:
        raise CircuitError("whose output at END is to be exchanged: no heads are given")
    first = flips[SIGNAL_FLIPS[0]]
    for flip in SIGNAL_FLIPS:
        check_pairs(model, flips[flip])
        if not np.array_equal(flips[flip].clean_tokens, first.clean_tokens):
            raise PromptMismatchError(f"the clean prompts of {flip} are not those of {SIGNAL_FLIPS[0]}")
    exchanged = check_circuit(model, first, Circuit.of([(head, "END") for head in chosen]))
    n_layers = 1 + max(head.layer for head in chosen)
    per_prompt = joined(
        _block(model, [flips[flip].take(part) for flip in SIGNALS], exchanged, n_layers, of_block)
        for part, of_block in in_parts(blocks(model, first, (*CLEAN_NAMES, "z")), progress)
    )
    return SignalFit(
        **over_prompts(per_prompt),
        axes={"flip": tuple(SIGNALS)},
        metric="logit_diff",
        unit="logits",
        heads=chosen,
        coefficients=fit(per_prompt.mean(-1)),
    )


def _block(
    model: Model, flips: Sequence[PromptPairs], exchanged: Circuit, n_layers: int, progress: Progress | None
) -> Float[Tensor, "flip batch"]:
    """logit_diff with the heads' output from each flip; the clean run is recorded once, flips up to the last head."""
    clean = record(model, to_device(model, flips[0].clean_tokens), CLEAN_NAMES, between(progress, 0, 15))
    own_z = [layer["z"] for layer in clean]
    logit_diffs: list[Tensor] = []
    for flip, of_flip in in_parts(flips, between(progress, 15, 100)):
        tokens, start = to_device(model, flip.corrupted_tokens), first_difference(flip)
        of_flip_run = record_from(model, tokens, ("z",), clean, start, n_layers, between(of_flip, 0, 50))
        z = [*(layer["z"] for layer in of_flip_run), *own_z[n_layers:]]  # no head is exchanged in the layers above
        starts = first_changes(flip, Ablation.RESAMPLE)
        runs = few_ablated_runs(model, flip, clean, z, starts, [Variant(None, exchanged)], between(of_flip, 50, 100))
        logit_diffs.append(runs[0])
    return torch.stack(logit_diffs)


def fit(values: Float[np.ndarray, " flip"]) -> tuple[float, float]:
    """The least-squares (a, b) of a S_pos + b S_tok, with no constant."""
    coefficients = np.linalg.lstsq(_signals(), values.astype(np.float64), rcond=None)[0]
    return float(coefficients[0]), float(coefficients[1])


def _signals() -> Float[np.ndarray, "flip 2"]:
    return np.array(list(SIGNALS.values()), dtype=np.float64)
