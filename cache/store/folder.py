"""The folder of the disk cache: made for this user alone, or refused.

Results have a folder of their own, `results`, inside the one that is set: tidying up removes every file it does not
know, and must never see other files. So have classes, whose votes are no results. All of these folders must belong to
this user, and no other user may write to them, since their contents are shown. A folder that is ours is closed to
others; one that belongs to another user, or that also holds other files and is open to others, is refused and left as
it is.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = "lock"
_RESULTS = "results"
CLASSES = "classes"
_EXPECTED = {_LOCK, _RESULTS, CLASSES, "lost+found"}  # the last one belongs to a volume


class FolderError(OSError):
    """The folder cannot be used; the text says why, for the log."""


def prepare(folder: Path, room: str = _RESULTS) -> Path:
    """Make `folder` and the `room` inside it where they are missing; return the latter.

    Raises:
        FolderError: it belongs to somebody else or others may write to it.
        OSError: it cannot be made or looked at.
    """
    if os.path.expandvars(folder) != str(folder):
        raise FolderError(f"{folder} holds a $, which diskcache would replace")
    inside = folder / room
    for path in (folder, inside):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _close_to_others(path, ours=path is inside or {entry.name for entry in path.iterdir()} <= _EXPECTED)
    return inside


def _close_to_others(path: Path, *, ours: bool) -> None:
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise FolderError(f"{path} belongs to user {status.st_uid}, this is user {os.geteuid()}")
    if ours and status.st_mode & 0o077:
        path.chmod(0o700)
        status = path.stat()  # some file systems have one mode for everything
    if status.st_mode & 0o022:
        raise FolderError(
            f"others may write to {path} (mode {status.st_mode & 0o777:o}): give the cache its own folder"
        )


@contextmanager
def locked(inside: Path) -> Iterator[None]:
    """Let one process at a time put a file aside in a prepared folder; freed when a process ends, however it ends."""
    with (inside.parent / _LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
