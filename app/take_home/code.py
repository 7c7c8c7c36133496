"""A record as the few lines of `ioi_core` that give its numbers, every prompt and parameter written out.

Texts of visitors come in as Python literals alone (`repr`), so nothing in them is ever code. No Streamlit here.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

import ioi_core
from app.questions.ask import Request
from app.questions.shown import Shown
from app.take_home.computed import place_of, rows_of
from app.take_home.record import Record
from ioi_core import CORRUPTIONS, IOI_CIRCUIT, NAIVE_CIRCUIT, NO_HEADS, Circuit, Head, PromptPairs

_WIDTH = 100
_PATH = "prompts.txt"
_NAMED = {"ioi_core.IOI_CIRCUIT": IOI_CIRCUIT, "ioi_core.NAIVE_CIRCUIT": NAIVE_CIRCUIT, "ioi_core.NO_HEADS": NO_HEADS}


class Code:
    """The lines of one record, part by part, and the names that they give to things."""

    def __init__(self, record: Record):
        self._record = record
        self._source = record.source
        self._twins: dict[str, PromptPairs] = {}
        self._calls: list[str] = []
        for request in record.requests:
            self._calls.append(self._call(request))

    @property
    def uses_prompts(self) -> bool:
        """Return whether any line reads the prompts."""
        return any("pairs" in call or "_twins" in call for call in self._calls)

    @property
    def model(self) -> str:
        """The line that loads the model."""
        if self._source.loadable:
            return f"model = ioi_core.load_model({self._source.model!r})"
        return (
            f"# {_comment(self._source.model)} is a checkpoint of the host's own: write the path of its folder here.\n"
            f"model = ioi_core.load_model({self._source.model!r})"
        )

    @property
    def prompts(self) -> str:
        """The lines that make the prompts, and those twins of theirs that are asked for."""
        recipe, lines = self._source.prompts, []
        parameters = dict(recipe.parameters)
        if recipe.function is ioi_core.read_pairs:
            lines += [
                "from pathlib import Path\n",
                f"DATA_SET = {_literal(str(parameters['path']))}",
                f'Path("{_PATH}").write_text(DATA_SET, encoding="utf-8", newline="")',
            ]
            parameters["path"] = _PATH
        lines.append(f"pairs = {_written(recipe.function.__name__, parameters, _literal)}")
        lines += [
            f'{name} = ioi_core.with_twins(model, pairs, "{name.removesuffix("_twins")}")' for name in self._twins
        ]
        return "\n".join(lines)

    @property
    def computing(self) -> str:
        """The lines that compute the results."""
        return "\n".join(f"{self.name(n)} = {call}" for n, call in enumerate(self._calls))

    def name(self, n: int) -> str:
        """Return the name of a request's result."""
        return "result" if len(self._record.requests) == 1 else f"result_{n + 1}"

    def reading(self, shown: Shown) -> str:
        """Return the expression for some of the figure's numbers."""
        cells = ", ".join(":" if cell is None else str(cell) for cell in shown.cells)
        return f"{self.name(shown.of)}.{shown.field}" + (f"[{cells}]" if cells else "")

    def _call(self, request: Request[Any]) -> str:
        return _written(request.function.__name__, request.parameters, self._value)

    def _value(self, value: object) -> str:
        match value:
            case PromptPairs():
                return self._pairs(value)
            case np.ndarray() if value.dtype.kind == "f":
                return self._scores()
            case np.ndarray():
                return self._array(value)
            case Mapping() if value and all(isinstance(pairs, PromptPairs) for pairs in value.values()):
                named = [f"{key!r}: {self._pairs(pairs, str(key))}" for key, pairs in value.items()]
                return _lines("{", named, "}")
        return _literal(value)

    def _pairs(self, pairs: PromptPairs, corruption: str = "abc") -> str:
        """Return the name of the prompts, or of twins of them; the line that makes these is added."""
        if (rows := rows_of(pairs, self._source.pairs)) is not None:
            return "pairs" if rows == slice(None) else f"pairs[{rows.start or ''}:{rows.stop or ''}]"
        if corruption not in CORRUPTIONS:
            raise ValueError(f"there are no {corruption} twins")
        self._twins[f"{corruption}_twins"] = pairs
        return f"{corruption}_twins"

    def _scores(self) -> str:
        """Return the edges' scores that a request takes: those of the request before it.

        Raises:
            ValueError: that one asks for something else.
        """
        before = len(self._calls) - 1
        if before < 0 or self._record.requests[before].function is not ioi_core.edge_scores:
            raise ValueError("scores are asked for right before what takes them")
        return f"{self.name(before)}.values"

    def _array(self, array: np.ndarray) -> str:
        """Return ids as those of one of the prompts, where they are, or written out."""
        if (place := place_of(array, self._source.pairs)) is not None:
            name, row = place
            cut = "" if name == "answers" else f", :{array.shape[1]}"
            return f"pairs.{name}[{row} : {row + 1}{cut}]"
        return repr(array.tolist())


