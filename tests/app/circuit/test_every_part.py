"""What holds for each of the four parts of the Circuit page beside its first, and what the first one shows first."""

import re
from pathlib import Path

import numpy as np
import pytest
import streamlit as st

from app.circuit.breaking import panels
from app.circuit.breaking.graph import circuit_figure, graph_of
from app.circuit.members import EVERYWHERE
from app.words.phrases import number
from ioi_core import IOI_CIRCUIT, Circuit, Head, Model, contrast_methods, direct_and_total, prompt_pairs
from ioi_core.heads.published import PUBLISHED_CLASSES
from tests.app.circuit.part_pages import FRANCE, PARTS, SENTENCE, page
from tests.app.pages import assert_fine, opened, says
from tests.models.bundled import INHIBITION, MOVERS

pytestmark = pytest.mark.usefixtures("loader")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("query", [{}, {"prompts": "own", "text": SENTENCE}, {"prompts": "generated", "n": "1"}])
def test_every_part_opens_on_any_ioi_prompts(part: str, query: dict[str, str]) -> None:
    at = page(part, **query)
    assert_fine(at)
    assert says(at)
    assert "nan" not in " ".join(says(at))


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("ablation", ["zero", "mean", "resample"])
def test_every_part_works_on_another_task_or_says_why_not(part: str, ablation: str) -> None:
    at = page(part, ablation=ablation, knock_out_by=ablation, **FRANCE)
    assert_fine(at)
    if part == "token or position":
        assert any("needs IOI prompts" in text.value for text in at.markdown)
        assert not at.get("plotly_chart")
        return
    assert at.get("plotly_chart")
    assert "nan" not in " ".join(says(at))
    captions = " ".join(text.value for text in at.caption)
    of_one = part != "ways to ablate" and ablation == "zero"  # there are five ways in that part
    assert ("in the corrupted prompts of these pairs" in captions) != of_one
    assert ("write nothing but" in captions) == (of_one and part == "direct and total")


@pytest.mark.parametrize("place", ["END", "all", "S2"])
def test_ways_to_ablate_take_heads_away_where_the_prompts_have_roles(demo_model: Model, place: str) -> None:
    """A role that they lack, from a link, gives way to END."""
    chosen = (MOVERS[0], INHIBITION[0])
    at = page("ways to ablate", method_at=place, method_heads=list(map(str, chosen)), **FRANCE)
    assert_fine(at)
    assert at.selectbox(key="method_at").options == ["END", "all"]
    capitals = prompt_pairs(demo_model, FRANCE["text"], FRANCE["corrupted"], FRANCE["io"], FRANCE["s"])
    heads = dict.fromkeys(chosen, "END" if place == "S2" else place)
    zero, mean, resample, *_ = contrast_methods(demo_model, capitals, heads).changes.mean(-1)
    assert mean == resample
    assert any(f"{number(float(zero))} (zero), {number(float(mean))} (mean)" in text for text in says(at))


def test_total_effects_are_those_of_the_typed_twins(demo_model: Model) -> None:
    at = page("direct and total", **FRANCE)
    capitals = prompt_pairs(demo_model, FRANCE["text"], FRANCE["corrupted"], FRANCE["io"], FRANCE["s"])
    direct, total = direct_and_total(demo_model, capitals).values
    assert any(
        f"direct effect {number(float(direct[head]))}, total {number(float(total[head]))}" in text
        for text in says(at)
        for head in np.ndindex(*direct.shape)
    )
    assert not any("Colours:" in text.value for text in at.caption), "classes are about IOI"


@pytest.mark.parametrize("part", PARTS)
def test_templates_stand_side_by_side_on_request(part: str) -> None:
    names = {"backup heads": "backup_stages", "token or position": "signal_fit", "direct and total": "direct_and_total"}
    at = page(part, **{f"templates_{names.get(part, 'methods')}": "true"})
    assert_fine(at)
    assert any("Most apart: " in text and "a template of its own" in text for text in says(at))


def test_the_numbers_do_not_wait_for_measured_classes_and_then_the_graph_does_not_wait_for_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = {"model": "ioi-demo", "prompts": "generated", "n": "3", "seed": "5", "circuit_start": "whole model"}
    monkeypatch.setenv("IOI_CACHE_DIR", str(tmp_path / "cache"))
    with monkeypatch.context() as ended:
        ended.setattr(panels, "classes_of", lambda *_: st.stop())
        at = opened("../pages/circuit.py", **view)
        assert [metric.label for metric in at.metric] == [
            "Faithfulness", "logit_diff of the circuit", "of the whole model",
        ]  # fmt: skip
        assert not at.get("plotly_chart")
    opened("../pages/circuit.py", **view)
    with monkeypatch.context() as ended:
        ended.setattr(panels, "compute", lambda *_: st.stop())
        at = opened("../pages/circuit.py", **view)
        assert not at.metric
        assert at.get("plotly_chart")


@pytest.mark.parametrize("low", [False, True])
def test_on_a_low_screen_no_head_stands_right_above_another(low: bool) -> None:
    classes = {group.name: group.heads for group in PUBLISHED_CLASSES}
    places = graph_of(IOI_CIRCUIT, Circuit(), classes, low=low).places.values()
    above = [x for x, layer in places if any(abs(x - other) < 0.4 for other, below in places if below == layer - 1)]
    assert bool(above) is not low  # on others straight columns are easier to read


EVERY_HEAD = Circuit(dict.fromkeys([Head(*cell) for cell in np.ndindex(12, 12)], EVERYWHERE))


@pytest.mark.parametrize("circuit", [IOI_CIRCUIT, EVERY_HEAD], ids=["the paper's", "all"])
def test_gpt2s_heads_stand_apart_on_a_projector_and_names_fit_in_them(circuit: Circuit) -> None:
    classes = {group.name: group.heads for group in PUBLISHED_CLASSES}
    figure = circuit_figure(graph_of(circuit, Circuit(), classes, low=True), 12, published=True, low=True)
    left, right = figure.layout.xaxis.range
    low, high = figure.layout.yaxis.range
    scale = np.array([870 / (right - left), 247 / (high - low)])  # pixels of the plot at 1280x720, as measured
    heads = [trace for trace in figure.data if trace.mode == "markers+text" and trace.text != ("logits",)]
    sizes = {trace.marker.size for trace in heads}
    points = scale * np.concatenate([np.column_stack([trace.x, trace.y]) for trace in heads])
    assert len(points) == len(circuit.members)
    apart = np.linalg.norm(points[:, None] - points, axis=-1)[~np.eye(len(points), dtype=bool)]
    assert apart.min() >= max(sizes)
    for name in [name for trace in heads for name in trace.text]:
        letters = 15 * (float(re.findall("font-size:(.*)%", name)[0]) / 100 if "%" in name else 1)  # pixels high
        assert 0.45 * letters * len(re.sub("<[^>]*>", "", name)) <= max(sizes)
    places = "everywhere" in "".join(figure.layout.xaxis.ticktext)
    assert not places, "columns are too narrow for it; the note says it of all"
    assert ("at every position" in figure.layout.title.subtitle.text) == (circuit == EVERY_HEAD)
