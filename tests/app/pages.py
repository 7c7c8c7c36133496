"""The app's pages as Streamlit runs them, without a browser, and a stand-in for loading models."""

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from streamlit.testing.v1 import AppTest

from app.hosting import services
from app.questions.ask import Request
from app.warm import requests
from ioi_core import Model, ModelUnavailableError, arena_pairs
from tests import ROOT

MAIN = ROOT / "app" / "main.py"
PROMPT = "../pages/prompt.py"


class Loader:
    """Stands in for `load_model`: the real bundled model; GPT-2 as the test wants it."""

    def __init__(self, demo: Model):
        self.demo = demo
        self.gpt2: Model | None = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, name: str, progress=None) -> Model:
        if name == "ioi-demo":
            return self.demo
        if progress:
            progress(3_000_000, 500_000_000)
        self.gate.wait(60)
        if self.gpt2 is None:
            raise ModelUnavailableError("gpt2-small: the hub cannot be reached (*no* <b>network</b>)")
        return self.gpt2


def opened(page: str = PROMPT, **query: str) -> AppTest:
    """A page as a link opens it."""
    at = at_root(**query)
    at.switch_page(page)
    return at.run()


def at_root(**query: str) -> AppTest:
    """The app as its root address opens it, not run yet; all parts of a page are open, if nothing else is said."""
    at = AppTest.from_file(MAIN, default_timeout=120)
    for name, value in ({"parts": "open"} | query).items():
        at.query_params[name] = value
    return at


def shown(at: AppTest) -> str:
    """All HTML and Markdown on the page."""
    return plain("\n".join([*(html.proto.body for html in at.get("html")), *(text.value for text in at.markdown)]))


def plain(text: str) -> str:
    """A text with spaces where a line may not be broken."""
    return text.replace("\u00a0", " ")


def assert_fine(at: AppTest) -> None:
    assert not at.exception
    assert "Something went wrong" not in shown(at)
    assert "ioi-problem" not in body(at)


def body(at: AppTest) -> str:
    """Everything but style sheets and the app's own scripts."""
    bodies = [html.proto.body for html in at.get("html")]
    return plain("\n".join(body for body in bodies if not body.startswith("<style>")))


def links(at: AppTest) -> list[str]:
    """The labels of the links to pages."""
    return [link.proto.label for link in at.get("page_link")]


def holds(at: AppTest, key: str) -> str:
    """What a box with a default that depends on results stands at: the visitor's choice, or the default."""
    box = at.selectbox(key=key)
    return box.value or box.placeholder


def badly_written(text: str) -> list[str]:
    """The numbers in a text that `app.words.phrases` would not write so, and formats that a browser would."""
    return re.findall(r"(?<![\w.-])-0(?:\.0+)?(?![\w.])|\d[eE][+-]\d|\dµ|\bNone\b|\bnan\b|%\{\w+:[^}]*\}", text)


def texts_of(part: object) -> Iterator[str]:
    """All texts of a figure as Plotly is handed it."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        for name, inner in part.items():
            if name != "bdata":
                yield from texts_of(inner)
    elif isinstance(part, Iterable):
        for inner in part:
            yield from texts_of(inner)


def charts_texts(at: AppTest) -> list[str]:
    """All texts of the page's figures."""
    return [text for chart in at.get("plotly_chart") for text in texts_of(json.loads(chart.proto.spec))]


def says(at: AppTest) -> list[str]:
    return [plain(html.proto.body) for html in at.get("html") if html.proto.body.startswith('<div class="ioi-says"')]


@cache
def first_requests(model: Model) -> list[Request[object]]:
    """What warming computes ahead."""
    return list(requests(model, arena_pairs(model), lambda find: find.function(model, **find.parameters)))


def gpt2_is(state: str, name: str = "gpt2-small") -> None:
    for _ in range(1200):
        if services.models().status(name).state == state:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} does not become {state}")
