"""The host's settings, read once from the environment and checked."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from pathlib import Path

from cache.cluster.address import Cluster, cluster_of
from cache.environment import DEFAULT_MEGABYTES, cache_folder, cache_megabytes, whole_number
from ioi_core import ModelUnavailableError
from ioi_core.errors import SettingsError
from ioi_core.model.checks import checked_config
from ioi_core.model.files import check_weight_files
from ioi_core.model.identity import check_shape
from ioi_core.model.loading import device_for
from ioi_core.model.tokenizer import check_tokenizer_files

KNOWN = frozenset(
    f"IOI_{name}"
    for name in (
        *("MODEL_DIR", "MODELS", "MODELS_MEGABYTES", "DEVICE", "ENGINE_MEMORY_MB", "MAX_PROMPTS", "MAX_CHARACTERS"),
        *("MAX_PROMPT_CHARACTERS", "MAX_TOKENS", "MAX_CELLS", "MAX_SESSIONS", "IDLE_MINUTES", "MAX_QUEUED"),
        *("RESULT_MEGABYTES", "CACHE_DIR", "CACHE_MEGABYTES", "METRICS_PORT", "METRICS_ADDRESS"),
        *(
            "FRAME_ANCESTORS",
            "LOG_ERRORS_IN_FULL",
            "COOKIE_SECRET",
            "PACKAGE_URL",
            "LESSONS",
            "CLASS_HOURS",
            "CLASS_PLACE",
        ),
        *("SCHEDULER", "SCHEDULER_DEVICE", "SCHEDULER_TLS_CA", "SCHEDULER_TLS_CERT", "SCHEDULER_TLS_KEY"),
        *("PORT", "CONTAINER_MEMORY", "MODELS_FROM", "LESSONS_FROM", "CERTIFICATES_FROM"),  # compose.yaml's own
        *("REQUIRE_BROWSER", "FUZZ_TIMES"),  # the tests'
    )
)
"""Every environment variable that begins with IOI_ and means something."""


@dataclass(frozen=True)
class Settings:
    """The settings of one running app. `ioi_core` itself reads IOI_MODEL_DIR, IOI_DEVICE and IOI_ENGINE_MEMORY_MB.

    Attributes:
        max_prompts: IOI_MAX_PROMPTS, prompts in one request.
        max_characters: IOI_MAX_CHARACTERS, characters of all prompts that a visitor may type or upload at once.
        max_prompt_characters: IOI_MAX_PROMPT_CHARACTERS, characters of one of them.
        max_tokens: IOI_MAX_TOKENS, tokens in one prompt.
        max_cells: IOI_MAX_CELLS, patched runs in one request: cells of the figure times prompts.
        max_sessions: IOI_MAX_SESSIONS, visitors at once; the next one waits at the gate.
        idle_minutes: IOI_IDLE_MINUTES, without a click after which a tab gives its place to a visitor at the gate.
        max_queued: IOI_MAX_QUEUED, visitors whose pages may wait for computations.
        result_megabytes: IOI_RESULT_MEGABYTES, memory for finished results.
        cache_megabytes: IOI_CACHE_MEGABYTES, room on disk for finished results; 0 keeps none there.
        cache_folder: IOI_CACHE_DIR, where on disk, or the user's cache folder; None if there is neither.
        metrics_port: IOI_METRICS_PORT, where Prometheus reads metrics; 0 serves none.
        metrics_address: IOI_METRICS_ADDRESS, the address that port listens on.
        models_folder: IOI_MODELS, a folder of folders, each a checkpoint offered under its name; None if there is none.
        models_megabytes: IOI_MODELS_MEGABYTES, memory for the weights of all models besides ioi-demo.
        lessons_folder: IOI_LESSONS, a folder of lessons besides those that come with the app; None if there is none.
        frame_ancestors: IOI_FRAME_ANCESTORS, who may show the app in a frame, as Content-Security-Policy has it.
        package_url: IOI_PACKAGE_URL, where notebooks install `ioi_core` from; "" for this server's own wheel.
        class_hours: IOI_CLASS_HOURS, after which nothing is left of a class.
        class_place: IOI_CLASS_PLACE, the letter with which codes of classes begin here; "" for any.
        cluster: IOI_SCHEDULER, IOI_SCHEDULER_DEVICE and the certificates IOI_SCHEDULER_TLS_CA, _CERT and _KEY: the Dask
            cluster whose workers compute; None to compute here.
        log_errors_in_full: IOI_LOG_ERRORS_IN_FULL, 1 to log an unexpected error's own words, which may quote a prompt.
    """

    max_prompts: int = 200
    max_characters: int = 200_000
    max_prompt_characters: int = 4000
    max_tokens: int = 1024
    max_cells: int = 250_000
    max_sessions: int = 250
    idle_minutes: int = 30
    max_queued: int = 250
    result_megabytes: int = 256
    cache_megabytes: int = DEFAULT_MEGABYTES
    cache_folder: Path | None = None
    metrics_port: int = 0
    metrics_address: str = "127.0.0.1"
    models_folder: Path | None = None
    models_megabytes: int = 4096
    lessons_folder: Path | None = None
    frame_ancestors: str = "'self'"
    package_url: str = ""
    class_hours: int = 24
    class_place: str = ""
    cluster: Cluster | None = None
    log_errors_in_full: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings, each absent one at its default.

        Raises:
            SettingsError: names the variable, its value and what is allowed.
        """
        return cls(
            max_prompts=whole_number(environment, "IOI_MAX_PROMPTS", cls.max_prompts, 8, 10_000),
            max_characters=whole_number(environment, "IOI_MAX_CHARACTERS", cls.max_characters, 100, 10_000_000),
            max_prompt_characters=whole_number(
                environment, "IOI_MAX_PROMPT_CHARACTERS", cls.max_prompt_characters, 100, 1_000_000
            ),
            max_tokens=whole_number(environment, "IOI_MAX_TOKENS", cls.max_tokens, 16, 100_000),
            max_cells=whole_number(environment, "IOI_MAX_CELLS", cls.max_cells, 1000, 10_000_000),
            max_sessions=whole_number(environment, "IOI_MAX_SESSIONS", cls.max_sessions, 1, 10_000),
            idle_minutes=whole_number(environment, "IOI_IDLE_MINUTES", cls.idle_minutes, 1, 10_000),
            max_queued=whole_number(environment, "IOI_MAX_QUEUED", cls.max_queued, 1, 10_000),
            result_megabytes=whole_number(environment, "IOI_RESULT_MEGABYTES", cls.result_megabytes, 1, 100_000),
            cache_megabytes=cache_megabytes(environment),
            cache_folder=cache_folder(environment),
            metrics_port=whole_number(environment, "IOI_METRICS_PORT", cls.metrics_port, 0, 65_535),
            metrics_address=_address(environment, "IOI_METRICS_ADDRESS", cls.metrics_address),
            models_folder=_folder(environment, "IOI_MODELS"),
            models_megabytes=whole_number(environment, "IOI_MODELS_MEGABYTES", cls.models_megabytes, 100, 1_000_000),
            lessons_folder=_folder(environment, "IOI_LESSONS"),
            frame_ancestors=_ancestors(environment, "IOI_FRAME_ANCESTORS", cls.frame_ancestors),
            package_url=_package(environment, "IOI_PACKAGE_URL"),
            class_hours=whole_number(environment, "IOI_CLASS_HOURS", cls.class_hours, 1, 720),
            class_place=_letter(environment, "IOI_CLASS_PLACE"),
            cluster=cluster_of(environment),
            log_errors_in_full=whole_number(environment, "IOI_LOG_ERRORS_IN_FULL", 0, 0, 1) == 1,
        )

    def in_words(self) -> dict[str, object]:
        """Return name -> value of every setting, for the log; none of them is a secret."""
        plain = asdict(self) | {"cluster": self.cluster and self.cluster.address}
        return {name: str(value) if isinstance(value, Path) else value for name, value in plain.items()}


