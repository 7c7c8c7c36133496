"""Which of GPT-2's 50,257 tokens the bundled model reads as names, as words it knows, and as anything else.

A *name* is any capitalised single token (" Mary", " Sid", " Kyoto") that is no function word, day, month or
template word; names that open a text ("Mary") are tokens of their own. A *word* is a token of the templates,
places and objects. All remaining tokens are *other*. Words have embedding rows of their own; a name or other
token has the mean row of its class plus a fixed random code, and " Mary" and "Mary" share their code. So a
name never seen in training is, to the model, as good as one that was, and any unknown word reads as some
unknown word.
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
from ioi_core.model.loading import DEMO_MODEL_DIR

END_OF_TEXT = 50256
CODE_SEED = 0

NOT_NAMES_TEXT = """
    A About Above According After Afterwards Again Against All Along Already Also Although Always Am
    Among An And Another Any Anyone Anything Are Around As Ask At Away Back Be Because Been Before
    Behind Being Below Beneath Besides Between Beyond Both But By Call Can Cannot Christmas Come
    Could December Did Do Does Doing Done Down During Each Earlier Easter Either Else Even
    Eventually Ever Every Everybody Everyone Everything Except February Few Finally First For Friday
    Friends From Get Give Given Go Good Got Had Has Have Having He Hello Hence Her Here Hers Him
    Himself His How However If In Indeed Inside Instead Into Is It Its January July Just Last Later
    Least Less Let Like Many March Maybe Me Meanwhile Might Monday More Moreover Most Much Must
    My Near Neither Never Next No Nobody None Nor Not Nothing November Now October Of Off Often Oh
    On Once One Only Onto Or Other Our Ours Out Outside Over Perhaps Please Quite Rather Really Same
    Saturday Second September Several Shall She Should Since So Some Somebody Someone Something
    Sometimes Somewhere Soon Spring Still Such Suddenly Sunday Than Thank Thanks That The Their
    Theirs Them Then There Therefore These They Third This Those Though Three Through Throughout
    Thursday Thus To Today Together Tomorrow Tonight Too Toward Towards Tuesday Two Under Unless
    Until Up Upon Us Usually Very Was We Wednesday Well Were What Whatever When Whenever Where
    Wherever Whether Which While Who Whoever Whom Whose Why With Within Without Would Yes Yesterday
    Yet You Your Yours
"""
NOT_NAMES = frozenset(NOT_NAMES_TEXT.split())
"""Capitalised tokens that open sentences or name days and months, less those that are first names too (April, Will)."""


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
        """Names that no training sentence contains."""
        return tuple(sorted(set(self.names) - set(self.trained_names)))


@cache
def tokenizer() -> Tokenizer:
    """GPT-2's tokenizer from the model folder's vocab.json and merges.txt, adding no special tokens."""
    byte_pairs = models.BPE.from_file(str(DEMO_MODEL_DIR / "vocab.json"), str(DEMO_MODEL_DIR / "merges.txt"))
    built = Tokenizer(byte_pairs)
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    return built


def token_ids(texts: Sequence[str]) -> set[int]:
    """All token ids that occur in `texts`."""
    return {token for text in texts for token in tokenizer().encode(text).ids}


@cache
def demo_vocabulary() -> DemoVocabulary:
    """Sort GPT-2's tokens into words, names, opening names and others; the same on every machine."""
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
    """One name in eight, by the sum of its letters, is kept out of training."""
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


def code_rows(vocabulary: DemoVocabulary, d_code: int) -> Float[Tensor, "d_vocab d_code"]:
    """The fixed random code of every token, of length 1; zero for words."""
    generator = torch.Generator().manual_seed(CODE_SEED)
    codes = torch.randn(int(vocabulary.code.max()) + 1, d_code, generator=generator)
    codes = codes / codes.norm(dim=1, keepdim=True)
    rows = torch.zeros(len(vocabulary.code), d_code)
    coded = torch.from_numpy(vocabulary.code >= 0)
    rows[coded] = codes[torch.from_numpy(vocabulary.code)[coded]]
    return rows
