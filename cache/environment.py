"""Read from the environment where results are kept; shared by the app's settings and `python -m cache`."""

from collections.abc import Mapping
from pathlib import Path

from ioi_core.errors import SettingsError

DEFAULT_MEGABYTES = 2048


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """Return IOI_CACHE_DIR, or `ioi-explorer` in the user's cache folder (XDG_CACHE_HOME, else ~/.cache), or None.

    Raises:
        SettingsError: IOI_CACHE_DIR is not an absolute path.
    """
    if text := environment.get("IOI_CACHE_DIR", "").strip():
        if not Path(text).is_absolute() or "\0" in text:
            raise SettingsError(f"IOI_CACHE_DIR is {text[:40]!r}: an absolute path is allowed")
        return Path(text)
    # The specification of XDG_CACHE_HOME says that a relative one is to be ignored.
    shared = [Path(environment.get("XDG_CACHE_HOME", "")), Path(environment.get("HOME", "")) / ".cache"]
    return next((folder / "ioi-explorer" for folder in shared if folder.is_absolute()), None)


def cache_megabytes(environment: Mapping[str, str]) -> int:
    """Return IOI_CACHE_MEGABYTES, the size of all kept results on disk; 0 turns the disk cache off.

    Raises:
        SettingsError: not a whole number.
    """
    return whole_number(environment, "IOI_CACHE_MEGABYTES", DEFAULT_MEGABYTES, 0, 10_000_000)


def disk_cache(environment: Mapping[str, str]) -> tuple[Path, int]:
    """Return folder and megabytes of the disk cache, for commands that need one.

    Raises:
        SettingsError: there is none, or a setting cannot be used.
    """
    folder, megabytes = cache_folder(environment), cache_megabytes(environment)
    if folder is None or megabytes == 0:
        raise SettingsError("there is no disk cache: IOI_CACHE_MEGABYTES is 0, or there is no folder for it")
    return folder, megabytes


def whole_number(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Return the variable `name` as a whole number from `low` to `high`; `default` where it is not set.

    Raises:
        SettingsError: names the variable, its value and what is allowed.
    """
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and low <= int(text[:9]) <= high and len(text) < 9):
        raise SettingsError(f"{name} is {text[:40]!r}: a whole number from {low} to {high} is allowed")
    return int(text)
