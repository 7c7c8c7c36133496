"""The lessons there are: those that come with the app, and a teacher's own in the folder IOI_LESSONS.

A file that cannot be used stops nothing: it is listed with the reason. Files are read again once they change.
"""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from cachetools import LRUCache

from app.hosting.services import settings
from app.lessons.files.marked_yaml import LessonError, read_file
from app.lessons.files.reading import lesson_of
from app.lessons.lesson import Lesson

BUNDLED = Path(__file__).parents[1] / "lessons"
ORDER = ("first", "model", "attribution", "patching", "paths", "circuit", "anomalies")
"""The bundled lessons, the one for newcomers first, then along the notebook's sections."""

_MOST_FILES = 50
_log = logging.getLogger(__name__)
_read: LRUCache[tuple[str, int, int], Lesson | str] = LRUCache(200)
_lock = threading.Lock()


@dataclass(frozen=True)
class Library:
    """The lessons that can be taken, and of each file that cannot be used why."""

    lessons: tuple[Lesson, ...]
    refused: tuple[str, ...]


def lessons() -> tuple[Lesson, ...]:
    """Return all lessons that can be taken here."""
    return library(settings().lessons_folder).lessons


def library(folder: Path | None) -> Library:
    """Return the bundled lessons, and those of a folder; a bundled lesson's name is not given away."""
    found = [_lesson(BUNDLED / f"{name}.yaml", bundled=True) for name in ORDER]
    refused: list[str] = []
    if folder is not None:
        found += _of_folder(folder, refused)
    refused += [one for one in found if isinstance(one, str)]
    return Library(tuple(one for one in found if isinstance(one, Lesson)), tuple(refused))


def _of_folder(folder: Path, refused: list[str]) -> list[Lesson | str]:
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".yaml" and not path.name.startswith("."))
    except OSError:
        refused.append("The folder of IOI_LESSONS cannot be read any more.")
        return []
    if len(files) > _MOST_FILES:
        refused.append(f"IOI_LESSONS has {len(files)} files: the first {_MOST_FILES} are read.")
    taken = [path for path in files[:_MOST_FILES] if path.stem in ORDER]
    refused += [f"{path.name}, line 1: a lesson of this name comes with the app: rename the file" for path in taken]
    return [_lesson(path, bundled=False) for path in files[:_MOST_FILES] if path not in taken]


def _lesson(path: Path, *, bundled: bool) -> Lesson | str:
    """Return the lesson of a file, or why it cannot be used."""
    try:
        if not path.is_file():
            return f"{path.name}, line 1: this is no file"
        about = path.stat()
        key = (str(path), about.st_mtime_ns, about.st_size)
        with _lock:
            if (known := _read.get(key)) is not None:
                return known
    except OSError:
        return f"{path.name}, line 1: cannot be read"
    lesson: Lesson | str
    try:
        lesson = lesson_of(read_file(path), path.stem, bundled=bundled)
    except LessonError as error:
        _log.warning("a lesson is left out: %s", error)
        lesson = str(error)
    with _lock:
        _read[key] = lesson
    return lesson
