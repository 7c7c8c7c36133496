"""Scheduler and worker as compose.yaml starts them, with the bundled model: the same numbers as on one machine."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import torch

from cache import scheduler, worker
from cache.analyses import ANALYSES
from cache.cluster.address import Cluster
from cache.cluster.line import ClusterLine
from cache.computations import Computations
from cache.store.codec import encode
from cache.store.memory import MemoryStore
from ioi_core import Model, arena_pairs
from ioi_core.sweeps.certificates import Tls
from tests import ROOT
from tests.cache.cluster.composed import Host, started
from tests.cache.cluster.processes import certificates, free_port
from tests.cache.stand_ins import finish


def test_the_commands_of_compose_compute_what_one_machine_computes(demo_model: Model, tmp_path: Path) -> None:
    certificates(tmp_path, "ca", "scheduler", "worker", "replica")
    here, metrics = (f"127.0.0.1:{free_port()}" for _ in range(2))
    places = {"0.0.0.0:8786": here, "scheduler:8786": here, "0.0.0.0:9109": metrics}
    host = Host(tmp_path, {"IOI_CERTIFICATES_FROM": tmp_path, "IOI_CACHE_MEGABYTES": 0}, places)
    tls = Tls(*(tmp_path / name for name in ("ca.pem", "replica.pem", "replica.key")))
    more = ["--threads", str(torch.get_num_threads()), "--memory", "4000"]
    with started("scheduler", host) as serving, started("worker", host, *more) as working:
        elsewhere = ClusterLine(Cluster(f"tls://{here}", tls), 250)
        asked = Computations(MemoryStore(10**7), elsewhere=elsewhere, device="cpu")
        pairs = arena_pairs(demo_model).take([0, 1])
        for analysis, parameters in (
            ("predictions", {"pairs": pairs, "top_k": 5}),
            ("patch_activations", {"pairs": pairs, "site": "z"}),
            ("edge_scores", {"pairs": pairs}),  # made of parts
        ):
            alone = ANALYSES[analysis].function(demo_model, **parameters)
            job = finish(asked.request(analysis, demo_model, **parameters), 300)
            assert encode("", job.result()) == encode("", alone), analysis
        with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=10) as answer:
            said = answer.read().decode()
        assert 'ioi_worker_calls_total{cache="miss",outcome="done"} 3.0' in said
        assert "ioi_worker_models 1.0" in said
        assert asked.stop(20)
        for process in (working, serving):
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


@pytest.mark.parametrize("front", [scheduler, worker])
def test_a_front_that_cannot_start_says_why_in_one_line(front: Any, monkeypatch, capsys) -> None:
    monkeypatch.delenv("IOI_SCHEDULER", raising=False)
    option = "--listen" if front is scheduler else "--scheduler"
    for arguments, words in (
        ([], "or set IOI_SCHEDULER"),
        ([option, "http://a"], "tcp://host:port or tls://host:port"),
    ):
        assert front.main(arguments) == 2
        assert words in capsys.readouterr().err
    assert front.main([option, "tls://a:1"]) == 2
    assert "IOI_SCHEDULER_TLS_CA is not set" in capsys.readouterr().err


def test_without_the_setting_dask_is_not_imported() -> None:
    code = (
        "import sys; from app.hosting import services; from app.questions import compute; "
        "services.computations().key; print(sorted({'dask', 'distributed'} & set(sys.modules)))"
    )
    environment = {name: text for name, text in os.environ.items() if name != "IOI_SCHEDULER"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
