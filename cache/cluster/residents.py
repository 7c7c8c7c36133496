"""The models of one worker process: loaded when they are first asked for, kept within a limit of memory."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import torch

from cache.cluster.call import ClusterError
from ioi_core import Model, ModelUnavailableError, load_model
from ioi_core.model.identity import OTHER_WEIGHTS
from ioi_core.model.loading import release_memory

_GPT2, _DEMO = "gpt2-small", "ioi-demo"

_log = logging.getLogger(__name__)


class Residents:
    """Models on one device, by their weights' fingerprint; those used longest ago leave first.

    Attributes:
        device: of all of them.
    """

    def __init__(
        self,
        device: torch.device,
        folders: Mapping[str, Path] = MappingProxyType({}),
        megabytes: int = 4096,
        load: Callable[..., Model] = load_model,
    ):
        """Load nothing yet.

        Args:
            folders: name -> folder of each of the host's own checkpoints (`ioi_core/model/checkpoints.py`).
            megabytes: memory for the weights of all models; the last one asked for is kept whatever its size.
        """
        self.device = device
        self._folders, self._megabytes, self._load = folders, megabytes, load
        self._models: dict[str, Model] = {}  # by fingerprint, in the order of their last use

    @property
    def names(self) -> list[str]:
        """The names of the models that are loaded now."""
        return [model.name for model in tuple(self._models.values())]

    def get(self, name: str, fingerprint: str) -> Model:
        """Return the model that has these weights, loaded by its name if it is not here.

        Raises:
            ClusterError: this worker has no model of that name, or one of other weights.
        """
        named = next((model for model in self._models.values() if model.name == name), None)
        model = self._models.pop(fingerprint, None) or named or self.load(name)
        self._keep(model)
        if model.fingerprint != fingerprint:
            raise ClusterError(
                f"A worker of the cluster has other weights as {name} than this server ({model.fingerprint[:8]}, not "
                f"{fingerprint[:8]}): whoever runs them has to give both the same files. Choose another model meanwhile"
            )
        return model

    def load(self, name: str) -> Model:
        """Load a model by its name.

        Raises:
            ClusterError: there is none of that name here, or it cannot be loaded.
        """
        started = time.monotonic()
        asked = _GPT2 if name == OTHER_WEIGHTS else name
        if asked not in (_GPT2, _DEMO, *self._folders):
            raise ClusterError(f"A worker of the cluster has no model named {name}. Choose another model meanwhile")
        try:
            folder = self._folders.get(asked)
            model = self._load(str(folder) if folder else asked, device=self.device)
        except ModelUnavailableError as error:
            _log.warning("%s is unavailable: %s", name, error)
            raise ClusterError(f"A worker of the cluster cannot load {name}. Choose another model meanwhile") from None
        _log.info("%s loaded in %.1f s", name, time.monotonic() - started)
        return replace(model, name=name) if folder else model

    def keep(self, name: str) -> None:
        """Load a model ahead.

        Raises:
            ClusterError: as `load`.
        """
        self._keep(self.load(name))

    def _keep(self, model: Model) -> None:
        self._models.pop(model.fingerprint, None)
        self._models[model.fingerprint] = model
        while len(self._models) > 1 and sum(one.megabytes for one in self._models.values()) > self._megabytes:
            oldest = self._models.pop(next(iter(self._models)))
            _log.info("%s left memory", oldest.name)
            del oldest
            release_memory()
