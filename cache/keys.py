"""The key of a request: equal requests share a key, different ones never do (SHA-256 of an unambiguous encoding).

Every value is written as a type letter, the length of its body and the body, so nothing can collide by running into
its neighbour. Values of unlisted types are refused rather than guessed at: a wrong key is a wrong picture.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import Enum, StrEnum
from weakref import WeakKeyDictionary

import numpy as np

from ioi_core.circuit.definition import Circuit
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.vocabulary import Head

_UNUSED = ("clean_text", "corrupted_text", "labels", "people")  # no analysis depends on them, only on the tokens

_written: WeakKeyDictionary[PromptPairs, bytes] = WeakKeyDictionary()
"""Of pairs that are in use: they never change."""


def request_key(analysis: str, version: int, fingerprint: str, parameters: Mapping[str, object]) -> str:
    """Return the key of one analysis of one model with `parameters`, whose order does not count.

    Args:
        analysis: the registered name of the analysis.
        version: raised whenever the analysis would return something else for the same parameters.
        fingerprint: of the model's weights, how they were processed, and of the arithmetic (`Computations.key`).
        parameters: str, int, float, bool, None, enums, `Head`, sequences, mappings, arrays of numbers, `PromptPairs`,
            `Circuit`.

    Raises:
        TypeError: a parameter is of another type.
    """
    return hashlib.sha256(_encode((analysis, version, fingerprint, parameters))).hexdigest()


def _encode(value: object) -> bytes:
    """Return `value` as type letter, length of its body, body."""
    letter, body = _atom(value) or _container(value)
    return b"%s%d:%s" % (letter, len(body), body)


def _atom(value: object) -> tuple[bytes, bytes] | None:
    match value:
        case None:
            return b"N", b""
        case StrEnum():  # it equals its text, and analyses take either
            return _atom(value.value)
        case Enum():  # before int: an IntEnum is also an int
            return b"E", _encode(type(value).__qualname__) + _encode(value.name)
        case bool():  # before int: True is also 1
            return b"B", b"1" if value else b"0"
        case int():
            return b"I", b"%d" % value
        case float():
            return b"F", value.hex().encode()
        case str():
            return b"S", value.encode("utf-8", "surrogatepass")
        case Head(layer, head):
            return b"H", b"%d.%d" % (layer, head)
    return None


def _container(value: object) -> tuple[bytes, bytes]:
    match value:
        case PromptPairs():
            return b"P", _pairs(value)
        case Circuit():  # before mappings: it is one, whose values are sets
            return b"C", _encode(value.heads)
        case np.ndarray() if value.dtype.kind in "biuf":
            return b"A", _encode(value.dtype.str) + _encode(value.shape) + value.tobytes()
        case Mapping():
            return b"M", b"".join(sorted(_encode(key) + _encode(item) for key, item in value.items()))
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return b"L", b"".join(_encode(item) for item in value)
    raise TypeError(f"a request cannot hold a {type(value).__qualname__}: there is no key for it")


def _pairs(pairs: PromptPairs) -> bytes:
    """Return the body of pairs; once for those that all requests of all visitors' pages share."""
    if (known := _written.get(pairs)) is None:
        read = {f.name: getattr(pairs, f.name) for f in fields(pairs) if f.name not in _UNUSED}
        if read["answer_sets"] is None:  # what most pairs have: their keys are older than the field
            del read["answer_sets"]
        known = _written[pairs] = _encode(read)
    return known
