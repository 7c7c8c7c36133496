"""IOI_MODELS: the names of its folders, and what a visitor is shown of them."""

import inspect
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.hosting import models, services
from app.hosting.models import ResidentModels
from app.questions import twins
from app.shell import prompts
from app.shell.prompts import CLASSIC, PromptChoice
from ioi_core import Model, arena_pairs, load_model
from ioi_core.model.checkpoints import checkpoints
from ioi_core.model.identity import OTHER_WEIGHTS
from tests.app.pages import PROMPT, Loader, assert_fine, body, gpt2_is, opened, shown
from tests.models.random_gpt2 import save_random_gpt2

TAKEN = ("gpt2-small", "ioi-demo")


def named(folder: Path, *names: str) -> dict[str, str]:
    for name in names:
        (folder / name).mkdir()
    return {name: path.name for name, path in checkpoints(folder, TAKEN).items()}


def test_only_direct_visible_folders_are_offered(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "elsewhere").symlink_to("/etc")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "inner").mkdir(parents=True)
    assert named(tmp_path, "a", ".git", ".hidden") == {"a": "a", "b": "b"}
    assert checkpoints(None, TAKEN) == {}


def test_names_that_are_taken_or_odd(tmp_path: Path) -> None:
    assert named(tmp_path, "gpt2-small", "GPT2-Small", "ioi-demo", "<b>x", "*b*x", "a\nb", "x" * 200) == {
        "GPT2-Small (checkpoint)": "GPT2-Small",
        "gpt2-small (checkpoint) (2)": "gpt2-small",
        "ioi-demo (checkpoint)": "ioi-demo",
        "·b·x": "*b*x",
        "·b·x (2)": "<b>x",
        "a·b": "a\nb",
        "x" * 60: "x" * 200,
    }


@given(st.lists(st.binary(min_size=1, max_size=30).filter(lambda b: not {0, 47} & {*b}), max_size=5, unique=True))
def test_any_names_are_safe_and_tell_folders_apart(tmp_path_factory: pytest.TempPathFactory, raw: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("models")
    made = [name for name in raw if not name.startswith(b".")]
    for name in made:
        Path(folder, name.decode("utf-8", "surrogateescape")).mkdir()
    found = checkpoints(folder, TAKEN)
    assert len(found) == len(made)
    for name in found:
        assert name.casefold() not in TAKEN
        assert name.strip()
        assert all(letter.isalnum() or letter in " ._+-·()" for letter in name)
        name.encode("utf-8")


@pytest.fixture
def folders(loader: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small checkpoints, one of them with an odd name, and a folder that holds none."""
    root = tmp_path / "models"
    save_random_gpt2(root / "seed *1*", 2, 24, 4, seed=1)
    save_random_gpt2(root / "tuned", 2, 24, 4, seed=2)
    (root / "no model").mkdir()

    def load(name: str, progress=None) -> Model:
        return load_model(name) if name.startswith(str(root)) else loader(name, progress)

    monkeypatch.setattr(services, "ResidentModels", lambda **options: ResidentModels(load, **options))
    monkeypatch.setenv("IOI_MODELS", str(root))
    return root


@pytest.mark.usefixtures("folders")
def test_checkpoints_are_offered_loaded_and_shown_under_their_names(monkeypatch) -> None:
    monkeypatch.setattr("app.shell.banner._at_the_server", lambda: True)
    at = opened()
    assert at.selectbox(key="model").options == ["gpt2-small", "ioi-demo", "no model", "seed ·1·", "tuned"]
    at.selectbox(key="model").select("seed ·1·").run()
    gpt2_is("ready", "seed ·1·")
    at.run()
    assert "seed ·1· is ready." in body(at)
    next(button for button in at.button if button.label == "Show seed ·1·").click().run()
    assert_fine(at)
    assert "<b>Model:</b> seed ·1·</span>" in body(at)
    assert "ioi-standin" not in body(at)
    at.selectbox(key="model").select("tuned").run()
    gpt2_is("ready", "tuned")
    at = opened(model="tuned")
    assert "<b>Model:</b> tuned</span>" in body(at)
    at = opened(model="no model")
    gpt2_is("unavailable", "no model")
    at.run()
    assert "This is ioi-demo, not no model." in body(at)
    assert any(text.value.startswith("no model has no config.json") for text in at.text), "without the host's path"
    assert "IOI_MODEL_DIR" not in shown(at), "how to get GPT-2's weights is no answer here"
    for name in ("../models/tuned", "seed *1*", "nothing"):
        assert opened(model=name).selectbox(key="model").value == "gpt2-small"


@pytest.mark.usefixtures("folders")
def test_two_models_under_one_name_share_nothing(small_model: Model, demo_model: Model) -> None:
    """What pages keep is kept by fingerprint: other n_ctx, other prompts that fit."""
    same_name = replace(small_model, name=demo_model.name)
    kept = prompts._pairs(demo_model, PromptChoice(CLASSIC, True))
    assert prompts._pairs(demo_model, PromptChoice(CLASSIC, True)) is kept
    assert prompts._pairs(same_name, PromptChoice(CLASSIC, True)) is not kept
    pairs = arena_pairs(demo_model)
    assert twins._with_twins(demo_model, pairs, "abc") is twins._with_twins(demo_model, pairs, "abc")
    assert twins._with_twins(demo_model, pairs, "abc") is not twins._with_twins(same_name, pairs, "abc")
    asked = services.computations().key
    assert asked("head_scores", demo_model, {}) != asked("head_scores", same_name, {})


def test_a_model_of_gpt2s_shape_alone_is_not_passed_off_as_it(loader: Loader, small_model: Model) -> None:
    loader.gpt2 = replace(small_model, name=OTHER_WEIGHTS)
    services.models()
    gpt2_is("ready")
    at = opened("../pages/circuit.py")
    assert "This is not GPT-2 small." in body(at)
    assert f"<b>Model:</b> {OTHER_WEIGHTS}</span>" in body(at)
    assert "the paper's 26 heads" not in at.selectbox(key="circuit_start").options
    assert "This is not GPT-2 small." not in body(opened(model="ioi-demo"))


@pytest.mark.usefixtures("folders")
@pytest.mark.parametrize(
    "page", [PROMPT, "../pages/activation_patching.py", "../pages/heads.py", "../pages/circuit.py"]
)
def test_an_idle_visitor_does_not_hold_a_model_that_left(page: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    services.models().get("tuned")
    gpt2_is("ready", "tuned")
    at = opened(page, model="tuned")
    assert_fine(at)
    model = services.models().get("tuned")
    assert model is not None
    alive = weakref.ref(model)
    del model
    monkeypatch.setattr(services.models(), "_megabytes", 1)
    services.models()._keep("seed ·1·", services.models().demo)
    inspect.unwrap(models.settle_memory)()  # tests do it once
    assert alive() is None
    at.run()
    assert "tuned is being loaded" in body(at) or "tuned is ready" in body(at)
