"""The file of a sweep, opened in a real browser: its numbers are those of the file."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from ioi_core import Model, read_sweep, sweep
from tests.browser.visitor import WAIT, Visitor, figure

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_sweeps_file_is_drawn_and_taken_home(visitor: Visitor, demo_model: Model, tmp_path: Path) -> None:
    path = tmp_path / "z.sweep"
    sweep(demo_model, "patch_activations", 24, parameters={"site": "z"}, path=path)
    result = read_sweep(path)
    page = visitor.open("/report", model="ioi-demo", parts="open")
    page.locator("input[type=file]").set_input_files(path)
    np.testing.assert_allclose(figure(page, "sweep")["traces"][0]["z"], result.values, atol=1e-5)
    expect(page.locator(".ioi-says")).to_contain_text("24 prompts, logit_diff_recovered in fraction", timeout=WAIT)
    with page.expect_download(timeout=WAIT) as download:
        page.get_by_role("button", name="CSV", exact=True).click(timeout=WAIT)
    rows = [*csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig")))]
    np.testing.assert_allclose([float(row["logit_diff_recovered"]) for row in rows], result.values.ravel())
    np.testing.assert_allclose([float(row["standard_error"]) for row in rows], result.standard_error.ravel())
    broken = {"name": "z.sweep", "mimeType": "application/octet-stream", "buffer": path.read_bytes()[:-1]}
    page.locator("input[type=file]").set_input_files(files=[broken])
    expect(page.locator(".ioi-problem")).to_contain_text("is no finished sweep, or is damaged", timeout=WAIT)
