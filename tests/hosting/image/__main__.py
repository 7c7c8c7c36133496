"""`make image-test`: build the image, run it closed off from everything, and visit it as a browser would.

Needs root on Debian and its packages buildah, podman, runc, catatonit, debootstrap, iproute2, openssl, nginx and
chromium; takes 10 minutes, at first 20, and 6 GB below build/image-test, which the next run uses again. README.md says
what it stands in for.
"""

import os
import re
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path

from app.lessons.files.library import BUNDLED
from tests.cache.cluster.processes import certificates
from tests.hosting.image import replicas
from tests.hosting.image.building import ROOT, Storage, build, make_base, run
from tests.hosting.image.running import URL, Container, Network, proxy
from tests.hosting.image.visit import OWN_LESSON, SECRET
from tests.models.random_gpt2 import save_random_gpt2

TOOLS = ("buildah", "podman", "runc", "catatonit", "debootstrap", "nginx", "chromium", "ip", "setpriv", "openssl")

PHONE = "phone.json"
"""What a phone of a class keeps, from one visit to the next."""

_CLOSED_IN = """
import os, pathlib, socket
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
assert os.getuid() == 10001, os.getuid()
assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, status
assert status["NoNewPrivs"].strip() == "1"
for place in ("/", "/srv/ioi", "/opt/venv", "/etc"):
    try:
        pathlib.Path(place, "x").write_text("x")
    except OSError as error:
        assert error.errno in (13, 30), error
    else:
        raise AssertionError(f"{place} can be written to")
for host in (("192.0.2.1", 443), ("example.com", 443)):
    try:
        socket.create_connection(host, 3)
    except OSError as error:
        print("no way to", host[0], "-", error)
    else:
        raise AssertionError(f"{host} can be reached")
"""


