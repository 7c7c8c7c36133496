"""The app's own wheel: what `pip wheel` makes of the package, and it installs from an address with the network off."""

import hashlib
import subprocess
import sys
import threading
import tomllib
import venv
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import ioi_core
from app.hosting import static_files, wheel
from tests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_version_is_the_projects():
    assert ioi_core.__version__ == PROJECT["version"]


def test_it_holds_the_package_whole_and_asks_for_what_the_project_asks_for(tmp_path: Path):
    name, _, digest = str(static_files.publish_wheel(tmp_path)).partition("#sha256=")
    assert digest == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    with zipfile.ZipFile(tmp_path / name) as archive:
        assert archive.testzip() is None
        packed = {file for file in archive.namelist() if file.startswith("ioi_core/")}
        [info] = [file for file in archive.namelist() if file.endswith("METADATA")]
        metadata = archive.read(info).decode()
    assert packed == {f"ioi_core/{path.relative_to(ROOT / 'ioi_core').as_posix()}" for path in wheel.sources()}
    wanted = {line.partition(">=")[0] for line in PROJECT["dependencies"]}
    assert {line.split()[1].partition(">=")[0] for line in metadata.splitlines() if "Requires-Dist" in line} == wanted


def test_it_is_made_once(tmp_path: Path, monkeypatch):
    first = static_files.publish_wheel(tmp_path)
    monkeypatch.setattr(wheel, "wheel", lambda: b"again")
    assert static_files.publish_wheel(tmp_path) == first
    assert (tmp_path / wheel.NAME).read_bytes() != b"again"


def install(served: Path, name: str, python: Path) -> subprocess.CompletedProcess[str]:
    """Install from a server on this machine, and from nowhere else."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/{name}"
        command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", address]
        return subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        server.shutdown()


def test_it_installs_from_an_address_with_the_network_off_and_no_other_file_does(tmp_path: Path):
    served, fresh = tmp_path / "static", tmp_path / "venv"
    name = str(static_files.publish_wheel(served))
    venv.create(fresh, with_pip=False)
    python = fresh / "bin" / "python"
    right = (served / wheel.NAME).read_bytes()
    (served / wheel.NAME).write_bytes(right + b"!")
    refused = install(served, name, python)
    assert refused.returncode != 0
    assert "HASHES" in refused.stdout + refused.stderr
    (served / wheel.NAME).write_bytes(right)
    done = install(served, name, python)
    assert done.returncode == 0, done.stdout + done.stderr
    [packages] = fresh.glob("lib/python*/site-packages")
    assert (packages / "ioi_core" / "__init__.py").is_file()
    others = "\n".join(path for path in sys.path if path.endswith("site-packages"))
    (packages / "others.pth").write_text(others)  # torch and the others, as they are here
    code = (
        "import ioi_core; model = ioi_core.load_model('ioi-demo', device='cpu'); "
        "print(ioi_core.__file__, float(ioi_core.predictions(model, ioi_core.arena_pairs(model)).values[0]))"
    )
    ran = subprocess.run([python, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    file, logit_diff = ran.stdout.split()
    assert str(fresh) in file
    assert float(logit_diff) > 1
