"""Every kind of question of a class, at GPT-2's size, in two browsers: answered on a phone, shown by a projector."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from app.classroom.panels import plain
from app.classroom.store import ClassStore, Lesson, Vote
from app.lessons.answers import with_unit
from app.lessons.files.library import library
from tests.browser.classroom.test_class import LAPTOP, PHONES, PROJECTOR, Member, announced

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LAYERS, HEADS = 12, 12
TOKENS = [
    "<|endoftext|>", "When", "·John (IO)", "·and", "·Mary (S1)", "·went (S1+1)", "·to", "·the", "·shops", ",",
    "·Mary (S2)", "·gave", "·the", "·bag", "·to (END)",
]  # fmt: skip
ROWS = [f"layer {n}" for n in range(LAYERS)]
SHARES = np.round(np.random.default_rng(0).normal(size=(LAYERS, len(TOKENS))), 3)
STAGES = ["before 0", "before 2", "before 4", "before 6", "before 8", "before 10", "end"]
CURVE = [0.0, 0.1, 0.2, 0.4, 2.9, 4.1, 3.6]
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "choice": ({"choices": ["Still Mary: it stands there more often", "Neither", "John: it is there once"]},
               {"key": 2, "right": [2], "values": None}),
    "number": ({"low": 1, "high": 100, "step": 1, "unit": "times"}, {"key": 26.6, "right": [14, 38], "values": 26.6}),
    "cell": ({"rows": ROWS, "columns": TOKENS},
             {"key": [8, 14], "right": [[8, 14], [9, 14]], "values": SHARES.tolist()}),
    "heads": ({"layers": LAYERS, "heads": HEADS, "most": 3},
              {"key": [[9, 9]], "right": [[9, 9]], "values": SHARES[:, :HEADS].tolist()}),
    "curve": ({"x": STAGES, "low": -2, "high": 6, "step": 0.5, "unit": "logits"},
              {"key": CURVE, "right": 0.6, "values": CURVE}),
}  # fmt: skip


def wordiest(kind: str) -> dict[str, Any]:
    """The longest text before a question of this kind in any lesson."""
    steps = [step for lesson in library(None).lessons for step in lesson.steps if step.ask.kind == kind]
    longest = max(steps, key=lambda step: sum(map(len, step.text)))
    return {"title": longest.title, "text": list(longest.text), "ask": longest.ask.words}


def lesson(*kinds: str) -> Lesson:
    steps, reveals = [], []
    for n, kind in enumerate(kinds, 1):
        question, key = KINDS[kind]
        steps.append({**wordiest(kind), "question": {"kind": kind, **question}, "n": n, "of": len(kinds)})
        figure = {"title": f"Figure of a {kind}", "unit": "share", "note": "8 prompts", "read": "How it is read."}
        say = {"right": "so it is.", "wrong": "you said {answer}."}
        reveals.append({**key, "words": ["It is so."], "say": say, "figure": figure, "link": "/prompt"})
    return Lesson("Every kind", "ioi-demo", plain(steps), plain(reveals))


def give(page: Page, kind: str) -> None:
    """Answer by what the kind is answered with."""
    if kind == "choice":
        page.get_by_role("radio").nth(1).check()
    elif kind == "number":
        page.locator("#number").fill("40")
    elif kind == "cell":
        page.get_by_label("Row").select_option("8")
        page.get_by_label("Column").select_option("14")
    elif kind == "heads":
        for layer, head in (("9", "9"), ("10", "0")):
            page.locator("#layer").select_option(layer)
            page.locator("#head").select_option(head)
            page.get_by_role("button", name="Add or take away").click()
    else:
        draw(page)
    page.get_by_role("button", name="Send my answer").click()
    expect(page.get_by_text("Your answer is in:")).to_be_visible()


def draw(page: Page) -> None:
    """Draw a curve over the plane, from its left end to its right one."""
    plane = page.locator("svg.touch")
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.12 * box["width"], box["y"] + 0.6 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + 0.2 * box["height"], steps=8)
    page.mouse.up()


def fits(member: Member) -> None:
    """Nothing of the page is below the projector's window."""
    high, window = member.page.evaluate("[document.documentElement.scrollHeight, innerHeight]")
    assert high <= window, member.page.locator("h1").inner_text()


@dataclass(frozen=True)
class Class:
    """A class that has begun: its teacher, projector and a phone, and what goes on in it without a page."""

    teacher: Member
    projector: Member
    phone: Member
    votes: Callable[[int], Sequence[Vote]]
    make_up: Callable[[Sequence[Any]], bool]

    @property
    def members(self) -> tuple[Member, ...]:
        return self.teacher, self.projector, self.phone


Begin = Callable[..., Class]


