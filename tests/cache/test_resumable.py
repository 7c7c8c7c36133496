"""Long analyses go on where they stopped: after a cancel, and after a process that was killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cache import jobs
from cache.computations import Computations
from cache.jobs import Job, JobState
from cache.parts import Parts
from cache.store.disk import DiskStore
from cache.store.memory import MemoryStore
from ioi_core import Model, arena_pairs, edge_atlas
from tests import ROOT
from tests.cache.stand_ins import MODEL, N_PARTS, Clock, InParts, asked, tiered, until


def finish(job: Job) -> object:
    deadline = time.monotonic() + 60
    while not job.wait(0.05):
        assert time.monotonic() < deadline
    return job.result()


def test_a_cancelled_analysis_goes_on_where_it_stopped(monkeypatch):
    clock = Clock.of(jobs, monkeypatch)
    store, analysis = MemoryStore(10**7), InParts(stop=4)
    computations = asked(store, analysis, patience=0.1)
    job = computations.request("it", MODEL, x=1)
    assert analysis.stopped.wait(60)
    clock.seconds += 0.11
    until(lambda: job.state is JobState.CANCELLED)
    analysis.stop = N_PARTS
    result = finish(asked(store, analysis).request("it", MODEL, x=1))
    assert analysis.computed == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(result, finish(asked(MemoryStore(10**7), InParts()).request("it", MODEL, x=1)))


def test_parts_are_dropped_once_the_whole_is_kept(tmp_path):
    store = tiered(tmp_path)
    finish(asked(store, InParts()).request("it", MODEL))
    store.flush()
    [only] = store.keys("it:")
    assert only.count(":") == 1
    assert len(DiskStore(tmp_path, 10**8).keys()) == 1


def test_parts_stay_where_the_whole_could_not_be_kept():
    class Forgetful(MemoryStore):
        def put(self, key, result):
            if key.count(":") == 1:
                raise OSError("no room for the whole")
            super().put(key, result)

    store, analysis = Forgetful(10**7), InParts()
    finish(asked(store, analysis).request("it", MODEL))
    assert len(store.keys("it:")) == N_PARTS
    finish(asked(store, analysis).request("it", MODEL))
    assert analysis.computed == list(range(N_PARTS))


def test_parts_of_other_parameters_or_models_are_not_taken():
    store, analysis = MemoryStore(10**7), InParts()
    other = SimpleNamespace(**vars(MODEL) | {"fingerprint": "g"})
    for model, x in [(MODEL, 1), (MODEL, 2), (other, 1)]:
        result = finish(asked(store, analysis).request("it", model, x=x))
        assert result[0, 0, 0] == x
    assert len(analysis.computed) == 3 * N_PARTS


def test_a_store_that_forgets_everything_costs_nothing_within_one_run():
    analysis = InParts()
    result = finish(asked(MemoryStore(1), analysis).request("it", MODEL))
    assert result.shape == (N_PARTS, 2, 3)
    assert analysis.computed == list(range(N_PARTS))


CHILD = """
import sys, time
from pathlib import Path
from tests.cache.stand_ins import MODEL, InParts, asked, tiered
analysis = InParts(stop=int(sys.argv[2]))
job = asked(tiered(Path(sys.argv[1])), analysis).request("it", MODEL, x=5)
while not job.wait(0.1):
    if analysis.stopped.is_set():
        print("stopped", flush=True)
print(analysis.computed, float(job.result().sum()), flush=True)
"""


def child(folder: Path, stop: int) -> subprocess.Popen:
    command = [sys.executable, "-c", CHILD, str(folder), str(stop)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "80"})


@pytest.mark.slow
def test_after_kill_9_only_the_missing_parts_are_computed(tmp_path):
    first = child(tmp_path, stop=3)
    assert first.stdout.readline() == "stopped\n"
    until(lambda: len(DiskStore(tmp_path, 10**8).keys("it:")) == 3)  # the part before has reached the disk
    first.send_signal(signal.SIGKILL)
    first.wait(60)
    assert len(DiskStore(tmp_path, 10**8).keys("it:")) == 3
    second = child(tmp_path, stop=N_PARTS)
    out, _ = second.communicate(timeout=120)
    expected = finish(asked(MemoryStore(10**7), InParts()).request("it", MODEL, x=5))
    assert out.splitlines()[-1] == f"[3, 4, 5] {float(expected.sum())}"
    assert len(DiskStore(tmp_path, 10**8).keys("it:")) == 1


def test_the_edge_atlas_resumed_from_disk_is_the_atlas_computed_at_once(tmp_path, demo_model: Model):
    pairs = arena_pairs(demo_model)
    computations = Computations(tiered(tmp_path))
    parts = Parts(tiered(tmp_path), computations.key("edge_atlas", demo_model, {"pairs": pairs}))
    whole = edge_atlas(demo_model, pairs, parts=parts)
    assert len(parts) > 1
    for name in list(parts)[::2]:
        del parts[name]
    parts._store.flush()
    resumed = finish(computations.request("edge_atlas", demo_model, pairs=pairs))
    np.testing.assert_allclose(resumed.values, whole.values, atol=1e-6)


# --- the mapping itself


def test_parts_are_a_mapping_over_the_store():
    store = MemoryStore(10**7)
    store.put("key:old", np.zeros(1))
    store.put("other:part", np.zeros(1))
    parts = Parts(store, "key")
    own = np.array([1.0, np.nan])
    parts["new"] = own
    own[0] = 9
    assert sorted(parts) == ["new", "old"]
    assert len(parts) == 2
    assert parts["new"][0] == 1
    assert not parts["new"].flags.writeable
    assert parts.get("missing") is None
    del parts["old"]
    with pytest.raises(KeyError):
        del parts["old"]
    assert sorted(store.keys()) == ["key:new", "other:part"]
    parts.clear()
    assert list(parts) == []
    assert store.keys() == ["other:part"]


def test_what_is_kept_under_a_parts_key_and_is_no_array_is_no_part():
    store = MemoryStore(10**7)
    store.put("key:part", {"not": "an array"})
    assert "part" not in Parts(store, "key")
