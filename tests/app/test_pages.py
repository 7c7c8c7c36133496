"""Pages as Streamlit runs them, without a browser: controls, hostile input, links, stand-in and failures."""

from dataclasses import replace

import pytest

from app.drawing import kept
from app.hosting import services
from app.shell import banner
from app.words.phrases import number
from cache.analyses import ANALYSES
from ioi_core import arena_pairs, attribute_heads, predictions
from tests.app.pages import PROMPT, assert_fine, body, gpt2_is, opened, says, shown

LENS = "../pages/logit_lens.py"
HOSTILE = "When $x$ *b* <b>x</b> :red[x] <script>alert(1)</script> Mary and John met, John gave 😀 ‮\x07 =1+1 to"


def test_the_prompt_page_shows_what_the_core_computes(loader, demo_model):
    at = opened()
    assert_fine(at)
    found = predictions(demo_model, arena_pairs(demo_model))
    assert number(found.clean_logit_diff[0]) in says(at)[0]
    assert f"{number(found.clean_logit_diff.mean())} on the clean" in says(at)[0]
    table = at.dataframe[0].value
    assert table["probability"].tolist() == pytest.approx(found.top_probs[0, 0].tolist())
    assert table["token"][0] == "·Mary"
    assert len(at.get("plotly_chart")) == 1


def test_the_logit_lens_page_draws_all_four_figures(loader, demo_model):
    at = opened(LENS)
    assert_fine(at)
    assert len(at.get("plotly_chart")) == 4
    best = attribute_heads(demo_model, arena_pairs(demo_model))
    layer, head = divmod(int(best.values.argmax()), demo_model.cfg.n_heads)
    assert (
        f"Head {layer}.{head} adds {number(float(best.values.max()), float(abs(best.values).max()))} logits"
        in says(at)[-1]
    )


@pytest.mark.parametrize("page", [PROMPT, LENS])
@pytest.mark.parametrize("bos", ["true", "false"])
def test_generated_prompts_of_unequal_length(loader, page, bos):
    at = opened(page, prompts="generated", n="30", seed="7", corruption="ABC", templates="BABA", shown="29", bos=bos)
    assert_fine(at)
    assert "<b>Prompts:</b> 30" in body(at)
    assert "<b>Prompt shown:</b> 29" in body(at)
    assert "<b>Corruption:</b> ABC" in body(at)
    assert f"<b>BOS:</b> {'in front' if bos == 'true' else 'none'}" in body(at)


@pytest.mark.parametrize("page", [PROMPT, LENS])
def test_hostile_text_is_shown_literally_and_breaks_nothing(loader, page):
    at = opened(page, prompts="own", text=HOSTILE, io="Mary", s="John")
    assert_fine(at)
    assert "<script" not in body(at)
    assert "<b>x" not in body(at)
    assert "&lt;" in body(at)
    assert "\\x07" in body(at)
    assert "\u202e" not in body(at)


@pytest.mark.parametrize("page", [PROMPT, LENS])
def test_what_a_visitor_types_is_taken_without_the_spaces_at_its_end(loader, page):
    at = opened(page, prompts="own")
    at.text_area(key="text").input("When Tom and Amy met, Tom waved to  \n\n  \n").run()
    assert_fine(at)
    assert "·Amy" in body(at)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"text": " "}, "Type a prompt in the sidebar"),
        ({"text": "Nobody is named here"}, "Fill in IO (the right answer) and S"),
        (
            {"text": "The capital of France is"},
            "Still empty in the sidebar (on a phone: Menu): IO, S, Corrupted prompts",
        ),
        ({"text": "The capital of France is", "io": "Paris"}, "Fill in S as well, or neither IO nor S."),
        ({"text": "The capital of France is", "io": "Paris", "s": "Rome"}, "Fill in Corrupted prompts as well"),
        ({"text": "x" * 4001}, "4,001 characters"),
        ({"text": "a\n" * 201}, "Keep at most 200 of the prompts: the prompts are 201"),
        ({"text": "When Mary and John met, John waved to", "corrupted": "too short"}, "same number of tokens"),
        (
            {"text": "When Mary and John met, John waved to", "io": "Bartholomew<b>", "s": "x"},
            "Choose another IO: it must be one token",
        ),
        ({"text": "word " * 790 + "Mary John John"}, ""),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(loader, query, message):
    at = opened(prompts="own", **query)
    assert not at.exception
    assert "Something went wrong" not in body(at)
    if message:
        assert "ioi-problem" in body(at)
        assert message in body(at)


