"""Build the Dockerfile with buildah on a stand-in for its base image, made of Debian's own packages.

pip inside the build is set up as pip outside is: its settings and every file or folder they name are mounted for the
build alone, so that nothing of this machine gets into the Dockerfile or the image.
"""

import ast
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests import ROOT

IMAGE = "localhost/ioi-explorer"
_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"


@dataclass(frozen=True)
class Storage:
    """Where images and containers lie: inside this test's own folder, apart from anybody else's."""

    folder: Path

    def options(self) -> list[str]:
        """Options that both buildah and podman take; overlay, since a plain copy a layer would be 2 GB a layer."""
        return [
            "--storage-driver=overlay",
            f"--root={self.folder / 'storage'}",
            f"--runroot={self.folder / 'state'}",
        ]


def run(*command: str | Path, seconds: float = 900, **options) -> str:
    """Standard output of `command`; an error with everything it said if it fails."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=seconds, **options)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\nfailed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout.strip()


def make_base(storage: Storage) -> None:
    """Debian's Python under the name of the Dockerfile's base image, unless it is there."""
    [tag] = re.findall(r"^ARG PYTHON=(\S+)$", (ROOT / "Dockerfile").read_text(), re.M)
    name = f"docker.io/library/python:{tag}"
    buildah = ["buildah", *storage.options()]
    if run(*buildah, "images", "--quiet", "--filter", f"reference={name}"):
        return
    tree = storage.folder / "debian"
    if not (tree / "usr" / "bin" / "pip3").exists():
        run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", tag.split("-")[-1], tree)
    container = run(*buildah, "from", "scratch")
    run(*buildah, "copy", "--quiet", container, tree, "/")
    run(*buildah, "commit", "--quiet", "--rm", container, name)


def build(storage: Storage, target: str, context: Path = ROOT, **arguments: str) -> str:
    """Build one target of the Dockerfile with arguments that are not its own defaults; the image's name."""
    name = f"{IMAGE}:{'-'.join([target, *arguments]).lower()}"
    mounts = [f"--volume={source}:{at}:ro" for at, source in _pip_mounts(storage.folder).items()]
    options = [
        "--isolation=chroot",
        "--pull=never",
        "--format=docker",
        "--layers",
        f"--target={target}",
        f"--tag={name}",
        *(f"--build-arg={name}={value}" for name, value in arguments.items()),
    ]
    started = time.monotonic()
    run("buildah", *storage.options(), "bud", *options, *mounts, context, seconds=1800)
    size = run("buildah", *storage.options(), "images", "--format={{.Size}}", name)
    print(f"{name}: built in {time.monotonic() - started:.0f} s, {size} with the stand-in for its base", flush=True)
    return name


def _pip_mounts(folder: Path) -> dict[str, Path]:
    """Path in the build -> path here, for one file with all of pip's settings and for all that they name."""
    settings: dict[tuple[str, str], str] = {}
    for line in run(sys.executable, "-m", "pip", "config", "list").splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        settings[section.strip(":").replace("env", "global"), option] = ast.literal_eval(value)
    sections = sorted({section for section, _ in settings})
    lines = [
        line
        for wanted in sections
        for line in (f"[{wanted}]", *(f"{o} = {v}" for (section, o), v in settings.items() if section == wanted))
    ]
    file = folder / "pip.conf"
    file.write_text("\n".join(lines) + "\n")
    named = {Path(word.removeprefix("file://")) for value in settings.values() for word in value.split()}
    # A folder that is an index has the files it lists beside it.
    paths = {path.parent if path.name == "simple" else path for path in named if path.is_absolute() and path.exists()}
    return {str(path): path for path in sorted(paths)} | {"/etc/pip.conf": file}
