"""What whoever hosts the app can set, read once from the environment and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cache.environment import DEFAULT_MEGABYTES, SettingsError, cache_folder, cache_megabytes, whole_number

__all__ = ["Settings", "SettingsError"]


@dataclass(frozen=True)
class Settings:
    """Limits of one running app. `IOI_MODEL_DIR` and `IOI_DEVICE` are read by `ioi_core.load_model` itself.

    Attributes:
        max_prompts: IOI_MAX_PROMPTS, prompts in one request.
        max_characters: IOI_MAX_CHARACTERS, characters that a visitor may type into one field.
        max_tokens: IOI_MAX_TOKENS, tokens in one prompt.
        max_cells: IOI_MAX_CELLS, patched runs in one request: cells of the figure times prompts.
        max_sessions: IOI_MAX_SESSIONS, visitors at once; the next one waits at the gate.
        max_queued: IOI_MAX_QUEUED, computations that may wait in line.
        result_megabytes: IOI_RESULT_MEGABYTES, memory for finished results.
        cache_megabytes: IOI_CACHE_MEGABYTES, room on disk for finished results; 0 keeps none there.
        cache_folder: IOI_CACHE_DIR, where on disk, or the user's cache folder; None if there is neither.
    """

    max_prompts: int = 200
    max_characters: int = 4000
    max_tokens: int = 1024
    max_cells: int = 250_000
    max_sessions: int = 250
    max_queued: int = 50
    result_megabytes: int = 256
    cache_megabytes: int = DEFAULT_MEGABYTES
    cache_folder: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings, each absent one at its default.

        Raises:
            SettingsError: names the variable, its value and what is allowed.
        """
        return cls(
            max_prompts=whole_number(environment, "IOI_MAX_PROMPTS", cls.max_prompts, 8, 10_000),
            max_characters=whole_number(environment, "IOI_MAX_CHARACTERS", cls.max_characters, 100, 100_000),
            max_tokens=whole_number(environment, "IOI_MAX_TOKENS", cls.max_tokens, 16, 100_000),
            max_cells=whole_number(environment, "IOI_MAX_CELLS", cls.max_cells, 1000, 10_000_000),
            max_sessions=whole_number(environment, "IOI_MAX_SESSIONS", cls.max_sessions, 1, 10_000),
            max_queued=whole_number(environment, "IOI_MAX_QUEUED", cls.max_queued, 1, 10_000),
            result_megabytes=whole_number(environment, "IOI_RESULT_MEGABYTES", cls.result_megabytes, 1, 100_000),
            cache_megabytes=cache_megabytes(environment),
            cache_folder=cache_folder(environment),
        )
