"""Refusals of what visitors type, upload or follow: the first ten words say what to change."""

import ast
import re
from collections.abc import Callable

import pytest

from app.circuit.breaking.kept import read_kept
from app.circuit.changes import read_changes
from app.edges.plan import MOST_CHANGES
from app.edges.plan import read_changes as read_edge_changes
from app.hosting.settings import Settings
from app.path_patching.trail import read_trail
from app.questions.ask import ask
from app.questions.limits import check_cells, check_tokens
from app.report.pins import read as read_report
from app.shell.prompts import DATA, OWN, PromptChoice, check_size, checked_answer, chosen_prompts, texts_of
from app.words.phrases import IN_SIDEBAR, cannot_be_scaled, refusal, same_twins
from ioi_core import (
    EdgeGraph,
    Head,
    IOIError,
    Model,
    arena_pairs,
    find_circuit,
    parse_edges,
    patch_activations,
    prompt_pairs,
    with_twins,
)
from ioi_core.circuit.definition import Circuit, check_circuit
from ioi_core.data_sets.rows import as_text
from ioi_core.sweeps.result import sweep_of
from tests import ROOT

TO_DO = re.compile(
    r"\b(analyse|change|choose|copy|correct|fill|give|go back|has heads|keep|make|name|open|put|remove|reword|save|"
    r"shorten|switch|take|turn on|type|upload|use|write)\b",
    re.IGNORECASE,
)
MARY = "When John and Mary went to the shops, John gave the bag to"
FRANCE, ITALY = "The capital of France is", "The capital of Italy is"
SMALL = Settings(max_prompts=2, max_characters=20, max_prompt_characters=10, max_tokens=5, max_cells=3)

TYPED = {
    "nothing": {},
    "a name of several tokens": {"clean": ("When Aaliyah and John met, Aaliyah gave the bag to",)},
    "such a name in the second prompt": {"clean": (MARY, "When Heike and Tom met, Heike gave the bag to")},
    "such a name at the start": {"clean": ("Nicole and Mary met. Nicole told",)},
    "nobody": {"clean": ("Nobody is named here",)},
    "the answer is there already": {"clean": (f"{MARY} Mary",)},
    "IO alone": {"clean": (FRANCE,), "io": "Paris"},
    "no corrupted prompt": {"clean": (FRANCE,), "io": "Paris", "s": "Rome"},
    "an answer of several tokens": {"clean": (FRANCE,), "corrupted": (ITALY,), "io": "Ulaanbaatar", "s": "Rome"},
    "several answers in one box": {"clean": (FRANCE,), "corrupted": (ITALY,), "io": "Paris, Rome", "s": "Rome"},
    "an answer with a space": {"clean": (FRANCE,), "corrupted": (ITALY,), "io": "4 2", "s": "a", "answer_space": False},
    "one answer twice": {"clean": (FRANCE,), "corrupted": (ITALY,), "io": "Rome", "s": "Rome"},
    "corrupted of another length": {"clean": (MARY,), "corrupted": ("too short",)},
    "corrupted of another number": {"clean": (MARY, MARY, MARY), "corrupted": (MARY, MARY)},
    "two kinds": {"clean": (MARY, FRANCE), "corrupted": (MARY, FRANCE), "io": "Mary", "s": "John"},
    "longer than the model reads": {"clean": ("word " * 1100,), "io": "a", "s": "b"},
    "part of a longer name": {
        "clean": ("When John Smith and Mary Jones met, John Smith told",), "io": "Mary", "s": "John",
    },
    "ABC of what is no name": {
        "clean": ("When the stone hit the apple, the stone broke the",), "io": "apple", "s": "stone",
        "corruption": "ABC",
    },
}  # fmt: skip

