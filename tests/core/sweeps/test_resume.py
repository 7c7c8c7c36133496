"""A sweep that was stopped goes on from what is kept; what is damaged, hostile or another sweep's is computed again."""

import os
import pickle
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from distributed import LocalCluster

from ioi_core import IOIError, Model, SweepResult, attribute_heads, ioi_dataset, patch_activations, read_sweep, sweep
from ioi_core.sweeps import cluster, run
from ioi_core.sweeps.files import pack, unpack
from ioi_core.sweeps.run import BLOCK

N, SIZE = 30, 6


class StoppedError(Exception):
    """A user's own."""


def stop_after(blocks: int) -> Callable[[int, int], None]:
    def progress(done: int, total: int) -> None:
        if done >= blocks * SIZE:
            raise StoppedError

    return progress


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The blocks that are computed in this process."""
    numbers: list[int] = []
    real = run.computed

    def counted(model: Model, job: Any, progress: Any = None) -> bytes:
        numbers.append(job.index)
        return real(model, job, progress)

    monkeypatch.setattr(run, "computed", counted)
    return numbers


@pytest.fixture(scope="module")
def whole(exact_model: Model) -> np.ndarray:
    return attribute_heads(exact_model, ioi_dataset(exact_model, N)).values


def swept(model: Model, path: Path | None = None, **how: Any) -> SweepResult:
    return sweep(model, "attribute_heads", N, **{"block": SIZE, "path": path} | how)


def same(result: SweepResult, whole: np.ndarray) -> bool:
    return bool(np.abs(result.values - whole).max() < 1e-9)


def test_it_goes_on_from_finished_blocks_and_recomputes_those_that_are_not_sound(
    exact_model: Model, tmp_path: Path, computed: list[int], whole: np.ndarray
) -> None:
    path, blocks = tmp_path / "heads.sweep", tmp_path / "heads.sweep.blocks"
    with pytest.raises(StoppedError):
        swept(exact_model, path, progress=stop_after(4))
    kept = sorted(blocks.iterdir())
    assert ([each.name for each in kept], path.exists()) == ([f"00000{n}.block" for n in range(4)], False)
    kept[0].write_bytes(kept[0].read_bytes()[:-1])
    kept[1].write_bytes(kept[2].read_bytes())  # sound, but of other prompts
    kept[3].write_bytes(pickle.dumps(os.system))
    (blocks / ".000004.block.x").write_bytes(b"half")
    computed.clear()
    result = swept(exact_model, path)
    assert computed == [0, 1, 3, 4]
    assert same(result, whole)
    assert not blocks.exists()
    again = read_sweep(path)
    assert again.values.tobytes() == result.values.tobytes()
    assert again.by_group().equals(result.by_group())
    assert (again.axes, again.parameters, again.groups) == (result.axes, result.parameters, result.groups)
    with pytest.raises(IOIError, match="there already"):
        swept(exact_model, path)


def test_blocks_of_other_prompts_parameters_or_weights_are_not_taken(
    exact_model: Model, demo_model: Model, tmp_path: Path, computed: list[int]
) -> None:
    path = tmp_path / "a.sweep"

    def begun(model: Model, analysis: str, **how: Any) -> int:
        computed.clear()
        with pytest.raises(StoppedError):
            sweep(model, analysis, N, block=SIZE, path=path, progress=stop_after(2), **how)
        return len(computed)

    assert begun(exact_model, "logit_lens") == 2
    assert begun(exact_model, "logit_lens") <= 1
    assert begun(exact_model, "logit_lens", seed=1) == 2
    assert begun(exact_model, "logit_lens", seed=1, parameters={"scale": "per_layer"}) == 2
    assert begun(exact_model, "attribute_layers", seed=1) == 2
    assert begun(demo_model, "attribute_layers", seed=1) == 2


def test_a_result_that_lies_about_its_block_is_not_kept(
    exact_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrays of wrong shapes or numbers under a right checksum, as a wrong or hostile worker could send."""
    told = {"axes": [["x", ["0"]]], "metric": "m", "unit": "u", "undefined": None, "n": SIZE, "groups": []}
    arrays = dict.fromkeys(
        ("cells", "run_means", "squares", "across", "runs", "group_cells", "group_runs"), np.zeros(3)
    )
    monkeypatch.setattr(run, "computed", lambda model, job, progress=None: pack(job.key, told, arrays))
    with pytest.raises(IOIError, match="block 1"):
        swept(exact_model, tmp_path / "b.sweep")
    assert list((tmp_path / "b.sweep.blocks").iterdir()) == []


