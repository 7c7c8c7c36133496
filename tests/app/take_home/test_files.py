"""Data, code and citation of a figure, and the menu that is empty until it is opened."""

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest
from pandas.api.types import is_integer_dtype
from streamlit.testing.v1 import AppTest

from app.take_home.cite import bibtex, citation
from app.take_home.code import python
from app.take_home.data import SOURCE, figure_csv, prompts_csv
from tests.app.pages import assert_fine, opened
from tests.app.take_home.every_figure import SMALL, every_figure, figures_of, results_of


def read(data: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(data))


@pytest.fixture
def heatmap(loader):
    [one] = [one for one in every_figure()["activation patching"] if one.record.name == "patch_heatmap"]
    return one


def test_all_prompts_values_of_a_heatmap(heatmap, demo_model):
    [numbers] = heatmap.record.numbers(results_of(demo_model, heatmap.record))
    back = read(prompts_csv(heatmap.record, [numbers]))
    assert all(is_integer_dtype(back[name]) for name in ("layer", "head", "prompt"))
    assert len(back) == numbers.values.size
    for layer, head, prompt, value in back[["layer", "head", "prompt", "value"]].itertuples(index=False):
        assert value == pytest.approx(numbers.values[layer, head, prompt - 1], abs=1e-6)


def test_layers_and_heads_are_whole_numbers_where_one_table_has_no_heads(loader, demo_model):
    [one] = [one for one in every_figure()["path patching"] if one.record.name == "path_heatmap"]
    numbers = one.record.numbers(results_of(demo_model, one.record))
    rows = list(csv.DictReader(io.StringIO(prompts_csv(one.record, numbers).decode("utf-8-sig"))))
    assert {row["head"] for row in rows} == {"", *map(str, range(demo_model.cfg.n_heads))}
    assert {row["layer"] for row in rows} == set(map(str, range(demo_model.cfg.n_layers)))


def test_a_file_says_once_what_it_is_of(heatmap):
    back = read(figure_csv(heatmap.record, heatmap.frame()))
    assert heatmap.record.source.fingerprint in back[SOURCE][0]
    assert "seed 1" in back[SOURCE][0]
    assert back[SOURCE][1:].isna().all()


def test_the_code_gives_the_numbers(heatmap, demo_model):
    names: dict = {}
    exec(compile(python(heatmap.record), "code", "exec"), names)
    [numbers] = heatmap.record.numbers(results_of(demo_model, heatmap.record))
    np.testing.assert_allclose(names["effects"], numbers.values, atol=1e-5)


SOURCES = {
    "classic": {"prompts": "classic"},
    "generated": {"prompts": "generated", "n": "3", "seed": "5", "templates": "BABA", "corruption": "ABC"},
    "no BOS": {"prompts": "classic", "bos": "false"},
    "other task": {"prompts": "other task", "task": "capital", "n": "3"},
    "typed": {"prompts": "own", "text": "When Tom and Amy met, Tom waved to\nWhen Ann and Bob met, Bob sang to"},
    "typed twin": {
        "prompts": "own", "text": "The capital of France is", "corrupted": "The capital of Italy is", "io": "Paris",
        "s": "Rome",
    },
    "data set": {
        "prompts": "data set",
        "data": 'clean,corrupted,io,s,label\nThe capital of France is,The capital of Italy is,Paris,Rome,"=a ""b"""\n',
    },
}  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_the_prompts_are_made_again(source, loader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [record] = [one.record for one in figures_of("prompt", **SOURCES[source]) if one.record.name == "logit_diff"]
    names: dict = {}
    exec(compile(python(record), "code", "exec"), names)
    pairs, made = record.source.pairs, names["pairs"]
    for name in ("clean_tokens", "corrupted_tokens", "answers", "lengths", "templates"):
        assert np.array_equal(getattr(pairs, name), getattr(made, name)), name
    assert (pairs.clean_text, pairs.labels, pairs.answer_sets) == (made.clean_text, made.labels, made.answer_sets)


def test_a_citation_names_version_model_and_weights(heatmap):
    for text in (citation(heatmap.record), bibtex(heatmap.record)):
        assert heatmap.record.source.fingerprint[:12] in text
        assert "ioi-demo" in text
        assert "0.1.0" in text


def test_a_closed_menu_sends_nothing(loader):
    at = opened("../pages/prompt.py", model="ioi-demo", **SMALL)
    assert_fine(at)
    assert not at.get("download_button") or len(at.get("download_button")) == 1  # the prompts as a data set
    assert not any('class="ioi-copy"' in one.proto.body for one in at.get("html"))


def test_what_is_to_be_copied_is_text():
    def script() -> None:
        from app.take_home.copying import copyable

        copyable("Copy", "</code></pre><img src=x onerror=alert(1)> & \n x", '"><b>name', folded=True)

    [drawn] = AppTest.from_function(script).run().get("html")
    assert not re.search("<img|<b>", drawn.proto.body)
    assert "<code>&lt;/code&gt;&lt;/pre&gt;&lt;img src=x onerror=alert(1)&gt; &amp; \n x</code>" in drawn.proto.body
