"""`ioi_core` as a wheel that visitors' notebooks install, from this server itself. This file knows no Streamlit.

It is zipped from the files that run here, so that it cannot be of another version; nothing but them and the two texts
that every wheel has. `app.hosting.static_files` puts it where Streamlit serves it.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import ioi_core

_PACKAGE = Path(ioi_core.__file__).parent
_NEEDS = (
    *("huggingface-hub", "jaxtyping", "numpy", "pandas", "safetensors", "tokenizers", "torch", "tqdm"),
    *("transformer-lens", "transformers"),
)
_INFO = f"ioi_explorer-{ioi_core.__version__}.dist-info"
NAME = f"ioi_explorer-{ioi_core.__version__}-py3-none-any.whl"


def wheel() -> bytes:
    """Return the wheel, the same bytes for the same files."""
    files = {f"ioi_core/{path.relative_to(_PACKAGE).as_posix()}": path.read_bytes() for path in sources()}
    files[f"{_INFO}/METADATA"] = _metadata().encode()
    files[f"{_INFO}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: ioi-explorer\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    for text in ("LICENSE", "THIRD_PARTY_NOTICES.md"):
        if (path := _PACKAGE.parent / text).is_file():
            files[f"{_INFO}/licenses/{text}"] = path.read_bytes()
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{_INFO}/RECORD"] = f"{record}{_INFO}/RECORD,,\n".encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def sources() -> Iterator[Path]:
    """Yield every file of the package, in order."""
    return (path for path in sorted(_PACKAGE.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)


def _metadata() -> str:
    """Return what pip reads; of other packages it wants the versions that run here, or newer ones."""
    lines = [
        "Metadata-Version: 2.4",
        "Name: ioi-explorer",
        f"Version: {ioi_core.__version__}",
        "Requires-Python: >=3.11",
    ]
    for package in _NEEDS:
        try:
            lines.append(f"Requires-Dist: {package}>={version(package).partition('+')[0]}")
        except PackageNotFoundError:
            lines.append(f"Requires-Dist: {package}")
    return "\n".join([*lines, ""])


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
