"""Run the image as compose.yaml does, its proxy in front of it, in a network of its own that has only itself.

A network namespace with nothing but its loopback interface holds the container, nginx and the browser: what any of
them asks of the outside fails. The service's name, `app`, leads to that interface.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.hosting.image.building import ROOT, Storage, run

URL = "http://localhost:8080"


class Network:
    """A network namespace with a loopback interface only."""

    def __init__(self, addresses: Sequence[str] = ("127.0.0.1",)) -> None:
        self.name = f"ioi-image-test-{os.getpid()}"
        self._addresses = addresses  # of the service `app`
        self.inside = ["ip", "netns", "exec", self.name]
        self._hosts = Path("/etc/netns") / self.name / "hosts"

    def __enter__(self) -> "Network":
        run("ip", "netns", "add", self.name)
        run(*self.inside, "ip", "link", "set", "lo", "up")
        self._hosts.parent.mkdir(parents=True)
        self._hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{one} app\n" for one in self._addresses))
        return self

    def __exit__(self, *_: object) -> None:
        run("ip", "netns", "delete", self.name)
        self._hosts.unlink()
        self._hosts.parent.rmdir()


class Container:
    """One container of the image, as closed as compose.yaml makes it."""

    def __init__(self, storage: Storage, network: Network, image: str):
        self.name = f"{network.name}-{image.rpartition(':')[2]}"
        self.volume = f"{self.name}-cache"
        self._network, self._image = network, image
        self._podman = ["podman", "--runtime=/usr/sbin/runc", "--cgroup-manager=cgroupfs", *storage.options()]

    def __enter__(self) -> "Container":
        run(
            *self._podman, "run", "--detach", f"--name={self.name}", f"--network=ns:/run/netns/{self._network.name}",
            "--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges",
            "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096", f"--volume={self.volume}:/cache", self._image,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        run(*self._podman, "rm", "--force", self.name)
        run(*self._podman, "volume", "rm", "--force", self.volume)

    def restart(self) -> None:
        """Stop it as an operator would, and start it again; its volume stays."""
        run(*self._podman, "restart", "--time=30", self.name)

    def wait_until_healthy(self) -> float:
        """Seconds until the image's own HEALTHCHECK passes."""
        started = time.monotonic()
        while time.monotonic() - started < 120:
            check = [*self._podman, "healthcheck", "run", self.name]
            if subprocess.run(check, capture_output=True, timeout=90).returncode == 0:
                return time.monotonic() - started
            time.sleep(0.5)
        raise SystemExit(f"the container does not become healthy:\n{self.log()}")

    def run(self, script: str) -> str:
        """What a Python script inside it prints."""
        return run(*self._podman, "exec", self.name, "python", "-c", script)

    def log(self) -> str:
        """Everything it has logged."""
        done = subprocess.run([*self._podman, "logs", self.name], capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def requests(self) -> list[dict[str, object]]:
        """The logged requests for an analysis."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == "request"]

    def configuration(self) -> dict:
        """How it is set up."""
        return json.loads(run(*self._podman, "inspect", self.name))[0]


@contextmanager
def proxy(network: Network, log: Path) -> Iterator[None]:
    """nginx with the file that compose.yaml mounts, as a user without rights."""
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "nginx"]
    settings = ["-c", str(ROOT / "proxy" / "nginx.conf"), "-e", "stderr", "-g", "daemon off;"]
    with log.open("wb") as output:
        log.chmod(0o666)  # nginx opens it again by the name of its standard output
        process = subprocess.Popen([*network.inside, *command, *settings], stdout=output, stderr=output)
        try:
            run(*network.inside, "bash", "-c", "until exec 3<>/dev/tcp/127.0.0.1/8080; do sleep 0.1; done", seconds=20)
            yield
        finally:
            process.terminate()
            process.wait(20)
