"""The Circuit page as Streamlit runs it, without a browser, and its text form, which is pure."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from app.circuit.breaking.graph import graph_of
from app.circuit.breaking.numbers import by_template
from app.circuit.breaking.words import set_words
from app.circuit.changes import Changes, extended, read_changes, switched, write_changes
from app.circuit.members import KEPT_AT, PLACES, class_of
from app.circuit.starts import starts_of
from app.words.phrases import number, size
from ioi_core import (
    IOI_CIRCUIT,
    Circuit,
    CircuitEvaluation,
    Head,
    HeadError,
    HeadRoles,
    Model,
    PromptPairs,
    arena_pairs,
    completeness,
    completeness_sets,
    evaluate_circuit,
    find_circuit,
    head_roles,
    ioi_dataset,
    minimality,
)
from ioi_core.heads.published import PUBLISHED_CLASSES
from ioi_core.notation import CircuitTextError
from ioi_core.prompts.twins import with_twins
from tests.app.pages import Loader, assert_fine, body, holds, opened, plain, says
from tests.models.bundled import INHIBITION, MOVERS

PAGE = "../pages/circuit.py"
MEASURED = {"circuit_start": "heads with measured roles"}
MOVER = MOVERS[0]
MOVER_OFF = f"-{MOVER}:END"
NOT_GPT2 = "that circuit is GPT-2 small"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one test's page has computed is found by the next one's."""
    return tmp_path_factory.mktemp("kept") / "cache"


