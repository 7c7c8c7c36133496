"""All numbers of the bundled model's training run."""

from dataclasses import dataclass

END_TO_IO = (3, (1, 2, 4))
END_TO_S2 = (2, (0, 3))
S2_TO_S1 = (1, (2, 5))
"""Heads, as (layer, heads), that the auxiliary loss trains to attend from the first role to the second."""


@dataclass(frozen=True)
class Recipe:
    """All numbers of a training run."""

    seed: int = 0
    steps: int = 2200
    batch: int = 128
    learning_rate: float = 3e-3
    warmup: int = 100
    aux: float = 0.3
    hide: float = 0.6
    decoy: float = 0.6
    guided_until: float = 0.7
    unguided_from: float = 0.85
    margin: float = 10.0
    other_loss: float = 0.3
    long_every: int = 10
    long_batch: int = 24
    other_share: float = 0.25
    pool: int = 512
    n_negative: int = 256
