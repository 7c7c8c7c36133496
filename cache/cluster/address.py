"""Where the scheduler is, and the certificates that both ends show each other: read from settings, checked.

No Dask at import: the app reads its settings before it knows whether there is a cluster.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ioi_core.errors import SettingsError
from ioi_core.sweeps.certificates import Tls

if TYPE_CHECKING:
    from distributed import Security

_ADDRESS = re.compile(r"(tcp|tls)://([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5})")


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
        if self.tls is not None:
            return self.tls.security()
        from distributed import Security

        return Security(require_encryption=False)

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
    match = _ADDRESS.fullmatch(address)
    if address and (match is None or not 0 < int(match[3]) < 65_536):
        raise SettingsError(f"IOI_SCHEDULER is {address[:60]!r}: tcp://host:port or tls://host:port is allowed")
    tls = Tls.of(environment, needed=address.startswith("tls://"))
    if not address:
        return None
    if tls is not None and address.startswith("tcp://"):
        raise SettingsError("IOI_SCHEDULER is tcp://, which no certificate protects: with them, tls:// is allowed")
    return Cluster(address, tls, device or "cpu")


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
