"""The key of every question of every lesson, computed: on ioi-demo, on GPT-2's published figures, on GPT-2's shape."""

import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import ioi_core
from app.hosting.services import computations
from app.lessons.answers import check_answer, is_right
from app.lessons.files.library import ORDER, library
from app.lessons.keys.analyses import ANALYSES, measure
from app.lessons.keys.recipe import Recipe
from app.lessons.keys.rules import RULES
from app.lessons.keys.run import NotMeasuredError, Run
from app.lessons.lesson import Lesson, Step
from app.lessons.reveal_panel import prompts_of
from app.lessons.steps import (
    answer_step,
    drawn_of,
    hint,
    lesson_pairs,
    public_step,
    question_of,
    reveal_step,
    said_on_page,
    verdict,
)
from app.lessons.tables import YOURS, as_said, reveal_frame
from app.questions.ask import Request
from app.take_home.code import python
from app.take_home.record import Record, Source
from app.words.phrases import number, percent
from cache.analyses import ANALYSES as REGISTERED
from cache.keys import request_key
from ioi_core import IOI_CIRCUIT, Model
from ioi_core.prompts.arena import arena_texts
from tests import ROOT

LESSONS = library(None).lessons
STEPS = [(lesson, n) for lesson in LESSONS for n in range(len(lesson.steps))]
NAMES = [f"{lesson.id}-{n + 1}" for lesson, n in STEPS]
FIGURES = json.loads((ROOT / "ioi_core" / "data" / "notebook_figures.json").read_text())


def in_line(model: Model) -> Callable[[Request[Any]], Any]:
    """Computes as the pages do, and finds what they have computed."""

    def compute(request: Request[Any]) -> Any:
        job = computations().request(request.analysis, model, place=None, **request.parameters)
        job.wait_for_end()
        return job.result()

    return compute


def other_answer(question: dict[str, Any], right: Any) -> Any:
    """An answer that is wrong."""
    match question["kind"]:
        case "choice":
            return next(n for n in range(len(question["choices"])) if n not in right)
        case "number":
            return question["low"] if question["low"] < right[0] else question["high"]
        case "cell":
            return [0, 0]
        case "heads":
            return [[0, 0]]
        case _:
            return [question["low"]] * len(question["x"])


