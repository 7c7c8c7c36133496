"""Choices of several pages (sites, metrics, directions, inputs, ablations) and their names."""

from ioi_core import Direction

ABLATIONS = {
    "mean": "what the head writes there on average over the {}s of the same template",
    "zero": "nothing; its value bias stays, folded into b_O. Later layers have never met that, so it can break more "
    "than the head's own work",
    "resample": "what the head writes there in the {} of the same pair",
}
"""Ablation -> what the head writes instead; {} is the kind of twin (`app.questions.twins.twin_of`)."""

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
    "logit_diff_change": "change of logit_diff as a share of the clean-corrupted gap: 0 as in the clean run, -1 as in "
    "the corrupted one",
    "percent_of_clean": "change of logit_diff in per cent of the clean one, as in the paper",
    "logit_diff": "logit_diff, in logits",
    "prob": "probability of the right answer, or of all right ones together",
    "prob_diff": "probability of the right answers minus that of the wrong ones",
    "kl": "distance from the clean prediction (KL), in nats",
}
"""Metrics of a patched run."""

EFFECT_UNITS = {
    "logit_diff_recovered": "of clean minus corrupted",
    "logit_diff_change": "of clean minus corrupted",
    "percent_of_clean": "% of the clean logit_diff",
    "logit_diff": "logits",
    "prob_diff": "in probability",
}
"""Metric of path patching -> the unit of a change of logit_diff on its scale, as it follows the number."""


def scored(metric: str) -> str:
    """Return what a metric of path patching is a scale of."""
    return "prob_diff" if metric == "prob_diff" else "logit_diff"


TOWARDS = {
    "logit_diff_recovered": "towards the clean run",
    "logit_diff": "towards the right answer",
    "prob": "towards the right answer",
    "prob_diff": "towards the right answer",
    "kl": "towards the clean run's prediction",
}
"""Metric of activation patching -> where the effects in blue go; those in red go the other way."""

PATCH_METRICS = ("logit_diff_recovered", "logit_diff", "prob", "prob_diff", "kl")
"""The metrics of activation patching."""

PATH_METRICS = {
    Direction.NOISING: ("logit_diff_change", "percent_of_clean", "logit_diff", "prob_diff"),
    Direction.DENOISING: ("logit_diff_recovered", "logit_diff", "prob_diff"),
}
"""The metrics of path patching that answer each direction's question."""

DIRECTIONS = {
    Direction.DENOISING: "clean into corrupted: is {} enough?",
    Direction.NOISING: "corrupted into clean: is {} needed?",
}
"""Direction -> the question it answers about what is patched."""
