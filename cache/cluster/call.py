"""What is asked of a worker, as plain values, and what says that both ends are of one release.

Nothing here is code or pickled: parameters travel as kept results do (`cache/store/codec.py`), and the worker finds the
function under its registered name.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import Enum, StrEnum
from functools import cache
from pathlib import Path

import numpy as np
import torch

import ioi_core
from cache.keys import request_key
from cache.store.codec import CONSTRUCTIBLE, decode, encode
from ioi_core.errors import IOIError
from ioi_core.model.loading import PROCESSING


class ClusterError(IOIError):
    """The cluster cannot compute this; the text says why, for the visitor."""


@dataclass(frozen=True)
class Call:
    """One computation.

    Attributes:
        key: of the request, "analysis:digest" (`Computations.key`).
        analysis, version: as registered in `cache/analyses.py`.
        model, fingerprint: the model's name, by which a worker finds it, and the weights it must have.
        numerics: dtype and type of device, as in `Model.numerics`.
        parameters: of the analysis, encoded under the key.
        release: of the package that asks (`release`).
    """

    key: str
    analysis: str
    version: int
    model: str
    fingerprint: str
    numerics: str
    parameters: bytes
    release: str

    @classmethod
    def of(
        cls,
        key: str,
        analysis: str,
        version: int,
        model: tuple[str, str, str],
        parameters: Mapping[str, object],
    ) -> "Call":
        """Return the call of one request.

        Args:
            model: name, fingerprint and numerics.
        Raises:
            TypeError: a parameter cannot travel.
        """
        plain = {name: _plain(value) for name, value in parameters.items()}
        return cls(key, analysis, version, *model, encode(key, plain), release())

    @property
    def task_key(self) -> str:
        """The key of Dask's task: equal for equal requests of replicas of one release, so they share one run.

        What Dask takes for the task's kind, all before the first "-" here, is the analysis.
        """
        analysis, _, digest = self.key.partition(":")
        return f"{analysis}-{digest}-{self.release}"

    def as_plain(self) -> dict[str, object]:
        """Return the call as a dict of text, numbers and bytes."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, object]) -> "Call":
        """Return the call that `as_plain` made the values of.

        Raises:
            ClusterError: they are those of no call.
        """
        kinds = {field.name: {"version": int, "parameters": bytes}.get(field.name, str) for field in fields(cls)}
        if set(values) != set(kinds) or any(type(values[name]) is not kind for name, kind in kinds.items()):
            raise ClusterError("The worker was asked for something that is no analysis.")
        return cls(**values)  # type: ignore[arg-type]  # checked just above

    def read_parameters(self) -> dict[str, object]:
        """Return the parameters.

        Raises:
            ClusterError: they are not those that the key was made of.
        """
        try:
            parameters = decode(self.key, self.parameters)
        except ValueError as error:
            raise ClusterError("What the worker was asked for did not arrive whole. Please try again.") from error
        if not isinstance(parameters, dict) or self.key != self.key_of(parameters):
            raise ClusterError("What the worker was asked for and its key do not belong together.")
        return parameters

    def key_of(self, parameters: Mapping[str, object]) -> str:
        """Return the key that a request of these parameters has, as `Computations.key` makes it."""
        model = f"{self.fingerprint} {PROCESSING} {self.numerics}"
        return f"{self.analysis}:{request_key(self.analysis, self.version, model, parameters)}"


def resource(numerics: str, of_release: str | None = None) -> str:
    """Return the name of the resource that workers of this numerics and release have one of each."""
    return f"ioi {numerics} {of_release or release()}"


@cache
def release() -> str:
    """Return 12 characters that differ where results could: of the code of this package, its data, and PyTorch."""
    digest = hashlib.sha256(torch.__version__.partition("+")[0].encode())
    science = Path(ioi_core.__file__).parent
    files = [*science.rglob("*.py"), *(science / "data").iterdir(), *Path(__file__).parents[1].rglob("*.py")]
    for file in sorted(file for file in files if file.is_file()):
        content = file.read_bytes()
        digest.update(b"%s %d\n" % (file.name.encode(), len(content)))
        digest.update(content)
    return digest.hexdigest()[:12]


def _plain(value: object) -> object:
    """Return a parameter with its containers, and names that are no public enum, as values that travel.

    None of that changes the key: it makes no difference between a list and a tuple, or a name and its text.
    """
    if is_dataclass(value) or isinstance(value, str | bytes | np.ndarray | Enum):
        return str(value) if isinstance(value, StrEnum) and type(value).__name__ not in CONSTRUCTIBLE else value
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value] if type(value) is list else tuple(_plain(item) for item in value)
    return value