@pytest.fixture
def begin(
    chromium: Browser, phones_browser: Browser, served: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Begin]:
    """What begins a class on some kinds."""
    begun: list[Member] = []

    def begin(*kinds: str) -> Class:
        store = ClassStore(next(Path(tmp_path_factory.getbasetemp()).glob("served*")) / "cache")
        started = store.start(lesson(*kinds))
        teacher, projector = (Member(chromium, served, size) for size in (LAPTOP, PROJECTOR))
        phone = Member(phones_browser, served, PHONES[0])
        begun.extend((teacher, projector, phone))
        teacher.page.goto(f"{served}/class/teacher#{started.code}.{started.teacher}.{started.screen}")
        projector.page.goto(f"{served}/class/screen#{started.code}.{started.screen}")
        phone.page.goto(f"{served}/class#{started.code}")
        announced(phone.page, "You have joined. The class begins soon.")
        key = store.key(started.code)
        return Class(
            teacher, projector, phone, lambda step: store.votes(key, step),
            lambda answers: store.make_up(key, 0, 1, {f"simulated {n}": answer for n, answer in enumerate(answers)}),
        )  # fmt: skip

    yield begin
    assert [one.complaints for one in begun] == [[]] * len(begun)
    for one in begun:
        one.context.close()


def test_every_kind_is_asked_answered_and_revealed(begin: Begin):
    a_class = begin(*KINDS)
    teacher, projector, phone = a_class.members
    fits(projector)
    press = teacher.page.locator("button.big")
    for n, kind in enumerate(KINDS, 1):
        press.click()
        expect(phone.page.get_by_role("button", name="Send my answer")).to_be_visible()
        expect(projector.page.locator("h1")).to_contain_text(f"{n} of {len(KINDS)}: ")
        expect(projector.page.locator("#main").get_by_text("Answer on your phone.")).to_be_visible()
        fits(projector)
        for member in (phone, projector, teacher):
            member.is_well(f"open {kind}")
        give(phone.page, kind)
        expect(projector.page.locator(".count")).to_have_text("1 of 1")
        press.click()
        announced(phone.page, "The vote is closed.")
        teacher.page.get_by_role("button", name="Reveal without a second vote").click()
        for member in (phone, projector):
            expect(member.page.get_by_role("heading", name=f"Figure of a {kind}")).to_be_visible()
            expect(member.page.get_by_text("How it is read.")).to_be_visible()
            member.is_well(f"reveal {kind}")
            if kind in ("cell", "heads"):  # all that count as right are framed, on a scale as wide to both sides
                expect(member.page.locator("svg[role=img] .key")).to_have_count(len(KINDS[kind][1]["right"]))
                expect(member.page.locator(".legend li").first).to_have_text(re.compile(r"^-([\d.]+) to \+\1$"))
        fits(projector)
        expect(phone.page.get_by_text(re.compile("^(Right|Not quite): "))).to_be_visible()
        expect(projector.page.get_by_text("So it is.")).to_be_visible()
        expect(phone.page.get_by_text("So it is.", exact=True)).to_have_count(0)  # its own verdict says it
        if kind == "number":
            for member in (phone, projector):
                expect(member.page.get_by_text("Every answer from 14 to 38 times counts as right.")).to_be_visible()
                expect(member.page.locator("svg").get_by_text("true: 27 times")).to_be_visible()
        expect(press).to_have_text("End the class" if kind == "curve" else "Next step")


def test_a_class_writes_numbers_as_the_lessons_sentences_do(phones_browser: Browser, served: str):
    """The same number in the sentence and on the figure must not differ: 26 there, 26.5 here."""
    phone = Member(phones_browser, served, PHONES[1])
    phone.page.goto(f"{served}/class")
    values = [0, 0.004, -0.004, 0.0996, 0.5, 3.2771, -3.2771, 9.96, -9.996, 12.3, 26.49, 99.6, 100, 123.4]
    asked = [(value, unit) for value in values for unit in ("logits", "share", "times", "% of the lead", "")]
    asked += [(layer, "layer") for layer in (0, 11.0)]
    read = "async asked => { const { withUnit } = await import('/class/files/figures.js');"
    read += " return asked.map(([value, unit]) => withUnit(value, unit)); }"
    assert phone.page.evaluate(read, asked) == [with_unit(value, unit) for value, unit in asked]
    phone.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_tower_of_answers_on_the_true_value_can_be_seen_and_counted(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, scheme: str
):
    """29 of 31 say 8 of 8: the tower stands before the line, at the end of the scale."""
    question = {"low": 0, "high": 8, "step": 1, "unit": "prompts"}
    monkeypatch.setitem(KINDS, "number", (question, {"key": 8.0, "right": [8, 8], "values": 8.0}))
    a_class = begin("number")
    teacher, projector, phone = a_class.members
    phone.page.emulate_media(color_scheme=scheme)
    projector.page.emulate_media(color_scheme=scheme)
    press = teacher.page.locator("button.big")
    press.click()
    expect(phone.page.locator(".ends")).to_have_text("08 prompts")
    assert a_class.make_up([8.0] * 29 + [2.0, 4.0])
    expect(projector.page.locator(".count")).to_have_text("31 of 32")
    expect(projector.page.get_by_text("answered (31 of the 32 are simulated)")).to_be_visible()
    press.click()
    teacher.page.get_by_role("button", name="Reveal without a second vote").click()
    for member in (phone, projector):
        expect(
            member.page.get_by_role("img", name="most often 8 prompts, by 29 of 31; true is 8 prompts")
        ).to_be_visible()
        towers = member.page.locator("svg[role=img] .dot")
        expect(towers).to_have_count(3)
        assert member.page.locator("svg[role=img] .counted").all_text_contents() == ["1", "1", "29"]
        boxes = [box for tower in towers.all() if (box := tower.bounding_box())]
        assert min(box["width"] for box in boxes) > 15
        assert boxes[2]["height"] > 10 * boxes[0]["height"] > 20
        line = member.page.locator("svg[role=img] line.truth").bounding_box()
        assert line is not None
        assert line["y"] < boxes[2]["y"] - 15, "the line shows above the tower"
        top = "tower => { const {x, y, width, height} = tower.getBoundingClientRect(); scrollTo(0, y - 200);"
        top += "const now = tower.getBoundingClientRect(); return document.elementFromPoint(now.x + width / 2,"
        top += " now.y + height / 2) === tower; }"
        assert towers.nth(2).evaluate(top), "nothing stands before the tower"
        member.is_well(f"tower, {scheme}")