@pytest.mark.parametrize("page", [PROMPT, LENS])
def test_a_hostile_link_falls_back_to_what_is_allowed(loader, page):
    at = opened(
        page, model="/etc/passwd", prompts="generated", n="999999999", seed="-1", templates="<b>", corruption="evil",
        shown="0", bos="maybe", size="huge", cells="$x$", nonsense="<script>",
    )  # fmt: skip
    assert_fine(at)
    assert "<b>Prompts:</b> 20" in body(at)
    assert "<b>Corruption:</b> S2 flip" in body(at)


def test_one_prompt_and_two_hundred(loader):
    assert_fine(opened(prompts="own"))
    at = opened(prompts="generated", n="200", shown="200")
    assert_fine(at)
    assert "Prompts 176-200 of 200" in "\n".join(caption.value for caption in at.caption)


def test_a_prompt_number_beyond_the_prompts_is_harmless(loader):
    at = opened(prompts="generated", n="30", shown="30")
    at.number_input(key="n").set_value(5).run()
    assert_fine(at)
    assert "<b>Prompts:</b> 5" in body(at)


def test_another_task_than_ioi_has_only_an_end(loader):
    at = opened(
        LENS, prompts="own", text="The capital of France is", corrupted="The capital of Italy is", io="Paris", s="Rome"
    )
    assert_fine(at)
    assert "ioi-END" in body(at)
    assert 'class="ioi-token ioi-S2"' not in body(at)
    assert "<b>Corruption:</b> typed" in body(at)


def test_where_gpt2_cannot_be_had_every_page_says_so_and_how_to_get_it(loader, monkeypatch):
    monkeypatch.setattr(banner, "_at_the_server", lambda: True)
    services.models()
    gpt2_is("unavailable")
    for page in (PROMPT, LENS):
        at = opened(page)
        assert "This is ioi-demo, not GPT-2." in body(at)
        assert "IOI_MODEL_DIR" in shown(at)
        assert any("*no* <b>network</b>" in text.value for text in at.text)


def test_ioi_demo_by_choice_needs_no_banner_but_is_named(loader):
    at = opened(model="ioi-demo")
    assert "ioi-standin" not in body(at)
    assert "ioi-demo (bundled, not GPT-2)" in body(at)


def test_the_visitor_begins_on_the_demo_while_gpt2_loads_and_is_never_switched_silently(loader, small_model):
    loader.gate.clear()
    loader.gpt2 = small_model
    at = opened()
    assert "gpt2-small is being loaded" in body(at)
    assert_fine(at)
    loader.gate.set()
    gpt2_is("ready")
    at.run()
    assert "gpt2-small is ready." in body(at)
    assert "ioi-demo (bundled" in body(at)
    next(button for button in at.button if button.label == "Show gpt2-small").click().run()
    assert "ioi-standin" not in body(at)
    assert f"<b>Model:</b> {small_model.name}" in body(at).replace("&#x27;", "'")


def test_only_who_sits_at_the_server_is_told_what_its_host_can_do(loader, monkeypatch):
    services.models()
    gpt2_is("unavailable")
    monkeypatch.setattr(banner, "_at_the_server", lambda: False)
    at = opened()
    assert_fine(at)
    assert "IOI_MODEL_DIR" not in shown(at)
    assert not any("no* <b>network" in text.value for text in at.text)
    assert "Its weights are not on this server" in shown(at)
    assert not any(button.label == "Try again" for button in at.button)


def test_trying_again_loads_gpt2_anew(loader, small_model, monkeypatch):
    monkeypatch.setattr(banner, "_at_the_server", lambda: True)
    services.models()
    gpt2_is("unavailable")
    at = opened()
    loader.gpt2 = small_model
    next(button for button in at.button if button.label == "Try again").click().run()
    gpt2_is("ready")


def test_an_unexpected_failure_is_logged_and_shown_without_its_traceback(loader, monkeypatch, caplog):
    def broken(*_args, **_kwargs):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("app.questions.compute.computations", broken)
    at = opened()
    assert not at.exception
    assert "Something went wrong here" in body(at)
    assert "secret" not in shown(at)
    assert "secret detail" in caplog.text


def test_a_setting_that_cannot_be_used_is_named(loader, monkeypatch):
    monkeypatch.setenv("IOI_MAX_PROMPTS", "many<b>")
    at = opened()
    assert "IOI_MAX_PROMPTS is &#x27;many&lt;b&gt;&#x27;" in body(at)


def test_a_settled_page_computes_and_draws_nothing_again(loader, monkeypatch):
    at = opened(LENS)
    drawn = dict(kept._figures)

    def refused(*_args, **_kwargs):
        raise AssertionError("it was computed again")

    for name, entry in ANALYSES.items():
        monkeypatch.setitem(ANALYSES, name, replace(entry, function=refused))
    for _ in range(5):
        at.run()
        assert_fine(at)
    assert kept._figures == drawn
