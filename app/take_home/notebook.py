"""A notebook that computes a figure's numbers again, draws them, and says whether they are the figure's.

nbformat 4.5; every id is a digest of its cell, so the same view gives the same bytes. What visitors typed stands in
cells of code as literals, and in text with everything that Markdown or HTML would read written as character numbers.
No Streamlit here.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.questions.shown import Numbers, Shown
from app.take_home.code import Code, names
from app.take_home.record import Record

TOLERANCE = 1e-4
"""How far numbers of another machine may be from the figure's, as a share of the largest of them."""

_LINE = 100

_HELPERS = '''
import html
from math import inf, nan

import numpy as np
import plotly.graph_objects as go


def draw(title, values, axes, unit="", gaps=None, groups=None):
    """Draw bars with 95 % intervals, or a heatmap; values of single prompts as their mean, or that of each group."""
    values, bounds = np.asarray(values, dtype=float), None
    if groups:
        values = np.stack([np.nanmean(values[..., rows], -1) for rows in groups.values()], -1)
        axes = {**{name: labels for name, labels in axes.items() if name != "prompt"}, "group": list(groups)}
    elif list(axes)[-1:] == ["prompt"] and len(axes) > 1:
        bounds = np.stack(ioi_core.bootstrap_interval(values, gaps=gaps))
        values = values.mean(-1)
        axes = {name: labels for name, labels in axes.items() if name != "prompt"}
    names, labels = list(axes), [[html.escape(str(one)) for one in labels] for labels in axes.values()]
    while values.ndim > 2:  # the first two axes are drawn as one
        names[:2] = [f"{names[0]}, {names[1]}"]
        labels[:2] = [[f"{first}, {second}" for first in labels[0] for second in labels[1]]]
        values = values.reshape(-1, *values.shape[2:])
    if values.ndim == 2:
        limit = np.nanmax(np.abs(values), initial=0) or 1
        scale = {"colorscale": "RdBu", "zmin": -limit, "zmax": limit, "colorbar": {"title": unit}}
        figure = go.Figure(go.Heatmap(z=values, **scale))
        rows = {"tickvals": np.arange(len(labels[0])), "ticktext": labels[0]}
        figure.update_yaxes(title=names[0], autorange="reversed", **rows)
    else:
        figure = go.Figure(go.Bar(y=values.ravel()))
        if bounds is not None and np.isfinite(bounds).any():
            low, high = np.nan_to_num(np.maximum([values - bounds[0], bounds[1] - values], 0)).reshape(2, -1)
            figure.update_traces(error_y={"array": high, "arrayminus": low})
        figure.update_yaxes(title=unit)
    if names:
        figure.update_xaxes(title=names[-1], tickvals=np.arange(len(labels[-1])), ticktext=labels[-1])
    figure.update_layout(title=html.escape(title)).show()
'''

_CHECKING = """
TOLERANCE = 1e-4  # of the largest number; the same weights differ by less from one machine to another


def check(name, now, recorded):
    now, recorded = np.asarray(now), np.array(recorded)
    if now.shape != recorded.shape:
        raise AssertionError(f"{name}: {now.shape} numbers are here, and the figure has {recorded.shape}")
    exact = recorded.dtype.kind in "iu" and "rank" not in name  # ids; ranks of tokens nearly as likely may change
    largest = np.max(np.abs(recorded[np.isfinite(recorded)]), initial=1e-5)
    allowed = 0 if exact else TOLERANCE * largest
    np.testing.assert_allclose(now, recorded, rtol=0, atol=allowed, err_msg=f"{name}: not the figure's")
    return recorded.size
"""


def notebook(record: Record, results: Sequence[Any], install: str) -> bytes:
    """Return the notebook of a figure as a file.

    Args:
        results: of the record's requests, in their order.
        install: the address of a wheel of this version of `ioi_core`; "" if none is known.
    """
    return as_file(cells(record, results, install))


def report_notebook(figures: Sequence[tuple[Record, Sequence[Any], str]], install: str) -> bytes:
    """Return the notebook of several figures, each with its own check, as a file.

    Args:
        figures: record, results of its requests, and a line of the visitor's own, for each figure.
        install: as of `notebook`.
    """
    parts = [
        ("markdown", "# Report\n\nRun all cells: each figure is computed again, drawn, and checked."),
        ("code", installing(install)),
        ("code", f"{_HELPERS.strip()}\n\n\n{_CHECKING.strip()}"),
    ]
    loaded = made = ""
    for record, results, note in figures:
        code, numbers = Code(record), record.numbers(results)
        parts.append(("markdown", f"#{_heading(record)}" + (f"\n\n> {plain(note)}" if note else "")))
        model = model_cell(record, code)
        if model != loaded:
            parts.append(("code", model))
            loaded, made = model, ""
        if code.uses_prompts and code.prompts != made:
            made = code.prompts
            parts.append(("code", made))
        parts += [
            ("code", code.computing),
            ("code", drawing(record, code, numbers)),
            ("code", checking(record, code, numbers)),
        ]
    return as_file(parts)


def cells(record: Record, results: Sequence[Any], install: str) -> list[tuple[str, str]]:
    """Return the notebook's cells: "markdown" or "code", and the text."""
    code, numbers = Code(record), record.numbers(results)
    return [
        ("markdown", _heading(record)),
        ("code", installing(install)),
        ("code", model_cell(record, code)),
        *([("markdown", "## Prompts"), ("code", code.prompts)] if code.uses_prompts else []),
        ("markdown", "## Numbers"),
        ("code", code.computing),
        ("markdown", "## Figure"),
        ("code", _HELPERS.strip()),
        ("code", drawing(record, code, numbers)),
        ("markdown", f"## Are these the figure's numbers?\n\nThe figure's are written out below. {_REDUCED}"),
        ("code", f"{_CHECKING.strip()}\n\n\n{checking(record, code, numbers)}"),
    ]


