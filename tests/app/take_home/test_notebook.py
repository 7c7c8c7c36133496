"""Notebooks: what they hold, and that the last cell finds any change."""

import json
import re

import nbformat
import numpy as np
import pytest

from app.take_home.notebook import as_text, notebook, plain
from tests.app.take_home.every_figure import VIEWS, every_figure, figures_of, results_of
from tests.app.take_home.kernel import Kernel, run

INSTALL = "ioi-explorer"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    with Kernel(tmp_path_factory.mktemp("notebooks")) as kernel:
        yield kernel


def made(one, model):
    return notebook(one.record, results_of(model, one.record), INSTALL)


@pytest.mark.parametrize("view", VIEWS)
def test_every_figure_is_computed_again_and_holds(view, loader, demo_model, kernel):
    for one in every_figure()[view]:
        said = kernel.run(made(one, demo_model))
        assert "These are the weights" in said
        assert re.search(r"All \d+ numbers hold", said), one.record.name


@pytest.fixture
def heatmap(loader):
    [one] = [one for one in every_figure()["activation patching"] if one.record.name == "patch_heatmap"]
    return one


def test_the_same_view_gives_the_same_bytes_and_valid_ones(heatmap, demo_model):
    first, again = made(heatmap, demo_model), made(heatmap, demo_model)
    assert first == again
    read = nbformat.reads(first.decode(), as_version=4)
    nbformat.validate(read)
    assert (read.nbformat, read.nbformat_minor) == (4, 5)


def test_one_changed_number_makes_it_fail(heatmap, demo_model, kernel):
    book = json.loads(made(heatmap, demo_model))
    cell = book["cells"][-1]
    text = "".join(cell["source"])
    head, numbers = text.split("held += check(", 1)
    changed = re.sub(r"(\d\.\d+)", lambda found: str(float(found[0]) + 0.01), numbers, count=1)
    assert changed != numbers
    cell["source"] = f"{head}held += check({changed}".splitlines(keepends=True)
    with pytest.raises(AssertionError, match="not the figure's"):
        kernel.run(json.dumps(book).encode())


@pytest.mark.parametrize(("old", "new"), [("seed=1", "seed=2"), ("site='z'", "site='v'"), ("n=4", "n=5")])
def test_one_changed_prompt_or_parameter_makes_it_fail(old, new, heatmap, demo_model, kernel):
    text = made(heatmap, demo_model).decode()
    assert text.count(old) == 1
    with pytest.raises(AssertionError, match=r"not the figure's|the figure has"):
        kernel.run(text.replace(old, new).encode())


def test_other_weights_are_said_before_anything_is_computed(heatmap, demo_model, kernel):
    text = made(heatmap, demo_model).decode().replace(demo_model.fingerprint, "0" * 64)
    said = kernel.run(text.encode())
    assert said.index("OTHER WEIGHTS") < said.index("numbers hold")


HOSTILE = 'When Mary and John met, <img src=x onerror=alert(1)> </script> $x$ `=cmd()` "John" gave it \' \\ to'


def test_hostile_prompts_are_literals(loader, demo_model, kernel):
    taken = figures_of("prompt", prompts="own", text=HOSTILE, io="Mary", s="John")
    [one] = [one for one in taken if one.record.name == "logit_diff"]
    book = nbformat.reads(made(one, demo_model).decode(), as_version=4)
    for cell in book.cells:
        if cell.cell_type == "markdown":
            assert "<img" not in cell.source
            assert "</script" not in cell.source
    assert "numbers hold" in kernel.run(made(one, demo_model))


def test_text_in_markdown_is_text():
    assert plain("<b>*x*</b> $y$ [z](http://a)\n# h") == (
        "&#60;b&#62;&#42;x&#42;&#60;/b&#62; &#36;y&#36; &#91;z&#93;(http://a) &#35; h"
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_read_back_as_they_were(dtype):
    values = np.random.default_rng(0).normal(size=(3, 40)).astype(dtype)
    values[0, 0] = np.nan
    back = np.array(eval(as_text(values), {"nan": np.nan, "inf": np.inf}), dtype=dtype)
    assert np.array_equal(values, back, equal_nan=True)


def test_very_many_numbers_are_bounded(loader, demo_model):
    text = " ".join(
        ["When Mary and John went to the store,"] + ["then they went to the park and"] * 14 + ["John gave a drink to"]
    )
    taken = figures_of("attention", prompts="own", text=text)
    [one] = [one for one in taken if one.record.name == "attention_overview"]
    assert len(made(one, demo_model)) < 3_000_000


@pytest.mark.slow
@pytest.mark.notebooks
@pytest.mark.timeout(3600)  # a page of twenty figures starts twenty kernels
@pytest.mark.parametrize("view", VIEWS)
def test_every_figure_in_a_kernel_of_its_own(view, loader, demo_model, tmp_path):
    for one in every_figure()[view]:
        assert "numbers hold" in run(made(one, demo_model), tmp_path)
