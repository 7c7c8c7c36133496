"""What the server writes into addresses, what it takes from links, and what it says of links that it cannot follow."""

import html

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.hosting import services
from ioi_core import Direction, Model, arena_pairs, attribute_heads, ioi_dataset, patch_activations
from tests.app.pages import Loader, assert_fine, body, gpt2_is, holds, opened

ATTENTION, PATCHING = "../pages/attention.py", "../pages/activation_patching.py"
CIRCUIT, HEADS, PATHS = "../pages/circuit.py", "../pages/heads.py", "../pages/path_patching.py"

pytestmark = pytest.mark.usefixtures("loader")


def page(path: str, **query: str) -> AppTest:
    return opened(path, model="ioi-demo", **query)


def press(at: AppTest, label: str) -> AppTest:
    return next(button for button in at.button if button.label.startswith(label)).click().run()


def first_cell(result) -> str:
    effects = np.abs(result.effects.mean(-1))
    layer, position = np.unravel_index(effects.argmax(), effects.shape)
    return f"layer {layer}, position {position}"


def test_a_button_that_sets_several_controls_writes_them_all() -> None:
    """Those too that were never drawn: the classic prompts have no number and no corruption."""
    at = page(CIRCUIT, circuit_start="empty")
    press(at, "Take 56 generated prompts")
    assert_fine(at)
    written = {name: at.query_params[name] for name in ("prompts", "n", "corruption")}
    assert written == {"prompts": "generated", "n": "56", "corruption": "ABC"}
    again = page(CIRCUIT, circuit_start="empty", **written)
    for shown in (at, again):
        assert "<b>Prompts:</b> 56" in body(shown)
        assert "<b>Corruption:</b> ABC" in body(shown)


def test_a_default_follows_the_site_until_a_cell_is_chosen(demo_model: Model) -> None:
    pairs = arena_pairs(demo_model)
    at = page(PATCHING, site="resid_pre")
    for site in ("resid_pre", "resid_mid", "mlp_out"):
        at.selectbox(key="site").select(site).run()
        assert holds(at, "cell_layer-pos") == first_cell(patch_activations(demo_model, pairs, site))
        assert "cell_layer-pos" not in at.query_params
    at.selectbox(key="cell_layer-pos").select("layer 1, position 4").run()
    at.selectbox(key="site").select("resid_pre").run()
    assert holds(at, "cell_layer-pos") == "layer 1, position 4"


@pytest.mark.parametrize(
    ("path", "key", "link", "says"),
    [
        (HEADS, "head", {"head": "9.9"}, "Head 9.9 does not exist"),
        (ATTENTION, "attention_head", {"attention_head": "9.9"}, "Head 9.9 does not exist"),
        (ATTENTION, "attention_head", {"head": "9.9"}, "Head 9.9 does not exist"),
        (PATHS, "why_head", {"why_head": "0.7"}, "Head 0.7 does not exist"),
        (PATHS, "why_key", {"why_key": "END "}, "END does not look at 'END '"),
        (PATCHING, "cell_layer-head", {"cell_layer-head": "head 9.9"}, "There is no cell 'head 9.9' here."),
        (CIRCUIT, "circuit_start", {"circuit_start": "naive circuit"}, "that circuit is GPT-2 small's"),
        (
            CIRCUIT,
            "circuit_start",
            {"circuit_start": "<b>"},
            "No circuit to start from is called '<b>'",
        ),
    ],
)
def test_a_link_to_what_is_not_here_says_so_until_something_is_chosen(path: str, key: str, link, says: str) -> None:
    at = page(path, **link)
    assert_fine(at)
    said = html.unescape(body(at))
    assert 0 <= said.find(says) < said.find('class="ioi-says"'), "above the page: its control may be screens below"
    assert f"Shown instead: {holds(at, key)}." in html.unescape(body(at))
    at.run()
    assert says in html.unescape(body(at))
    at.selectbox(key=key).select_index(1).run()
    assert says not in html.unescape(body(at))


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ({"shown": "99"}, "'Prompt shown' is '99' in this link, but can be 1 to 8 here: showing 1."),
        (
            {"prompts": "generated", "n": "250"},
            "'How many' is '250' in this link, but can be 1 to 200 here: showing 20.",
        ),
        ({"prompts": "generated", "n": "many"}, "'How many' is 'many' in this link"),
        ({"prompts": "own", "shown": "2"}, "'Prompt shown' is '2' in this link, but can be 1 only here: showing 1."),
    ],
)
def test_a_number_that_cannot_be_is_refused_in_words(link, says: str) -> None:
    at = page("../pages/prompt.py", **link)
    assert_fine(at)
    assert says in html.unescape(body(at))


def test_a_number_that_is_chosen_after_all_is_refused_no_longer() -> None:
    at = page("../pages/prompt.py", prompts="generated", n="250")
    at.number_input(key="n").set_value(30).run()
    assert "this link" not in body(at)
    assert "<b>Prompts:</b> 30" in body(at)


def test_a_head_that_was_asked_for_comes_with_the_model_that_has_it(loader: Loader, small_model: Model) -> None:
    loader.gpt2 = small_model  # 4 x 4 heads
    services.models()
    gpt2_is("ready")
    at = opened(HEADS, head="5.3")
    assert "Head 5.3 does not exist" in body(at)
    at.selectbox(key="model").select("ioi-demo").run()
    assert_fine(at)
    assert "does not exist" not in body(at)
    assert at.title[0].value == "What does head 5.3 do?"


def test_links_with_a_former_name_open_as_they_did() -> None:
    assert holds(page(ATTENTION, head="2.1"), "attention_head") == "2.1"
    assert page(HEADS, head="2.1", direction="noising").radio(key="head_direction").value == Direction.NOISING
    assert page(PATCHING, direction="noising").radio(key="direction").value == Direction.NOISING


def test_the_model_box_shows_the_model_that_computes() -> None:
    services.models()
    gpt2_is("unavailable")
    at = opened()
    assert at.selectbox(key="_stand_in").value == "ioi-demo"
    assert at.selectbox(key="_stand_in").label == "Model (stands in for gpt2-small)"
    press(at, "Stay with ioi-demo")
    assert_fine(at)
    assert not [box for box in at.selectbox if box.key == "_stand_in"]
    assert at.selectbox(key="model").value == "ioi-demo"
    assert "ioi-standin" not in body(at)


def test_a_default_head_is_that_of_the_prompts_shown(demo_model: Model) -> None:
    """Seeds whose strongest writers differ, so that a default kept from the first would be seen."""

    def strongest(seed: int) -> str:
        values = attribute_heads(demo_model, ioi_dataset(demo_model, 2, seed=seed)).values
        return "{}.{}".format(*np.unravel_index(values.argmax(), values.shape))

    first, other = next((a, b) for a in range(20) for b in range(20) if strongest(a) != strongest(b))
    at = page(HEADS, prompts="generated", n="2", seed=str(first))
    assert at.title[0].value == f"What does head {strongest(first)} do?"
    at.number_input(key="seed").set_value(other).run()
    assert at.title[0].value == f"What does head {strongest(other)} do?"
    assert "head" not in at.query_params


def test_a_link_to_a_model_of_another_host_says_so_until_a_model_is_chosen() -> None:
    at = opened(HEADS, model="my-checkpoint")
    said = html.escape("'Model' is 'my-checkpoint' in this link, which is not here: showing ioi-demo.")
    assert said in body(at)
    assert_fine(at)
    press(at, "Stay with ioi-demo")
    assert "my-checkpoint" not in body(at)
