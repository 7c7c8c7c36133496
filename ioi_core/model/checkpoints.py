"""The host's own checkpoints: the folders in IOI_MODELS, each under a name that is safe to show anywhere."""

import unicodedata
from pathlib import Path

_LONGEST = 60  # characters of a name
_SHOWN_AS_THEY_ARE = " ._+-"  # beside letters and digits: no markup, no control characters
_INSTEAD = "·"


def checkpoints(folder: Path | None, taken: tuple[str, ...]) -> dict[str, Path]:
    """Return name -> path of the folders directly in `folder`, as they are now; hidden ones and links are left out.

    Args:
        folder: None where the host has none.
        taken: names that no checkpoint may have; one that would is told apart by a word, and a second one of equal
            name by a number.
    """
    entries = sorted(folder.iterdir()) if folder else []
    found: dict[str, Path] = {}
    others = {name.casefold() for name in taken}
    used = set(others)
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink() or not entry.is_dir():
            continue
        base = _shown(entry.name)
        base = f"{base} (checkpoint)" if base.casefold() in others else base
        name, n = base, 1
        while name.casefold() in used:
            n += 1
            name = f"{base} ({n})"
        used.add(name.casefold())
        found[name] = entry
    return found


def _shown(name: str) -> str:
    """Return a folder's name with "·" for every character that is no letter, no digit and none of " ._+-"."""
    plain = unicodedata.normalize("NFKC", name)
    shown = "".join(c if c.isalnum() or c in _SHOWN_AS_THEY_ARE else _INSTEAD for c in plain)
    return shown[:_LONGEST].strip() or _INSTEAD
