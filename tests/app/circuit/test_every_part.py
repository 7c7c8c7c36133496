"""What holds for each of the four parts of the Circuit page beside its first."""

import pytest

from tests.app.circuit.part_pages import FRANCE, PARTS, SENTENCE, page
from tests.app.pages import assert_fine, body, says

pytestmark = pytest.mark.usefixtures("loader")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("query", [{}, {"prompts": "own", "text": SENTENCE}, {"prompts": "generated", "n": "1"}])
def test_every_part_opens_on_any_ioi_prompts(part: str, query: dict[str, str]) -> None:
    at = page(part, **query)
    assert_fine(at)
    assert says(at)
    assert "nan" not in " ".join(says(at))


@pytest.mark.parametrize("part", PARTS[1:])
def test_other_tasks_are_refused_in_words(part: str) -> None:
    at = page(part, **FRANCE)
    assert not at.exception
    assert "Something went wrong" not in body(at)
    assert "these prompts have no IO" in body(at)


@pytest.mark.parametrize("part", PARTS)
def test_templates_stand_side_by_side_on_request(part: str) -> None:
    names = {"backup heads": "backup_stages", "token or position": "signal_fit", "direct and total": "direct_and_total"}
    at = page(part, **{f"templates_{names.get(part, 'methods')}": "true"})
    assert_fine(at)
    assert any("Most apart: " in text and "a template of its own" in text for text in says(at))
