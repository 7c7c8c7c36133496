"""Every page on a task of one's own, whose only role is END: what it shows, and that it refuses nothing it can do."""

import pytest

from tests.app.circuit.part_pages import FRANCE
from tests.app.pages import assert_fine, body, opened, says, shown

PAGES = ("prompt", "logit_lens", "attention", "activation_patching", "path_patching", "circuit", "heads")

pytestmark = pytest.mark.usefixtures("loader")


def path(page: str) -> str:
    return f"../pages/{page}.py"


@pytest.mark.parametrize("page", PAGES)
def test_every_page_works_where_end_is_the_only_role(page: str) -> None:
    at = opened(path(page), model="ioi-demo", **FRANCE)
    assert_fine(at)
    assert at.get("plotly_chart")
    text = " ".join([*says(at), *(caption.value for caption in at.caption), shown(at)])
    assert "nan" not in text.split()


@pytest.mark.parametrize("page", PAGES)
def test_prompts_may_change_to_another_task_while_a_page_is_open(page: str) -> None:
    roles = {
        "activation_patching": {"where_head": "S2", "site": "z"},
        "path_patching": {"trail": "logits > 3.2 v", "sender_position": "S2", "why_query": "S2", "why_key": "IO"},
        "circuit": {"circuit_start": "heads with measured roles", "circuit": "-3.2:END 1.1:S2"},
    }
    at = opened(path(page), model="ioi-demo", **roles.get(page, {}))
    assert_fine(at)
    for name, value in FRANCE.items():
        at.session_state[name] = value
    at.run()
    assert_fine(at)
    assert "<b>Corruption:</b> typed" in body(at)
    for place in at.selectbox:
        assert place.value in place.options