def check_names(environment: Mapping[str, str]) -> None:
    """Refuse a name that no setting has: a mistyped limit must not go unnoticed.

    Raises:
        SettingsError: names it, and the nearest one that is known.
    """
    for name in sorted(environment):
        if name.startswith("IOI_") and name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, 1)
            raise SettingsError(
                f"{name[:60]} is no setting: {f'{near[0]} is meant, perhaps' if near else 'see README.md'}"
            )


def check_model_settings(environment: Mapping[str, str]) -> None:
    """Check the settings that `ioi_core` reads only when it loads and runs a model.

    A folder for GPT-2 that is empty is fine, for it may be filled later: until then the bundled model stands in.

    Raises:
        SettingsError: names the variable, its value and what is allowed, or what is wrong with what it names.
    """
    whole_number(environment, "IOI_ENGINE_MEMORY_MB", 1024, 16, 10_000_000)
    device = environment.get("IOI_DEVICE", "")
    if device and not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise SettingsError(f"IOI_DEVICE is {device[:40]!r}: cpu, cuda or cuda:N is allowed")
    with _refused_as("IOI_DEVICE"):
        device_for(device or None)
    folder = _folder(environment, "IOI_MODEL_DIR")
    if folder is not None and any(folder.iterdir()):
        with _refused_as("IOI_MODEL_DIR"):
            check_shape(checked_config(folder), folder)
            check_tokenizer_files(folder)
            check_weight_files(folder)


