"""install-torch: which build of PyTorch is asked for, where; and what happens if it cannot be had.

Python, uname and nvidia-smi are stand-ins: nothing is installed, and nothing is reached.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests import ROOT

ELSEWHERE = "http://127.0.0.1:1/mirror"


class Machine:
    """A machine with or without a GPU, whose index of CPU builds can be reached or not."""

    def __init__(self, folder: Path):
        self.folder, self.asked = folder, folder / "asked"
        self._tool("uname", "echo ${SYSTEM:-Linux}")
        self._tool("nvidia-smi", "exit ${NO_GPU:-0}")
        self._tool("python", f'echo "$@" >> {self.asked}; case "$*" in *--index-url*) exit ${{UNREACHABLE:-0}} ;; esac')

    def _tool(self, name: str, script: str) -> None:
        (self.folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.folder / name).chmod(0o755)

    def install(self, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        """What install-torch says, and what it asks pip for."""
        self.asked.unlink(missing_ok=True)
        done = subprocess.run(
            [ROOT / "install-torch", "python", "9.9.9"],
            env={"PATH": f"{self.folder}:{os.environ['PATH']}"} | environment, capture_output=True, text=True,
        )  # fmt: skip
        return done, self.asked.read_text().splitlines() if self.asked.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


no_driver_here = pytest.mark.skipif(Path("/proc/driver/nvidia/version").exists(), reason="there is a GPU")
PLAIN = "-m pip install --quiet torch==9.9.9"


@no_driver_here
def test_without_a_gpu_the_cpu_build_is_taken_from_its_own_index(machine):
    done, [asked] = machine.install(NO_GPU="9", TORCH_INDEX_URL=ELSEWHERE)
    assert (done.returncode, asked.split()[-3:]) == (0, ["--index-url", ELSEWHERE, "torch==9.9.9"])
    assert "the CPU build" in done.stdout
    _, [asked] = machine.install(NO_GPU="9")
    assert "/whl/cpu torch==9.9.9" in asked


@no_driver_here
def test_an_index_that_cannot_be_reached_is_said_and_pips_build_taken(machine):
    done, asked = machine.install(NO_GPU="9", UNREACHABLE="1", TORCH_INDEX_URL=ELSEWHERE)
    assert done.returncode == 0
    assert len(asked) == 2
    assert asked[1] == PLAIN
    assert "could not be had from its index: taking what pip gives" in done.stderr


@pytest.mark.parametrize(
    "environment", [{}, {"SYSTEM": "Darwin", "NO_GPU": "9"}, {"TORCH_BUILD": "pip", "NO_GPU": "9"}]
)
def test_with_a_gpu_elsewhere_than_on_linux_or_if_asked_pips_build_is_taken(machine, environment):
    done, asked = machine.install(**environment)
    assert (done.returncode, asked) == (0, [PLAIN])


def test_the_cpu_build_can_be_asked_for_where_there_is_a_gpu(machine):
    done, [asked] = machine.install(TORCH_BUILD="cpu", TORCH_INDEX_URL=ELSEWHERE)
    assert done.returncode == 0
    assert ELSEWHERE in asked


def test_another_word_is_refused(machine):
    done, asked = machine.install(TORCH_BUILD="cuda")
    assert (done.returncode, asked) == (2, [])
    assert "TORCH_BUILD is 'cuda': cpu or pip is allowed" in done.stderr