def circles(member: Member, vote: int, counts: Counter[tuple[int, int]]) -> dict[int, float]:
    """Count -> how large it is drawn in a vote's grid."""
    read = "grid => [...grid.querySelectorAll('circle.clicks')].map(circle => Number(circle.getAttribute('r')))"
    sizes = member.page.locator(".votes svg").nth(vote - 1).evaluate(read)
    return {counts[cell]: size for cell, size in zip(sorted(counts), sizes, strict=True)}


def tops(member: Member) -> list[float]:
    return [grid.bounding_box()["y"] for grid in member.page.locator(".votes svg").all()]


@pytest.mark.parametrize("kind", ["cell", "heads"])
def test_both_votes_stand_on_the_true_grid_on_one_scale(begin: Begin, kind: str):
    a_class = begin(kind)
    teacher, projector, phone = a_class.members
    press, simulate = teacher.page.locator("button.big"), teacher.page.get_by_role("button", name="Let 30 simulated")
    press.click()
    give(phone.page, kind)
    simulate.click()
    expect(projector.page.locator(".count")).to_have_text("31 of 31")
    press.click()
    announced(phone.page, "The vote is closed.")
    teacher.page.get_by_text("Answers so far, for you alone").click()
    expect(teacher.page.get_by_role("img", name="Grid with the class's")).to_be_visible()
    teacher.is_well("closed")
    before = phone.page.content() + projector.page.content()
    for words in ("Discuss with your neighbours. A second vote follows.", re.compile("^Second vote: ")):
        press.click()
        announced(phone.page, words)
        before += phone.page.content() + projector.page.content()
    assert not re.search("figcaption|clicks|choices, counted", before)
    if kind == "cell":
        phone.page.get_by_label("Row").select_option("7")
    else:  # one of the two chosen at first is taken away
        phone.page.locator("#layer").select_option("9")
        phone.page.locator("#head").select_option("9")
        phone.page.get_by_role("button", name="Add or take away").click()
    phone.page.get_by_role("button", name="Send my second answer").click()
    expect(phone.page.get_by_text("Your answer is in:")).to_be_visible()
    simulate.click()
    expect(projector.page.locator(".count")).to_have_text("31 of 31")
    press.click()
    announced(phone.page, "The vote is closed.")
    press.click()
    counted = [
        Counter(
            tuple(cell)
            for vote in a_class.votes(0)
            if vote.vote == n
            for cell in (vote.answer if kind == "heads" else [vote.answer])
        )
        for n in (1, 2)
    ]
    name, row, column = ("clicks", "layer 8", "·to (END)") if kind == "cell" else ("choices", "layer 9", "head 9")
    key = (8, 14) if kind == "cell" else (9, 9)
    for member in a_class.members:
        expect(member.page.locator("figcaption")).to_have_text(
            [f"{vote} vote: {counts.total()} {name}" for vote, counts in zip(("First", "Second"), counted, strict=True)]
        )
        for vote, counts in zip(("first", "second"), counted, strict=True):
            said = f"{vote} vote: most, {counts[key]} of {counts.total()}, at {row}, {column}"
            expect(member.page.get_by_role("img", name=said)).to_be_visible()
        expect(member.page.get_by_text(f"the class's {name}, counted, on one scale in both votes")).to_be_visible()
        first, second = (circles(member, vote, counts) for vote, counts in enumerate(counted, 1))
        assert first[counted[0][key]] < second[counted[1][key]]
        assert all(size == second[count] for count, size in first.items() if count in second)
        member.page.get_by_text("As a table").click()
        expect(member.page.get_by_text(f"({counted[0][key]}, then {counted[1][key]})")).to_be_visible()
        member.page.get_by_text("As a table").click()
        member.is_well(f"reveal {kind}")
    fits(projector)
    (one, other), (above, below) = tops(projector), tops(phone)
    assert one == other
    assert above < below
    grids = phone.page.locator(".votes svg")
    assert [grids.nth(n).locator(".own").count() for n in (0, 1)] == ([1, 1] if kind == "cell" else [2, 1])
    expect(projector.page.locator(".own")).to_have_count(0)