FILES = {
    "nothing": " ",
    "no columns": "a,b\n1,2\n",
    "a column twice": "clean,clean\na,b\n",
    "no rows": "clean,io,s\n",
    "an empty list": "[]",
    "quotes": 'clean\n"a" b "c\n',
    "no answers": f"clean\n{FRANCE}\n",
    "a name of several tokens": "clean\nWhen Aaliyah and John met, Aaliyah gave the bag to\n",
    "a white space": f"clean\n{FRANCE} \n",
    "a good row and a bad one": f'clean\n"{MARY}"\n{FRANCE}\n',
    "too many rows": "clean\n" + f'"{MARY}"\n' * 201,
    "a long row": "clean\n" + "x" * 4001,
}


def _asked(model: Model, what: str, text: object) -> object:
    graph = EdgeGraph.of(model)
    pairs = arena_pairs(model)
    france = prompt_pairs(model, FRANCE, ITALY, "Paris", "Rome")
    asked: dict[str, Callable[[], object]] = {
        "head": lambda: model.check_head(Head.parse(str(text))),
        "trail": lambda: read_trail(model, str(text)),
        "changes": lambda: read_changes(str(text)).added.without(read_changes(str(text)).off),
        "kept": lambda: read_kept(str(text)),
        "edge changes": lambda: read_edge_changes(str(text), graph),
        "edges": lambda: graph.mask(str(text)),
        "pasted": lambda: parse_edges(model, str(text)),
        "report": lambda: read_report(str(text)),
        "sweep": lambda: sweep_of(b"no sweep", str(text)),
        "file": lambda: as_text(b"\xff\xff\xff"),
        "prompts": lambda: texts_of("the prompts", str(text), SMALL, several_lines=False),
        "size": lambda: check_size("the data set's rows", str(text), SMALL),
        "answer": lambda: checked_answer("IO", str(text)),
        "tokens": lambda: check_tokens(pairs, SMALL),
        "cells": lambda: check_cells(model, ask(patch_activations, pairs=pairs, site="z"), SMALL),
        "twins": lambda: with_twins(model, france, "abc"),
        "roles": lambda: check_circuit(model, france, Circuit({"1.1": "S2"})),
        "found": lambda: find_circuit(model, prompt_pairs(model, MARY, MARY.replace("John", "Tom"), "the", "Mary")),
    }
    return asked[what]()


OTHERS = [
    *(("head", text) for text in ("9.9", "nine", "<b>")),
    *(("trail", text) for text in ("9.9 q", "q", "logits > " * 20 + "logits", "1.1 " * 1000 + "q")),
    *(("changes", text) for text in ("3.1:NOWHERE", "x" * 12_001, "3.1:all -3.1:END")),
    *(("kept", text) for text in ("mine", "x" * 3000)),
    *(("edge changes", text) for text in ("0.1->1.0<q>", "+0.1", "+0.1->3.2", "+9.9->logits", "+2->logits")),
    ("edge changes", "-0.1->logits, +0.1->logits"),
    ("edge changes", ", ".join(["-0.1->logits"] * (MOST_CHANGES + 1))),
    *(("edges", text) for text in ("nine", "0.1<q>->logits", "0.1->3.2", "9.9:END")),
    *(("pasted", text) for text in ("nine", "{", '{"cfg": {}}', "a,b\n1,2\n", "sender,receiver\nembed\n")),
    *(("report", text) for text in ("x", "x" * 20_001)),
    *(("prompts", text) for text in ("a\nb\nc", "x" * 11, "x" * 21)),
    *((what, "x" * 101) for what in ("found", "sweep", "file", "size", "answer", "tokens", "cells", "twins", "roles")),
]


def assert_says_what_to_change(error: IOIError) -> None:
    assert TO_DO.search(" ".join(refusal(error).split()[:10])), refusal(error)


@pytest.mark.parametrize("what", TYPED)
def test_typed_prompts(demo_model: Model, what: str) -> None:
    with pytest.raises(IOIError) as refused:
        chosen_prompts(demo_model, PromptChoice(OWN, prepend_bos=True, **TYPED[what]))
    assert_says_what_to_change(refused.value)


