"""What is published of GPT-2 small beside each figure, one line a figure; the lines themselves are in in_gpt2.json."""

import json
from pathlib import Path


def _read(file: Path) -> dict[str, str]:
    """Return figure -> its line, the source in brackets; figures of which nothing is published have none."""
    data, lines = json.loads(file.read_text(encoding="utf-8")), {}
    for figure, (text, source) in data["lines"].items():
        document, *place = source.split(", ")
        lines[figure] = f"In GPT-2 small: {text} ({', '.join([data['sources'][document], *place])})."
    return lines


IN_GPT2 = _read(Path(__file__).with_suffix(".json"))
