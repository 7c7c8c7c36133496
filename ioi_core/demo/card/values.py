"""The measurements of a model folder as frozen values; `measure.py` makes them, `text.py` shows them."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ioi_core.vocabulary import Head


@dataclass(frozen=True)
class Score:
    """Behaviour on one set of prompts; logit_diff in logits."""

    what: str
    order: str
    bos: bool
    n: int
    io_over_s: float
    logit_diff: float
    lowest: float
    io_top: float  # share of prompts whose most probable token is IO
    p_io: float  # mean probability of IO


@dataclass(frozen=True, eq=False)
class HeadTables:
    """One number a head, [layer head], on held-out ABBA and BABA sentences; see `HEAD_COLUMNS` for the words."""

    end_to_io: Float[Tensor, "layer head"]
    end_to_s2: Float[Tensor, "layer head"]
    s2_to_s1: Float[Tensor, "layer head"]
    previous_token: Float[Tensor, "layer head"]
    attribution: Float[Tensor, "layer head"]
    zeroed_at_end: Float[Tensor, "layer head"]
    flipped_at_end: Float[Tensor, "layer head"]
    flipped_at_s2: Float[Tensor, "layer head"]


HEAD_COLUMNS = {
    "end_to_io": "attention END to IO",
    "end_to_s2": "attention END to S2",
    "s2_to_s1": "attention S2 to S1",
    "previous_token": "attention to the previous token",
    "attribution": "direct attribution to logit_diff",
    "zeroed_at_end": "logit_diff, z zero at END",
    "flipped_at_end": "logit_diff, z at END from the S2-flipped run",
    "flipped_at_s2": "logit_diff, z at S2 from the S2-flipped run",
}


@dataclass(frozen=True)
class Intervention:
    """The effect of a set of heads together: logit_diff and the name movers' attention after patching them."""

    what: str
    heads: tuple[Head, ...]
    logit_diff: float
    io_over_s: float
    movers_to_io: float
    movers_to_s1: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything measured about one model folder."""

    scores: tuple[Score, ...]
    arena: tuple[tuple[str, float, float], ...]  # prompt, logit_diff with BOS, without
    three_names: tuple[float, float, float]  # logit_diff between the two names: mean, mean size, share with A over B
    heads: HeadTables
    mlp_attribution: tuple[float, ...]  # [layer]
    logit_diff: float  # of the sentences behind `heads`
    name_movers: tuple[Head, ...]
    s2_readers: tuple[Head, ...]
    duplicate_heads: tuple[Head, ...]
    interventions: tuple[Intervention, ...]
    untrained_top5: float  # share of the top-5 tokens at END that are neither words of the model nor names