def python(record: Record) -> str:
    """Return the few lines that give a figure's numbers."""
    code = Code(record)
    parts = ["import ioi_core\n", code.model]
    if code.uses_prompts:
        parts.append(code.prompts)
    said = "\n".join(f"# {name}: {_comment(text)}" for name, text in record.provenance.items())
    numbers = "\n".join(f"{name} = {code.reading(one)}" for name, one in zip(names(record), record.shown, strict=True))
    return "\n".join([f"# {_comment(record.title)}", said, *parts, f"\n{code.computing}", f"\n{numbers}", ""])


def names(record: Record) -> list[str]:
    """Return a name for each of the figure's numbers, all different."""
    fields = [one.field.rsplit(".", 1)[-1] for one in record.shown]
    return [field if fields.count(field) == 1 else f"{field}_{n + 1}" for n, field in enumerate(fields)]


def _written(function: str, parameters: Mapping[str, object], write: Any) -> str:
    """Return a call with every parameter by its name."""
    arguments = ["model", *(f"{name}={write(one)}" for name, one in parameters.items())]
    return _lines(f"ioi_core.{function}(", arguments, ")")


def _lines(opening: str, items: Sequence[str], closing: str) -> str:
    """Return what is in brackets on one line, if it is short, else an item a line."""
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    inner = "".join(f"    {item},\n".replace("\n", "\n    ").removesuffix("    ") for item in items)
    return f"{opening}\n{inner}{closing}"


def _literal(value: object) -> str:
    """Return a parameter as Python that gives an equal one.

    Raises:
        TypeError: of a kind that no request has.
    """
    match value:
        case Enum():
            return repr(value.value)
        case Head(layer, head):
            return f"ioi_core.Head({layer}, {head})"
        case Circuit():
            known = [name for name, circuit in _NAMED.items() if circuit == value]
            members = [f"({str(head)!r}, {role!r})" for head, role in value.members]
            return known[0] if known else _lines("ioi_core.Circuit([", members, "])")
        case None | bool() | int() | float():
            return repr(value)
        case str() if len(value) > _WIDTH or "\n" in value:
            return _long_text(value)
        case str():
            return repr(value)
        case Mapping():
            return _lines("{", [f"{_literal(key)}: {_literal(one)}" for key, one in value.items()], "}")
        case list() | tuple():
            return _lines("[", [_literal(one) for one in value], "]")
    raise TypeError(f"a {type(value).__name__} cannot be written as Python")


def _long_text(text: str) -> str:
    """Return a text as literals that stand below each other, a line of it each."""
    pieces = [
        line[start : start + _WIDTH] for line in text.splitlines(keepends=True) for start in range(0, len(line), _WIDTH)
    ]
    return "(\n" + "".join(f"    {piece!r}\n" for piece in pieces) + ")"


def _comment(text: str) -> str:
    """Return a text that stays in its comment: one line, nothing that does not print."""
    return "".join(character if character.isprintable() else " " for character in text)
