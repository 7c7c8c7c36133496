"""What stands below a figure: the answer, some small type, and the rest folded."""

import html
import re

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.pages import plain


def drawn(text: str) -> tuple[str, str, str]:
    """The answer, the small type and what is folded, of a sentence as a page draws it."""

    def script(text: str) -> None:
        from app.drawing.look import says

        says(text)

    [said] = AppTest.from_function(script, args=(text,)).run().get("html")
    more = "(?:<details><summary>Details</summary>(.*)</details>)?"
    form = f'<div class="ioi-says">(.*?)(?:<small>(.*)</small>)?{more}</div>'
    found = re.fullmatch(form, plain(said.proto.body))
    assert found
    answer, small, folded = (html.unescape(part or "") for part in found.groups())
    return answer, small, folded


@pytest.mark.parametrize(
    ("lengths", "in_sight"), [([], 0), ([3], 1), ([25], 1), ([26], 0), ([10, 15, 1], 2), ([10, 16, 1], 1), ([30, 2], 0)]
)
def test_at_most_25_words_stand_in_small_type_in_whole_sentences(lengths: list[int], in_sight: int) -> None:
    sentences = [" ".join([f"{n} <", *["+0.95"] * (length - 1)]) + " %." for n, length in enumerate(lengths, 1)]
    answer, small, folded = drawn("It is 3.5 & more.\n" + " ".join(sentences) if lengths else "It is 3.5 & more.")
    assert answer == "It is 3.5 & more."
    assert (small, folded) == (" ".join(sentences[:in_sight]), " ".join(sentences[in_sight:]))


def test_a_source_is_not_cut_behind_its_first_name() -> None:
    told = "Wang et al. 2022 " + "word " * 30 + "end."
    assert drawn(f"Yes.\n{told}") == ("Yes.", "", told)
