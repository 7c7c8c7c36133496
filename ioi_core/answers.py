"""The direction in the residual stream along which the two answers differ."""

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.forward import to_device
from ioi_core.model import Model


def answer_direction(model: Model, answers: Int[np.ndarray, "batch 2"]) -> Float[Tensor, "batch d_model"]:
    """W_U[:, IO] - W_U[:, S] of each row: logit_diff is the normalised final residual along it, plus a bias."""
    io, s = to_device(model, answers).T
    return (model.weights.W_U[:, io] - model.weights.W_U[:, s]).T


def answer_bias(model: Model, answers: Int[np.ndarray, "batch 2"]) -> Float[Tensor, " batch"]:
    """b_U[IO] - b_U[S] of each row; b_U carries the final LayerNorm's bias."""
    io, s = to_device(model, answers).T
    return model.weights.b_U[io] - model.weights.b_U[s]
