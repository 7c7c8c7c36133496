"""Choices of several pages (sites, metrics, directions, inputs, ablations) and their names."""

from ioi_core import Direction

ABLATIONS = {
    "mean": "what the head writes there on average over ABC twins of the same template",
    "zero": "nothing at all; later layers have never met that, so it can break more than the head's own work",
    "resample": "what the head writes there in the prompt's own corrupted twin",
}
"""Ablation -> what the head writes instead."""

HEAD_PARTS = {"z": "output", "q": "queries", "k": "keys", "v": "values", "pattern": "attention pattern"}
"""Sites of a head."""

INPUTS = {letter: HEAD_PARTS[letter] for letter in "qkv"}
"""Inputs of a head, which receive paths."""

SITES = {
    "resid_pre": "residual stream before the layer",
    "resid_mid": "residual stream between attention and MLP",
    "resid_post": "residual stream after the layer",
    "attn_out": "what the attention layer writes",
    "mlp_out": "what the MLP writes",
    **{site: f"head {part}" for site, part in HEAD_PARTS.items()},
}
"""Sites of activation patching."""

METRICS = {
    "logit_diff_recovered": "share of the clean-corrupted gap recovered: 0 corrupted, 1 clean",
    "logit_diff_change": "change of logit_diff as a share of the clean-corrupted gap: 0 unharmed, -1 destroyed",
    "percent_of_clean": "change of logit_diff in per cent of the clean one, as in the paper",
    "logit_diff": "logit_diff, in logits",
    "prob": "probability of IO",
    "kl": "distance from the clean prediction (KL), in nats",
}
"""Metrics of a patched run."""

PATCH_METRICS = ("logit_diff_recovered", "logit_diff", "prob", "kl")
"""The metrics of activation patching."""

PATH_METRICS = {
    Direction.NOISING: ("logit_diff_change", "percent_of_clean", "logit_diff"),
    Direction.DENOISING: ("logit_diff_recovered", "logit_diff"),
}
"""The metrics of path patching that answer each direction's question."""

DIRECTIONS = {
    Direction.DENOISING: "clean into corrupted: is {} enough?",
    Direction.NOISING: "corrupted into clean: is {} needed?",
}
"""Direction -> the question it answers about what is patched."""
