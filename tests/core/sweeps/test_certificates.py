"""A sweep on a cluster shows the certificates that the settings name, and says what is wrong with them."""

from pathlib import Path

import pytest

from ioi_core.errors import SettingsError
from ioi_core.sweeps.certificates import Tls
from ioi_core.sweeps.cluster import on_cluster

CA, CERT, KEY = (f"IOI_SCHEDULER_TLS_{part}" for part in ("CA", "CERT", "KEY"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({CA: "HERE"}, f"{CERT} is not set"),
        ({CERT: "HERE", KEY: "HERE"}, f"{CA} is not set"),
        ({CA: "/there/is/no/such/file", CERT: "HERE", KEY: "HERE"}, f"{CA} is '/there/is/no/such/file'"),
    ],
)
def test_certificates_that_cannot_be_shown_are_refused_at_once(
    given: dict[str, str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "a.pem"
    here.write_text("a certificate")
    for name, file in given.items():
        monkeypatch.setenv(name, file.replace("HERE", str(here)))
    with pytest.raises(SettingsError, match=says):
        next(on_cluster(iter(()), "tls://127.0.0.1:1", "float32 cpu"))


def test_without_any_dask_has_its_own() -> None:
    assert Tls.of({}) is None
    with pytest.raises(SettingsError, match=f"{CA} is not set"):
        Tls.of({}, needed=True)
