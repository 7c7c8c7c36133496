"""Published values: checked where GPT-2's weights are; the checking itself is checked everywhere."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ioi_core import Model, load_model
from ioi_core.__main__ import main
from ioi_core.verify import Check, _worst, table, verify
from tests.models.random_gpt2 import save_random_gpt2


@pytest.mark.gpt2
def test_gpt2_small_gives_the_published_figures(gpt2: Model) -> None:
    checks = list(verify(gpt2))
    assert len(checks) == 30
    assert [check.name for check in checks if not check.passed] == []


def test_random_weights_fail_the_published_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of as many layers and heads as GPT-2 small: as many figures. Their width costs minutes and changes no check."""
    random = load_model(str(save_random_gpt2(tmp_path / "narrow", 12, 96, 12)))
    monkeypatch.setattr("ioi_core.__main__.load_model", lambda *_, **__: random)
    assert main(["verify"]) == 1
    said = capsys.readouterr().out
    assert said.count("FAIL") >= 25
    assert "eight prompts: logit_diff" in said
    assert "3.5521" in said, "the published value stands in the table"


def test_no_weights_is_said_plainly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("IOI_MODEL_DIR", "/nowhere")
    assert main(["verify"]) == 2
    said = capsys.readouterr()
    assert "NOT VERIFIED" in said.err
    assert said.out == ""


def test_a_check_passes_within_its_tolerance_only() -> None:
    check = Check("figure", 1.0, 1.0009, 1e-3)
    assert check.passed
    assert not replace(check, value=0.9998).passed
    assert not replace(check, value=float("nan")).passed
    assert "FAIL" in table([replace(check, value=2.0)])
    assert "FAIL" not in table([check])


def test_a_list_is_judged_at_its_worst_place() -> None:
    check = _worst("list", np.array([[1.0, 2.0], [3.0, 4.5]]), [[1.0, 2.0], [3.0, 4.0]], ["a", "b", "c", "d"])
    assert (check.value, check.published, check.passed) == (4.5, 4.0, False)
    assert "worst at d" in check.name
    assert not _worst("list", np.array([1.0, np.nan]), [1.0, 2.0]).passed
