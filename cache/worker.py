"""`python -m cache.worker --scheduler tls://host:8786`: one worker of a cluster, with one device and its models.

Settings that are not given are read from the environment, under the app's own names: IOI_SCHEDULER with its
certificates, IOI_DEVICE, IOI_MODELS, IOI_MODELS_MEGABYTES, IOI_CACHE_DIR, IOI_CACHE_MEGABYTES. docs/hosting.md has the
picture.
"""

import argparse
import asyncio
import logging
import os
import socket
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from cache.cluster.address import cluster_of
from cache.environment import cache_folder, cache_megabytes, whole_number
from cache.store.disk import DiskStore
from cache.store.memory import MemoryStore, Store
from cache.store.tiers import TieredStore
from ioi_core import IOIError
from ioi_core.errors import SettingsError

_MEMORY_BYTES = 128 * 2**20


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; exit status 2 with one line where a setting cannot be used."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("distributed").setLevel(logging.WARNING)
    try:
        _serve(options)
    except (IOIError, OSError) as error:
        print(f"The worker was not started: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cache.worker", description=__doc__)
    parser.add_argument("--scheduler", help="tcp://host:port or tls://host:port (IOI_SCHEDULER)")
    parser.add_argument("--device", help="cpu, cuda or cuda:N (IOI_DEVICE)")
    parser.add_argument("--models", default="", help="names of models to load at once, with commas between them")
    parser.add_argument("--memory", type=int, default=0, help="MB of this process, beyond which it ends; 0: no limit")
    parser.add_argument("--threads", type=int, default=0, help="processor threads that compute; 0: PyTorch's choice")
    parser.add_argument("--listen", default="", help="the address of this machine to listen on; default: what reaches "
                        "the scheduler")  # fmt: skip
    parser.add_argument("--port", type=int, default=0, help="the port to listen on; 0: any")
    parser.add_argument("--grace", type=float, default=20.0, help="seconds that a computation may take to end when "
                        "this worker is stopped; then it is handed back")  # fmt: skip
    parser.add_argument(
        "--metrics", default="", metavar="ADDRESS:PORT", help="where Prometheus reads; default: nowhere"
    )
    return parser


def _serve(options: argparse.Namespace) -> None:
    import torch

    from cache.cluster import metrics
    from cache.cluster.residents import Residents
    from cache.cluster.runner import Runner
    from cache.cluster.serving import Serving, serve
    from ioi_core.model.checkpoints import checkpoints
    from ioi_core.model.identity import NAMES
    from ioi_core.model.loading import device_for

    environment = os.environ | ({"IOI_SCHEDULER": options.scheduler} if options.scheduler else {})
    if (cluster := cluster_of(environment)) is None:
        raise SettingsError("give --scheduler, or set IOI_SCHEDULER: tcp://host:port or tls://host:port")
    device = device_for(options.device or None)
    if options.threads:
        torch.set_num_threads(options.threads)
    folder = Path(environment["IOI_MODELS"]) if environment.get("IOI_MODELS") else None
    models = Residents(
        device,
        checkpoints(folder, (*NAMES, "ioi-demo")),
        whole_number(environment, "IOI_MODELS_MEGABYTES", 4096, 100, 1_000_000),
    )
    for name in filter(None, (name.strip() for name in options.models.split(","))):
        models.keep(name)
    name = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    runner = Runner(models, _store(environment), name=name, observe=metrics.count)
    if options.metrics:
        address, _, port = options.metrics.rpartition(":")
        metrics.serve(address, int(port), runner)
    serving = Serving(
        cluster, name, f"torch.float32 {device.type}", options.listen, options.port, options.grace, options.memory
    )
    asyncio.run(serve(serving, runner))
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)  # as `python -m app`: a thread inside PyTorch would make Python's own end an abort


def _store(environment: Mapping[str, str]) -> Store:
    """Return where this worker keeps results: memory, and its folder on disk unless that is turned off."""
    memory = MemoryStore(_MEMORY_BYTES)
    folder, megabytes = cache_folder(environment), cache_megabytes(environment)
    if folder is None or megabytes == 0:
        return memory
    return TieredStore(memory, lambda: DiskStore(folder, megabytes * 2**20))


if __name__ == "__main__":
    sys.exit(main())
