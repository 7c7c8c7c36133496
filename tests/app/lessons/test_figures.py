"""The reveal's figures of hand-made numbers: bars side by side, a curve, and where the answer stands on them."""

from typing import Any

import numpy as np
import pytest

from app.lessons.charts import question_grid, reveal_chart
from app.lessons.files.library import library
from app.lessons.keys.measured import Behind, Measured
from app.lessons.tables import reveal_frame

FIRST, MODEL, ANOMALIES = (
    next(one for one in library(None).lessons if one.id == name) for name in ("first", "model", "anomalies")
)


def measured(value: float, behind: Behind | None) -> Measured:
    return Measured(np.array(value), "%", "A title", "mean over 8 prompts", behind=behind)


def bands(chart: Any) -> list[tuple[float, float]]:
    return [(shape.x0, shape.x1) for shape in chart.layout.shapes if shape.fillcolor]


def test_what_was_changed_is_drawn_before_and_after_with_the_chosen_range():
    step = FIRST.steps[5]
    numbers = measured(90.0, Behind(("before", "after"), (100.0, 90.0), "% of the lead"))
    chart = reveal_chart(step, {"kind": "choice", "choices": ["a", "b", "c"]}, numbers, [2], 1)
    assert list(chart.data[0].x) == [100, 90]
    assert list(chart.layout.yaxis.ticktext) == ["before:<br>100 % of the lead", "after:<br>90 % of the lead"]
    assert chart.layout.xaxis.title.text == "% of the lead"
    assert bands(chart) == [(25, 75)]
    frame = reveal_frame(step, {"kind": "choice", "choices": ["a", "b", "c"]}, numbers, 1)
    assert frame.to_dict("list") == {"bar": ["before", "after"], "A title (%)": [100, 90], "yours": ["", "b"]}


def test_a_share_of_the_way_is_drawn_on_the_curve_that_it_is_read_off():
    labels = ("before layer 0", "after the attention of layer 0", "before layer 1", "mid", "after the last layer")
    numbers = measured(75.0, Behind(labels, (0.0, 1.0, 2.0, 90.0, 100.0), "% of the lead at the end", is_curve=True))
    chart = reveal_chart(FIRST.steps[3], {"kind": "choice", "choices": ["a", "b", "c"]}, numbers, [2], 2)
    assert list(chart.data[0].y) == [0, 1, 2, 90, 100]
    assert list(chart.layout.xaxis.ticktext) == ["0", "1", "end"]
    assert list(chart.layout.xaxis.tickvals) == [0, 2, 4], "a number for every layer, and none without a place"
    assert bands(chart) == [pytest.approx((4 * 0.67, 4.0))]
    frame = reveal_frame(FIRST.steps[3], {"kind": "choice", "choices": ["a", "b", "c"]}, numbers, 2)
    assert frame["at"].tolist() == list(labels)


@pytest.mark.parametrize(("asked", "place"), [(0, 0), (-1, 1)])
def test_a_number_is_marked_on_the_bar_that_was_asked_about(asked: int, place: int):
    numbers = measured(81.0, Behind(("one", "other"), (81.0, 9.0), "%", asked))
    question = {"kind": "number", "low": 0, "high": 100, "step": 1, "unit": "%"}
    chart = reveal_chart(ANOMALIES.steps[2], question, numbers, [70, 90], 50.0)
    marks = next(trace for trace in chart.data if trace.type == "scatter")
    assert [n for n, value in enumerate(marks.x) if np.isfinite(value)] == [place]
    assert marks.x[place] == 50
    assert reveal_frame(ANOMALIES.steps[2], question, numbers, 50.0)["yours"][place] == 50


def test_a_number_alone_is_one_bar():
    question = {"kind": "number", "low": 0, "high": 100, "step": 1, "unit": "times"}
    chart = reveal_chart(MODEL.steps[0], question, measured(27.0, None), [15, 39], 20.0)
    assert len(chart.data[0].x) == 1
    assert reveal_frame(MODEL.steps[0], question, measured(27.0, None), 20.0).to_dict("list") == {
        "A title (%)": [27], "yours": [20]
    }  # fmt: skip


def test_names_of_neighbouring_words_do_not_meet():
    columns = ["·John (S1)", "1st ·the", ",", "2nd ·the", "·to (END)"]
    chart = question_grid({"kind": "cell", "rows": ["layer 0"], "columns": columns}, [])
    assert list(chart.layout.xaxis.ticktext) == ["·John<br>S1", "·the<br>1st", ",<br>", "·the<br>2nd", "·to<br>END"]
