"""A lesson on paper: all questions first, the answers on another page; one file that asks nobody for anything.

No Streamlit here.
"""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.lessons.answers import counts_as_right, in_words
from app.lessons.charts import reveal_chart
from app.lessons.keys.run import Run
from app.lessons.lesson import Lesson, Step
from app.lessons.steps import Answered, answer_step, ask_of, drawn_of, lesson_pairs, question_of, reveal_of, text_of
from app.questions.ask import Compute
from app.take_home.svg import heatmap_svg, is_heatmap
from ioi_core import Model

_STYLE = (
    (Path(__file__).parents[1] / "take_home" / "page.css").read_text(encoding="utf-8")
    + """
.answers { break-before: page; } section { break-inside: avoid; } .blank { border-bottom: 1px solid; height: 2rem; }
.grid td { border: 1px solid; width: 1.6rem; height: 1.3rem; } ul.choices { list-style: "\\2610  "; }
"""
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def print_out(lesson: Lesson, model: Model, compute: Compute) -> bytes:
    """Return the lesson as a web page to print."""
    pairs = lesson_pairs(lesson, model)
    steps = [(step, question_of(step, model, pairs)) for step in lesson.steps]
    answered = [answer_step(step, Run(model, pairs, compute)) for step in lesson.steps]
    said = f"On {model.name}; prompts: {lesson.prompts}."
    asked = "".join(
        _question(n, step, question, text_of(step, model, one.lead), model)
        if one.asked
        else _left_out(n, step, lesson, model, one)
        for n, ((step, question), one) in enumerate(zip(steps, answered, strict=True), 1)
    )
    answers = "".join(
        _answer(n, lesson, question, model, one)
        for n, ((_, question), one) in enumerate(zip(steps, answered, strict=True), 1)
        if one.asked
    )
    title = html.escape(lesson.title)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style></head>\n<body><main><h1>{title}</h1><p>{html.escape(said)}</p>{asked}"
        f"<p>{html.escape(lesson.more)}</p>"
        f'<div class="answers"><h1>{title}: answers</h1>{answers}</div></main></body></html>\n'
    ).encode()


def _paragraphs(text: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in text)


def _question(n: int, step: Step, question: Mapping[str, Any], text: Sequence[str], model: Model) -> str:
    words = html.escape(ask_of(step, model))
    heading = f"<h2>{n}. {html.escape(step.title)}</h2>"
    return f"<section>{heading}{_paragraphs(text)}<p><b>{words}</b></p>{_blank(question)}</section>"


def _blank(question: Mapping[str, Any]) -> str:
    """Return where an answer is written."""
    match question["kind"]:
        case "choice":
            items = "".join(f"<li>{html.escape(choice)}</li>" for choice in question["choices"])
            return f'<ul class="choices">{items}</ul>'
        case "cell":
            return _grid([row.removeprefix("layer ") for row in question["rows"]], question["columns"])
        case "heads":
            return _grid([str(n) for n in range(question["layers"])], [str(n) for n in range(question["heads"])])
        case "curve":
            return _grid([f"{question['high']:g}", *[""] * 6, f"{question['low']:g}"], question["x"])
        case _:
            low, high, unit = f"{question['low']:g}", f"{question['high']:g}", html.escape(question["unit"])
            return f'<p>{low} to {high} {unit}</p><div class="blank"></div>'


def _grid(rows: Sequence[str], columns: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns)
    body = "".join(f'<tr><th scope="row">{html.escape(row)}</th>{"<td></td>" * len(columns)}</tr>' for row in rows)
    return f'<table class="grid"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>'


def _left_out(n: int, step: Step, lesson: Lesson, model: Model, answered: Answered) -> str:
    words = reveal_of(lesson, n - 1, model, answered)["words"]
    return f"<section><h2>{n}. {html.escape(step.title)}</h2>{_paragraphs(words)}</section>"


def _answer(n: int, lesson: Lesson, question: Mapping[str, Any], model: Model, answered: Answered) -> str:
    step, reveal = lesson.steps[n - 1], reveal_of(lesson, n - 1, model, answered)
    chart = reveal_chart(step, question, drawn_of(step, model, answered), reveal["right"], None)
    drawn = f'<div class="figure">{heatmap_svg(chart)}</div>' if is_heatmap(chart) else ""
    said = " ".join([in_words(question, reveal["key"]) + ".", *counts_as_right(question, reveal)])
    key = f"<p><b>{html.escape(said)}</b></p>"
    return f"<section><h2>{n}. {html.escape(step.title)}</h2>{key}{drawn}{_paragraphs(reveal['words'])}</section>"
