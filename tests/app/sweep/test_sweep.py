"""The file of a sweep on the Report page: its numbers, other weights, and files that are none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.sweep import tables, words
from app.sweep.charts import can_be_drawn, sweep_figure, unpatched
from ioi_core import IOIError, Model, arena_pairs, patch_activations, read_sweep, sweep
from ioi_core.sweeps.result import SweepResult, sweep_of, write_sweep
from tests.app.pages import assert_fine, body, opened, says

REPORT = "../pages/report.py"


@pytest.fixture(scope="module")
def swept(demo_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("sweep") / "z.sweep"
    sweep(demo_model, "patch_activations", arena_pairs(demo_model), parameters={"site": "z"}, path=path)
    return path


def given(name: str, data: bytes) -> AppTest:
    at = opened(REPORT, model="ioi-demo")
    at.file_uploader(key="_sweep").upload(name, data, "application/octet-stream").run()
    return at


def drawn(result: SweepResult) -> np.ndarray:
    return np.array(sweep_figure(result).data[0].z)


def test_the_file_is_shown_with_its_numbers(loader, demo_model: Model, swept: Path) -> None:
    at, result = given("z.sweep", swept.read_bytes()), read_sweep(swept)
    assert_fine(at)
    assert [one for one in says(at) if "8 prompts, logit_diff_recovered in fraction" in one]
    assert "other weights" not in body(at)
    [cells, told] = [one.value for one in at.dataframe]
    assert len(cells) == result.values.size
    assert {"standard_error", "low_95", "high_95"} < {*cells.columns}
    assert told["of this sweep"][0] == "patch_activations"
    assert told["of this sweep"][4] == demo_model.fingerprint


def test_the_heatmap_is_the_pages_own_and_the_table_has_errors_and_groups(demo_model: Model, swept: Path) -> None:
    result, page = read_sweep(swept), patch_activations(demo_model, arena_pairs(demo_model), "z")
    np.testing.assert_allclose(drawn(result), page.effects.mean(-1), atol=1e-5)
    noising = patch_activations(demo_model, arena_pairs(demo_model), "z", direction="noising", metric="prob")
    same = sweep(
        demo_model,
        "patch_activations",
        arena_pairs(demo_model),
        parameters={"site": "z", "direction": "noising", "metric": "prob"},
    )
    np.testing.assert_allclose(drawn(same), noising.effects.mean(-1), atol=1e-5)
    frame = tables.cells(result)
    np.testing.assert_array_equal(frame["standard_error"], result.standard_error.ravel())
    for name, size, values in zip(result.groups, result.group_sizes, result.group_values, strict=True):
        np.testing.assert_array_equal(frame[f"{result.group_axis} {name} (n = {size})"], values.ravel())


def test_other_weights_are_said_and_text_of_the_file_stays_text(loader, swept: Path, tmp_path: Path) -> None:
    hostile = "<b>=HYPERLINK(1)</b>"
    other = replace(
        read_sweep(swept), fingerprint="0" * 64, model=hostile, metric=hostile, parameters={"site": hostile}
    )
    write_sweep(tmp_path / "other.sweep", other)
    at = given("other.sweep", (tmp_path / "other.sweep").read_bytes())
    assert_fine(at)
    assert "This sweep was of other weights" in body(at)
    assert "<b>=" not in body(at)
    title = sweep_figure(other).layout.title.text
    assert "<b>" not in title


@pytest.mark.parametrize("harm", ["cut", "empty", "another kind", "changed"])
def test_what_is_no_sweep_is_refused_in_words(loader, swept: Path, harm: str) -> None:
    data = swept.read_bytes()
    bad = {"cut": data[:-1], "empty": b"", "another kind": b"clean\nA, B", "changed": data[:-9] + b"x" + data[-8:]}[
        harm
    ]
    with pytest.raises(IOIError, match="is no finished sweep"):
        sweep_of(bad, "z.sweep")
    if harm == "cut":
        at = given("z.sweep", bad)
        assert "is no finished sweep, or is damaged" in body(at)
        assert not at.exception


def test_what_cannot_be_drawn_is_a_table(swept: Path) -> None:
    result = read_sweep(swept)
    assert can_be_drawn(result)
    nothing = replace(result, values=np.full_like(result.values, np.nan))
    assert not can_be_drawn(nothing)
    assert words.story(nothing).startswith("No cell has a value")
    assert not can_be_drawn(replace(result, values=result.values * 1e300))
    assert unpatched(replace(result, parameters={"direction": ["noising"]})) is None
    [(first, layers), (second, heads)] = result.axes.items()
    bars = replace(
        result,
        axes={second: heads},
        values=result.values[0],
        standard_error=result.standard_error[0],
        group_values=result.group_values[:, 0],
    )
    np.testing.assert_array_equal(sweep_figure(bars).data[0].x, result.values[0])
    assert len(layers) > 1
    assert first == "layer"
