"""`python -m ioi_core sweep`: what it prints, what it keeps, and what it says where it cannot."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from ioi_core import Model, PromptError, attribute_layers, read_pairs, read_sweep
from ioi_core.__main__ import main
from ioi_core.sweeps.command import duration, progress_line


def test_a_data_set_with_labels(exact_model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "set.csv", tmp_path / "layers.sweep"
    prompts = [
        ("When Mary and John went out, John spoke to", "a"),
        ("Then Anna and Paul met, and Paul thanked", "b"),
    ] * 3
    data.write_text("clean,label\n" + "\n".join(f'"{text}",{label}' for text, label in prompts))
    common = ["sweep", "--model", exact_model.name, "--dtype", "float64", "--workers", "0", "--block", "4"]
    assert main([*common, "--analysis", "attribute_layers", "--data", str(data), "--out", str(out)]) == 0
    said = capsys.readouterr()
    result, pairs = read_sweep(out), read_pairs(exact_model, data)
    np.testing.assert_allclose(result.values, attribute_layers(exact_model, pairs).values, atol=1e-9)
    assert (result.groups, result.group_sizes.tolist()) == (("a", "b"), [3, 3])
    assert "6 of 6 prompts, 100%" in said.err
    largest = result.to_frame().logit_diff.abs().idxmax()
    assert f"component {result.axes['component'][largest]}: " in said.out.splitlines()[1]


@pytest.mark.parametrize("given", [False, True])
def test_a_data_set_is_read_as_the_options_say(
    exact_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    """Each of `read_pairs`'s own parameters has an option."""
    read: dict[str, object] = {}

    def keep(*_: object, **how: object) -> None:
        read.update(how)
        raise PromptError("that is enough")

    monkeypatch.setattr("ioi_core.sweeps.command.load_model", lambda *_, **__: exact_model)
    monkeypatch.setattr("ioi_core.sweeps.command.read_pairs", keep)
    options = ["--corruption", "abc", "--no-answer-space", "--no-bos", "--people", "--skip"] if given else []
    command = ["sweep", "--analysis", "attribute_layers", "--data", "set.csv", "--out", str(tmp_path / "x.sweep")]
    assert main([*command, *options]) == 2
    wanted = {p.name: p.default for p in inspect.signature(read_pairs).parameters.values() if p.kind is p.KEYWORD_ONLY}
    if given:
        wanted = {name: not value for name, value in wanted.items()} | {"corruption": "abc"}
    assert read == wanted


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--analysis", "find_circuit", "--prompts", "4"], "chooses by means"),
        (["--analysis", "patch_activations", "--prompts", "4"], "needs site"),
        (["--analysis", "patch_activations", "--prompts", "4", "--set", "z"], "NAME=VALUE"),
        (["--analysis", "attribute_layers", "--data", "/nowhere.csv"], "cannot be read"),
        (["--analysis", "attribute_layers", "--prompts", "0"], "from 1 to 100000"),
        (["--analysis", "attribute_layers", "--prompts", "4", "--templates", "200"], "template number"),
        (["--analysis", "attribute_layers", "--prompts", "4", "--model", "nobody/has"], "not known"),
    ],
)
def test_what_it_cannot_do_is_said(
    exact_model: Model,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    says: str,
) -> None:
    out = tmp_path / "none.sweep"
    if "--model" not in options:
        monkeypatch.setattr("ioi_core.sweeps.command.load_model", lambda *_, **__: exact_model)
    assert main(["sweep", "--model", exact_model.name, "--workers", "0", "--out", str(out), *options]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("NOT SWEPT: ")
    assert says in said.err
    assert not said.out
    assert not out.exists()


def test_an_interrupted_command_says_how_it_goes_on(
    exact_model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ioi_core.sweeps.command.load_model", lambda *_, **__: exact_model)
    monkeypatch.setattr("ioi_core.sweeps.command.sweep", interrupt)
    options = [
        "--analysis",
        "attribute_layers",
        "--prompts",
        "4",
        "--out",
        str(tmp_path / "x"),
        "--model",
        exact_model.name,
    ]
    assert main(["sweep", *options]) == 130
    assert "goes on from the finished blocks" in capsys.readouterr().err


def test_time_left() -> None:
    assert progress_line(1280, 10_000, 40.0, 1280) == "1,280 of 10,000 prompts, 13%, 32.0 a second, 4 min 32 s left"
    assert progress_line(640, 640, 40.0, 640) == "640 of 640 prompts, 100%"
    assert progress_line(0, 640, 0.0, 0) == "0 of 640 prompts, 0%"
    assert [duration(seconds) for seconds in (0.0, 59.7, 3599.0, 7384.0)] == [
        "1 s",
        "1 min 0 s",
        "59 min 59 s",
        "2 h 3 min",
    ]
