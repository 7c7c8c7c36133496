"""Numbers on pages are written by `app.words.phrases` alone: no page rounds one by a format of its own."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT

ELSEWHERE = {
    "app/words/phrases.py",  # the rule itself
    "app/take_home/svg.py",  # places on a drawing
    "app/warm.py",  # seconds on a console
    "app/start/picture.py",  # the width of a bar
    "app/attention/circuitsvis_frame.py",  # pixels
    "app/hosting/models.py",  # seconds in the log
    "app/hosting/warm_up.py",  # the same
    "app/classroom/tallies.py",  # answers as students gave them
    "app/lessons/answers.py",  # whole numbers and halves, as a slider has them
    "app/drawing/heatmap.py",  # a long prompt's hover texts, whose numbers a browser writes, without a sign of 0
    "app/edges/words.py",  # shares of all edges, which are small
}
"""Files that write what is no result, or write results by a rule that says why."""
ROUNDS = re.compile(r"\.([1-9]\d*[efg]|\d+[eg%])$")
FORMATS = re.compile(r"%[+]?\.\d+[efg]|%\{\w+:[^}]*\}")


def rounded(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            spec = "".join(str(part.value) for part in node.format_spec.values if isinstance(part, ast.Constant))
            if ROUNDS.match(spec):
                yield ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and FORMATS.search(node.value):
            yield node.value


FILES = [path for folder in ("app", "pages") for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_number_is_rounded_by_a_format_of_its_own(path: Path) -> None:
    if str(path.relative_to(ROOT)) not in ELSEWHERE:
        assert not list(rounded(ast.parse(path.read_text(encoding="utf-8"))))
