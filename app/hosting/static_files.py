"""Scripts for the browser that come with installed packages, copied to where Streamlit serves them.

`app/static` is not committed. The app copies what is missing when it first needs it; where the file system is
read-only by then, `python -m app.hosting.static_files` does it beforehand. This file knows no Streamlit.
"""

import logging
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

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
            folder.mkdir(exist_ok=True)
            unfinished = folder / f"{target.name}.{os.getpid()}"  # other processes may do the same at this moment
            unfinished.write_bytes(script)
            unfinished.replace(target)
    except (OSError, ImportError) as error:
        _log.warning("circuitsvis's script cannot be served: %s", error)
        return None
    return target.name


def _circuitsvis_script() -> Path:
    spec = find_spec("circuitsvis")  # finds it without running it: importing the package costs a second
    if spec is None or spec.origin is None:
        raise ImportError("circuitsvis is not installed")
    return Path(spec.origin).parent / "dist" / "cdn" / "iife.js"


if __name__ == "__main__":
    raise SystemExit(0 if publish_circuitsvis() else 1)