def make_cache_folder(environment: Mapping[str, str]) -> None:
    """Make the folder that IOI_CACHE_DIR names, where it is missing.

    One that is there and cannot be used is fine, for that may change: until then pages say that nothing is kept.

    Raises:
        SettingsError: it is a file, or cannot be made.
    """
    folder = cache_folder(environment)
    if folder is None or cache_megabytes(environment) == 0 or not environment.get("IOI_CACHE_DIR", "").strip():
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"IOI_CACHE_DIR is {str(folder)[:200]!r}, where no folder is or can be made ({error.strerror}): the "
            "absolute path of a folder is allowed"
        ) from error


@contextmanager
def _refused_as(name: str) -> Iterator[None]:
    """Say of what cannot be used which setting names it."""
    try:
        yield
    except ModelUnavailableError as error:
        raise SettingsError(f"{name} cannot be used: {error}") from error


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    """Return a folder that can be listed; None where the variable is not set."""
    text = environment.get(name, "")
    if not text:
        return None
    folder = Path(text)
    if "\0" in text or not (folder.is_absolute() and folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)):
        raise SettingsError(f"{name} is {text[:200]!r}: the absolute path of a readable folder here is allowed")
    return folder


def _ancestors(environment: Mapping[str, str], name: str, default: str) -> str:
    text = environment.get(name, "").strip() or default
    if not re.fullmatch(
        r"('self'|'none'|https?://[A-Za-z0-9.*-]+(:\d+)?)( ('self'|https?://[A-Za-z0-9.*-]+(:\d+)?))*", text
    ):
        raise SettingsError(
            f"{name} is {text[:60]!r}: 'self', 'none' or addresses such as https://school.example are allowed"
        )
    return text


def _package(environment: Mapping[str, str], name: str) -> str:
    text = environment.get(name, "").strip()
    if not re.fullmatch(r"(https?://[A-Za-z0-9._~:/@+%-]+)?", text):
        raise SettingsError(
            f"{name} is {text[:60]!r}: the address of a package is allowed, such as https://a.example/x.whl"
        )
    return text


def _letter(environment: Mapping[str, str], name: str) -> str:
    text = environment.get(name, "").strip()
    if not re.fullmatch(r"[ACDEFGHJKMNPQRTWXY]?", text):
        raise SettingsError(f"{name} is {text[:40]!r}: one of the letters ACDEFGHJKMNPQRTWXY is allowed")
    return text


def _address(environment: Mapping[str, str], name: str, default: str) -> str:
    text = environment.get(name, "").strip() or default
    try:
        return str(ip_address(text))
    except ValueError:
        raise SettingsError(f"{name} is {text[:40]!r}: an IP address is allowed, such as 127.0.0.1") from None
