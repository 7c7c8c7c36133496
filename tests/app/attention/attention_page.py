"""The attention page, and what its frames hold."""

import html
import json
import re

from streamlit.testing.v1 import AppTest

from tests.app.pages import opened, says

PAGE = "../pages/attention.py"
SCRIPT = "</script><script>document.title='hacked'</script>"


def looked(**query: str) -> AppTest:
    return opened(PAGE, **{"model": "ioi-demo"} | query)


def drawn_by_circuitsvis(at: AppTest) -> list[dict]:
    """The props in each frame."""
    return [json.loads(props_of(element.proto.srcdoc)) for element in at.get("iframe")]


def props_of(outer: str) -> str:
    return re.search(r'id="props">(.*?)</script>', html.unescape(outer), re.DOTALL)[1]


def spoken(at: AppTest) -> str:
    return html.unescape(" ".join(says(at)))


def long_prompt(n: int) -> str:
    return "word " * n + "When Mary and John met, John gave a bag to"
