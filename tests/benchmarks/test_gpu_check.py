"""`make gpu-check`, on the CPU: it runs all of itself, refuses without CUDA, and finds what is off."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.gpu_check.__main__ import ALLOWED, Compared, difference, main
from cache.analyses import ANALYSES
from ioi_core import Model, attribute_heads, evaluate_circuit, ioi_dataset


@pytest.mark.slow
def test_all_of_it_on_a_small_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--device", "cpu", "--small", "--prompts", "2", "--repeats", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said if line.split() and line.split()[0] in ANALYSES] == list(ANALYSES)
    assert any(line.endswith("as alone") for line in said)
    assert {"resid_pre", "z"} <= {line.split()[0] for line in said if line}
    assert said[-1] == "0 figures are off"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    said = capsys.readouterr()
    assert "NOT CHECKED" in said.err
    assert "no CUDA device" in said.err
    assert not said.out


def test_it_finds_what_is_off(demo_model: Model) -> None:
    pairs = ioi_dataset(demo_model, 2)
    right = attribute_heads(demo_model, pairs)
    assert difference("attribute_heads", right, right) == (0.0, "")
    bias = right.bias.copy()
    bias[0] += 0.002
    found, _ = difference("attribute_heads", replace(right, bias=bias), right)
    assert found == pytest.approx(0.002, rel=1e-3)
    assert not Compared("attribute_heads", found, ALLOWED, 0.1, 0.0).passed
    nowhere = np.full_like(bias, np.nan)
    assert np.isnan(difference("attribute_heads", replace(right, bias=nowhere), right)[0])
    one = attribute_heads(demo_model, pairs[:1])
    assert np.isnan(difference("attribute_heads", one, right)[0])
    chosen = evaluate_circuit(demo_model, pairs, {"1.1": "END"})
    assert difference("find_circuit", one, chosen) == (0.0, "chose otherwise, not compared")


def test_nan_and_too_much_memory_are_no_pass() -> None:
    assert Compared("run", 0.0, ALLOWED, 0.1, 100.0).passed
    assert not Compared("run", float("nan"), ALLOWED, 0.1, 0.0).passed
    assert not Compared("run", 0.0, ALLOWED, 0.1, 4096.0).passed
