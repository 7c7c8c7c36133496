"""Proxy, two replicas, scheduler and two workers, as compose.yaml's profile `cluster` starts them: what a visitor sees.

The replicas are on hosts of their own, so each keeps its own results; the workers share their host's folder.
"""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright
from prometheus_client.parser import text_string_to_metric_families

from ioi_core import Model, arena_pairs, logit_lens, patch_activations
from tests import LOST, ROOT
from tests.browser.conftest import launched
from tests.browser.embed.hosted import NGINX, lead, proxy
from tests.browser.visitor import WAIT, Visitor, figure
from tests.cache.cluster.composed import COMPOSE, READY, Host, services, started
from tests.cache.cluster.processes import certificates, free_port
from tests.cache.stand_ins import until

pytestmark = [pytest.mark.cluster, pytest.mark.browser, pytest.mark.slow]


@dataclass
class Part:
    """A process with metrics."""

    process: "subprocess.Popen[bytes]"
    port: int
    metrics: int

    def count(self, name: str, **labels: str) -> float:
        """The sum of a metric over all labels but those that are given."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=60) as answer:
            families = [*text_string_to_metric_families(answer.read().decode())]
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(one.value for one in samples if labels.items() <= one.labels.items())

    def computed(self, analysis: str) -> float:
        """How often this worker computed it."""
        return self.count("ioi_worker_compute_seconds_count", analysis=analysis)


class Hosts:
    """The machines of a cluster, all of them this one, told apart by their folders and ports."""

    def __init__(self, folder: Path, these: ExitStack):
        self._folder, self._these = folder, these
        self._scheduler = f"127.0.0.1:{free_port()}"
        self.logs: list[Path] = []
        certificates(folder, "ca", "scheduler", "worker", "replica")

    def start(self, service: str, host: str) -> Part:
        port, metrics = free_port(), free_port()
        places = {"0.0.0.0:8786": self._scheduler, "scheduler:8786": self._scheduler}
        places |= {"0.0.0.0:9109": f"127.0.0.1:{metrics}", "0.0.0.0": "127.0.0.1"}
        variables = {"IOI_CERTIFICATES_FROM": self._folder, "IOI_COOKIE_SECRET": "s" * 40, "IOI_METRICS_PORT": metrics}
        self.logs.append(log := self._folder / f"{service} {len(self.logs)}.log")
        here = Host(self._folder / host, variables, places)
        process = self._these.enter_context(started(service, here, log=log, STREAMLIT_SERVER_PORT=str(port)))
        return Part(process, port, metrics)


@dataclass
class Cluster:
    """All of it, once it is ready."""

    url: str
    workers: list[Part]
    replicas: list[Part]

    def computed(self, analysis: str) -> float:
        """How often any worker computed it."""
        return sum(worker.computed(analysis) for worker in self.workers)

    def visitor(self, browser: Browser, replica: int) -> Visitor:
        """A visitor whom the proxy leads to this replica."""
        visitor = Visitor(browser, self.url)
        lead(visitor.context, self.url, replica, len(self.replicas))
        return visitor


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start everything, what others depend on first."""
    described = COMPOSE["services"]
    assert services("cluster") == {"scheduler", "worker", "cluster-app", "cluster-proxy"}
    assert "./proxy/nginx.conf:/etc/nginx/nginx.conf:ro" in described["cluster-proxy"]["volumes"]
    with ExitStack() as these:
        hosts = Hosts(folder, these)
        try:
            hosts.start("scheduler", "scheduling")
            workers = [hosts.start("worker", "working") for _ in range(described["worker"]["deploy"]["replicas"])]
            replicas = [hosts.start("cluster-app", f"serving {number}") for number in range(2)]
            for replica in replicas:
                wait_until_ready(replica)
            servers = "\n".join(f"server 127.0.0.1:{replica.port} max_fails=0;" for replica in replicas)
            in_front = proxy(folder, replicas[0].port, [("server app:8501 max_fails=0;", servers)])
            yield Cluster(these.enter_context(in_front), workers, replicas)
            assert not [log.name for log in hosts.logs if LOST.search(log.read_text())]
            for log in hosts.logs:
                if log.name.startswith("cluster-app"):
                    assert all(json.loads(line)["event"] for line in log.read_text().split("\n")[:-1])
        except BaseException:
            for log in hosts.logs:
                print(f"== {log.name}\n{log.read_text()[-3000:]}", file=sys.stderr)
            raise


def why_not_ready(replica: Part) -> str:
    """What the container's own health check says; "" where the replica is ready."""
    assert READY[0] == "python"
    environment = {"STREAMLIT_SERVER_PORT": str(replica.port)}
    asked = subprocess.run([sys.executable, *READY[1:]], cwd=ROOT, env=environment, capture_output=True, text=True)
    return asked.stderr if asked.returncode else ""


def wait_until_ready(replica: Part) -> None:
    """Ask until it is, which takes a computation on the cluster."""
    end = time.monotonic() + 3 * WAIT / 1000
    while why_not_ready(replica):
        assert replica.process.poll() is None, "the replica has ended"
        assert time.monotonic() < end, "the replica does not become ready"
        time.sleep(0.5)


def heatmap(visitor: Visitor) -> np.ndarray:
    """What the page of Activation patching shows first."""
    page = visitor.open("/activation_patching", model="ioi-demo")
    return np.array(figure(page, "patch_heatmap")["traces"][0]["z"])


def test_a_visitor_sees_what_workers_compute_once_for_all_replicas_also_when_one_dies(
    demo_model: Model, tmp_path: Path
) -> None:
    assert NGINX is not None, "nginx is needed"
    pairs = arena_pairs(demo_model)
    with cluster(tmp_path) as these, sync_playwright() as playwright, launched(playwright) as browser:
        visitors = [these.visitor(browser, number) for number in range(2)]
        expected = patch_activations(demo_model, pairs, "z").effects.mean(-1)
        for replica, visitor in zip(these.replicas, visitors, strict=True):
            before = replica.count("ioi_requests_total", analysis="patch_activations")
            np.testing.assert_allclose(heatmap(visitor), expected, atol=1e-5)
            assert before == 0, "the proxy led to the other replica"
            assert replica.count("ioi_requests_total", analysis="patch_activations", cache="miss") == 1
            assert replica.count("ioi_jobs_total", analysis="patch_activations", outcome="done") == 1
            assert these.computed("patch_activations") == 1  # at a worker, the second time from what is kept there

        killed, left = these.workers
        killed.process.kill()
        killed.process.wait()
        curve = figure(visitors[0].open("/logit_lens", model="ioi-demo"), "logit_lens_curve")["traces"][0]
        np.testing.assert_allclose(curve["y"], logit_lens(demo_model, pairs).values, atol=1e-5)
        assert left.computed("logit_lens") >= 1
        visitors[1].go("Path patching")
        assert left.computed("patch_paths") >= 1
        for visitor in visitors:
            visitor.leave()

        left.process.kill()
        until(lambda: "No machine is there to compute" in why_not_ready(these.replicas[0]))