@pytest.mark.parametrize("what", FILES)
def test_data_sets(demo_model: Model, what: str) -> None:
    with pytest.raises(IOIError) as refused:
        chosen_prompts(demo_model, PromptChoice(DATA, prepend_bos=True, data=FILES[what]))
    assert_says_what_to_change(refused.value)


@pytest.mark.parametrize(("what", "text"), OTHERS)
def test_heads_circuits_links_and_limits(demo_model: Model, what: str, text: str) -> None:
    with pytest.raises(IOIError) as refused:
        _asked(demo_model, what, text)
    assert_says_what_to_change(refused.value)


def test_one_pair_of_answers_a_prompt_is_a_data_sets(demo_model: Model) -> None:
    """A box takes one answer for all prompts, and says where there is one for each."""
    for text, several in (("Paris, Rome", True), ("Ulaanbaatar", False)):
        with pytest.raises(IOIError) as refused:
            chosen_prompts(demo_model, PromptChoice(OWN, True, clean=(FRANCE,), corrupted=(ITALY,), io=text, s="Rome"))
        assert ("choose data set" in refusal(refused.value)) == several
    one = prompt_pairs(demo_model, [FRANCE, ITALY], [ITALY, FRANCE], "Paris", "Rome")
    own = prompt_pairs(demo_model, [FRANCE, ITALY], [ITALY, FRANCE], ["Paris", "Rome"], ["Rome", "Paris"])
    assert "by a data set" in refusal(cannot_be_scaled("nothing to recover", one))
    assert "data set" not in refusal(cannot_be_scaled("nothing to recover", own))
    assert "data set" not in refusal(cannot_be_scaled("nothing to recover", one[:1]))


def test_what_a_refusal_is_about_is_in_its_first_words(demo_model: Model) -> None:
    """They are read alone where the rest is folded."""
    for asked, said in (
        (
            lambda: _asked(demo_model, "found", ""),
            "Choose prompts on which the model prefers the right answer: the",
        ),
        (
            lambda: chosen_prompts(demo_model, PromptChoice(OWN, True, **TYPED["a name of several tokens"])),
            "Choose a name of one token, such as Mary, John, Anna or Daniel, instead of 'Aaliyah': ",
        ),
    ):
        with pytest.raises(IOIError) as refused:
            asked()
        assert refusal(refused.value).startswith(said)


def test_a_prompt_that_is_its_own_corrupted_prompt_is_pointed_out(demo_model: Model) -> None:
    texts = [MARY, MARY.replace("John", "Tom")]
    assert same_twins(prompt_pairs(demo_model, texts)) == ""
    one = prompt_pairs(demo_model, texts, [MARY, MARY])
    assert same_twins(one).startswith("Change corrupted prompt 1: it is the same as the clean one")
    assert refusal(cannot_be_scaled("nothing to recover", one)).startswith("Choose another corruption or metric")
    both = prompt_pairs(demo_model, texts, texts)
    assert same_twins(both).startswith("Change corrupted prompts 1 and 2: they are the same")
    assert "the corrupted prompts are changed, there is nothing" in refusal(
        cannot_be_scaled("nothing to recover", both)
    )
    assert "the corrupted prompt is changed, there is nothing" in refusal(
        cannot_be_scaled("nothing to recover", both[:1])
    )
    many = [f"{MARY} {'very ' * n}old" for n in range(8)]
    assert same_twins(prompt_pairs(demo_model, many, many)).startswith("Change corrupted prompts 1, 2, 3, 4, 5 and oth")


def test_the_sidebar_has_one_name_and_on_a_phone_that_of_its_button() -> None:
    name = re.search(
        r"stExpandSidebarButton\"\]::after \{ content: \"(\w+)\"",
        (ROOT / "app/drawing/style.css").read_text(encoding="utf-8"),
    )
    assert name
    assert f"in the sidebar (on a phone: {name[1]})" == IN_SIDEBAR
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("about.md")]
    for path in (ROOT / "app").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        comments = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in comments
        ]
    assert [text for text in texts if "in the sidebar" in text.replace(IN_SIDEBAR, "")] == []
