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


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.874, "87 %"), (1.024, "102 %"), (-1.5, "-150 %"), (0.0996, "10 %"), (0.0421, "4.2 %"), (-0.0034, "-0.34 %"),
        (-4e-4, "≈ 0 %"), (1e-9, "≈ 0 %"), (0.0, "0 %"), (float("nan"), "undefined"), (float("inf"), "undefined"),
    ],
)  # fmt: skip
def test_shares_in_percent(fraction, text):
    assert phrases.in_percent(fraction) == text
    assert phrases.in_percent(3e-5, nothing=0) == "0.003 %"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("embed", "token embedding"),
        ("bias", "bias b_U"),
        ("11_attn_out", "attention 11"),
        ("0_mlp_out", "MLP 0"),
        ("3_b_O", "bias b_O 3"),
        ("9.9", "head 9.9"),
    ],
)
def test_components_of_every_analysis_have_one_name(label, name):
    assert phrases.component(label) == name
    assert phrases.component("bias", "the head's own bias") == "the head's own bias"


def test_what_is_taken_away_is_said_without_a_sign():
    assert phrases.adds_or_takes("Head 9.9", 3.0) == "Head 9.9 adds 3.00 logits to logit_diff"
    assert phrases.adds_or_takes("Head 10.7", -0.0042) == "Head 10.7 takes 0.00420 logits away from logit_diff"


def test_intervals_say_where_the_sign_is_uncertain():
    assert phrases.interval(0.5, 1.25, "mean over 8 prompts") == "mean over 8 prompts, 95 % interval +0.50 to +1.25"
    assert phrases.interval(-0.012, 0.5, "8") == "8, 95 % interval -0.012 to +0.500, sign uncertain"
    assert phrases.interval(float("nan"), float("nan"), "1 prompt") == "1 prompt"
    assert phrases.ends(0.25, 0.5, "{:.0%}".format) == "25% to 50%"


@pytest.mark.parametrize(
    ("value", "largest", "text"),
    [
        (27.8486, 0, "+27.8"),
        (3.5519, 0, "+3.55"),
        (-0.4331, 0, "-0.433"),
        (0.0421, 0, "+0.0421"),
        (-1234.5, 0, "-1234"),
        (9.996, 0, "+10.0"),
        (0.00032, 0, "≈ 0"),
        (-1e-10, 0, "≈ 0"),
        (0.0, 0, "0"),
        (-0.0, 5, "0"),
        (0.4331, 27.8, "+0.4"),
        (-0.04, 27.8, "≈ 0"),
        (-0.0004, 0.5, "≈ 0"),
        (-5e-05, 2e-04, "≈ 0"),
        (float("nan"), 0, "undefined"),
    ],
)
def test_numbers_follow_one_rule(value, largest, text):
    assert phrases.number(value, largest) == text


def test_what_is_nothing_on_the_figures_scale_is_said_to_be_so():
    assert phrases.number(0.03, 0.5, nothing=0.035) == "≈ 0"
    assert phrases.number(0.04, 0.5, nothing=0.035) == "+0.040"
    assert phrases.size(-1.899) == "1.90"


def test_no_line_ends_between_a_number_and_its_per_cent_sign() -> None:
    assert phrases.unbroken("95 % interval 78 % to 112 %") == "95\u00a0% interval 78\u00a0% to 112\u00a0%"
    assert phrases.unbroken("a % b") == "a % b"