def main() -> int:
    """All of it; 0 if everything holds."""
    missing = [tool for tool in TOOLS if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    if missing or os.geteuid() != 0:
        print(f"This needs root and Debian's packages; not found: {', '.join(missing) or 'root'}", file=sys.stderr)
        return 1
    storage = Storage(ROOT / "build" / "image-test")
    storage.folder.mkdir(parents=True, exist_ok=True)
    make_base(storage)
    image = build(storage, "app")
    lessons = _lessons(storage)
    with Network("app") as network:
        _bundled(storage, network, image, lessons)
        _baked(storage, network)
    with Network("app", "app") as network:
        _two(storage, network, image)
    with Network("scheduler", "worker", "app") as network:
        _cluster(storage, network, lessons)
    with Network(addresses=replicas.ADDRESSES) as network, proxy(network, storage.folder / "proxy.log"):
        print(run(*network.inside, sys.executable, "-m", "tests.hosting.image.replicas", URL, cwd=ROOT))
    print("The image holds what it promises.")
    return 0


def _lessons(storage: Storage) -> Path:
    """A folder with a lesson of the host's own."""
    folder = storage.folder / "lessons"
    folder.mkdir(exist_ok=True)
    text = (BUNDLED / "first.yaml").read_text()
    (folder / "own.yaml").write_text(re.sub("^title: .*", f"title: {OWN_LESSON}", text))
    return folder


def _bundled(storage: Storage, network: Network, image: str, lessons: Path) -> None:
    """The image without weights: closed, healthy, right, and its results and classes still there after a restart."""
    log = storage.folder / "proxy.log"
    (storage.folder / PHONE).unlink(missing_ok=True)
    with Container(storage, network, image, IOI_LESSONS_FROM=lessons) as container, proxy(network, log):
        print(f"healthy after {container.wait_until_healthy():.0f} s")
        _check_secrets(container.configuration(), storage.folder / "pip.conf")
        print(container.python("-c", _CLOSED_IN))
        assert "ioi_sessions" in _metrics(network, "app:9108")
        _visit(storage, network, container, "ioi-demo")
        computed = container.requests()
        assert {one["cache"] for one in computed} >= {"miss"}, "nothing was computed"
        container.restart()
        container.wait_until_healthy()
        _visit(storage, network, container, "ioi-demo")
        after = container.requests()[len(computed) :]
        assert "disk" in {one["cache"] for one in after}, "nothing was found on disk"
        known = {one["analysis"] for one in computed}
        again = [one for one in after if one["cache"] == "miss" and one["analysis"] in known]
        assert not again, f"computed again after the restart: {again}"
        print(f"restarted: {sum(one['cache'] == 'disk' for one in after)} results found on disk, none computed again")
        print(container.python("-m", "app.warm", "--gallery", "lessons").splitlines()[-1])
        print(container.python("-m", "cache", "verify"))
        for name, text in (("app's", container.log()), ("proxy's", log.read_text())):
            assert SECRET not in text, f"the {name} log holds what a visitor typed"
            assert "Traceback" not in text, text


def _baked(storage: Storage, network: Network) -> None:
    """The target with weights inside, here random ones of GPT-2 small's shape, and said to be so."""
    context = storage.folder / "context"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(ROOT, context, ignore=shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", "static"))
    weights = context / "gpt2"
    save_random_gpt2(weights, 12, 768, 12)
    image = build(storage, "gpt2", context)
    with Container(storage, network, image) as container, proxy(network, storage.folder / "proxy.log"):
        container.wait_until_healthy()
        _visit(storage, network, container, "gpt2-small", IOI_MODEL_DIR=str(weights))
    shutil.rmtree(context)


def _two(storage: Storage, network: Network, image: str) -> None:
    """Two replicas share a machine's volume: a class that was begun at one outlives it at the other."""
    phone = storage.folder / PHONE
    phone.unlink()
    hold = [*network.inside, sys.executable, "-m", "tests.hosting.image.classroom", URL, phone]
    with Container(storage, network, image) as first, Container(storage, network, image, place=1) as second:
        first.wait_until_healthy()
        second.wait_until_healthy()
        with proxy(network, storage.folder / "proxy.log"):
            print(run(*hold, cwd=ROOT))
            first.stop()
            print(run(*hold, cwd=ROOT), "at the second replica, without the first")


def _cluster(storage: Storage, network: Network, lessons: Path) -> None:
    """The profile `cluster`: what a visitor sees is computed by a worker in a container of its own."""
    image = build(storage, "app", REQUIREMENTS="requirements-cluster.txt")
    keys = storage.folder / "certificates"
    keys.mkdir(exist_ok=True)
    certificates(keys, "ca", "scheduler", "worker", "replica")
    for key in keys.glob("*.key"):
        shutil.chown(key, 10001)
    (storage.folder / PHONE).unlink()
    folders = {"IOI_CERTIFICATES_FROM": keys, "IOI_LESSONS_FROM": lessons}
    with ExitStack() as these:
        scheduler, worker, app = (
            these.enter_context(Container(storage, network, image, place, service, **folders))
            for place, service in enumerate(("scheduler", "worker", "cluster-app"))
        )
        app.wait_until_healthy()
        with proxy(network, storage.folder / "proxy.log"):
            _visit(storage, network, app, "ioi-demo")
        assert 'ioi_worker_compute_seconds_count{analysis="patch_activations"' in _metrics(network, "worker:9109")
        for one in (scheduler, worker, app):
            assert "Traceback" not in one.log(), one.log()
    print("cluster: computed by the worker")


def _visit(storage: Storage, network: Network, container: Container, model: str, **environment: str) -> None:
    visit = [*network.inside, sys.executable, "-m", "tests.hosting.image.visit", URL, model, storage.folder / PHONE]
    try:
        print(run(*visit, seconds=2700, cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"} | environment), flush=True)
    except SystemExit:
        print(container.log()[-5000:], file=sys.stderr)
        raise


def _metrics(network: Network, address: str) -> str:
    """What Prometheus would read inside the network."""
    script = f"import urllib.request as u; print(u.urlopen('http://{address}/metrics', timeout=10).read().decode())"
    return run(*network.inside, sys.executable, "-c", script)


def _check_secrets(configuration: dict, pip_settings: Path) -> None:
    """Nothing of the machine that built the image is in its settings."""
    text = str(configuration["Config"])
    values = [line.partition(" = ")[2] for line in pip_settings.read_text().splitlines() if " = " in line]
    assert not [value for value in values if "/" in value and value in text], text
    words = [name for name in configuration["Config"]["Env"] if any(w in name for w in ("SECRET", "TOKEN", "PASSWORD"))]
    assert not words, words
    assert configuration["Config"]["User"] == "ioi"


if __name__ == "__main__":
    sys.exit(main())