_REDUCED = "Of very many, the means over prompts are, or every n-th: the last lines say which."


def installing(install: str) -> str:
    """Return the cell that installs what is missing, or says what to install where no address of it is known."""
    if not install:
        return (
            "from importlib.util import find_spec\n\n"
            'if find_spec("ioi_core") is None:\n'
            '    raise ImportError("install ioi_core first: pip install . in a checkout of IOI Explorer")'
        )
    return (
        "from importlib.util import find_spec\n\n"
        'if find_spec("ioi_core") is None or find_spec("plotly") is None:\n'
        f'    %pip install --quiet "{install}" plotly nbformat'
    )


def model_cell(record: Record, code: Code) -> str:
    """Return the cell that loads the model and says whether its weights are the figure's."""
    return "\n".join(
        [
            "import ioi_core\n",
            f"if ioi_core.__version__ != {dict(record.source.versions)['ioi_core']!r}:",
            '    print(f"ANOTHER VERSION than the figure is of is installed here: ioi_core {ioi_core.__version__}.")',
            f"FINGERPRINT = {record.source.fingerprint!r}  # of the weights that the figure is of",
            code.model,
            "if model.fingerprint == FINGERPRINT:",
            '    print("These are the weights that the figure is of.")',
            "else:",
            '    print("OTHER WEIGHTS than the figure is of: expect other numbers, and the last cell to fail.")',
        ]
    )


def drawing(record: Record, code: Code, numbers: Sequence[Numbers]) -> str:
    """Return the lines that draw each of the figure's numbers."""
    lines = []
    for name, one, shown in zip(names(record), numbers, record.shown, strict=True):
        lines.append(f"{name} = {code.reading(shown)}")
        more = "".join(f"    {key}={value},\n" for key, value in _drawn_with(one, shown, code).items())
        title = f"{record.title}: {name.replace('_', ' ')}" if len(numbers) > 1 else record.title
        lines.append(f"draw(\n    {title!r},\n    {name},\n{more})")
    return "\n".join(lines)


def _drawn_with(one: Numbers, shown: Shown, code: Code) -> dict[str, str]:
    axes = ", ".join(f"{name!r}: {_labels(labels)}" for name, labels in one.axes.items())
    owner = ".".join([code.name(shown.of), *shown.field.split(".")[:-1]])
    more = {"axes": f"{{{axes}}}", "unit": repr(one.unit)}
    if one.gaps is not None:
        more["gaps"] = f"{owner}.gaps"
    if shown.groups:
        more["groups"] = repr({name: list(rows) for name, rows in shown.groups})
    return more


def _labels(labels: Sequence[str]) -> str:
    first = int(labels[0]) if labels and labels[0].isascii() and labels[0].isdecimal() else None
    if first is not None and list(labels) == [str(first + n) for n in range(len(labels))]:
        return f"range({first}, {first + len(labels)})"
    return repr(list(labels))


def checking(record: Record, code: Code, numbers: Sequence[Numbers]) -> str:
    """Return the lines that assert the figure's numbers, by `_CHECKING`."""
    lines = ["held = 0"]
    for name, one in zip(names(record), numbers, strict=True):
        read = f"np.asarray({name}){one.reduced}" if one.reduced else name
        lines.append(f"held += check({name!r}, {read}, {as_text(one.recorded)})")
    lines.append(f'print(f"All {{held}} numbers hold within {TOLERANCE:g} of the largest.")')
    return "\n".join(lines)


def as_text(values: np.ndarray) -> str:
    """Return an array as nested lists whose numbers read back as they are."""
    if values.ndim == 0:
        return str(values.item() if values.dtype.kind in "iub" else values[()])
    if values.ndim > 1:
        inner = ",\n".join(as_text(row) for row in values)
        return f"[\n{inner}\n]" if len(values) else "[]"
    lines, line = [], ""
    for text in map(str, values):
        if len(line) + len(text) > _LINE:
            lines.append(line)
            line = ""
        line += f"{text}, "
    return "[" + "\n".join([*lines, line]).rstrip(", ") + "]"


def as_file(parts: Sequence[tuple[str, str]]) -> bytes:
    """Return cells as a notebook, the same bytes for the same cells."""
    made = []
    for n, (kind, text) in enumerate(parts):
        cell: dict[str, Any] = {
            "cell_type": kind,
            "id": hashlib.sha256(f"{n} {kind} {text}".encode()).hexdigest()[:16],
            "metadata": {},
            "source": text.splitlines(keepends=True),
        }
        made.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    whole = {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode("ascii")


def _heading(record: Record) -> str:
    facts = "\n".join(f"- {name}: {plain(text)}" for name, text in record.provenance.items() if name != "Link")
    link = f"\n- [The view in the browser]({record.source.url})" if record.source.url else ""
    words = "\n\n".join(map(plain, record.words.split("\n")))
    return (
        f"# {plain(record.title)}\n\n{words}\n\n{facts}{link}\n\n"
        "The cells below compute the figure's numbers again with `ioi_core`, draw them, and the last one says "
        f"whether they hold.\n\n{record.about}"
    )


def plain(text: str) -> str:
    """Return a text that Markdown, HTML and MathJax show as it is, on one line."""
    return re.sub(r"[^\w\s.,:;'()%/-]", lambda found: f"&#{ord(found[0])};", re.sub(r"\s+", " ", text))
