"""What a link asks for and is not on offer is said, of every control that is bound to the address, on every page."""

import html
import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.pages import assert_fine, body, opened

pytestmark = pytest.mark.usefixtures("loader")

VIEWS: dict[str, dict[str, str]] = {
    "prompt": {"prompts": "generated"},
    "logit_lens": {"prompts": "other task"},
    "attention": {"prompts": "own"},
    "attention, by hand": {"by": "chosen by hand"},
    "activation_patching": {"prompts": "data set", "data": "clean\nWhen Tom and Amy met; Tom waved to\n"},
    "activation_patching, residual stream": {"site": "resid_pre"},
    "path_patching": {},
    "edges": {},
    "circuit": {},
    "circuit, backup": {"circuit_part": "backup heads", "knock_out": "4.1"},
    "circuit, signals": {"circuit_part": "token or position"},
    "circuit, total": {"circuit_part": "direct and total"},
    "circuit, methods": {"circuit_part": "ways to ablate"},
    "heads": {"head": "4.1"},
    "heads, all": {"heads_shown": "all heads"},
}
KINDS = ("radio", "selectbox", "slider", "select_slider", "toggle", "number_input", "multiselect", "button_group")
KINDS += ("expander",)
WRONG = "no-such-thing"


def page(view: str, **query: str) -> AppTest:
    return opened(f"../pages/{view.split(',')[0]}.py", **{"model": "ioi-demo"} | query)


def bound(at: AppTest) -> dict[str, Any]:
    """Parameter -> the control that has it, but for texts, which may be anything."""
    elements = (element for kind in KINDS for element in at.get(kind))
    return {element.proto.query_param_key: element for element in elements if element.proto.query_param_key}


def notices(at: AppTest) -> list[str]:
    return [html.unescape(said) for said in re.findall(r'role="status">(.*?)</div>', body(at))]


def last(control: Any) -> str:
    """The last choice, as people may write it in a link."""
    if options := getattr(control, "options", None):
        return str(getattr(options[-1], "content", options[-1]))
    return f"0{int(control.max or 1)}" if control.type in ("slider", "number_input") else "TRUE"


@pytest.mark.parametrize("view", VIEWS)
def test_of_every_control_it_is_said_that_a_link_asks_for_what_is_not_on_offer_and_only_then(view: str) -> None:
    at = page(view, **VIEWS[view])
    assert_fine(at)
    controls = bound(at)
    for key in ("parts", *VIEWS[view]):  # closed parts hide their controls
        controls.pop(key, None)
    wrong = page(view, **VIEWS[view], **dict.fromkeys(controls, WRONG))
    assert_fine(wrong)
    drawn = set(controls) & set(bound(wrong))
    assert len(drawn) > 5
    said = [text for text in notices(wrong) if WRONG in text]
    labels = {control.proto.label for key, control in bound(wrong).items() if key in drawn}
    assert len(said) == len(labels), (labels, said)
    assert [text for text in said if text.startswith("'") and text.split("' is '")[0][1:] not in labels] == []
    for key in ("prompts", "heads_shown", "circuit_part", "model"):  # another choice makes another view
        controls.pop(key, None)
    right = page(view, **VIEWS[view], **{key: last(control) for key, control in controls.items()})
    assert_fine(right)
    assert [text for text in notices(right) if "link" in text or "Shown instead" in text] == []


def test_it_is_said_above_the_page_until_something_else_is_chosen() -> None:
    """Above the page, for on a phone the sidebar is closed; and of prompts that are refused too."""
    links = {"n": "999999", "templates": "ABAB", "heads_shown": "some"}
    at = page("heads", prompts="generated", **links)
    for _ in range(2):
        assert not [part.proto.body for part in at.sidebar.get("html") if "link" in part.proto.body]
        assert notices(at)[:3] == [
            "'How many' is '999999' in this link, but can be 1 to 200 here: showing 20.",
            "'Order of the names' is 'ABAB' in this link, which is not on offer here: showing 'mixed'.",
            "'Show' is 'some' in this link, which is not on offer here: showing 'one head'.",
        ]
        at.run()
    for part in ("all heads", "one head"):
        at.get("button_group")[0].set_value(part).run()
        assert "'some' in this link" not in html.unescape(body(at))
        assert "'ABAB' in this link" in html.unescape(body(at))
    at = page("prompt", prompts="own", text=" ", corruption="S3 flip")
    assert "there is no prompt yet" in body(at)
    assert "'Corruption' is 'S3 flip' in this link, which is not on offer here: showing 'S2 flip'." in notices(at)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"step": "99"}, ["'Step' is '99' in this link, but can be 1 to 7: showing 7."]),
        ({"step": "two"}, ["'Step' is 'two' in this link, but can be 1 to 7: showing 1."]),
        ({"answers": "1:"}, ["The answers in this link cannot be read: it may have been cut. They are left out."]),
        ({"step": "2", "answers": "1:0"}, []),
    ],
)
def test_a_place_that_a_lesson_does_not_have_is_named(link: dict[str, str], said: list[str]) -> None:
    at = page("lessons", lesson="first", **link)
    assert_fine(at)
    assert [text for text in notices(at) if "link" in text] == said


def test_of_a_text_that_is_too_long_its_length_is_said() -> None:
    at = page("edges", edge_changes="-0.1->logits, " * 300)
    assert (
        "'Changes' is '-0.1->logits, -0.1->logits, -0.1->logits' in this link, 4,200 characters, which is too long: "
        "showing the first 3,000."
    ) in notices(at)


def test_heads_that_a_link_asks_for_in_vain_are_named_until_others_are_chosen() -> None:
    at = page("circuit", circuit_part="backup heads", knock_out="9.9").run()
    assert any("Left out of those asked for: 9.9." in said for said in notices(at))
    at.multiselect(key="knock_out").set_value(["3.1"]).run()
    assert "Left out" not in body(at)
