"""Where the scheduler is, and the certificates that both ends show each other: read from settings, checked.

No Dask at import: the app reads its settings before it knows whether there is a cluster.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cache.environment import SettingsError

if TYPE_CHECKING:
    from distributed import Security

_ADDRESS = re.compile(r"(tcp|tls)://([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5})")


@dataclass(frozen=True)
class Tls:
    """Certificate files: of the authority that all others are signed by, and this process's own with its key."""

    ca: Path
    cert: Path
    key: Path


@dataclass(frozen=True)
class Cluster:
    """The scheduler of a cluster, as a replica or a worker reaches it, or as it listens.

    Attributes:
        address: tcp://host:port or tls://host:port.
        tls: None for tcp.
        device: "cpu" | "cuda", on which the workers that are asked compute; part of every key.
    """

    address: str
    tls: Tls | None = None
    device: str = "cpu"

    @property
    def protocol(self) -> str:
        """ "tcp" or "tls"."""
        return self.address.partition("://")[0]

    @property
    def host(self) -> str:
        """The host's name or address."""
        return self._parts()[1].strip("[]")

    @property
    def port(self) -> int:
        """The port."""
        return int(self._parts()[2])

    def security(self) -> "Security":
        """Return Dask's own description of the certificates; with them, what is not encrypted is refused."""
        from distributed import Security

        if self.tls is None:
            return Security(require_encryption=False)
        roles = ("client", "scheduler", "worker")
        files = {f"tls_{role}_{kind}": str(getattr(self.tls, kind)) for role in roles for kind in ("cert", "key")}
        return Security(tls_ca_file=str(self.tls.ca), require_encryption=True, **files)

    def _parts(self) -> tuple[str, str, str]:
        if (match := _ADDRESS.fullmatch(self.address)) is None:
            raise ValueError(self.address)
        return match[1], match[2], match[3]


def cluster_of(environment: Mapping[str, str]) -> Cluster | None:
    """Return IOI_SCHEDULER with its certificates and IOI_SCHEDULER_DEVICE; None where it is not set.

    Raises:
        SettingsError: names the variable, its value and what is allowed.
    """
    address, device = environment.get("IOI_SCHEDULER", "").strip(), environment.get("IOI_SCHEDULER_DEVICE", "").strip()
    if device not in ("", "cpu", "cuda"):
        raise SettingsError(f"IOI_SCHEDULER_DEVICE is {device[:40]!r}: cpu or cuda is allowed")
    files = {
        "IOI_SCHEDULER_TLS_CA": _file(environment, "IOI_SCHEDULER_TLS_CA"),
        "IOI_SCHEDULER_TLS_CERT": _file(environment, "IOI_SCHEDULER_TLS_CERT"),
        "IOI_SCHEDULER_TLS_KEY": _file(environment, "IOI_SCHEDULER_TLS_KEY"),
    }
    if not address:
        return None
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[3]) < 65_536:
        raise SettingsError(f"IOI_SCHEDULER is {address[:60]!r}: tcp://host:port or tls://host:port is allowed")
    if match[1] == "tcp":
        if any(files.values()):
            raise SettingsError("IOI_SCHEDULER is tcp://, which no certificate protects: with them, tls:// is allowed")
        return Cluster(address, None, device or "cpu")
    ca, cert, key = files.values()
    if ca is None or cert is None or key is None:
        missing = next(name for name, file in files.items() if file is None)
        raise SettingsError(f"{missing} is not set: with tls:// only all three files of certificates are allowed")
    return Cluster(address, Tls(ca, cert, key), device or "cpu")


def _file(environment: Mapping[str, str], name: str) -> Path | None:
    """Return a file that can be read; None where the variable is not set."""
    text = environment.get(name, "").strip()
    if not text:
        return None
    if "\0" in text or not (Path(text).is_absolute() and Path(text).is_file() and os.access(text, os.R_OK)):
        raise SettingsError(f"{name} is {text[:200]!r}: the absolute path of a readable file here is allowed")
    return Path(text)


def configure_dask() -> None:
    """Set what this package relies on, whatever a configuration of Dask on this machine says."""
    import dask

    dask.config.set(
        {
            "distributed.scheduler.http.routes": [],
            "distributed.worker.http.routes": [],
            "distributed.scheduler.work-stealing": True,
            "distributed.scheduler.allowed-failures": 3,
            "distributed.scheduler.worker-ttl": "60s",
            "distributed.scheduler.preload": [],
            "distributed.worker.preload": [],
            "distributed.client.preload": [],
            "distributed.worker.profile.enabled": False,  # it looks at the computing thread 100 times a second
            # The weights of models are most of a worker's memory and no data of Dask's: it could only stop for good.
            "distributed.worker.memory.target": False,
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.pause": False,
            "distributed.worker.memory.terminate": False,
            "distributed.comm.timeouts.connect": "5s",
            "distributed.comm.timeouts.tcp": "15s",
            "distributed.admin.low-level-log-length": 1000,
        }
    )