def children() -> list[int]:
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def killed_at(blocks: Path, number: int, work: Callable[[], object]) -> None:
    """Run `work` in a child and kill it as soon as so many blocks are there."""
    child = os.fork()
    if not child:
        torch.set_num_threads(1)
        work()
        os._exit(0)
    while len(list(blocks.glob("*.block"))) < number and os.waitpid(child, os.WNOHANG) == (0, 0):
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.slow
def test_killed_it_is_resumed_by_a_worker_that_is_killed_too(exact_model: Model, tmp_path: Path) -> None:
    path, n, block = tmp_path / "z.sweep", 400, 10
    given: dict[str, Any] = {"parameters": {"site": "z"}, "block": block, "path": path}
    blocks = tmp_path / "z.sweep.blocks"
    killed_at(blocks, 3, lambda: sweep(exact_model, "patch_activations", n, **given))
    kept = len(list(blocks.glob("*.block")))
    assert 3 <= kept < n // block
    before, killed, first = set(children()), [], []

    def kill_one(done: int, total: int) -> None:
        first.append(done)
        if not killed:
            [worker] = set(children()) - before
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)

    result = sweep(exact_model, "patch_activations", n, workers=1, progress=kill_one, **given)
    assert killed
    assert first[0] >= kept * block, "what was kept is not computed again"
    assert set(children()) <= before, "no worker outlives the sweep"
    whole = patch_activations(exact_model, ioi_dataset(exact_model, n), "z")
    np.testing.assert_allclose(result.values, whole.values, atol=1e-9)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0", protocol="inproc"
    ) as local:
        yield str(local.scheduler_address)


def test_a_cluster_gives_the_same_and_says_what_a_worker_said(
    exact_model: Model, scheduler: str, whole: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert same(swept(exact_model, scheduler=scheduler), whole)
    with pytest.raises(IOIError, match=r"99\.9"):
        sweep(exact_model, "explain_attention", 4, parameters={"head": "99.9"}, scheduler=scheduler)
    with pytest.raises(IOIError, match="other weights or numerics"):
        swept(replace(exact_model, fingerprint="0" * 64), scheduler=scheduler)
    monkeypatch.setattr(cluster, "_CONNECT", 0.2)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(IOIError, match="no scheduler answers"):
            swept(exact_model, scheduler=f"tcp://127.0.0.1:{unused.getsockname()[1]}")


def changed_field(sound: bytes, name: str, value: object) -> bytes:
    """A file whose checksum is right and one of whose fields is not."""
    told, arrays = unpack("sweep", sound)
    return pack("sweep", told | {name: value}, arrays)


@pytest.mark.parametrize(
    "how",
    [
        "absent",
        "a folder",
        "cut",
        "changed",
        "a pickle",
        "a block",
        "other axes",
        "no axes",
        "a number too large",
        "no text",
    ],
)
def test_what_is_no_sweep_is_refused_in_words(exact_model: Model, tmp_path: Path, how: str) -> None:
    path = tmp_path / "c.sweep"
    swept(exact_model, path, block=BLOCK)
    sound = path.read_bytes()
    told = {"values": np.zeros(3), "standard_error": np.zeros(3)}
    bad = {
        "cut": sound[:-1],
        "changed": sound[:200] + bytes([sound[200] ^ 1]) + sound[201:],
        "a pickle": pickle.dumps(print),
        "a block": pack("0" * 64, {}, told),
        "other axes": pack("sweep", {"axes": [["x", ["0"]]]}, told),
        "no axes": pack("sweep", {}, {}),
        "a number too large": changed_field(sound, "clean", 10**400),
        "no text": changed_field(sound, "groups", [1]),
    }
    if how in bad:
        path.write_bytes(bad[how])
    else:
        path.unlink()
    with pytest.raises(IOIError, match="no finished sweep"):
        read_sweep(tmp_path if how == "a folder" else path)