def test_all_lessons_that_come_with_the_app_can_be_used():
    assert library(None).refused == ()
    assert tuple(lesson.id for lesson in LESSONS) == ORDER
    assert all(3 <= len(lesson.steps) <= 6 for lesson in LESSONS)
    assert {name: analysis.measure.__name__ for name, analysis in ANALYSES.items()} == {name: name for name in ANALYSES}
    assert set(ANALYSES) <= set(REGISTERED)
    rules = {step.rule for lesson in LESSONS for step in lesson.steps}
    assert rules == set(RULES), "a rule that no lesson uses is not tested here"


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(("lesson", "n"), STEPS, ids=NAMES)
def test_every_question_has_a_clear_answer_on_ioi_demo(demo_model: Model, lesson: Lesson, n: int):
    compute, step = in_line(demo_model), lesson.steps[n]
    run = Run(demo_model, lesson_pairs(lesson, demo_model), compute)
    answered = answer_step(step, run)
    assert answered.asked, answered
    assert answered.key.clear >= step.margin
    public, reveal = public_step(lesson, n, demo_model, compute), reveal_step(lesson, n, demo_model, compute)
    question = public["question"]
    json.dumps([public, reveal], allow_nan=False)
    assert public["asked"]
    named = question.get("columns", [])
    assert len(set(named)) == len(named), "two columns of one name cannot be told apart in a box of them"
    assert set(public) == {"title", "text", "ask", "n", "of", "model", "asked", "question"}  # no key
    assert check_answer(question, reveal["key"]) is None
    assert is_right(question, reveal, reveal["key"])
    wrong = other_answer(question, reveal["right"])
    assert check_answer(question, wrong) is None
    assert not is_right(question, reveal, wrong)
    said = [verdict(question, reveal, answer) for answer in (reveal["key"], wrong)] + reveal["words"]
    said += [hint(step, k, demo_model, answered) for k in range(len(step.hints))]
    said += [text for text in (reveal["figure"]["title"], reveal["figure"]["read"]) if text]
    in_class = [public["title"], *public["text"], public["ask"], *reveal["say"].values(), *reveal["words"]]
    in_class += [str(part) for part in reveal["figure"].values()]
    assert not re.search(r"\b(page|link|click|below|above)\b", "\n".join(in_class).replace("below 0", "")), in_class
    on_page = said_on_page(step, demo_model, answered)
    said += on_page
    assert not any(text in json.dumps(reveal) for text in on_page), "for the page alone"
    if lesson.id == "first":  # for those who have heard of none of it
        assert not re.search(r"\blogit|corrupted|\bEND\b|\bIO\b|\bS[12]?\b|\bhead \d", "\n".join(said)), said
        whole = "\n".join([*said, *public["text"], public["ask"]])
        assert re.findall(r"\d %(?! of (?:the|its|it|all)\b)", whole.replace("{answer}", "")) == [], "% of what?"
    drawn = drawn_of(step, demo_model, answered)
    frame = reveal_frame(step, question, drawn, reveal["key"])
    numbers = frame.drop(columns=YOURS, errors="ignore").select_dtypes(float).to_numpy().ravel()
    behind = drawn.behind.values if drawn.behind else drawn.values.ravel()
    assert len(numbers) == len(behind) or step.rule == "largest choice"
    assert all(any(one == other or one != one for other in behind) for one in numbers)
    assert not as_said(frame, drawn).isin(["nan", "None"]).any(axis=None)
    asked = [public["title"], *public["text"], public["ask"]]
    assert not any(re.search(r"\{\w+\}|undefined|nan", text) for text in said + asked), said + asked
    assert all(len(re.split(r"(?<=[.!?:])\s", text)[0].split()) <= 25 for text in said)


def told_by(step: Step, n: int, lesson: Lesson, run: Run) -> str:
    """All that the reveal says and draws, but for cells and points."""
    answered, question = answer_step(step, run), question_of(step, run.model, run.pairs)
    reveal = reveal_step(lesson, n, run.model, run.compute)
    said = [
        *reveal["say"].values(),
        *reveal["words"],
        *said_on_page(step, run.model, answered),
        reveal["figure"]["title"],
        reveal["figure"]["read"],
    ]
    if step.ask.kind in ("choice", "number"):
        drawn = drawn_of(step, run.model, answered)
        said += map(str, as_said(reveal_frame(step, question, drawn, reveal["key"]), drawn).to_numpy().ravel())
    return "\n".join(said)


@pytest.mark.usefixtures("loader")
def test_what_start_shows_is_not_what_newcomers_are_asked(demo_model: Model):
    """It shows the first prompt and how likely its answer is; the lesson asks about the third."""
    first, pairs = next(one for one in LESSONS if one.id == "first"), ioi_core.arena_pairs(demo_model)
    texts = [clean for clean, *_ in arena_texts()]
    assert texts[2] in first.steps[0].text[0]
    assert not any(text in paragraph for step in first.steps for paragraph in step.text for text in texts[:2])
    reveal = reveal_step(first, 1, demo_model, in_line(demo_model))
    probabilities = ioi_core.predictions(demo_model, pairs).answer_probs[0, :, 0]
    assert reveal["key"] == pytest.approx(100 * probabilities[2])
    assert f"gets {percent(probabilities.mean())} of the probability on average" in reveal["words"][1]
    question = question_of(first.steps[2], demo_model, pairs)
    named = verdict(question, reveal_step(first, 2, demo_model, in_line(demo_model)), 0)
    assert named == "Not quite: the model now prefers James, who is the one named once now."


