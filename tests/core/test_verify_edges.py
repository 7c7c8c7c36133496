"""CMD and CPR of edges on a user's machine: the path runs on any model, and says whose figures it shows."""

from dataclasses import replace

import pytest

from ioi_core import Model, edge_curve, edge_scores, ioi_dataset
from ioi_core.__main__ import main
from ioi_core.verify_edges import EdgeFigure, edge_table, verify_edges


@pytest.fixture(scope="module")
def figures(small_model: Model) -> list[EdgeFigure]:
    return list(verify_edges(small_model, n_prompts=4, n_exact=2))


def test_each_way_to_score_edges_is_judged_on_other_prompts(small_model: Model, figures: list[EdgeFigure]) -> None:
    assert [(figure.method, figure.n_scored) for figure in figures] == [
        ("random", 0), ("eap_ig", 4), ("eap", 4), ("exact", 2),
    ]  # fmt: skip
    found_on, judged_on = (ioi_dataset(small_model, 4, seed=seed) for seed in (0, 1))
    curve = edge_curve(small_model, judged_on, edge_scores(small_model, found_on[:2], "exact"))
    exact = figures[-1]
    assert (exact.cmd, exact.cpr) == (curve.cmd, curve.cpr)
    for figure in figures:
        for value, (low, high) in ((figure.cmd, figure.cmd_interval), (figure.cpr, figure.cpr_interval)):
            assert low - 1e-5 <= value <= high + 1e-5


def test_figures_stand_beside_gpt2_smalls_alone_and_never_pass(small_model: Model, figures: list[EdgeFigure]) -> None:
    other = edge_table(small_model, figures)
    assert "NOT GPT-2 small" in other
    assert "quoted" not in other
    gpt2 = edge_table(replace(small_model, is_gpt2_small=True), figures)
    assert "quoted, unchecked" in gpt2
    assert "another sample" in gpt2
    [exact] = [line for line in gpt2.splitlines() if line.startswith("exact")]
    assert exact.split()[-2:] == ["0.02", "2.30"]
    assert "FAIL" not in gpt2 + other


def test_the_command_runs_on_the_bundled_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--edges", "--model", "ioi-demo", "--prompts", "3", "--exact-prompts", "1"]) == 0
    said = capsys.readouterr()
    assert "NOT GPT-2 small but ioi-demo" in said.out
    assert "edges by exact: done" in said.err


def test_no_weights_and_wrong_options_are_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IOI_MODEL_DIR", "/nowhere")
    assert main(["verify", "--edges"]) == 2
    assert "NOT VERIFIED" in capsys.readouterr().err
    for wrong in (["verify", "--model", "ioi-demo"], ["verify", "--edges", "--prompts", "0"]):
        with pytest.raises(SystemExit):
            main(wrong)
