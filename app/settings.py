"""What whoever hosts the app can set, read once from the environment and checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from ioi_core import IOIError


class SettingsError(IOIError):
    """An environment variable has a value that cannot be used."""


@dataclass(frozen=True)
class Settings:
    """Limits of one running app. `IOI_MODEL_DIR` and `IOI_DEVICE` are read by `ioi_core.load_model` itself.

    Attributes:
        max_prompts: IOI_MAX_PROMPTS, prompts in one request.
        max_characters: IOI_MAX_CHARACTERS, characters that a visitor may type into one field.
        max_queued: IOI_MAX_QUEUED, computations that may wait in line.
        result_megabytes: IOI_RESULT_MEGABYTES, memory for finished results.
    """

    max_prompts: int = 200
    max_characters: int = 4000
    max_queued: int = 50
    result_megabytes: int = 256

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings, each absent one at its default.

        Raises:
            SettingsError: names the variable, its value and what is allowed.
        """
        return cls(
            max_prompts=_whole_number(environment, "IOI_MAX_PROMPTS", cls.max_prompts, 8, 10_000),
            max_characters=_whole_number(environment, "IOI_MAX_CHARACTERS", cls.max_characters, 100, 100_000),
            max_queued=_whole_number(environment, "IOI_MAX_QUEUED", cls.max_queued, 1, 10_000),
            result_megabytes=_whole_number(environment, "IOI_RESULT_MEGABYTES", cls.result_megabytes, 1, 100_000),
        )


def _whole_number(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and low <= int(text[:9]) <= high and len(text) < 9):
        raise SettingsError(f"{name} is {text[:40]!r}: a whole number from {low} to {high} is allowed")
    return int(text)
