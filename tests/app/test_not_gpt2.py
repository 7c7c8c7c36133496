"""Models that are not GPT-2 small: what is published of it stands beside their figures, and no noise is drawn."""

from dataclasses import replace

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from app.words.in_gpt2 import IN_GPT2
from ioi_core import Model, load_model
from tests.app.circuit.part_pages import FRANCE
from tests.app.pages import assert_fine, badly_written, body, charts_texts, gpt2_is, opened, says
from tests.app.test_other_tasks import path
from tests.models.random_gpt2 import copy_tokenizer

NOT_SHOWN = "not show it on these prompts"


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model as it is before training: its heads look everywhere alike and write next to nothing."""
    folder = tmp_path_factory.mktemp("untrained")
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=64, n_head=4)).save_pretrained(folder)
    copy_tokenizer(folder)
    return load_model(str(folder))


@pytest.mark.parametrize(
    ("page", "query", "figures"),
    [
        ("prompt", {}, ["logit_diff"]),
        ("logit_lens", {}, ["logit_lens_curve", "attribution_by_layer", "attribution_by_head"]),
        ("attention", {}, ["attention_overview", "attention_head", "attention_from_end"]),
        ("activation_patching", {}, ["patch_heatmap"]),
        ("activation_patching", {"site": "resid_pre"}, ["patch_heatmap"]),
        ("path_patching", {}, ["path_heatmap"]),
        ("circuit", {}, ["circuit_levels"]),
        ("circuit", {"circuit_part": "backup heads"}, ["backup_stages", "backup_movers"]),
        ("circuit", {"circuit_part": "token or position", "signal_heads": "1.0"}, ["signal_fit"]),
        ("circuit", {"circuit_part": "direct and total"}, ["direct_and_total"]),
        ("circuit", {"circuit_part": "ways to ablate"}, ["methods"]),
        ("heads", {}, ["head_direct", "head_writing", "head_sites", "head_ranks"]),
        ("heads", {"heads_shown": "all heads"}, ["all_heads"]),
    ],
)
def test_a_model_that_does_nothing_is_said_to_do_nothing(loader, untrained, page, query, figures) -> None:
    loader.gpt2 = untrained
    opened()
    gpt2_is("ready")
    at = opened(path(page), **query)
    assert_fine(at)
    assert untrained.name in body(at).replace("&#x27;", "'")
    assert NOT_SHOWN in " ".join([*says(at), *(text.value for text in at.markdown)])
    for figure in figures:
        assert IN_GPT2[figure] in body(at).replace("&#x27;", "'")
    drawn = {chart.proto.id.split("figure-")[-1] for chart in at.get("plotly_chart")}
    assert not drawn & NOISE
    assert not [text for text in (*says(at), *charts_texts(at)) if badly_written(text)]


NOISE = {
    "logit_lens_curve", "attribution_by_layer", "attribution_by_head", "patch_heatmap", "patch_prompts",
    "patch_estimate", "path_heatmap", "path_graph", "circuit_levels", "backup_stages", "backup_movers",
    "backup_changes", "signal_fit", "direct_and_total", "methods", "head_writing", "head_sites",
}  # fmt: skip


def test_a_model_that_does_the_task_has_its_figures_and_the_lines(loader) -> None:
    at = opened(path("logit_lens"), model="ioi-demo")
    assert_fine(at)
    drawn = {chart.proto.id.split("figure-")[-1] for chart in at.get("plotly_chart")}
    assert {"logit_lens_curve", "attribution_by_layer", "attribution_by_head"} <= drawn
    assert NOT_SHOWN not in " ".join(says(at))
    assert body(at).count("In GPT-2 small: ") == 3


def test_no_line_beside_gpt2_small_itself_or_another_task(loader, demo_model) -> None:
    loader.gpt2 = replace(demo_model, is_gpt2_small=True)
    opened()
    gpt2_is("ready")
    assert "In GPT-2 small: " not in body(opened())
    assert "In GPT-2 small: " not in body(opened(model="ioi-demo", **FRANCE))
