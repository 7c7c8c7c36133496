"""The bundled model's circuit by IOI Explorer's own analyses, exactly as its pages compute them."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from transformers import GPT2LMHeadModel

from ioi_core.activation_patching.exact import patch_activations
from ioi_core.attribution.direct import attribute_heads
from ioi_core.circuit.backup import backup_heads
from ioi_core.circuit.search import find_circuit
from ioi_core.demo.card import probe
from ioi_core.demo.card.values import Knockout, MeasuredCircuit
from ioi_core.heads.roles import HeadRoles, head_roles
from ioi_core.heads.rules import HEAD_ROLES
from ioi_core.model.loading import load_model
from ioi_core.model.weights import END_OF_TEXT, Model
from ioi_core.path_patching.patch import patch_paths
from ioi_core.prompts.dataset import ioi_dataset
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.vocabulary import Head

SEED = 20_000
_MOST_LISTED = 5
_LEAST_PATH = 0.01

Listed = tuple[tuple[Head, float], ...]


def measure_circuit(folder: Path, n: int) -> MeasuredCircuit:
    """Measure the model in `folder` on `n` prompts of the generated data set, S2 flipped or with three new names.

    Raises:
        ValueError: a role on which a measurement builds has no head.
    """
    model = load_model(str(folder))
    pairs, others = ioi_dataset(model, n), ioi_dataset(model, n, corruption="abc")
    roles, direct = head_roles(model, pairs), attribute_heads(model, pairs).values
    movers, inhibition, induction = (_heads(roles, role) for role in ("name mover", "S-inhibition", "induction"))
    into_movers = patch_paths(model, pairs, movers, receiver_input="q").values
    into_inhibition = patch_paths(model, pairs, inhibition, receiver_input="v", sender_position="S2").values
    into_induction = patch_paths(model, others, induction, receiver_input="k", sender_position="S1+1").values
    residual = patch_activations(model, pairs, "resid_pre", positions="roles")
    found = find_circuit(model, others)
    first, second = repeated_token_losses(probe.load(folder))
    return MeasuredCircuit(
        n_prompts=n,
        roles={role: tuple((h, float(direct[h.layer, h.head])) for h in roles.heads(role)) for role in HEAD_ROLES},
        knockout=knock_out(model, pairs, max(movers, key=lambda head: float(direct[head.layer, head.head]))),
        at_s2=tuple(residual.at(role="S2").values.tolist()),
        at_end=tuple(residual.at(role="END").values.tolist()),
        into_movers=_strongest(into_movers),
        into_inhibition=_strongest(into_inhibition),
        into_induction=_strongest(into_induction),
        members=found.circuit.members,
        faithfulness=found.evaluation.faithfulness,
        first_half=first,
        second_half=second,
    )


def _heads(roles: HeadRoles, role: str) -> list[Head]:
    heads = list(roles.heads(role))
    if not heads:
        raise ValueError(f"no head of this model is one for {role}: a circuit like the paper's cannot be measured")
    return heads


def knock_out(model: Model, pairs: PromptPairs, head: Head) -> Knockout:
    """Silence one head at END and see what makes up for it."""
    backup = backup_heads(model, pairs, [head])
    changes = backup.changes[1].copy()
    changes[head.layer, head.head] = 0
    return Knockout(
        head=head,
        direct_effect=float(backup.values[0, head.layer, head.head]),
        before=float(backup.logit_diff[0]),
        after=float(backup.logit_diff[1]),
        naive=float(backup.naive[1]),
        stepping_in=_strongest(changes),
    )


def _strongest(effects: Float[np.ndarray, "layer head"]) -> Listed:
    """Return the heads of the largest effects, those that hardly count left out."""
    order = np.argsort(-np.abs(np.nan_to_num(effects)), axis=None, kind="stable")[:_MOST_LISTED]
    heads = [Head(int(layer), int(head)) for layer, head in zip(*np.unravel_index(order, effects.shape), strict=True)]
    listed = [(head, float(effects[head.layer, head.head])) for head in heads]
    return tuple((head, effect) for head, effect in listed if abs(effect) >= _LEAST_PATH)


def repeated_token_losses(model: GPT2LMHeadModel, *, n: int = 50, batch: int = 20) -> tuple[float, float]:
    """Return the loss on `n` random tokens and on the same again, nats a token, mean over `batch` sequences."""
    half = torch.from_numpy(np.random.default_rng(SEED).integers(0, END_OF_TEXT, (batch, n)))
    tokens = torch.cat([half, half], 1)
    with torch.inference_mode():
        log_p = model(tokens).logits.log_softmax(-1)[:, :-1].gather(2, tokens[:, 1:, None])[..., 0]
    return -float(log_p[:, : n - 1].mean()), -float(log_p[:, n:].mean())
