"""Run the image as compose.yaml does, its proxy in front of it, in networks of their own that lead nowhere.

One network namespace holds nginx and the browser, and each replica has one; a bridge joins them. What any of them asks
of the outside fails. The service's name, `app`, leads to the replicas.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.cache.cluster.composed import COMPOSE, Host
from tests.hosting.image.building import ROOT, Storage, run

URL = "http://localhost:8080"


class Network:
    """Network namespaces: one for the proxy and its visitors, and one for each container.

    Args:
        names: by which containers find each other; the proxy finds those named `app`. A place for each.
        addresses: of `app` in the proxy's own namespace, where there are no containers.
    """

    def __init__(self, *names: str, addresses: Sequence[str] = ()) -> None:
        self.name = f"ioi-image-test-{os.getpid()}"
        self.inside = ["ip", "netns", "exec", self.name]
        self.places = [f"{self.name}-{n}" for n in range(len(names))]
        self.hosts = [(name, f"10.77.0.{n}") for n, name in enumerate(names, 2)] + [("app", one) for one in addresses]
        self._file = Path("/etc/netns") / self.name / "hosts"

    def __enter__(self) -> "Network":
        self._add(self.name)
        run("ip", "-n", self.name, "link", "add", "inside", "type", "bridge")
        self._start(self.name, "inside", "10.77.0.1")
        for n, (place, (_, address)) in enumerate(zip(self.places, self.hosts, strict=False)):
            self._add(place)
            run("ip", "-n", self.name, "link", "add", f"port{n}", "type", "veth", "peer", "eth0", "netns", place)
            run("ip", "-n", self.name, "link", "set", f"port{n}", "master", "inside", "up")
            self._start(place, "eth0", address)
        self._file.parent.mkdir(parents=True)
        self._file.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in self.hosts))
        return self

    def __exit__(self, *_: object) -> None:
        for name in (*self.places, self.name):
            run("ip", "netns", "delete", name)
        self._file.unlink()
        self._file.parent.rmdir()

    @staticmethod
    def _add(name: str) -> None:
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    @staticmethod
    def _start(name: str, link: str, address: str) -> None:
        run("ip", "-n", name, "address", "add", f"{address}/24", "dev", link)
        run("ip", "-n", name, "link", "set", link, "up")


class Container:
    """A container of the image, set up and closed as compose.yaml has the service.

    Args:
        place: of the network.
        variables: of the environment in which `docker compose` is called.
    """

    def __init__(
        self, storage: Storage, network: Network, image: str, place: int = 0, service: str = "app", **variables: object
    ):
        self.name = network.places[place]
        self._network, self._image, self._said = network, image, COMPOSE["services"][service]
        self._host = Host(storage.folder, variables, {})
        self._podman = ["podman", "--runtime=/usr/sbin/runc", "--cgroup-manager=cgroupfs", *storage.options()]

    def __enter__(self) -> "Container":
        where = [f"--name={self.name}", f"--network=ns:/run/netns/{self.name}"]
        where += [f"--add-host={name}:{address}" for name, address in self._network.hosts]
        run(*self._podman, "run", "--detach", *where, *self._options(), self._image, *self._said.get("command", []))
        return self

    def __exit__(self, *_: object) -> None:
        run(*self._podman, "rm", "--force", self.name)
        volumes = [mount.split(":")[0] for mount in self._mounts() if not mount.startswith("/")]
        # Those that another container has stay until it ends.
        subprocess.run([*self._podman, "volume", "rm", *volumes], capture_output=True, timeout=60)

    def _options(self) -> list[str]:
        """What `docker compose` makes of the service, but for its network."""
        said, files = self._said, self._said["ulimits"]["nofile"]
        return [
            *(["--read-only"] if said["read_only"] else []),
            *(["--init"] if said["init"] else []),
            *(f"--tmpfs={path}" for path in said["tmpfs"]),
            *(f"--cap-drop={name}" for name in said["cap_drop"]),
            *(f"--security-opt={each.removesuffix(':true')}" for each in said["security_opt"]),
            f"--ulimit=nofile={files['soft']}:{files['hard']}",
            "--ulimit=nproc=4096:4096",  # podman's own may be more than this machine may set
            f"--pids-limit={said['pids_limit']}",
            f"--memory={self._host.filled(said['mem_limit'])}",
            *(f"--env={name}={self._host.filled(str(value))}" for name, value in said["environment"].items()),
            *(f"--volume={mount}" for mount in self._mounts()),
        ]

    def _mounts(self) -> list[str]:
        """Volumes by names of their own, folders of this machine as they are."""
        mounts = [self._host.filled(mount) for mount in self._said["volumes"]]
        return [mount if mount.startswith("/") else f"{self._network.name}-{mount}" for mount in mounts]

    def restart(self) -> None:
        """Stop it as an operator would, and start it again; its volume stays."""
        run(*self._podman, "restart", "--time=30", self.name)

    def stop(self) -> None:
        """Stop it; its volume stays."""
        run(*self._podman, "stop", "--time=30", self.name)

    def wait_until_healthy(self) -> float:
        """Seconds until the image's own HEALTHCHECK passes."""
        started = time.monotonic()
        while time.monotonic() - started < 120:
            check = [*self._podman, "healthcheck", "run", self.name]
            if subprocess.run(check, capture_output=True, timeout=90).returncode == 0:
                return time.monotonic() - started
            time.sleep(0.5)
        raise SystemExit(f"the container does not become healthy:\n{self.log()}")

    def python(self, *arguments: str) -> str:
        """What Python prints inside it."""
        return run(*self._podman, "exec", self.name, "python", *arguments)

    def log(self) -> str:
        """Everything it has logged."""
        done = subprocess.run([*self._podman, "logs", self.name], capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr

    def requests(self) -> list[dict[str, object]]:
        """The logged requests for an analysis."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == "request"]

    def configuration(self) -> dict:
        """How the image is set up."""
        return json.loads(run(*self._podman, "image", "inspect", self._image))[0]


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
