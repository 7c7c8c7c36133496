"""The classes of GPT-2's 50,257 tokens to the bundled model: names, words that it knows, and all others.

A *name* is any capitalised single token (" Mary", " Sid", " Kyoto") that is no function word, day, month or
template word; names that open a text ("Mary") are tokens of their own. A *word* is a token of the templates,
places and objects. All remaining tokens are *other*. Words have embedding rows of their own; a name or other
token has the mean row of its class plus a fixed random code, and " Mary" and "Mary" share their code. So to the
model a name never seen in training is like one that was, and all unknown words are alike.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from ioi_core.demo.training.sentence_forms import literal_texts
from ioi_core.model.files import DEMO_MODEL_DIR
from ioi_core.model.weights import END_OF_TEXT
from ioi_core.prompts.names import data_text

CODE_SEED = 0
D_CODE = 48
"""Numbers of a code: two halves of equal length, each of which one head can copy."""

NOT_NAMES = frozenset(data_text("not_names.txt").split())
"""Capitalised tokens that open sentences or name days and months, but not first names (April, Will)."""


@dataclass(frozen=True, eq=False)
class DemoVocabulary:
    """The classes of GPT-2's tokens, as ids.

    Attributes:
        words: ids with a row of their own, <|endoftext|> among them.
        names, opening_names, others: ids whose row is their class's mean plus a code.
        code: [d_vocab] number of each token's code; -1 for words. Two forms of one name share it.
        trained_names: the names that training sentences draw from; the rest are never seen in training.
    """

    words: tuple[int, ...]
    names: tuple[int, ...]
    opening_names: tuple[int, ...]
    others: tuple[int, ...]
    code: Int[np.ndarray, " d_vocab"]
    trained_names: tuple[int, ...]
    opening_form: dict[int, int]  # " Mary" -> "Mary", where it is one token

    @property
    def untrained_names(self) -> tuple[int, ...]:
        """The names that no training sentence contains."""
        return tuple(sorted(set(self.names) - set(self.trained_names)))


@cache
def tokenizer() -> Tokenizer:
    """Return GPT-2's tokenizer from the model folder's vocab.json and merges.txt, adding no special tokens."""
    byte_pairs = models.BPE.from_file(str(DEMO_MODEL_DIR / "vocab.json"), str(DEMO_MODEL_DIR / "merges.txt"))
    built = Tokenizer(byte_pairs)
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    return built


def token_ids(texts: Sequence[str]) -> set[int]:
    """Return all token ids that occur in `texts`."""
    return {token for text in texts for token in tokenizer().encode(text).ids}


@cache
def demo_vocabulary() -> DemoVocabulary:
    """Return GPT-2's tokens as words, names, opening names and others; the same on every machine."""
    vocab: dict[str, int] = tokenizer().get_vocab()
    words = token_ids(literal_texts()) | {END_OF_TEXT}
    free = {text: token for text, token in sorted(vocab.items()) if token not in words}
    names = {text[1:]: token for text, token in free.items() if _is_name(text, "Ġ")}
    opening = {text: token for text, token in free.items() if _is_name(text, "")}
    used = words | set(names.values()) | set(opening.values())
    others = tuple(sorted(set(vocab.values()) - used))
    trained = tuple(token for text, token in names.items() if not _is_held_out(text))
    return DemoVocabulary(
        words=tuple(sorted(words)),
        names=tuple(names.values()),
        opening_names=tuple(opening.values()),
        others=others,
        code=_codes(names, opening, others),
        trained_names=trained,
        opening_form={token: opening[text] for text, token in names.items() if text in opening},
    )


def _is_name(text: str, prefix: str) -> bool:
    return re.fullmatch(prefix + "[A-Z][a-z]+", text) is not None and text.removeprefix("Ġ") not in NOT_NAMES


def _is_held_out(name: str) -> bool:
    """Return whether a name is kept out of training: one in eight, by the sum of its letters."""
    return sum(map(ord, name)) % 8 == 3


def _codes(names: dict[str, int], opening: dict[str, int], others: Sequence[int]) -> Int[np.ndarray, " d_vocab"]:
    code = np.full(END_OF_TEXT + 1, -1, dtype=np.int64)
    spellings = sorted(names.keys() | opening.keys())
    for number, spelling in enumerate(spellings):
        for form in (names, opening):
            if spelling in form:
                code[form[spelling]] = number
    code[list(others)] = len(spellings) + np.arange(len(others))
    return code


def code_rows(vocabulary: DemoVocabulary) -> Float[Tensor, "d_vocab d_code"]:
    """Return the fixed random code of every token, of length 1, its two halves equally long; zero for words."""
    generator = torch.Generator().manual_seed(CODE_SEED)
    codes = torch.randn(int(vocabulary.code.max()) + 1, 2, D_CODE // 2, generator=generator)
    codes = (codes / codes.norm(dim=2, keepdim=True)).flatten(1) / 2**0.5
    rows = torch.zeros(len(vocabulary.code), D_CODE)
    coded = torch.from_numpy(vocabulary.code >= 0)
    rows[coded] = codes[torch.from_numpy(vocabulary.code)[coded]]
    return rows
