"""Every page on a task of one's own, whose only role is END: what it shows, and that it refuses nothing it can do."""

import pytest

from app.words.phrases import number
from ioi_core import Model, predictions, task_dataset
from tests.app.circuit.part_pages import FRANCE
from tests.app.pages import assert_fine, body, holds, opened, says, shown
from tests.models.bundled import INDUCTION, MOVERS

MOVER = MOVERS[0]
PAGES = ("prompt", "logit_lens", "attention", "activation_patching", "path_patching", "edges", "circuit", "heads")

pytestmark = pytest.mark.usefixtures("loader")


def path(page: str) -> str:
    return f"../pages/{page}.py"


@pytest.mark.parametrize("page", PAGES)
def test_every_page_works_where_end_is_the_only_role(page: str) -> None:
    at = opened(path(page), model="ioi-demo", **FRANCE, circuit_start="whole model")  # no circuit can be found on them
    assert_fine(at)
    assert at.get("plotly_chart")
    text = " ".join([*says(at), *(caption.value for caption in at.caption), shown(at)])
    assert "nan" not in text.split()


@pytest.mark.parametrize("page", ["prompt", "logit_lens", "attention", "activation_patching", "edges"])
def test_a_page_says_that_there_is_no_role_but_end(page: str) -> None:
    at, told = opened(path(page), model="ioi-demo", **FRANCE), "These prompts have no role but END, the last token."
    assert [caption.value for caption in at.caption].count(told) == 1
    at = opened(path(page), model="ioi-demo")
    assert told not in [caption.value for caption in at.caption]


@pytest.mark.parametrize("page", PAGES)
def test_prompts_may_change_to_another_task_while_a_page_is_open(page: str) -> None:
    roles = {
        "activation_patching": {"where_head": "S2", "site": "z"},
        "path_patching": {"trail": f"logits > {MOVER} v", "sender_position": "S2", "why_query": "S2", "why_key": "IO"},
        "circuit": {"circuit_start": "heads with measured roles", "circuit": f"-{MOVER}:END {INDUCTION[0]}:S2"},
    }
    at = opened(path(page), model="ioi-demo", **roles.get(page, {}))
    assert_fine(at)
    for name, value in FRANCE.items():
        at.session_state[name] = value
    at.run()
    assert_fine(at)
    assert "<b>Corruption:</b> typed" in body(at)
    for place in at.selectbox:
        assert holds(at, place.key) in place.options


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("heads", {"heads_shown": "all heads"}),
        ("heads", {"ov_names": "answers", "head_sites": "pattern"}),
        ("activation_patching", {"site": "resid_pre", "where": "roles"}),
        ("activation_patching", {"site": "pattern", "where_head": "END", "direction": "noising"}),
        ("activation_patching", {"site": "z", "where_head": "one position at a time", "metric": "prob"}),
        ("path_patching", {"trail": f"logits > {MOVER} v", "sender_position": "END"}),
        ("path_patching", {"trail": f"logits > {MOVER} k", "path_direction": "denoising"}),
        ("attention", {"by": "patching", "attention": "value-weighted"}),
    ],
)
def test_other_choices_of_a_page_work_there_too(page: str, query: dict[str, str]) -> None:
    at = opened(path(page), model="ioi-demo", **FRANCE, **query)
    assert not at.exception
    assert "Something went wrong" not in shown(at)
    if "trail" not in query:  # a step of a trail may have nothing to show, and says so
        assert_fine(at)


def test_edges_are_computed_on_another_task() -> None:
    at = opened(path("heads"), model="ioi-demo", head=str(MOVER), **FRANCE)
    drawn = len(at.get("plotly_chart"))
    next(button for button in at.button if button.label.startswith("Compute the edges")).click().run()
    assert_fine(at)
    assert len(at.get("plotly_chart")) > drawn


@pytest.mark.parametrize(
    ("page", "query"),
    [("activation_patching", {"metric": "prob_diff"}), ("path_patching", {"path_metric_noising": "prob_diff"})],
)
def test_summed_probabilities_score_a_run_of_answers_that_are_sets(demo_model: Model, page: str, query) -> None:
    at = opened(path(page), model="ioi-demo", prompts="other task", task="greater-than", n="4", **query)
    assert_fine(at)
    found = predictions(demo_model, task_dataset(demo_model, "greater_than", 4)).answer_probs
    clean, corrupted = (float((run[:, 0] - run[:, 1]).mean()) for run in found)
    assert any(
        f"the mean prob_diff is {number(clean)} in the clean runs and {number(corrupted)} in the corrupted" in text
        for text in says(at)
    )
    assert "mean logit of the right answers minus that of the wrong ones" in body(at)
    assert "answers (" in body(at)
