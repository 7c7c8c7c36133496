"""YAML as plain lists and texts that know their lines; nothing is built but what is written out. No Streamlit here.

A lesson comes from anybody: no aliases, which let a few lines stand for millions, no tags, no nesting beyond what a
lesson has, and no more than a file's worth of text.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from ioi_core import IOIError

MOST_BYTES, _DEEPEST = 100_000, 8


class LessonError(IOIError):
    """A lesson's file that cannot be used; the message names file and line."""


@dataclass(frozen=True)
class Node:
    """A part of a file.

    Attributes:
        value: text, a list, or a mapping whose keys are texts.
        line: where it begins, from 1.
    """

    value: "str | list[Node] | dict[str, Node]"
    line: int
    file: str

    def refuse(self, why: str) -> LessonError:
        """Return the error that says what is wrong here."""
        return LessonError(f"{self.file}, line {self.line}: {why}")


def read_file(path: Path) -> Node:
    """Return what a file holds.

    Raises:
        LessonError: it cannot be read, is too long, is no UTF-8, or is no YAML of the plain kind.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise LessonError(f"{path.name}, line 1: cannot be read: {error.strerror or 'no file'}") from None
    return read_text(raw, path.name)


def read_text(raw: bytes, file: str) -> Node:
    """Return what the bytes of a file hold; `file` is its name in messages."""

    def refused(why: str, line: int = 1) -> LessonError:
        return LessonError(f"{file}, line {line}: {why}")

    if len(raw) > MOST_BYTES:
        raise refused(f"the file is longer than {MOST_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refused("the file is not UTF-8", raw[: error.start].count(b"\n") + 1) from None
    try:
        _check_tokens(text, refused)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise refused(f"no YAML: {error.problem or error.context}", mark.line + 1 if mark else 1) from None
    except yaml.YAMLError:
        raise refused("no YAML: it holds characters that no text has") from None
    if node is None:
        raise refused("the file is empty")
    return _plain(node, file)


def _check_tokens(text: str, refused: Callable[[str, int], LessonError]) -> None:
    """Refuse aliases, tags, several documents and deep nesting before anything is built of them."""
    depth = 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        line = token.start_mark.line + 1
        if isinstance(token, yaml.AliasToken | yaml.AnchorToken):
            raise refused("aliases and anchors (& and *) are not allowed: put the text in quotes", line)
        if isinstance(token, yaml.TagToken | yaml.DirectiveToken | yaml.DocumentStartToken):
            raise refused("tags, directives and several documents (!, % and ---) are not allowed", line)
        name = type(token).__name__
        depth += name.endswith(("MappingStartToken", "SequenceStartToken"))
        depth -= name in ("BlockEndToken", "FlowMappingEndToken", "FlowSequenceEndToken")
        if depth > _DEEPEST:
            raise refused("lists and mappings lie too deep in each other", line)


def _plain(node: yaml.Node, file: str) -> Node:
    here = Node("", node.start_mark.line + 1, file)
    if isinstance(node, yaml.ScalarNode):
        return Node(str(node.value), here.line, file)
    if isinstance(node, yaml.SequenceNode):
        return Node([_plain(part, file) for part in node.value], here.line, file)
    parts: dict[str, Node] = {}
    for key, part in node.value:
        there = Node("", key.start_mark.line + 1, file)
        if not isinstance(key, yaml.ScalarNode):
            raise there.refuse("a field's name must be text")
        if key.value in parts:
            raise there.refuse(f"{key.value[:40]!r} is there twice")
        value = _plain(part, file)
        parts[str(key.value)] = Node(value.value, there.line, file)  # the line of the name, which is what one looks for
    return Node(parts, here.line, file)
