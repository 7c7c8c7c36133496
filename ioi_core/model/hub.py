"""A model's files, from the local Hugging Face cache or else from the hub; no wait without a limit.

A complete copy in the cache is used without touching the network. Otherwise the hub is asked one short question first,
so that a hub that does not answer costs seconds; then the few files needed are downloaded, with progress.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
from tqdm.auto import tqdm

from ioi_core.errors import ModelUnavailableError
from ioi_core.model.files import WEIGHT_FILES
from ioi_core.model.tokenizer import TOKENIZER_FILES
from ioi_core.results import Progress

HUB_IDS = {
    "gpt2-small": "openai-community/gpt2",
    "gpt2": "openai-community/gpt2",
    "gpt2-medium": "openai-community/gpt2-medium",
    "gpt2-large": "openai-community/gpt2-large",
    "gpt2-xl": "openai-community/gpt2-xl",
    "distilgpt2": "distilbert/distilgpt2",
}
"""Names that `load_model` accepts -> their repository on the hub."""

_WANTED = ["config.json", "model.safetensors", "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"]
_ANSWER_SECONDS = 6.0

HOW_TO_GET = (
    "Either let this machine reach the Hugging Face hub once, or copy the model's folder here (config.json, "
    "model.safetensors, vocab.json, merges.txt) and name it by its absolute path in IOI_MODEL_DIR."
)


def is_complete(folder: Path) -> bool:
    """Return whether a folder has a config, weights and a tokenizer, whatever their content."""
    return (
        (folder / "config.json").is_file()
        and any((folder / name).is_file() for name in WEIGHT_FILES)
        and any(all((folder / name).is_file() for name in names) for names in TOKENIZER_FILES)
    )


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Return a folder with the files of a hub model, from the cache if complete there, else downloaded.

    Args:
        name: a key of `HUB_IDS`.
        progress: called with (bytes so far, bytes in all) during a download.
    Raises:
        ModelUnavailableError: not in the cache, and the hub cannot be reached or refuses.
    """
    repository = HUB_IDS[name]
    for folder in _cached_folders(repository):
        if is_complete(folder):
            return folder
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        raise ModelUnavailableError(f"{name} is not in the Hugging Face cache, and HF_HUB_OFFLINE is set. {HOW_TO_GET}")
    _ask_hub(name)
    cancelled: list[BaseException] = []
    try:
        path = huggingface_hub.snapshot_download(
            repository,
            allow_patterns=_WANTED,
            etag_timeout=_ANSWER_SECONDS,
            tqdm_class=_reporting_bar(progress, cancelled),
        )
    except Exception as error:  # a hub can fail in any way: cut off, a log-in page instead of JSON, a full disk
        if cancelled:
            raise cancelled[0] from None
        raise ModelUnavailableError(f"{name} could not be downloaded: {_first_line(error)}. {HOW_TO_GET}") from error
    if not is_complete(Path(path)):
        raise ModelUnavailableError(f"{name}: the hub's copy of {repository} lacks weights or tokenizer. {HOW_TO_GET}")
    return Path(path)


def _cached_folders(repository: str) -> Iterator[Path]:
    """Yield snapshots in the local cache, under the repository's present id and the short one of older downloads."""
    for candidate in (repository, repository.split("/")[-1]):
        try:
            # Asked for one file only: a cache that lacks files nobody needs here would be called incomplete.
            yield Path(
                huggingface_hub.snapshot_download(candidate, local_files_only=True, allow_patterns=["config.json"])
            )
        except OSError:
            continue


def _ask_hub(name: str) -> None:
    """Send one request with a hard deadline: libraries retry for minutes, and a name look-up has no time-out."""
    outcome: list[Exception | None] = []

    def ask() -> None:
        try:
            huggingface_hub.get_session().head(huggingface_hub.constants.ENDPOINT, timeout=_ANSWER_SECONDS)
            outcome.append(None)
        except Exception as error:  # any failure means that it is out of reach
            outcome.append(error)

    thread = threading.Thread(target=ask, daemon=True, name="ask-hub")
    thread.start()
    thread.join(_ANSWER_SECONDS + 1)
    if not outcome:
        raise ModelUnavailableError(
            f"{name}: the Hugging Face hub did not answer in {_ANSWER_SECONDS:.0f} s. {HOW_TO_GET}"
        )
    if outcome[0] is not None:
        raise ModelUnavailableError(
            f"{name}: the Hugging Face hub cannot be reached ({_first_line(outcome[0])}). {HOW_TO_GET}"
        ) from outcome[0]


def _reporting_bar(progress: Progress | None, cancelled: list[BaseException]) -> type[Any]:
    """Return a silent tqdm class that passes a download's byte counts to `progress`, and keeps what that raises."""

    class ReportingBar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._counts_bytes = kwargs.get("unit") == "B"
            kwargs.pop("name", None)
            super().__init__(*args, **kwargs | {"disable": False, "file": _Nowhere()})

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            if progress is not None and self._counts_bytes and self.total:
                try:
                    progress(int(self.n), int(self.total))
                except BaseException as error:
                    cancelled.append(error)
                    raise
            return shown

    return ReportingBar


class _Nowhere:
    """A text stream that drops what is written."""

    def write(self, _text: str) -> int:
        return 0

    def flush(self) -> None:
        return None


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
