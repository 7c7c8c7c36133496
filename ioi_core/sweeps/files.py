"""Files of sweeps: a header in JSON and arrays in one safetensors body, under a checksum; nothing in them is run.

The checksum covers a key as well: a block that belongs to other prompts, parameters or weights is not found sound.
Files are written beside their place and moved there, so that a killed process leaves a whole file or none.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

_FORMAT = b"ioi-sweep-1\n"
_HEADER = "header"
_MOST_BYTES = 2**31


class DamagedFileError(ValueError):
    """Bytes that are no sweep, no longer one, or that of another key."""


def pack(key: str, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return header and arrays as bytes that belong to `key`."""
    text = json.dumps(header, ensure_ascii=False).encode("utf-8", "surrogatepass")
    body: bytes = save({name: np.ascontiguousarray(array) for name, array in arrays.items()} | _as_array(text))
    return _FORMAT + _checksum(key, body) + body


def unpack(key: str, data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the arrays.

    Raises:
        DamagedFileError: these bytes are not those packed under `key`.
    """
    start = len(_FORMAT) + hashlib.sha256().digest_size
    body = data[start:]
    if data[:start] != _FORMAT + _checksum(key, body):
        raise DamagedFileError("the checksum does not fit")
    try:
        arrays = load(body)
        header = json.loads(arrays.pop(_HEADER).tobytes().decode("utf-8", "surrogatepass"))
    except Exception as error:  # the readers do not document what foreign bytes make them raise
        raise DamagedFileError(f"{type(error).__name__}: {error}") from error
    if not isinstance(header, dict):
        raise DamagedFileError("the header is no object")
    return header, arrays


def read(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        DamagedFileError: there is none, it cannot be read, or it is too large to be one.
    """
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise DamagedFileError("no file, or too large a one")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise DamagedFileError(f"{type(error).__name__}") from error


def write(path: Path, data: bytes) -> None:
    """Put a file in its place, whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _as_array(text: bytes) -> dict[str, np.ndarray]:
    return {_HEADER: np.frombuffer(text, np.uint8)}


def _checksum(key: str, body: bytes) -> bytes:
    digest = hashlib.sha256(b"%d:%s" % (len(key), key.encode()))
    digest.update(body)
    return digest.digest()
