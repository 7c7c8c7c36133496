"""Kept circuits: read from a link as they were written, or refused in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.circuit.breaking.kept import plain_name, read_kept, write_kept
from ioi_core import IOIError
from tests.app.pages import assert_fine, body, opened

PAGE = "../pages/circuit.py"
NAMES = st.text(alphabet="abcXYZ .,+-09é", min_size=1, max_size=40).filter(lambda name: name == plain_name(name) != "")


@given(
    st.dictionaries(st.tuples(NAMES, NAMES), st.sampled_from(["3.1:END", "2.0:S2 -2.1:S2", "4.1:all", ""]), max_size=8)
)
def test_what_is_written_is_read(kept: dict[tuple[str, str], str]) -> None:
    assert read_kept(write_kept(kept)) == kept


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        kept = read_kept(text)
    except IOIError:
        return
    assert all(name == plain_name(name) for _, name in kept)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mine = 3.1:END", 'is no kept circuit: write "model/name = circuit"'),
        ("ioi-demo/*bold* = 3.1:END", "is no kept circuit"),
        ("ioi-demo/mine", "is no kept circuit"),
        ("x" * 2_501, "2,501 characters long: shorten the kept circuits to at most 2,500"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(IOIError, match=says):
        read_kept(text)


@pytest.mark.usefixtures("loader")
def test_a_circuit_is_offered_on_its_own_model_alone_and_stays_in_the_link() -> None:
    at = opened(PAGE, model="ioi-demo", circuit_start="empty", kept="gpt2-small/theirs = 9.9:END; ioi-demo/mine = 3.1")
    assert_fine(at)
    labels = [button.label for button in at.button]
    assert "mine" in labels
    assert "theirs" not in labels
    at.text_input(key="circuit_name").set_value("nothing").run()
    next(button for button in at.button if button.label == "Keep").click().run()
    assert at.text_input(key="kept").value.startswith("gpt2-small/theirs = 9.9:END; ioi-demo/mine = 3.1")


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("circuit", ["3.1:NOWHERE", "99.9:END", "3.1:all -3.1:END"])
def test_a_link_with_circuits_that_cannot_be_used_says_so_and_the_page_goes_on(circuit: str) -> None:
    link = {"kept": f"ioi-demo/mine = {circuit}", "compare_with": "kept: mine"}
    at = opened(PAGE, model="ioi-demo", circuit_start="empty", **link)
    assert_fine(at)
    assert "No circuit here is called" in body(at)
    assert "For now the kept circuits are left out" in body(at)
