"""What Streamlit serves as files: a script that comes with an installed package, and the wheel of `ioi_core`.

`app/static` is not committed. The app copies what is missing when it first needs it; where the file system is
read-only by then, `python -m app.hosting.static_files` does it beforehand. This file knows no Streamlit.
"""

import hashlib
import logging
import os
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from app.hosting import wheel

STATIC = Path(__file__).parents[1] / "static"
_log = logging.getLogger(__name__)


def publish_circuitsvis(folder: Path = STATIC) -> str | None:
    """Put circuitsvis's script into `folder`, unless it is there; return its file name, None if that cannot be done.

    The name contains the version, so that no browser uses an old copy.
    """
    try:
        script = _circuitsvis_script().read_bytes()
        target = folder / f"circuitsvis-{version('circuitsvis')}.js"
        if not target.is_file() or target.read_bytes() != script:
            _write(target, script)
    except (OSError, ImportError) as error:
        _log.warning("circuitsvis's script cannot be served: %s", error)
        return None
    return target.name


def publish_wheel(folder: Path = STATIC) -> str | None:
    """Put the wheel of `ioi_core` into `folder`, unless one of these files is there; else as `publish_circuitsvis`.

    Behind the name stands the digest, by which pip refuses any other file.
    """
    target = folder / wheel.NAME
    try:
        newest = max(path.stat().st_mtime for path in wheel.sources())
        if not target.is_file() or target.stat().st_mtime < newest:
            _write(target, wheel.wheel())
        digest = _digest(target, target.stat().st_mtime_ns)
    except OSError as error:
        _log.warning("the wheel of ioi_core cannot be served: %s", error)
        return None
    return f"{target.name}#sha256={digest}"


@lru_cache(maxsize=1)
def _digest(path: Path, changed: int) -> str:
    """Return a file's SHA-256, read once for each time at which it was `changed`: the wheel has 12 MB."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(exist_ok=True)
    unfinished = target.parent / f"{target.name}.{os.getpid()}"  # other processes may do the same at this moment
    unfinished.write_bytes(data)
    unfinished.replace(target)


def _circuitsvis_script() -> Path:
    spec = find_spec("circuitsvis")  # finds it without running it: importing the package costs a second
    if spec is None or spec.origin is None:
        raise ImportError("circuitsvis is not installed")
    return Path(spec.origin).parent / "dist" / "cdn" / "iife.js"


if __name__ == "__main__":
    raise SystemExit(0 if publish_circuitsvis() and publish_wheel() else 1)