@pytest.mark.usefixtures("loader")
def test_the_lead_is_told_before_the_question_on_what_it_is_worth(demo_model: Model):
    lesson, compute = next(one for one in LESSONS if one.id == "model"), in_line(demo_model)
    lead = ioi_core.predictions(demo_model, ioi_core.arena_pairs(demo_model)).values[0]
    assert (
        f"a lead of {number(float(lead))} logits on these eight"
        in public_step(lesson, 0, demo_model, compute)["text"][0]
    )


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.id for lesson in LESSONS])
def test_no_reveal_tells_the_answer_of_a_later_question(demo_model: Model, lesson: Lesson):
    """Places, heads and cells are looked for in every reveal before; numbers, in those of the same analysis."""
    run = Run(demo_model, lesson_pairs(lesson, demo_model), in_line(demo_model))
    told: list[tuple[str, str]] = []
    for n, step in enumerate(lesson.steps):
        facts = answer_step(step, run).key.facts
        is_place = step.ask.kind in ("heads", "cell") or re.match(r"layer \d", facts["key"]) is not None
        keys = {facts["key"], facts["value"]} if step.rule in ("range", "value", "largest choice") else {facts["key"]}
        for before, (analysis, words) in enumerate(told, 1):
            if step.ask.kind != "curve" and (is_place or analysis == step.measure.run):
                found = [key for key in keys if re.search(rf"(?<![\w.]){re.escape(key)}(?![\w.]*\w)", words)]
                assert found == [], f"the reveal of question {before} tells the answer of {n + 1}"
        told.append((step.measure.run, told_by(step, n, lesson, run)))


def test_a_question_on_layers_says_how_many_there_are():
    asked = {}
    for lesson, n in STEPS:
        step = lesson.steps[n]
        words = " ".join([step.ask.words, step.ask.unit, *(choice.text for choice in step.ask.choices)])
        if re.search(r"\blayers?\b", words):
            asked[lesson.id, n + 1] = bool(re.search(r"\{(layers|last_layer)\}", " ".join(step.text)))
    assert len(asked) >= 4
    assert all(asked.values()), asked


def golden(values: Any, axes: dict[str, Any], **more: Any) -> SimpleNamespace:
    values = np.array(values, dtype=float)
    return SimpleNamespace(
        values=values, effects=values[..., None], axes=axes, n_prompts=8, undefined=None, clean=3.55, corrupted=-3.55,
        at=lambda **_: SimpleNamespace(values=values), **more,
    )  # fmt: skip


def published(request: Request[Any]) -> SimpleNamespace:
    """The results that the notebook's stored outputs show for GPT-2 small."""
    heads = {"layer": tuple(map(str, range(12))), "head": tuple(map(str, range(12)))}
    ablated, per_prompt = FIGURES["zero_ablation_of_9.9_at_END"], np.array(FIGURES["logit_diff_per_prompt"])
    match request.analysis:
        case "predictions":
            answers = np.full((2, 8, 2), 0.5)  # the notebook shows no probability
            return SimpleNamespace(
                values=np.array([per_prompt.mean(), -per_prompt.mean()]), clean_logit_diff=per_prompt,
                answer_probs=answers,
            )  # fmt: skip
        case "logit_lens":
            return golden(FIGURES["logit_lens"]["values"], {"stage": FIGURES["logit_lens"]["stages"]})
        case "attribute_layers":
            layers = FIGURES["attribute_layers"]
            return golden(layers["values"], {"component": layers["components"]})
        case "attribute_heads":
            return golden(FIGURES["attribute_heads"], heads)
        case "head_scores":
            return golden(FIGURES["head_scores"][request.parameters.get("score", "induction")], heads)
        case "patch_activations":
            positions = {"layer": heads["layer"], "pos": tuple(map(str, range(15)))}
            site = str(request.parameters["site"])
            return golden(FIGURES["patch_denoising"][site], positions if site.endswith(("pre", "out")) else heads)
        case "backup_heads":
            assert list(map(str, request.parameters["heads"])) == ["9.9"]
            changes = np.array(ablated["attribute_heads"]) - np.array(FIGURES["attribute_heads"])
            return golden(
                [0], {}, changes=[changes], logit_diff=[per_prompt.mean(), ablated["logit_diff"]],
                naive=[per_prompt.mean(), ablated["naive_prediction"]],
            )  # fmt: skip
        case name:
            raise AssertionError(f"the notebook shows no {name}")