@pytest.fixture
def visitor(loader: Loader, kept: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IOI_CACHE_DIR", str(kept))

    def page(**query: str) -> AppTest:
        generated = {"prompts": "generated", "n": "28", "corruption": "ABC"}
        return opened(PAGE, **({"model": "ioi-demo"} | generated | query))

    return page


@pytest.fixture(scope="module")
def pairs(demo_model: Model) -> PromptPairs:
    return ioi_dataset(demo_model, 28, corruption="abc")


@pytest.fixture(scope="module")
def roles(demo_model: Model, pairs: PromptPairs) -> HeadRoles:
    return head_roles(demo_model, pairs)


@pytest.fixture(scope="module")
def measured(roles: HeadRoles) -> Circuit:
    return Circuit.of([(head, KEPT_AT[role]) for role in roles.axes["role"] for head in roles.heads(role)])


def button(at: AppTest, label: str):
    return next(button for button in at.button if button.label.startswith(label))


def numbers(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def changes(at: AppTest) -> str:
    return at.text_input(key="circuit").value


def assert_story(at: AppTest, circuit: float, model: float) -> None:
    """The sentence below the bars says these two numbers."""
    assert any(f"logit_diff is {number(circuit)} against {number(model)}" in text for text in says(at))


def test_it_opens_with_the_found_circuit_and_says_what_the_core_computes(visitor, demo_model, pairs) -> None:
    at = visitor()
    assert_fine(at)
    found = find_circuit(demo_model, pairs)
    result = evaluate_circuit(demo_model, pairs, found.circuit)
    assert numbers(at)["Faithfulness"] == f"{100 * result.faithfulness:.0f} %"
    assert numbers(at)["logit_diff of the circuit"] == number(result.logit_diff)
    assert numbers(at)["of the whole model"] == number(result.model_logit_diff)
    assert_story(at, result.logit_diff, result.model_logit_diff)
    low, high = result.faithfulness_interval()
    assert any(f"{100 * low:.0f} % to {100 * high:.0f} %" in text for text in says(at))
    assert any(f"the first {found.n_added} of {len(found.ranking)} were taken" in text.value for text in at.caption)
    sets = completeness_sets(demo_model, pairs, found.circuit)
    assert any(f"For half of these {len(sets.kinds)} sets" in text for text in says(at))
    assert len(at.get("plotly_chart")) == 5
    assert any("Both are the same circuit" in text.value for text in at.markdown)


def test_a_set_of_the_last_figure_is_switched_off_without_a_click(visitor, demo_model, pairs, measured) -> None:
    at, sets = visitor(**MEASURED), completeness_sets(demo_model, pairs, measured)
    n, box, worst_first = sets.axes["set"].index("at END"), at.selectbox(key="circuit_set"), -sets.incompleteness
    assert box.options == [set_words(sets, k) for k in np.argsort(worst_first, kind="stable") if sets.removed[k]]
    box.select(set_words(sets, n)).run()
    button(at, "Switch it off").click().run()
    assert_fine(at)
    assert read_text(changes(at)) == {f"-{head}:{role}" for head, role in sets.removed[n].members}


def test_what_is_switched_off_leaves_circuit_and_model_alike(visitor, demo_model, pairs, measured) -> None:
    gone = Circuit({MOVER: "END", INHIBITION[0]: "END"})
    assert set(gone.members) <= set(measured.members)
    at = visitor(circuit=f"{MOVER_OFF} -{INHIBITION[0]}:END", **MEASURED)
    assert_fine(at)
    result = completeness(demo_model, pairs, measured, gone)
    assert numbers(at)["logit_diff of the circuit"] == number(float(result.circuit_values))
    assert numbers(at)["model without what is off"] == number(float(result.model_values))
    assert any(f"differ by {size(float(result.incompleteness))} logits" in text for text in says(at))
    table = at.dataframe[0].value if at.dataframe else None
    assert table is not None
    left = minimality(demo_model, pairs, measured.without(gone))
    shown = table[table["minimality_percent"].notna()]
    assert shown["minimality_percent"].tolist() == pytest.approx((100 * left.signed_scores).tolist(), abs=1e-3)
    assert list(zip(table["layer"], table["head"], strict=True)) == [
        (head.layer, head.head) for head, _ in measured.members
    ], "what is off stays in the table"


def switch(at: AppTest, name: str):
    return at.toggle(key=f"switch-{name}")


def test_switches_show_what_is_on(visitor, roles) -> None:
    first, *others = movers = roles.heads("name mover")
    at = visitor(**MEASURED)
    assert all(toggle.value for toggle in at.toggle if toggle.key.startswith("switch-"))
    all_on = f"name mover ({len(movers)})"
    assert switch(at, "name mover").label == all_on
    at = visitor(circuit=f"-{first}:END", **MEASURED)
    some_on = f"name mover ({len(others)} of {len(movers)} on)"
    assert (switch(at, "name mover").value, switch(at, "name mover").label) == (True, some_on)
    switch(at, "name mover").set_value(False).run()
    assert read_text(changes(at)) == {f"-{head}:END" for head in movers}
    assert (switch(at, "name mover").value, switch(at, "name mover").label) == (False, all_on)
    button(at, "Reset").click().run()
    assert switch(at, "name mover").value


def test_buttons_switch_classes_and_everything_and_undo_goes_back(visitor, measured, roles) -> None:
    at = visitor(**MEASURED)
    switch(at, "name mover").set_value(False).run()
    movers = roles.heads("name mover")
    assert read_text(changes(at)) == {f"-{head}:END" for head in movers}
    switch(at, "name mover").set_value(True).run()
    assert changes(at) == ""
    button(at, "Switch everything off").click().run()
    assert_fine(at)
    assert len(read_text(changes(at))) == len(measured.members)
    assert "No head on" in " ".join(says(at))
    for left in (0, len(movers), 0):
        button(at, "Undo").click().run()
        assert len(read_text(changes(at))) == left
    assert button(at, "Undo").disabled
    assert_fine(at)


def read_text(text: str) -> set[str]:
    return set(text.split())


def test_reset_and_another_start_drop_the_changes_and_undo_brings_them_back(visitor) -> None:
    at = visitor(circuit=MOVER_OFF, **MEASURED)
    button(at, "Reset").click().run()
    assert changes(at) == ""
    button(at, "Undo").click().run()
    assert changes(at) == MOVER_OFF
    at.selectbox(key="circuit_start").select("empty").run()
    assert changes(at) == ""
    assert_fine(at)
    button(at, "Undo").click().run()
    assert (holds(at, "circuit_start"), changes(at)) == (MEASURED["circuit_start"], MOVER_OFF)


def test_any_head_can_be_added_anywhere(visitor, demo_model, pairs, measured) -> None:
    one, other = [head for head in demo_model.heads if head not in measured][:2]
    at = visitor(**MEASURED)
    at.multiselect(key="circuit_add").select(str(one)).select(str(other)).run()
    at.selectbox(key="circuit_add_at").select("S1").run()
    button(at, "Add").click().run()
    assert_fine(at)
    assert changes(at) == f"{one}:S1 {other}:S1"
    assert at.multiselect(key="circuit_add").value == []
    larger = measured.with_({one: "S1", other: "S1"})
    result = evaluate_circuit(demo_model, pairs, larger)
    assert_story(at, result.logit_diff, result.model_logit_diff)
    button(at, "Only what is added").click().run()
    assert_fine(at)
    assert (holds(at, "circuit_start"), changes(at)) == ("empty", f"{one}:S1 {other}:S1")
    alone = evaluate_circuit(demo_model, pairs, {one: "S1", other: "S1"})
    assert_story(at, alone.logit_diff, alone.model_logit_diff)


@pytest.mark.parametrize("ablation", ["mean", "zero", "resample"])
def test_every_way_to_ablate(visitor, demo_model, pairs, measured, ablation: str) -> None:
    at = visitor(ablation=ablation, circuit=MOVER_OFF, **MEASURED)
    assert_fine(at)
    left = measured.without({MOVER: "END"})
    result = evaluate_circuit(demo_model, pairs, left, ablation=ablation)
    assert_story(at, result.logit_diff, result.model_logit_diff)


def test_the_whole_model_is_faithful_and_loses_with_its_heads(visitor, demo_model, pairs) -> None:
    at = visitor(circuit_start="whole model")
    assert_fine(at)
    assert numbers(at)["Faithfulness"] == "100 %"
    assert not re.search("100 %|not minimal|ahead in 0", " ".join(says(at))), "true of whatever is whole"
    at = visitor(circuit_start="whole model", circuit=f"-{MOVER}:all")
    assert_fine(at)
    lost = completeness(demo_model, pairs, Circuit.full(demo_model), {MOVER: "all"})
    assert numbers(at)["logit_diff of the circuit"] == number(float(lost.model_values))
    left = minimality(demo_model, pairs, Circuit.full(demo_model).without({MOVER: "all"}))
    table = at.dataframe[0].value
    shown = table[table["minimality_percent"].notna()]
    assert shown["minimality_percent"].tolist() == pytest.approx((100 * left.signed_scores).tolist(), abs=1e-2)


def test_the_empty_circuit_is_the_run_with_everything_ablated(visitor, demo_model, pairs) -> None:
    at = visitor(circuit_start="empty")
    assert_fine(at)
    result = evaluate_circuit(demo_model, pairs, Circuit())
    assert numbers(at)["logit_diff of the circuit"] == number(result.empty_logit_diff)
    assert len(at.get("plotly_chart")) == 3, "no head to take out, no set"


def test_circuits_are_kept_loaded_and_compared(visitor, demo_model, pairs, measured) -> None:
    at = visitor(circuit=MOVER_OFF, **MEASURED)
    at.text_input(key="circuit_name").set_value(f"without *{MOVER}*").run()
    button(at, "Keep").click().run()
    assert_fine(at)
    button(at, "Reset").click().run()
    at.selectbox(key="compare_with").select(f"kept: without {MOVER}").run()
    assert_fine(at)
    for circuit in (measured, measured.without({MOVER: "END"})):
        result = evaluate_circuit(demo_model, pairs, circuit)
        said = f"logit_diff {number(result.logit_diff)}. Faithfulness is "
        assert any(said in text for text in says(at))
    assert any(f"Only in this circuit: {MOVER} at END." in text.value for text in at.markdown)
    button(at, f"without {MOVER}").click().run()
    assert_fine(at)
    assert holds(at, "circuit_start") == "empty"
    left = evaluate_circuit(demo_model, pairs, measured.without({MOVER: "END"}))
    assert numbers(at)["logit_diff of the circuit"] == number(left.logit_diff)


@pytest.mark.usefixtures("loader")
def test_classic_prompts_get_abc_twins_and_that_is_said(demo_model) -> None:
    at = opened(PAGE, model="ioi-demo", **MEASURED)
    assert_fine(at)
    classic = arena_pairs(demo_model)
    twins = with_twins(demo_model, classic, "abc")
    assert any("makes ABC twins" in text.value and "1 prompt for each template" in text.value for text in at.caption)
    roles = head_roles(demo_model, classic)
    circuit = Circuit.of([(head, KEPT_AT[role]) for role in roles.axes["role"] for head in roles.heads(role)])
    result = evaluate_circuit(demo_model, twins, circuit)
    assert_story(at, result.logit_diff, result.model_logit_diff)
    button(at, "Take 56 generated prompts").click().run()
    assert_fine(at)
    assert any("4 prompts for each template, 56 prompts in all" in text.value for text in at.caption)


def test_typed_corrupted_prompts_are_used_as_typed(visitor, demo_model) -> None:
    text = "When John and Mary went to the shops, John gave the bag to"
    other = "When Tom and Amy went to the shops, Dan gave the bag to"
    at = visitor(prompts="own", text=text, corrupted=other, **MEASURED)
    assert_fine(at)
    assert any("that you typed" in text.value for text in at.caption)


def test_the_papers_circuit_is_never_passed_off_on_another_model(visitor, demo_model: Model) -> None:
    at = visitor(circuit_start="the paper's 26 heads")
    assert not at.exception
    assert "the paper's 26 heads" not in at.selectbox(key="circuit_start").options
    assert "naive circuit" not in at.selectbox(key="circuit_start").options
    assert holds(at, "circuit_start") == "found automatically"
    assert NOT_GPT2 in body(at)
    named = dataclasses.replace(demo_model, name="gpt2-small", is_gpt2_small=True)
    assert starts_of(named, arena_pairs(demo_model))[0] == "the paper's 26 heads"


@pytest.mark.parametrize(
    ("text", "says_why"),
    [
        ("-9.9:END", "Head 9.9 does not exist"),
        ("3.1:", "is no member of a circuit"),
        ("3.1 END", "is no member of a circuit"),
        ("at END", "is no member of a circuit"),
        ("3.1:S3", "is no member of a circuit"),
        ("3.1:END:END", "is no member of a circuit"),
        ("<script>alert(1)</script>", "is no member of a circuit"),
        ("--3.1:END", "3.1"),
        ("3.1:END " * 2000, "at most 12,000"),
        ("3.1:all -3.1:END", "cannot lose END alone"),
    ],
)
def test_a_text_that_cannot_be_read_is_left_out_in_words(visitor, text: str, says_why: str) -> None:
    """The rest of the page stays, with the starting circuit."""
    at = visitor(circuit=text, circuit_start="empty")
    assert_fine(at)
    in_sight = "".join(html.proto.body for html in at.columns[0].get("html"))  # above the graph
    assert "For now your changes are left out, and the starting circuit is shown" in in_sight
    assert says_why in body(at)
    assert "<script>" not in body(at)
    assert "No head on" in " ".join(says(at))
    button(at, "Drop the changes").click().run()
    assert_fine(at)
    assert changes(at) == ""


HEADS = st.builds(Head, st.integers(0, 3), st.integers(0, 5))
CIRCUITS = st.lists(st.tuples(HEADS, st.sampled_from(PLACES)), max_size=12).map(Circuit.of)


@given(added=CIRCUITS, off=CIRCUITS)
def test_changes_are_read_as_they_are_written(added: Circuit, off: Circuit) -> None:
    written = write_changes(Changes(added, off))
    assert read_changes(written) == Changes(added, off)
    assert not re.search(r"[^0-9.A-Za-z:+ -]", written), "nothing that a link would escape beyond recognition"


@pytest.mark.parametrize(
    ("text", "as_written"),
    [
        ("3.1", "3.1:all"),
        ("-3.1", "-3.1:all"),
        ("3.1 at END, -2.0 at S2", "3.1:END -2.0:S2"),
        ("0.1 at IO S1 S1+1 S2, 0.2 at END; 1.0", "0.1:IO 0.1:S1 0.1:S1+1 0.1:S2 0.2:END 1.0:all"),
        ("  3.1 : END,,-3.2:S1+1 ", "3.1:END -3.2:S1+1"),
        ("3.1 at every position, 3.2 at all", "3.1:all 3.2:all"),
    ],
)
def test_a_circuit_may_be_written_as_pages_and_tables_write_it(text: str, as_written: str) -> None:
    changes = read_changes(text)
    assert write_changes(changes) == as_written
    for circuit in (changes.added, changes.off):
        assert read_changes(str(circuit) if circuit else "").added == circuit


def test_a_head_that_is_off_everywhere_is_off_where_the_circuit_keeps_it() -> None:
    circuit = Circuit({Head(3, 1): ("S2", "END"), Head(3, 2): "all"})
    changes = Changes(off=Circuit({Head(3, 1): "all", Head(3, 2): "all", Head(0, 0): "all", Head(1, 1): "S2"}))
    expected = {Head(3, 1): ("S2", "END"), Head(3, 2): "all", Head(0, 0): "all", Head(1, 1): "S2"}
    assert changes.where_kept(circuit) == Changes(off=Circuit(expected))


@given(text=st.text(max_size=60))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        changes = read_changes(text)
    except (CircuitTextError, HeadError):
        return
    assert read_changes(write_changes(changes)) == changes


@given(start=CIRCUITS, members=CIRCUITS)
def test_switching_off_and_on_again_changes_nothing(start: Circuit, members: Circuit) -> None:
    changes = Changes(off=start)
    off = switched(changes, members.members, on=False)
    assert set(members.members) <= set(off.off.members) or "all" in off.off.roles
    if not set(start.members) & set(members.members) and not {*start} & {*members}:
        assert switched(off, members.members, on=True) == changes
    on = extended(changes, members.members)
    assert not set(on.off.members) & set(members.members)
    assert on.on_top_of(Circuit()) == members


def test_every_published_head_stands_in_its_class_at_its_role() -> None:
    classes = {group.name: group.heads for group in PUBLISHED_CLASSES}
    assert {class_of(member, classes) for member in IOI_CIRCUIT.members} == set(classes)
    assert class_of((Head(9, 9), "S2"), classes) == "no class", "a name mover counts as one at END alone"
    graph = graph_of(IOI_CIRCUIT, Circuit({Head(9, 9): "END"}), classes)
    assert len(set(graph.places.values())) == 26, "no head covers another"
    assert all(layer == head.layer for (head, _), (_, layer) in graph.places.items())
    assert [name for _, name, _ in graph.columns] == [group.name for group in PUBLISHED_CLASSES]


def test_templates_are_told_apart(demo_model: Model, pairs: PromptPairs, measured: Circuit) -> None:
    result = evaluate_circuit(demo_model, pairs, measured)
    templates = by_template(pairs, result)
    numbers = list(dict.fromkeys(pairs.templates.tolist()))
    for template, number_, by_core in zip(templates, numbers, in_order(result, numbers), strict=True):
        rows = pairs.templates == number_
        assert template.first == rows.argmax()
        assert template.value == pytest.approx(by_core, rel=1e-5)
        assert template.value == pytest.approx(
            result.per_prompt[0, rows].mean() / result.model_per_prompt[rows].mean(), rel=1e-5
        )
        assert np.mean(template.points) == pytest.approx(template.value, rel=1e-5)
        assert template.name == f"template {number_}, {'BABA' if number_ < 50 else 'ABBA'}"
    labelled = dataclasses.replace(pairs, labels=tuple("ab"[row % 2] for row in range(len(pairs))))
    groups = by_template(labelled, result)
    assert [group.name for group in groups] == ["a", "b"]
    assert groups[1].value == pytest.approx(
        result.per_prompt[0, 1::2].mean() / result.model_per_prompt[1::2].mean(), rel=1e-5
    )


def in_order(result: CircuitEvaluation, numbers: list[int]) -> list[float]:
    known = dict(zip(result.template_numbers, result.faithfulness_by_template, strict=True))
    return [float(known[number_]) for number_ in numbers]


def test_the_search_runs_under_the_ablation_that_is_chosen_and_is_judged_on_prompts_held_out(
    visitor, demo_model
) -> None:
    at = visitor(n="8", circuit_start="found on half the prompts", ablation="resample", parts="closed")
    assert_fine(at)
    pairs = ioi_dataset(demo_model, 8, corruption="abc")
    found = find_circuit(demo_model, pairs[:4], ablation="resample").circuit
    on_all, held_out = (evaluate_circuit(demo_model, some, found, ablation="resample") for some in (pairs, pairs[4:]))
    assert numbers(at)["Faithfulness"] == f"{100 * on_all.faithfulness:.0f} %"
    [story] = [plain(text.value) for text in at.caption if text.value.startswith("Found on")]
    assert story.startswith("Found on 4 prompts under resample ablation")
    assert f"and {100 * held_out.faithfulness:.0f} %" in story
    assert "on the 4 prompts held out" in story


def test_edges_are_read_as_their_heads_and_that_is_said(visitor, demo_model, pairs) -> None:
    at = visitor(circuit_start="empty", circuit="embed->3.1<v>, 3.1->4.1<q>, 4.1->logits", parts="closed")
    assert_fine(at)
    assert "These are edges. Shown: the 2 heads at their ends, at every position." in body(at)
    result = evaluate_circuit(demo_model, pairs, "3.1, 4.1")
    assert numbers(at)["logit_diff of the circuit"] == number(result.logit_diff)
