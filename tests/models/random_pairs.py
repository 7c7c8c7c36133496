"""Prompts of random tokens: equal and unequal lengths, with and without BOS, differing in one token or in many."""

from dataclasses import replace

import numpy as np

from ioi_core import PromptPairs


def random_pairs(
    lengths: list[int], *, seed: int = 0, bos: bool = False, differ_from: int | None = None
) -> PromptPairs:
    """Prompts of random tokens with random answers; the corrupted ones differ at one position, or from one on."""
    rng = np.random.default_rng(seed)
    clean = np.full((len(lengths), max(lengths)), 50256)
    corrupted = clean.copy()
    for row, length in enumerate(lengths):
        clean[row, :length] = rng.integers(0, 50256, length)
        corrupted[row, :length] = clean[row, :length]
        if bos:
            clean[row, 0] = corrupted[row, 0] = 50256
        where = slice(length // 2, length // 2 + 1) if differ_from is None else slice(differ_from, length)
        corrupted[row, where] = rng.integers(0, 50256, len(range(*where.indices(length))))
    ends = np.array(lengths) - 1
    return PromptPairs(
        clean_tokens=clean,
        corrupted_tokens=corrupted,
        lengths=np.array(lengths),
        answers=np.stack([rng.choice(50256, 2, replace=False) for _ in lengths]),
        roles={"END": ends},
        templates=np.arange(len(lengths)),
        clean_text=("",) * len(lengths),
        corrupted_text=("",) * len(lengths),
        prepend_bos=bos,
    )


EQUAL = [9, 9, 9]
UNEQUAL = [9, 5, 12, 7]


def with_roles(pairs: PromptPairs, seed: int = 1) -> PromptPairs:
    """Random positions for the roles: what they are does not matter to patching, only where."""
    rng = np.random.default_rng(seed)
    roles = {role: rng.integers(0, pairs.lengths) for role in ("IO", "S1", "S1+1", "S2")}
    return replace(pairs, roles=roles | dict(pairs.roles))


PAIRS = {
    "one token, equal": with_roles(random_pairs(EQUAL)),
    "one token, unequal, bos": with_roles(random_pairs(UNEQUAL, bos=True)),
    "from position 1 on, unequal, bos": with_roles(random_pairs(UNEQUAL, bos=True, differ_from=1)),
    "all tokens, equal": with_roles(random_pairs(EQUAL, differ_from=0)),
    "one prompt": with_roles(random_pairs([8])),
}
