"""`make image-test`: build the image, run it closed off from everything, and visit it as a browser would.

Needs root on Debian and its packages buildah, podman, runc, debootstrap, nginx and chromium; takes several minutes and
about 10 GB below build/image-test, which the next run uses again. README.md says what it stands in for.
"""

import os
import shutil
import sys
from pathlib import Path

from tests.hosting.image import replicas
from tests.hosting.image.building import ROOT, Storage, build, make_base, run
from tests.hosting.image.running import URL, Container, Network, proxy
from tests.hosting.image.visit import SECRET
from tests.models.random_gpt2 import save_random_gpt2

TOOLS = ("buildah", "podman", "runc", "debootstrap", "nginx", "chromium", "ip", "setpriv")

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
    with Network() as network:
        _bundled(storage, network, image)
        _baked(storage, network)
    with Network(replicas.ADDRESSES) as network, proxy(network, storage.folder / "proxy.log"):
        print(run(*network.inside, sys.executable, "-m", "tests.hosting.image.replicas", URL, cwd=ROOT))
    print("The image holds what it promises.")
    return 0


def _bundled(storage: Storage, network: Network, image: str) -> None:
    """The image without weights: closed, healthy, right, and its results still there after a restart."""
    log = storage.folder / "proxy.log"
    with Container(storage, network, image) as container, proxy(network, log):
        print(f"healthy after {container.wait_until_healthy():.0f} s")
        _check_secrets(container.configuration(), storage.folder / "pip.conf")
        print(container.run(_CLOSED_IN))
        _visit(network, container, "ioi-demo")
        computed = container.requests()
        assert {one["cache"] for one in computed} >= {"miss"}, "nothing was computed"
        container.restart()
        container.wait_until_healthy()
        _visit(network, container, "ioi-demo")
        after = container.requests()[len(computed) :]
        assert "disk" in {one["cache"] for one in after}, "nothing was found on disk"
        known = {one["analysis"] for one in computed}
        again = [one for one in after if one["cache"] == "miss" and one["analysis"] in known]
        assert not again, f"computed again after the restart: {again}"
        print(f"restarted: {sum(one['cache'] == 'disk' for one in after)} results found on disk, none computed again")
        for name, text in (("app's", container.log()), ("proxy's", log.read_text())):
            assert SECRET not in text, f"the {name} log holds what a visitor typed"
            assert "Traceback" not in text, text


def _baked(storage: Storage, network: Network) -> None:
    """The target with weights inside, here random ones of GPT-2 small's shape, and said to be so; nothing mounted."""
    context = storage.folder / "context"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(ROOT, context, ignore=shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", "static"))
    weights = context / "gpt2"
    save_random_gpt2(weights, 12, 768, 12)
    image = build(storage, "gpt2", context)
    with Container(storage, network, image) as container, proxy(network, storage.folder / "proxy.log"):
        container.wait_until_healthy()
        _visit(network, container, "gpt2-small", IOI_MODEL_DIR=str(weights))
    shutil.rmtree(context)


def _visit(network: Network, container: Container, model: str, **environment: str) -> None:
    command = [*network.inside, sys.executable, "-m", "tests.hosting.image.visit", URL, model]
    try:
        print(run(*command, cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"} | environment))
    except SystemExit:
        print(container.log()[-5000:], file=sys.stderr)
        raise


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
