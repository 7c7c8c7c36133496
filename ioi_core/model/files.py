"""A model folder's files, read with care: what often lies in a file's place is called by its name.

That is a Git LFS pointer, a web page (a log-in page saved as the file), a server's error message, half a download, or
an index whose parts were not copied.
"""

import json
import pickletools
import re
import zipfile
from collections import deque
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from ioi_core.errors import ModelUnavailableError
from ioi_core.inputs import shown

DEMO_MODEL_DIR = Path(__file__).parents[1] / "demo" / "model"
"""The bundled model's folder, a plain Hugging Face one."""

WEIGHT_FILES = (
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
)  # fmt: skip
"""Where weights may be, in the order in which Hugging Face looks; an index names several files that hold them."""

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_WEB_PAGE = tuple(b"<!doctype <!-- <?xml <html <head <body <title <meta <script <error".split())
_SERVER_ERROR = re.compile(
    rb"""\{\s*"error"\s*:\s*["{\[]|(\d{3}:?\s+)?((entry|repository|revision|file|page)\s+)?not\s+found\b"""
    rb"""|invalid\s+(username|credentials)|access\s+to\s+model|access\s+denied|unauthorized|forbidden""",
    re.IGNORECASE,
)
_LONGEST_HEADER = 100_000_000  # bytes; the safetensors library refuses longer ones
_OLD_BIN = 0x1950A86A20F9469CFC6C  # the number with which torch begins a .bin of its old format
_ITEM_BYTES = {"Double": 8, "Long": 8, "Float": 4, "Int": 4, "Half": 2, "BFloat16": 2, "Short": 2}


def check_is_itself(path: Path) -> None:
    """Refuse an empty file, a Git LFS pointer, a web page and a server's error message.

    Raises:
        ModelUnavailableError: says which it is, and what to do.
    """
    with path.open("rb") as file:
        start = file.read(512).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise ModelUnavailableError(f"{path} is empty, as when a download was cut off: fetch it again")
    if start.startswith(_LFS_POINTER):
        raise ModelUnavailableError(f"{path} is a Git LFS pointer, not the file itself: run git lfs pull, or fetch it")
    if start.lower().startswith(_WEB_PAGE):
        raise ModelUnavailableError(
            f"{path} is a web page, such as a log-in page, not the file itself: fetch it again where you are logged in"
        )
    if _SERVER_ERROR.match(start):
        message = shown(start.decode("utf-8", "replace").rstrip())
        raise ModelUnavailableError(
            f"{path} is a server's error message, not the file itself: {message}; fetch it again"
        )


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        ModelUnavailableError: it is something else, see `check_is_itself`, or no JSON.
    """
    check_is_itself(path)
    try:
        value = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        reason = str(error)[:200]
        raise ModelUnavailableError(
            f"{path} cannot be read as JSON, it is half a download or damaged: {reason}"
        ) from error
    if not isinstance(value, dict):
        raise ModelUnavailableError(f"{path} holds no JSON object with named fields, but a {type(value).__name__}")
    return value


def check_weight_files(folder: Path) -> None:
    """Refuse a folder without weights, or whose weight files are not whole.

    Raises:
        ModelUnavailableError: names the file, says what it is instead and what to do.
    """
    for name in WEIGHT_FILES:
        path = folder / name
        if path.is_file():
            for part in _parts(path) if name.endswith(".index.json") else [path]:
                check_is_itself(part)
                _check_whole(part)
            return
    raise ModelUnavailableError(f"{folder} has no weights: add {', '.join(WEIGHT_FILES[::2])} or the index of several")


def _parts(index: Path) -> list[Path]:
    """Return the files that an index names, each of which lies beside it."""
    weight_map = read_object(index).get("weight_map")
    names = set(weight_map.values()) if isinstance(weight_map, dict) else set()
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise ModelUnavailableError(f"{index} has no weight_map from tensors to the names of files beside it")
    if missing := sorted(name for name in names if not (index.parent / name).is_file()):
        raise ModelUnavailableError(
            f"{index} names {len(names)} files, of which {missing[0]} is not there ({len(missing)} missing): copy them"
        )
    return [index.parent / name for name in sorted(names)]


def _check_whole(path: Path) -> None:
    """Refuse a file that ends before its own table of contents says so; any other damage its reader reports."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start.startswith(b"PK"):  # a zip archive, whose directory stands at its end
            wanted = 0 if zipfile.is_zipfile(path) else size + 1
        elif path.suffix == ".safetensors":
            wanted = _safetensors_size(start, file.read(min(_LONGEST_HEADER, int.from_bytes(start, "little"))))
        elif start.startswith(b"\x80"):  # a pickle, as torch wrote until 2020
            file.seek(0)
            wanted = _old_bin_size(file, size)
        else:
            return
    if size < wanted:
        of = f" of {wanted:,}" if wanted > size + 1 else ""
        raise ModelUnavailableError(f"{path} is half a download: {size:,}{of} bytes are there; fetch it again")


def _safetensors_size(start: bytes, header: bytes) -> int:
    """Return how many bytes a safetensors file has to have at least; 0 if its header makes no sense."""
    length = int.from_bytes(start, "little")
    if length > _LONGEST_HEADER:
        return 0
    if len(header) < length:
        return 8 + length
    try:
        tensors = [entry for name, entry in json.loads(header).items() if name != "__metadata__"]
        return 8 + length + max((int(entry["data_offsets"][1]) for entry in tensors), default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return 0


def _old_bin_size(file: BinaryIO, size: int) -> int:
    """Return how many bytes a .bin of torch's old format has to have at least; 0 if it makes no sense.

    It is five pickles, then each storage's numbers with their count, 8 bytes, in front. The pickles are only read as a
    list of instructions, never carried out, for they could run anything. The first is a magic number, the fourth names
    each storage as a tuple ("storage", type, key, place, count, None).
    """
    try:
        if [value for _, value, _ in pickletools.genops(file)][1] != _OLD_BIN:
            return 0
        deque(chain(pickletools.genops(file), pickletools.genops(file)), maxlen=0)
        storages = _storages(file)
        deque(pickletools.genops(file), maxlen=0)
        return file.tell() + sum(8 + count * _item_bytes(kind) for kind, count in storages.values())
    except (ValueError, TypeError, IndexError):  # cut off inside a pickle, or no pickle of this kind
        return size + 1 if file.tell() >= size else 0


def _storages(file: BinaryIO) -> dict[str, tuple[str, int]]:
    """Return each storage that a pickle names: key -> (type, count of numbers)."""
    storages: dict[str, tuple[str, int]] = {}
    memo: dict[object, object] = {}
    tuple_: list[object] = []
    for code, value, _ in pickletools.genops(file):
        if code.name == "MARK":
            tuple_ = []
        elif code.name in ("BINPUT", "LONG_BINPUT"):
            memo[value] = tuple_[-1] if tuple_ else None
        elif code.name in ("BINGET", "LONG_BINGET"):
            tuple_.append(memo.get(value))
        elif code.name == "BINPERSID":
            _, kind, key, _, count, *_ = tuple_
            storages[str(key)] = str(kind), int(str(count))
        elif code.name not in ("TUPLE", "PROTO"):
            tuple_.append(value)
    return storages


def _item_bytes(kind: str) -> int:
    return _ITEM_BYTES.get(kind.split()[-1].removesuffix("Storage"), 1)
