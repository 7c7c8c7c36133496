"""What every benchmark shares: GPT-2 small's shape with random weights, the peer, the clock and the matmul peak."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformer_lens.model_bridge import TransformerBridge

from ioi_core import Model, load_model
from tests.models.random_gpt2 import save_random_gpt2


def random_gpt2_small() -> tuple[Model, TransformerBridge]:
    """124 M random parameters, as ours and as TransformerLens's."""
    with tempfile.TemporaryDirectory() as folder:
        save_random_gpt2(Path(folder), 12, 768, 12)
        model = load_model(folder)
        bridge = TransformerBridge.boot_transformers(folder, device="cpu")
    bridge.enable_compatibility_mode(disable_warnings=True)
    return model, bridge


def seconds(call: Callable[[], Any], repeats: int = 3) -> float:
    """The best of a few runs: these machines are noisy, and noise only ever adds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def matmul_peak(rows: int = 4096) -> float:
    """Floating-point operations a second of the fastest of the model's own matrix products."""
    x, W = torch.randn(rows, 768), torch.randn(768, 3072)
    with torch.inference_mode():
        return 2 * rows * 768 * 3072 / seconds(lambda: x @ W, repeats=15)
