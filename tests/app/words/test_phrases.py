"""Numbers as people say them."""

import pytest

from app.words import phrases


@pytest.mark.parametrize(
    ("rank", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (112, "112th"), (1021, "1,021st")]
)
def test_ranks_read_as_people_say_them(rank, said):
    assert phrases.ordinal(rank) == said


def test_small_probabilities_are_not_rounded_to_nothing():
    assert [phrases.percent(p) for p in (0.4149, 0.0312, 0.0004, 0.99949, 1.0)] == [
        "41 %",
        "3.1 %",
        "less than 0.05 %",
        "99.95 %",
        "over 99.99 %",
    ]
