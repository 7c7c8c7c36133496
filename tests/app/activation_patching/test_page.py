"""The activation patching page as Streamlit runs it, without a browser."""

import pytest
from streamlit.testing.v1 import AppTest

from app.questions import prompt_patterns
from app.words.phrases import in_percent, interval, number
from ioi_core import Direction, Model, arena_pairs, bootstrap_interval, ioi_dataset, patch_activations, prompt_pairs
from tests.app.pages import assert_fine, body, holds, opened, says, shown
from tests.models.bundled import NEGATIVE

PAGE = "../pages/activation_patching.py"

pytestmark = pytest.mark.usefixtures("loader")


def patched(**query: str) -> AppTest:
    return opened(PAGE, model="ioi-demo", **query)


def cell_box(at: AppTest):
    return next(box for box in at.selectbox if box.label.startswith("Cell"))


def test_the_page_says_what_the_core_computes(demo_model: Model) -> None:
    at = patched()
    assert_fine(at)
    result = patch_activations(demo_model, arena_pairs(demo_model), "z")
    effects = result.effects.mean(-1)
    layer, head = divmod(int(abs(effects).argmax()), effects.shape[1])
    assert holds(at, cell_box(at).key) == f"head {layer}.{head}"
    [strongest] = [text for text in says(at) if "Strongest changes" in text]
    assert f"The answer is carried most by head {layer}.{head}, " in strongest
    assert f"to {in_percent(effects[layer, head])} of the difference" in strongest
    assert f": head {layer}.{head} ({number(effects[layer, head])})" in strongest
    low, high = (float(bound) for bound in bootstrap_interval(result.effects[layer, head], gaps=result.gaps))
    sure = f"({number(effects[layer, head])}).<small>{interval(low, high, 'Mean over 8 prompts')}."
    assert any(sure in text for text in says(at))


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("site", ["resid_pre", "mlp_out", "q", "pattern"])
def test_every_kind_of_site_and_direction(site: str, direction: Direction) -> None:
    at = patched(site=site, direction=str(direction), metric="logit_diff")
    assert_fine(at)
    assert len(at.get("plotly_chart")) >= 3


def test_prompts_of_unequal_length_show_roles(demo_model: Model) -> None:
    at = patched(prompts="generated", n="15", corruption="ABC", site="resid_pre", direction="noising")
    assert_fine(at)
    pairs = ioi_dataset(demo_model, 15, corruption="abc")
    result = patch_activations(demo_model, pairs, "resid_pre", direction=Direction.NOISING)
    assert list(result.axes) == ["layer", "role"]
    assert any("roles stand for positions here" in text.value for text in at.caption)
    effects = result.effects.mean(-1)
    layer, role = divmod(int(abs(effects).argmax()), effects.shape[1])
    assert holds(at, cell_box(at).key) == f"layer {layer}, {result.axes['role'][role]}"


def test_heads_too_are_patched_role_by_role(demo_model: Model) -> None:
    at = patched(where_head="roles")
    assert_fine(at)
    pairs = arena_pairs(demo_model)
    by_role = {role: patch_activations(demo_model, pairs, "z", positions=role).effects.mean(-1) for role in pairs.roles}
    role, effects = max(by_role.items(), key=lambda item: abs(item[1]).max())
    layer, head = divmod(int(abs(effects).argmax()), effects.shape[1])
    assert holds(at, cell_box(at).key) == f"head {layer}.{head}, {role}"
    assert any(f"({number(effects[layer, head])})" in text for text in says(at))


def test_choosing_a_cell_shows_its_detail() -> None:
    at, cell = patched(), f"head {NEGATIVE[0]}"
    assert cell_box(at).value != cell
    cell_box(at).select(cell).run()
    assert_fine(at)
    assert f"A closer look: {cell}" in [room.label for room in at.expander]
    assert any(f"Directly, {cell} takes " in text for text in says(at))


def test_a_pattern_too_large_to_draw_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = len(patched().get("plotly_chart"))
    monkeypatch.setattr(prompt_patterns, "MOST_CELLS", 4 * 10**2)
    at = patched()
    assert_fine(at)
    assert "Choose a prompt of up to 10 tokens: prompt 1 has 15, and each head 15 x 15 numbers" in shown(at)
    assert len(at.get("plotly_chart")) == drawn - 2, "clean and corrupted"
    assert any("its attention from END" in text for text in says(at)), "what it looks at is said all the same"


def test_a_chosen_cell_that_no_longer_exists_is_forgotten() -> None:
    at = patched(site="resid_pre")
    cell_box(at).select("layer 1, position 14").run()
    at.toggle[0].set_value(False).run()
    assert_fine(at)
    assert holds(at, cell_box(at).key).startswith("layer")


def test_hostile_urls_fall_back() -> None:
    at = patched(site="../../etc/passwd", direction="<script>", metric="$x$", where_head="S9")
    assert_fine(at)
    assert "<script>" not in body(at)


def test_identical_prompts_are_undefined_in_words() -> None:
    text = "When John and Mary went to the shops, John gave the bag to"
    at = patched(prompts="own", text=text, corrupted=text)
    assert not at.exception
    assert "Change the corrupted prompt: it is the same as the clean one" in body(at)
    assert body(at).count("hange the corrupted prompt") == 1, "at the top, and not again in the figure's place"
    assert "Until the corrupted prompt is changed, there is nothing to draw." in body(at)


def test_another_task_has_no_roles_but_works() -> None:
    at = patched(
        prompts="own", text="The capital of France is", corrupted="The capital of Italy is", io="Paris", s="Rome",
        site="resid_pre",
    )  # fmt: skip
    assert_fine(at)
    assert holds(at, cell_box(at).key).startswith("layer")


def test_nothing_to_find_is_said_and_not_drawn() -> None:
    at = patched(site="v", where_head="S1")
    assert_fine(at)
    assert any("no cell changes anything here" in said.proto.body for said in at.columns[0].get("html"))
    assert not at.get("plotly_chart")


def test_a_corrupted_prompt_that_scores_higher_is_pointed_out(demo_model: Model) -> None:
    at = patched(
        prompts="own", text="The capital of Italy is", corrupted="The capital of France is", io="Paris", s="Rome"
    )
    pairs = prompt_pairs(demo_model, "The capital of Italy is", "The capital of France is", " Paris", " Rome")
    result = patch_activations(demo_model, pairs, "z")
    assert any("score higher" in text for text in says(at)) == (result.clean < result.corrupted)
    assert any(f"{result.clean:.3g} in the clean runs" in text for text in says(at))


def test_a_page_may_wait_for_two_slow_computations(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPT-2's estimate and its exact runs both take long enough for progress to be shown; two boxes once clashed."""
    monkeypatch.setattr("app.questions.compute._SECONDS_WITHOUT_PROGRESS", -1.0)
    assert_fine(patched())
