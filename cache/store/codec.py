"""Results as bytes and back, without pickle.

Writing: a result becomes a tree of JSON values and a list of arrays, both in one safetensors file. The format's name
and a SHA-256 of the key and the file go before it, so a payload that was damaged, or that lies under another key than
its own, is noticed before anything reads it.
Reading: checksum, then the arrays, then the tree. Only numbers, text, containers, arrays of numbers and the enums and
dataclasses that `ioi_core` makes public are read, each dataclass with exactly the fields it has now. Anything else
is a `DamagedPayloadError`, never a result.

Not npz: NumPy parses its headers as Python source, and up to Python 3.12 two threads that do so at the same moment can
disturb each other (SystemError, "recursion depth mismatch"): sound results were sometimes taken for damaged.

A tree writes None, bool, int and str as themselves and everything else as a list that begins with its kind. Floats
are written as their bits, so nan, inf and -0.0 come back as they were; arrays come back read-only, with their dtype.
"""

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np
from safetensors.numpy import load, save

import ioi_core

_FORMAT = b"ioi-result-1\n"
_CHECKSUM_BYTES = 32
_TREE = "tree"
_DTYPES = ("|b1", "|i1", "|u1", "<i2", "<i4", "<i8", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8")


class DamagedPayloadError(ValueError):
    """Bytes that are not, or no longer, the payload kept under this key."""


def _constructible() -> dict[str, type]:
    """Return what reading may construct: the public enums and dataclasses of `ioi_core`, but not a model."""
    public = [getattr(ioi_core, name) for name in ioi_core.__all__]
    types = [value for value in public if isinstance(value, type) and value is not ioi_core.Model]
    return {kind.__name__: kind for kind in types if issubclass(kind, Enum) or is_dataclass(kind)}


CONSTRUCTIBLE: Mapping[str, type] = _constructible()
"""Class name -> class; no other class can be written or read."""


def encode(key: str, result: object) -> bytes:
    """Return the payload that keeps `result` under `key`.

    Raises:
        TypeError: the result holds something of a type that is not kept.
        ValueError: the result holds text that is not Unicode.
    """
    arrays: list[np.ndarray] = []
    tree = json.dumps(_to_tree(result, arrays), ensure_ascii=False, separators=(",", ":")).encode()
    named = {str(number): array for number, array in enumerate(arrays)}
    body: bytes = save({_TREE: np.frombuffer(tree, np.uint8)} | named)
    return _FORMAT + _checksum(key, body) + body


def decode(key: str, payload: bytes) -> object:
    """Return the result that `payload` keeps under `key`.

    Raises:
        DamagedPayloadError: these bytes are not the payload of `key`, or hold what no result may hold.
    """
    head = len(_FORMAT) + _CHECKSUM_BYTES
    body = payload[head:]
    if payload[:head] != _FORMAT + _checksum(key, body):
        raise DamagedPayloadError("the checksum does not fit")
    try:
        arrays: dict[str, np.ndarray] = load(body)
        for array in arrays.values():
            array.setflags(write=False)
        tree = json.loads(arrays.pop(_TREE).tobytes())
        return _from_tree(tree, arrays)
    except Exception as error:  # the readers do not document what foreign bytes make them raise
        raise DamagedPayloadError(f"{type(error).__name__}: {error}") from error


def _checksum(key: str, body: bytes) -> bytes:
    name = key.encode()
    digest = hashlib.sha256(b"%d:%s" % (len(name), name))
    digest.update(body)
    return digest.digest()


def _to_tree(value: object, arrays: list[np.ndarray]) -> object:
    """Return `value` as JSON; append its arrays to `arrays` and name them by their index there.

    Types are compared exactly: a subclass would come back as its base.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return ["float", struct.pack(">d", value).hex()]
    if isinstance(value, np.generic | np.ndarray) and (kind is np.ndarray or isinstance(value, np.generic)):
        return ["array" if kind is np.ndarray else "scalar", _append_array(np.asarray(value), arrays)]
    if isinstance(value, tuple | list) and kind in (tuple, list):
        return [kind.__name__, [_to_tree(item, arrays) for item in value]]
    if isinstance(value, dict) and kind is dict:
        return ["dict", [[_to_tree(key, arrays), _to_tree(item, arrays)] for key, item in value.items()]]
    if CONSTRUCTIBLE.get(kind.__name__) is kind:
        return _object_to_tree(value, arrays)
    raise TypeError(f"a {kind.__qualname__} cannot be kept: ioi_core does not make such a type public")


def _append_array(array: np.ndarray, arrays: list[np.ndarray]) -> str:
    if array.dtype.str not in _DTYPES:
        raise TypeError(f"an array of {array.dtype.str} cannot be kept: only {', '.join(_DTYPES)} are")
    arrays.append(np.array(array, order="C", copy=None))
    return str(len(arrays) - 1)


def _object_to_tree(value: object, arrays: list[np.ndarray]) -> object:
    kind = type(value).__name__
    if isinstance(value, Enum):
        return ["enum", kind, value.name]
    parts = {name: _to_tree(getattr(value, name), arrays) for name in _field_names(type(value))}
    return ["object", kind, parts]


def _field_names(kind: Any) -> list[str]:
    return [field.name for field in fields(kind) if field.init]


def _from_tree(tree: object, arrays: Mapping[str, np.ndarray]) -> object:
    """Return the value that `_to_tree` made `tree` of."""
    match tree:
        case None | bool() | int() | str():
            return tree
        case [str(kind), *rest] if kind in _READERS:
            return _READERS[kind](arrays, *rest)
    raise ValueError("a value of no known kind")


def _read_dict(arrays: Mapping[str, np.ndarray], items: list[tuple[object, object]]) -> dict[Any, object]:
    return {_from_tree(key, arrays): _from_tree(item, arrays) for key, item in items}


def _read_enum(arrays: Mapping[str, np.ndarray], name: str, member: str) -> Enum:
    kind = CONSTRUCTIBLE[name]
    if not issubclass(kind, Enum):
        raise ValueError(f"{name} is no enum")
    return kind[member]


def _read_object(arrays: Mapping[str, np.ndarray], name: str, parts: dict[str, object]) -> object:
    # Results kept before there was a `PromptResult`: all had `per_prompt`, which was None where it is no field now.
    if name == "Result" and parts.get("per_prompt") is not None:
        name = "PromptResult"
    kind = CONSTRUCTIBLE[name]
    if "per_prompt" not in _field_names(kind) and parts.get("per_prompt", ...) is None:
        parts = {field: part for field, part in parts.items() if field != "per_prompt"}
    if name == "FoundCircuit":  # kept before circuits were judged on prompts held out
        parts = {"held_out": None} | parts
    if sorted(parts) != sorted(_field_names(kind)):
        raise ValueError(f"{name} has other fields now")
    return kind(**{field: _from_tree(part, arrays) for field, part in parts.items()})


_READERS: Mapping[str, Callable[..., object]] = {
    "float": lambda arrays, bits: struct.unpack(">d", bytes.fromhex(bits))[0],
    "array": lambda arrays, number: arrays[number],
    "scalar": lambda arrays, number: arrays[number][()],
    "tuple": lambda arrays, items: tuple(_from_tree(item, arrays) for item in items),
    "list": lambda arrays, items: [_from_tree(item, arrays) for item in items],
    "dict": _read_dict,
    "enum": _read_enum,
    "object": _read_object,
}
