"""Every figure of every page has a record, and the record's requests give the numbers that are drawn."""

import pickle
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from app.drawing.about import ABOUT
from app.hosting import services
from app.questions.shown import PROMPT, Numbers
from cache.analyses import ANALYSES
from cache.cluster.call import Call
from ioi_core import bootstrap_interval
from tests.app.drawing.test_about import figures_and_texts
from tests.app.pages import badly_written, texts_of
from tests.app.take_home.every_figure import VIEWS, every_figure, results_of

COMPUTED = {  # drawn from the recorded numbers by a formula, not as they are
    "circuit_graph", "circuit_minimality", "circuit_templates", "circuit_comparison", "path_graph",
    "by_template_split", "edge_graph",
}  # fmt: skip


@pytest.fixture
def figures(loader):
    return every_figure()


def test_every_figure_is_reached(figures):
    names = {one.record.name for of_view in figures.values() for one in of_view}
    drawn = {name for name in figures_and_texts()[0] if name in ABOUT}
    missing = {name for name in drawn if not any(found == name or found.startswith(f"{name}_") for found in names)}
    assert not missing


def test_every_request_can_be_sent_to_a_cluster(figures, demo_model):
    named = demo_model.name, demo_model.fingerprint, demo_model.numerics
    for request in {id(r): r for of in figures.values() for one in of for r in one.record.requests}.values():
        key = services.computations().key(request.analysis, demo_model, request.parameters)
        version = ANALYSES[request.analysis].version
        sent = Call.of(key, request.analysis, version, named, request.parameters).as_plain()
        assert Call.from_plain(sent).read_parameters().keys() == request.parameters.keys()


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_drawn_is_recorded(view, figures, demo_model):
    for one in figures[view]:
        record = pickle.loads(pickle.dumps(one.record))  # a plain value
        assert record.digest == one.record.digest
        numbers = record.numbers(results_of(demo_model, record))
        assert sum(of.values.size for of in numbers), record.name
        if re.sub("_(clean|corrupted|query|key)$", "", record.name) not in COMPUTED:
            known = np.append(known_values(numbers), by_formula(record.name, numbers))
            for drawn in one.figures:
                assert_among(drawn_values(drawn), known, record.name)


def test_no_page_has_two_figures_of_one_title(figures):
    for view, of_view in figures.items():
        titles = Counter(one.record.title for one in of_view)
        assert not {title for title, times in titles.items() if times > 1}, view


def test_all_numbers_are_written_by_the_one_rule(figures):
    for view, of_view in figures.items():
        texts = [text for one in of_view for text in (one.record.title, one.record.words)]
        texts += [text for one in of_view for drawn in one.figures for text in texts_of(drawn.to_plotly_json())]
        assert not [text for text in texts if badly_written(text)], view


def test_files_spell_tokens_as_they_are(figures):
    """With their own space in front: never the middle dot of a page, nor its name for the token in front."""
    for view, of_view in figures.items():
        for one in of_view:
            cells = {cell for _, column in one.frame().items() for cell in column if isinstance(cell, str)}
            assert not {cell for cell in cells if "·" in cell or cell == "BOS"}, (view, one.record.name)


def known_values(numbers: list[Numbers]) -> np.ndarray:
    """Recorded numbers, and what a figure makes of them: means, ends of intervals, differences of two arrays, sums."""
    found = []
    for one in numbers:
        values = one.values.astype(float)
        found.append(values)
        if one.values.dtype.kind in "iu":
            found.append(np.log10(values + 1))  # of ranks from 0
        if PROMPT in one.axes:
            found += [values.mean(-1), values.sum(0), values.mean(-1).sum(0)]
            if len(one.axes[PROMPT]) > 1:
                found += bootstrap_interval(one.values, gaps=one.gaps)
            found += [values.cumsum(0).mean(-1)]
    of_one_shape = [(a.values, b.values) for a in numbers for b in numbers if a is not b]
    found += [a - b for a, b in of_one_shape if a.shape == b.shape]
    return np.concatenate([np.ravel(values) for values in found])


def by_formula(name: str, numbers: list[Numbers]) -> np.ndarray:
    """What a figure draws beside its recorded numbers, computed from them."""
    if name == "edge_estimate":  # what edges add: their scores, turned round
        return -np.concatenate([one.values.ravel() for one in numbers])
    if name != "backup_movers":
        return np.array([])
    before, _, scale, scale_after, _ = (one.values for one in numbers)
    return (before * (scale / scale_after - 1)).mean(-1).ravel()  # LayerNorm's part of a head's change


def drawn_values(figure: go.Figure) -> np.ndarray:
    """The numbers along the axis that has no names, or of cells."""
    found = []
    for trace in figure.data:
        if trace.type == "heatmap" and len({colour for _, colour in trace.colorscale or ((0, ""), (1, "-"))}) == 1:
            continue  # cells of one colour, whatever their number
        if trace.type == "heatmap":
            found.append(np.ravel(trace.z))
        elif trace.type == "bar":
            found.append(np.ravel(trace.x if trace.orientation == "h" else trace.y))
        elif trace.type == "scatter" and trace.opacity != 0 and (trace.mode != "lines" or len(trace.x) > 2):
            # a line of two points is a guide: where no effect, or twice the effect, would lie
            for values, axis in ((trace.x, figure.layout.xaxis), (trace.y, figure.layout.yaxis)):
                if axis.tickvals is None and values is not None and np.asarray(values).dtype.kind == "f":
                    found.append(np.ravel(values))
    values = np.concatenate([np.asarray(one, dtype=float) for one in found] or [np.array([])])
    return values[np.isfinite(values)]


def assert_among(drawn: np.ndarray, known: np.ndarray, name: str) -> None:
    known = np.sort(known[np.isfinite(known)])
    if not len(drawn):
        return
    places = np.clip(np.searchsorted(known, drawn), 1, max(1, len(known) - 1))
    near = np.minimum(abs(known[np.minimum(places, len(known) - 1)] - drawn), abs(known[places - 1] - drawn))
    worst, allowed = int(near.argmax()), 1e-4 * max(1.0, abs(drawn).max())
    if (near > allowed).sum() == 1 and abs(known - drawn.sum()).min() <= allowed:
        return  # the sum of all others, which makes the whole of the rest
    assert near[worst] <= allowed, f"{name}: {drawn[worst]} is drawn and not recorded"


def test_no_two_files_share_a_name(figures):
    records = [  # each with the address of its page, which a browser would tell
        replace(one.record, source=replace(one.record.source, url=view))
        for view, of_view in figures.items()
        for one in of_view
    ]
    names = [record.file_name("csv") for record in records]
    assert len(names) == len(set(names))
