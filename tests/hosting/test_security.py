"""What a hostile visitor types or puts into a link: shown as text, refused in words, and never a file or an address."""

import ast
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import url
from app.hosting import services
from app.hosting.models import ResidentModels
from ioi_core import Head, Model, ModelUnavailableError
from tests import ROOT
from tests.app.pages import body, opened, shown

PAGES = [f"../pages/{file.name}" for file in sorted((ROOT / "pages").glob("[a-z]*.py"))]
HOSTILE = {
    "script": "</script><script>alert(1)</script>",
    "element": "<img src=https://evil.example/x onerror=alert(1)>",
    "attribute": "\" onmouseover=alert(1) x='",
    "comment": "<!-- --> ]]> &lt;b&gt; &amp;",
    "Markdown": "![x](https://evil.example/x) [y](javascript:alert(1)) `z` $e$ :red[r] # *b*",
    "control": "\x01\x07\x1b[31m\x7f\x85\u200b\u202e\ufeff\u2028",
    "formula": '=HYPERLINK("https://evil.example") {{7*7}} ${7*7} %s %(x)s',
    "path": "../../../../etc/passwd file:///etc/passwd /etc/passwd",
}
MODELS = (
    "/etc",
    "/etc/passwd",
    "../../etc",
    "file:///etc",
    "https://evil.example/m",
    "gpt2-xl",
    "a/b",
    "ioi-demo\n",
    "..",
)


class Loader:
    """Stands in for `load_model`, and notes which names it is asked for."""

    def __init__(self, demo: Model):
        self.demo = demo
        self.names: set[str] = set()

    def __call__(self, name: str, progress=None) -> Model:
        self.names.add(name)
        if name != "ioi-demo":
            raise ModelUnavailableError("not here")
        return self.demo


class Guard:
    """Notes every file opened and every address connected to by this process, while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.files: list[str] = []
        self.addresses: list[object] = []

    def __call__(self, event: str, arguments: tuple) -> None:
        if self.on and event == "open":
            self.files.append(str(arguments[0]))
        if self.on and event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
            self.addresses.append(arguments)


GUARD = Guard()
sys.addaudithook(GUARD)  # for good: Python cannot take one away again


@pytest.fixture
def loader(demo_model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Loader]:
    loader = Loader(demo_model)
    monkeypatch.setenv("IOI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(services, "ResidentModels", lambda **options: ResidentModels(loader, **options))
    shared = (services.models, services.settings, services.computations)
    for one in shared:
        one.clear()
    GUARD.files.clear()
    GUARD.addresses.clear()
    GUARD.on = True
    yield loader
    GUARD.on = False
    for one in shared:
        one.clear()


def url_names() -> set[str]:
    """Every parameter that a page may put into its address, and one of each kind of which there are many."""
    listed = [name for constant, name in vars(url).items() if constant.isupper()]
    names = {name for name in listed if isinstance(name, str)} | set(url.PATH_METRIC.values())
    return names | {url.by_template("logit_lens_curve"), url.cell("layer-head"), url.gone_of([Head(9, 9)])}


def interpreted(at) -> str:
    """Every text on the page that Streamlit reads as Markdown."""
    labels = [
        element.label for kind in (at.selectbox, at.multiselect, at.radio, at.toggle, at.expander) for element in kind
    ]
    return "\n".join([*(text.value for kind in (at.markdown, at.caption, at.info, at.error) for text in kind), *labels])


@pytest.mark.parametrize("page", PAGES)
def test_hostile_prompts_stay_text_and_reach_nothing(loader, page):
    """All of them in one visit to each page: one prompt a line, the same in every corrupted twin."""
    lines = [f"When {hostile} Mary and John met, John gave a drink to" for hostile in HOSTILE.values()]
    at = opened(page, prompts="own", text="\n".join(line.replace("\n", " ") for line in lines), io="Mary", s="John")
    assert not at.exception
    assert "Something went wrong" not in body(at)
    assert "ioi-problem" not in body(at)
    assert "·&lt;/script" in body(at) or "&lt;/" in body(at)
    for raw in ("<script", "<img", "onmouseover=alert(1) x='", "<!--", "\x1b", "\u202e"):
        assert raw not in body(at)
    for raw in ("](https://evil", "](javascript:", "<img", ":red[r]"):
        assert raw not in interpreted(at)
    assert GUARD.addresses == []
    assert not [file for file in GUARD.files if "passwd" in file]


@pytest.mark.parametrize("field", ["io", "s", "text", "corrupted"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_answers_are_refused_or_shown_as_text(loader, field, kind):
    query = {"text": "When Mary and John met, John gave a drink to", "io": "Mary", "s": "John"} | {field: HOSTILE[kind]}
    at = opened(prompts="own", **query)
    assert not at.exception
    assert "Something went wrong" not in body(at)
    for raw in ("<script", "<img", "onmouseover=alert(1) x='", "<!--", "\x1b", "\u202e"):
        assert raw not in body(at)
    assert "](https://evil" not in interpreted(at)
    assert GUARD.addresses == []


@pytest.mark.parametrize("name", MODELS)
def test_a_visitor_loads_no_model_but_the_two_on_offer(loader, name):
    at = opened(model=name)
    assert not at.exception
    assert "<b>Model:</b> ioi-demo (bundled, not GPT-2)" in body(at)
    for thread in threading.enumerate():  # the one that asks for GPT-2
        if thread.name.startswith("load "):
            thread.join(10)
    assert loader.names == {"ioi-demo", "gpt2-small"}
    assert not [file for file in GUARD.files if file.startswith("/etc")]
    assert GUARD.addresses == []


@pytest.mark.parametrize("field", ["text", "corrupted", "io", "s", "model", "prompts", "n", "seed", "shown", "heads"])
def test_a_megabyte_in_a_link_is_refused_and_not_sent_back(loader, field):
    query = {"prompts": "own", "text": "When Mary and John met, John gave a drink to"} | {field: "x <b>" * 200_000}
    at = opened(**query)
    assert not at.exception
    assert "Something went wrong" not in body(at)
    assert len(shown(at)) < 200_000


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_hostile_values_for_every_parameter_of_a_page_fall_back(loader, page):
    names = url_names() - {"text", "corrupted", "io", "s"}
    assert {"model", "prompts", "n", "shown", "bos"} <= names
    for hostile in ("<script>alert(1)</script>", "../../etc/passwd", "9" * 400, "inf", "\x00"):
        at = opened(page, **dict.fromkeys(sorted(names), hostile))
        assert not at.exception
        assert "Something went wrong" not in body(at)
        assert "<script" not in body(at)
    assert GUARD.addresses == []


def test_every_parameter_of_an_address_is_in_the_table():
    """A widget bound to the address takes its name from `app.url`, or from a caller that does."""
    bound = 0
    for file in [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            given = {word.arg: word.value for word in node.keywords} if isinstance(node, ast.Call) else {}
            if "bind" in given:
                bound += 1
                assert not isinstance(given["key"], ast.Constant | ast.JoinedStr), f"{file}:{node.lineno}"
    assert bound > 40, "this test no longer finds the widgets"