PUBLISHED = {
    ("first", 3): "James", ("first", 4): "last third", ("first", 6): "Most of it",
    ("model", 1): 34.9, ("model", 2): 8, ("model", 3): "below 0",
    ("attribution", 2): "Attention", ("attribution", 3): 9, ("attribution", 4): [[9, 9], [9, 6]],
    ("attribution", 5): "more than a third",
    ("patching", 1): "All of it", ("patching", 2): 9, ("patching", 3): [8, 14],
    ("patching", 4): [[8, 6], [8, 10], [7, 9], [7, 3]],
    ("circuit", 5): [[5, 1], [6, 9], [5, 5], [7, 10], [7, 2]],
    ("anomalies", 1): [[10, 7], [11, 10]], ("anomalies", 3): 82.1, ("anomalies", 4): [[10, 7], [10, 10]],
}  # fmt: skip
"""Lesson and step -> what is published of GPT-2 small: S-inhibition heads 7.3, 7.9, 8.6, 8.10; negative 10.7, 11.10."""


@pytest.mark.parametrize(("name", "n"), PUBLISHED)
def test_the_rules_read_gpt2s_published_answers_off_its_published_figures(demo_model: Model, name: str, n: int):
    lesson = next(lesson for lesson in LESSONS if lesson.id == name)
    cfg = SimpleNamespace(n_layers=12, n_heads=12)
    heads = [ioi_core.Head(layer, head) for layer in range(12) for head in range(12)]
    axes = {"layer": tuple(map(str, range(12))), "head": tuple(map(str, range(12)))}
    gpt2 = SimpleNamespace(
        name="gpt2-small", cfg=cfg, heads=heads, head_axes=axes, is_gpt2_small=True,
        tokenizer=demo_model.tokenizer, fingerprint="published",
    )  # fmt: skip
    step, run = lesson.steps[n - 1], Run(gpt2, ioi_core.arena_pairs(demo_model), published)
    answered = answer_step(step, run)
    assert answered.asked, answered
    want, key = PUBLISHED[name, n], answered.key
    if isinstance(want, str):
        assert want in question_of(step, gpt2, run.pairs)["choices"][key.key]
    elif step.ask.kind == "heads":
        assert sorted(key.right) == sorted(want)
    else:
        assert key.key == pytest.approx(want, abs=0.05)


def test_the_published_curve_is_the_logit_lens(demo_model: Model):
    curve = next(lesson for lesson in LESSONS if lesson.id == "attribution").steps[0]
    cfg = SimpleNamespace(n_layers=12, n_heads=12)
    gpt2 = SimpleNamespace(name="gpt2-small", cfg=cfg, is_gpt2_small=True, fingerprint="published")
    answered = answer_step(curve, Run(gpt2, ioi_core.arena_pairs(demo_model), published))
    lens = dict(zip(FIGURES["logit_lens"]["stages"], FIGURES["logit_lens"]["values"], strict=True))
    stages = ("0_pre", "2_pre", "4_pre", "6_pre", "8_pre", "10_pre", "final_post")
    assert answered.key.key == pytest.approx([lens[stage] for stage in stages])
    assert answered.measured.facts["rise_at"] == "the attention of layer 9"
    assert answered.measured.facts["peak_at"] == "before layer 10"


