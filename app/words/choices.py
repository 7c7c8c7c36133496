"""What can be chosen on several pages (sites, metrics, directions, inputs, ablations), in words."""

from ioi_core import Direction

ABLATIONS = {
    "mean": "what the head writes there on average over ABC twins of the same template",
    "zero": "nothing at all; later layers have never met that, so it can break more than the head's own work",
    "resample": "what the head writes there in the prompt's own corrupted twin",
}
"""What an ablated head writes instead."""

SITES = {
    "resid_pre": "residual stream before the layer",
    "resid_mid": "residual stream between attention and MLP",
    "resid_post": "residual stream after the layer",
    "attn_out": "what the attention layer writes",
    "mlp_out": "what the MLP writes",
    "z": "head output",
    "q": "head queries",
    "k": "head keys",
    "v": "head values",
    "pattern": "head attention pattern",
}
"""What can be patched, in words."""

METRICS = {
    "logit_diff_recovered": "share of logit_diff recovered",
    "logit_diff": "logit_diff, in logits",
    "prob": "probability of IO",
    "kl": "distance from the clean prediction (KL), in nats",
}
"""What a patched run is scored by, in words."""

DIRECTIONS = {
    "denoising": "clean into corrupted: is it enough?",
    "noising": "corrupted into clean: is it needed?",
}

METRICS_OF = {
    Direction.NOISING: ("logit_diff_change", "percent_of_clean", "logit_diff"),
    Direction.DENOISING: ("logit_diff_recovered", "logit_diff"),
}
"""The metrics that answer each direction's question."""

INPUTS = {"q": "queries", "k": "keys", "v": "values"}
