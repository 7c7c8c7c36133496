"""Tokens as a reader sees them: every byte told, nothing invisible, no markup but the app's own."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.words.tokens import chips, legend, role_meanings, row_labels, row_roles, token_bytes, token_label, visible
from ioi_core import ROLES, Model, arena_pairs, prompt_pairs


@given(st.text())
def test_tokens_spell_every_byte_of_any_text(demo_model: Model, text: str):
    text = text.encode("utf-8", "ignore").decode()
    assert b"".join(token_bytes(demo_model, token) for token in demo_model.encode(text)) == text.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" John", "·John"),
        ("John", "John"),
        ("  ", "··"),
        ("\n\t\r", "\\n\\t\\r"),
        ("\x07\x7f\x85", "\\x07\\x7f\\x85"),
        ("\u200b\u202e\ufeff", "\\u200b\\u202e\\ufeff"),
        ("\xa0", "\\xa0"),
        ("\u0301a", "◌\u0301a"),
        ("é中😀", "é中😀"),
        ("\U000e0001", "\\U000e0001"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text, shown):
    assert visible(text) == shown


@given(st.text())
def test_nothing_visible_is_lost_and_nothing_invisible_is_left(text):
    shown = visible(text)
    assert all(letter.isprintable() for letter in shown)
    assert len(shown) >= len(text)


def test_a_character_in_pieces_shows_its_bytes(demo_model):
    ids = demo_model.encode("😀")
    assert len(ids) > 1
    assert "".join(token_label(demo_model, token) for token in ids) == "\\xf0\\x9f\\x98\\x80"
    assert token_label(demo_model, 50256) == "<|endoftext|>"


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5), st.text())
def test_chips_hold_no_markup_but_their_own(labels, name):
    drawn = chips(labels, {0: ["S2", "END"]}, {"S2": "", "END": ""}, frozenset({0}), name)
    tags = set(re.findall(r"<[^>]*>", drawn))
    assert all(tag.startswith(("<div class=", "<span class=", "</div>", "</span>")) for tag in tags)
    assert len(re.findall("<", drawn)) == 2 + 6 * len(labels)


def test_chips_say_roles_in_words(demo_model):
    pairs = arena_pairs(demo_model)
    labels, roles = row_labels(demo_model, pairs, 0), row_roles(pairs, 0)
    assert labels[:3] == ["BOS", "When", "·John"]
    drawn = chips(labels, roles, role_meanings(demo_model, pairs))
    assert "position 4: ·Mary (IO: indirect object, the right answer)" in drawn
    assert ">S1+1</span>" in drawn


def test_indirect_object_and_subject_are_said_of_people_alone(demo_model):
    """An induction prompt has all roles of IOI, and nobody in it."""
    stones = prompt_pairs(demo_model, "The apple hit the stone, and the stone hit the", None, "apple", "stone")
    assert set(stones.roles) == set(ROLES)
    for pairs, people in ((arena_pairs(demo_model), True), (stones, False)):
        labels, roles = row_labels(demo_model, pairs, 0), row_roles(pairs, 0)
        for drawn in (chips(labels, roles, role_meanings(demo_model, pairs)), legend(demo_model, pairs)):
            assert ("indirect object" in drawn) == ("subject" in drawn) == people
            assert "the right answer" in drawn
            assert ("the wrong answer" in drawn) != people
