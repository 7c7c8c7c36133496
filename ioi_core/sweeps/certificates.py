"""The certificates that the ends of a cluster show each other, as the settings name them.

`distributed` is imported only once they are used.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ioi_core.errors import SettingsError

if TYPE_CHECKING:
    from distributed import Security


@dataclass(frozen=True)
class Tls:
    """Certificate files: of the authority that all others are signed by, and this process's own with its key."""

    ca: Path
    cert: Path
    key: Path

    @classmethod
    def of(cls, environment: Mapping[str, str], *, needed: bool = False) -> "Tls | None":
        """Return the files that the settings name; None where no setting does.

        Args:
            needed: without any, one is missing.
        Raises:
            SettingsError: a file cannot be read, or only some of the three are named.
        """
        ca = _file(environment, "IOI_SCHEDULER_TLS_CA")
        cert = _file(environment, "IOI_SCHEDULER_TLS_CERT")
        key = _file(environment, "IOI_SCHEDULER_TLS_KEY")
        if ca is not None and cert is not None and key is not None:
            return cls(ca, cert, key)
        if needed or ca or cert or key:
            missing = "CA" if ca is None else "CERT" if cert is None else "KEY"
            raise SettingsError(
                f"IOI_SCHEDULER_TLS_{missing} is not set: with tls:// only all three files of certificates are allowed"
            )
        return None

    def security(self) -> "Security":
        """Return Dask's own description of the certificates; with them, what is not encrypted is refused."""
        from distributed import Security

        roles = ("client", "scheduler", "worker")
        files = {f"tls_{role}_{kind}": str(getattr(self, kind)) for role in roles for kind in ("cert", "key")}
        return Security(tls_ca_file=str(self.ca), require_encryption=True, **files)


def _file(environment: Mapping[str, str], name: str) -> Path | None:
    """Return a file that can be read; None where the variable is not set."""
    text = environment.get(name, "").strip()
    if not text:
        return None
    if "\0" in text or not (Path(text).is_absolute() and Path(text).is_file() and os.access(text, os.R_OK)):
        raise SettingsError(f"{name} is {text[:200]!r}: the absolute path of a readable file here is allowed")
    return Path(text)