@pytest.mark.slow
def test_every_key_is_computed_on_a_gpt2_shaped_model_and_no_question_is_asked_of_it(gpt2_shaped_model: Model):
    """Its weights are random: it does not do the task, and each step says so."""
    known: dict[str, Any] = {}

    def compute(request: Request[Any]) -> Any:
        if request.analysis == "find_circuit":  # GPT-2 small has its published circuit
            return SimpleNamespace(circuit=IOI_CIRCUIT)
        key = request_key(request.analysis, 1, "", dict(request.parameters))
        if key not in known:
            known[key] = request.function(gpt2_shaped_model, **request.parameters)
        return known[key]

    few = {}
    for prompts in ("classic", "generated"):
        pairs = lesson_pairs(next(one for one in LESSONS if one.prompts == prompts), gpt2_shaped_model)
        few[prompts] = pairs.take(np.argsort(-pairs.lengths, kind="stable")[:2].tolist())

    def measured(step: Step, run: Run) -> bool:
        try:
            found = measure(run, step.measure.run, step.measure.read, step.measure.parameters)
        except NotMeasuredError:
            return False
        RULES[step.rule].read(found, step)
        return True

    seen = 0
    for lesson in LESSONS:
        for n, step in enumerate(lesson.steps):
            run = Run(gpt2_shaped_model, few[lesson.prompts], compute)
            seen += measured(step, run)
            answered = answer_step(step, run)
            assert not answered.asked, NAMES
            assert answered.why
            assert question_of(step, gpt2_shaped_model, run.pairs)["kind"] == step.ask.kind, n
    assert seen >= 18


def record_of(lesson: Lesson, n: int, model: Model) -> tuple[Record, np.ndarray, list[Any]]:
    """The record, the numbers of the figure, the results of its requests."""
    pairs, compute = lesson_pairs(lesson, model), in_line(model)
    recipe = Recipe(compute)
    answered = answer_step(lesson.steps[n], Run(model, pairs, recipe))
    recipe_of_prompts, said = prompts_of(lesson, pairs)
    source = Source(model.name, model.fingerprint, ioi_core.PROCESSING, True, recipe_of_prompts, pairs, said, "", ())
    record = Record("lesson_reveal", "A title", source, tuple(recipe.requests), tuple(recipe.shown), "", "")
    drawn = drawn_of(lesson.steps[n], model, answered)
    return record, drawn.values, [compute(request) for request in recipe.requests]


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.id for lesson in LESSONS])
def test_every_reveal_can_be_taken_home(demo_model: Model, lesson: Lesson):
    for n, step in enumerate(lesson.steps):
        record, values, results = record_of(lesson, n, demo_model)
        compile(python(record), step.title, "exec")
        asked = [request.analysis for request in record.requests]
        assert step.measure.run in asked
        numbers = record.numbers(results)
        assert sum(one.values.size for one in numbers)
        if step.ask.kind in ("heads", "cell") and step.measure.run not in ("backup_heads", "head_scores"):
            known = np.concatenate([np.ravel(one.values.mean(-1)) for one in numbers])
            assert np.isclose(values[:, :, None], known, atol=1e-5, equal_nan=True).any(-1).all()


@pytest.mark.usefixtures("loader")
def test_the_python_of_a_reveal_gives_its_numbers_on_its_own_prompts(demo_model: Model, monkeypatch):
    lesson = next(one for one in LESSONS if one.prompts == "generated")
    first = next(one for one in LESSONS if one.id == "first")
    monkeypatch.setattr(ioi_core, "load_model", lambda name: demo_model)
    for taken, n in ((first, 0), (lesson, 4)):
        record, _, results = record_of(taken, n, demo_model)
        known: dict[str, object] = {}
        exec(python(record), known)
        if "pairs" in known:
            assert np.array_equal(known["pairs"].clean_tokens, lesson_pairs(taken, demo_model).clean_tokens)
        last = record.numbers(results)[-1]
        assert any(np.array_equal(value, last.values) for value in known.values() if isinstance(value, np.ndarray))
