"""circuitsvis's script among the files that Streamlit serves."""

import re
from pathlib import Path

from app.hosting import static_files
from app.hosting.static_files import publish_circuitsvis


def test_the_script_is_copied_once_and_repaired(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "static"
    name = publish_circuitsvis(folder)
    assert name is not None
    assert re.fullmatch(r"circuitsvis-[\d.]+\.js", name)
    copy = folder / name
    script = copy.read_bytes()
    assert b"AttentionHeads" in script
    copy.write_bytes(b"half a scr")
    assert publish_circuitsvis(folder) == name
    assert copy.read_bytes() == script
    assert [path.name for path in folder.iterdir()] == [name]

    def read_only(*_):
        raise OSError("Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", read_only)
    assert publish_circuitsvis(folder) == name, "a copy made beforehand is enough"
    copy.unlink()
    assert publish_circuitsvis(folder) is None


def test_a_missing_package_is_no_crash(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(static_files, "find_spec", lambda _name: None)
    assert publish_circuitsvis(tmp_path) is None
