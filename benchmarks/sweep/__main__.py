"""Sweeps: time and memory over the number of prompts, and over the number of workers.

Each row is one `python -m ioi_core sweep` on a small random model. Processor time is that of the command and its
workers together, the peak is the resident memory of the largest of these processes. Wall times say little on a busy
machine: on free cores, w workers take the processor time divided by w, so equal processor times are what to look for.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ioi_core import read_sweep
from tests.models.random_gpt2 import save_random_gpt2

ANALYSES = {"attribute_heads": [], "patch_activations": ["--set", "site=z"]}


@dataclass(frozen=True)
class Spent:
    """Of one command: seconds on the wall and of processors, MiB of the largest process, and the first value."""

    wall: float
    processor: float
    peak: float
    value: float


def spent(model: str, analysis: str, prompts: int, workers: int, block: int, out: Path) -> Spent:
    command = [sys.executable, "-m", "ioi_core", "sweep", "--model", model, "--analysis", analysis, *ANALYSES[analysis]]
    command += ["--prompts", str(prompts), "--workers", str(workers), "--block", str(block), "--out", str(out)]
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)}\n{said}")
    value = float(read_sweep(out).values.ravel()[0])
    return Spent(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, value)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--analysis", default="attribute_heads", choices=ANALYSES)
    parser.add_argument("--prompts", nargs="*", type=int, default=[1000, 10_000, 100_000])
    parser.add_argument("--workers", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--block", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=64)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = save_random_gpt2(Path(name) / "model", options.layers, options.width, 4)
        load = os.getloadavg()[0]
        print(
            f"{options.analysis}, {options.layers} layers of 4 heads, d_model {options.width}, blocks of "
            f"{options.block}, one thread a worker; load before it {load:.1f} on {os.cpu_count()} cores"
        )
        print(f"{'prompts':>9}{'workers':>9}{'wall s':>9}{'processor s':>13}{'peak MiB':>10}{'first value':>22}")
        for prompts in options.prompts:
            for workers in options.workers:
                out = Path(name) / f"{prompts}-{workers}.sweep"
                row = spent(str(folder), options.analysis, prompts, workers, options.block, out)
                print(
                    f"{prompts:>9,}{workers:>9}{row.wall:>9.1f}{row.processor:>13.1f}{row.peak:>10.0f}{row.value:>22.15f}",
                    flush=True,
                )
        print(f"load after it {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
