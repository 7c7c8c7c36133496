"""The measurements of a model folder as frozen values; `measure.py` makes them, `text.py` shows them."""

from collections.abc import Mapping
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
    spread: float  # standard deviation of logit_diff over the prompts
    lowest: float
    p_io: float  # mean probability of IO
    s_leads: float  # share of prompts in which S is more probable than any name but IO


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


@dataclass(frozen=True)
class Knockout:
    """The strongest name mover silent at END (zero ablation); in logits."""

    head: Head
    direct_effect: float
    before: float  # logit_diff
    after: float
    naive: float  # after, if nothing reacted
    stepping_in: tuple[tuple[Head, float], ...]  # heads whose direct effect moves most, and by how much


@dataclass(frozen=True, eq=False)
class MeasuredCircuit:
    """What IOI Explorer's own analyses say; paths are changes of logit_diff as shares of the gap between two runs.

    Attributes:
        roles: role -> its heads and their direct effects in logits, by `heads.rules`.
        at_s2, at_end: [layer] logit_diff recovered by patching resid_pre there (denoising, S2 flipped).
        into_movers, into_inhibition, into_induction: paths into name movers' queries, into S-inhibition heads' values
            from S2 and into induction heads' keys from S1+1 (the last with three new names as the other run).
        members, faithfulness: the circuit that `find_circuit` finds.
        first_half, second_half: loss on random tokens twice over, nats a token.
    """

    n_prompts: int
    roles: Mapping[str, tuple[tuple[Head, float], ...]]
    knockout: Knockout
    at_s2: tuple[float, ...]
    at_end: tuple[float, ...]
    into_movers: tuple[tuple[Head, float], ...]
    into_inhibition: tuple[tuple[Head, float], ...]
    into_induction: tuple[tuple[Head, float], ...]
    members: tuple[tuple[Head, str], ...]
    faithfulness: float
    first_half: float
    second_half: float

    def heads(self, role: str) -> tuple[Head, ...]:
        """Return the heads of a role, by layer."""
        return tuple(head for head, _ in self.roles[role])


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Everything measured about one model folder."""

    scores: tuple[Score, ...]
    arena: tuple[tuple[str, float, float], ...]  # prompt, logit_diff with BOS, without
    three_names: tuple[float, float, float]  # logit_diff between the two names: mean, mean size, share with A over B
    circuit: MeasuredCircuit
    heads: HeadTables
    logit_diff: float  # of the sentences behind `heads`
    interventions: tuple[Intervention, ...]
    untrained_top5: float  # share of the top-5 tokens at END that are neither words of the model nor names
