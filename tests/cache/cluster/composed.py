"""Services of compose.yaml as processes of this machine: the commands, settings and folders of compose.yaml and of the
image, with other addresses and ports, and volumes that are folders here."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
_IMAGE = re.search(r"^FROM packages AS app\n(.*?)^FROM ", (ROOT / "Dockerfile").read_text(), re.M | re.S)[1]  # type: ignore[index]
_READY = re.search(r"^HEALTHCHECK .*CMD (\[.*\])$", _IMAGE, re.M)[1]  # type: ignore[index]
READY: list[str] = json.loads(_READY)
"""The command that says whether a replica is ready."""


def services(profile: str) -> set[str]:
    """The names of the services of a profile."""
    return {name for name, described in COMPOSE["services"].items() if profile in described.get("profiles", ())}


class Host:
    """One machine with Docker.

    Args:
        folder: below which its named volumes are.
        variables: of the environment in which `docker compose` is called.
        places: address or path in a container -> here.
    """

    def __init__(self, folder: Path, variables: Mapping[str, object], places: Mapping[str, str]):
        self.folder, self.variables, self.places = folder, variables, places

    def volumes(self, service: str) -> dict[str, str]:
        """Path in the container -> folder or file here."""
        mounted = (self.filled(each).split(":") for each in COMPOSE["services"][service]["volumes"])
        return {inside: self._volume(outside) for outside, inside, *_ in mounted}

    def command(self, service: str) -> list[str]:
        """What runs in the service's container."""
        said = COMPOSE["services"][service].get("command") or json.loads(re.findall(r"^CMD (.*)$", _IMAGE, re.M)[-1])
        return self.here(said, self.places | self.volumes(service))

    def environment(self, service: str) -> dict[str, str]:
        """The image's and the service's settings, among what this process has besides settings."""
        [settings] = re.findall(r"^ENV ((?:.*\\\n)*.*)$", _IMAGE, re.M)
        of_image = dict(one.split("=", 1) for one in shlex.split(settings.replace("\\\n", " ")))
        of_service = COMPOSE["services"][service]["environment"]
        said = {name: self.filled(str(text)) for name, text in (of_image | of_service).items() if name != "PATH"}
        values = self.here([*said.values()], self.places | self.volumes(service))
        around = {name: text for name, text in os.environ.items() if not name.startswith(("IOI_", "STREAMLIT_"))}
        return around | dict(zip(said, values, strict=True))

    @staticmethod
    def here(texts: list[str], places: Mapping[str, str]) -> list[str]:
        """Put this machine's places where the containers' are."""
        inside = re.compile("|".join(map(re.escape, sorted(places, key=len, reverse=True))))
        return [inside.sub(lambda found: places[found[0]], text) for text in texts]

    def _volume(self, name: str) -> str:
        if name.startswith("./"):
            return str(ROOT / name)
        if not name.startswith("/"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        return str(self.folder / name)  # an absolute one stays itself

    def filled(self, text: str) -> str:
        """Put in what compose puts in for ${NAME:-otherwise}."""
        filled = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: str(self.variables.get(found[1], found[2])), text)
        assert "$" not in filled, text
        return filled


@contextmanager
def started(
    service: str, host: Host, *more: str, log: Path | None = None, **settings: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """A container of the service, as a process.

    Args:
        more: arguments besides the service's own.
        log: a file for all that it says.
        settings: besides the service's own.
    """
    interpreter, *command = host.command(service)
    assert interpreter == "python"
    output = log.open("wb") if log else None
    process = subprocess.Popen(
        [sys.executable, *command, *more],
        cwd=ROOT,
        env=host.environment(service) | settings,
        stdout=output,
        stderr=output,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if output:
            output.close()
