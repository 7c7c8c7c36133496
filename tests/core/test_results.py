"""Results: labels, cells, intervals and tables, on numbers made up here; and that none of them can be half empty."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ioi_core
from ioi_core import Direction, Model, PatchResult, PromptResult, Result, TwoRunResult, bootstrap_interval
from tests.core.wrong_types import arguments

AXES = {"score": ("first", "second"), "head": ("0", "1", "2")}
SHARED = {"metric": "logit_diff", "unit": "logits"}
PER_PROMPT = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32)
GAPS = np.array([0.2, 0.6, 1.0, 1.4, 1.8], np.float32)
RESULTS = [kind for kind in vars(ioi_core).values() if isinstance(kind, type) and issubclass(kind, Result)]

PUBLIC = [kind for kind in vars(ioi_core).values() if isinstance(kind, type) and not issubclass(kind, Exception)]
BASES = {TwoRunResult, ioi_core.CircuitResult}  # of others, and never returned themselves


@pytest.fixture(scope="module")
def made(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What every public function gives and every public name is, and what is inside, of public classes."""
    data_set = tmp_path_factory.mktemp("data") / "set.csv"
    data_set.write_text("clean\n" + '"When Mary and John went out, John spoke to"\n')
    given = arguments(str(small_folder), str(data_set))
    returned = [getattr(ioi_core, name)(**right) for name, right in given.items()]
    evidence = next(one for one in returned if isinstance(one, ioi_core.HeadRoles)).evidence("0.1", "induction")
    constants = [value for value in vars(ioi_core).values() if not isinstance(value, type)]
    return list(parts_of([returned, evidence, constants]))


def parts_of(value: object) -> Iterator[object]:
    """Yield everything of a public class in a value."""
    if type(value) in PUBLIC:
        yield value
    if isinstance(value, Mapping):
        value = [*value, *value.values()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in fields(value)]
    for part in value if isinstance(value, list | tuple) else ():
        yield from parts_of(part)


def of_prompts(**more: object) -> PromptResult:
    given = {"values": PER_PROMPT.mean(-1), "axes": AXES, "n_prompts": 5, "per_prompt": PER_PROMPT}
    return PromptResult(**SHARED | given | more)


def of_two_runs(**more: object) -> TwoRunResult:
    given = {"direction": Direction.NOISING, "clean": 3.0, "corrupted": -1.0, "unpatched": 2 * GAPS, "gaps": GAPS}
    return TwoRunResult(**vars(of_prompts()) | given | more)


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.__name__)
def test_no_result_can_be_made_half_empty(kind: type[Result]) -> None:
    assert [field.name for field in fields(kind) if field.default is not MISSING] == ["undefined"]
    assert all(field.kw_only and field.default_factory is MISSING for field in fields(kind))
    with pytest.raises(TypeError, match="required"):
        kind(**SHARED, values=np.zeros((2, 3)), axes=AXES)


def test_prompts_are_required_and_must_fit() -> None:
    with pytest.raises(TypeError, match="per_prompt"):
        PromptResult(**SHARED, values=np.zeros((2, 3)), axes=AXES, n_prompts=5)
    with pytest.raises(ValueError, match=r"per_prompt wants shape \(2, 3, 4\), got \(2, 3, 5\)"):
        of_prompts(n_prompts=4)
    with pytest.raises(ValueError, match=r"want shape \(2, 3\), got \(3, 2\)"):
        of_prompts(values=np.zeros((3, 2), np.float32))


def test_all_arrays_are_read_only() -> None:
    for array in (of_two_runs().values, of_two_runs().per_prompt, of_two_runs().gaps):
        assert not array.flags.writeable


def test_at_keeps_the_axes_that_are_left() -> None:
    second = of_prompts(undefined="why").at(score="second")
    assert second.axes == {"head": AXES["head"]}
    np.testing.assert_array_equal(second.values, PER_PROMPT[1].mean(-1))
    np.testing.assert_array_equal(second.per_prompt, PER_PROMPT[1])
    assert (second.metric, second.unit, second.n_prompts, second.undefined) == ("logit_diff", "logits", 5, "why")


def test_at_takes_numbers_as_labels_and_axes_in_any_order() -> None:
    one = of_prompts().at(head=2, score="first")
    assert one.axes == {}
    assert one.values.shape == ()
    assert float(one.values) == PER_PROMPT[0, 2].mean()
    np.testing.assert_array_equal(of_prompts().at(head="2").at(score="first").per_prompt, one.per_prompt)
    assert of_prompts().at().axes == AXES


@pytest.mark.parametrize("labels", [{"head": 3}, {"score": "third"}, {"layer": 0}])
def test_at_refuses_labels_and_axes_that_there_are_not(labels: dict[str, object]) -> None:
    [(axis, label)] = labels.items()
    with pytest.raises(ValueError, match=rf"there is no {axis} {label}: the axes are .*'score': 'first ... second'"):
        of_prompts().at(**labels)


def test_at_gives_the_kind_whose_fields_still_fit() -> None:
    patched = PatchResult(**vars(of_two_runs()), site="z", estimate=False)
    plain = Result(**SHARED, values=np.zeros((2, 3)), axes=AXES, n_prompts=1)
    assert type(patched.at(head=0)) is TwoRunResult
    assert type(of_prompts().at(head=0)) is PromptResult
    assert type(plain.at(head=0)) is Result
    np.testing.assert_array_equal(patched.at(head=0).effects, patched.effects[:, 0])


def test_the_interval_is_that_of_the_mean_over_prompts() -> None:
    for found, expected in zip(of_prompts().interval(), bootstrap_interval(PER_PROMPT), strict=True):
        np.testing.assert_array_equal(found, expected)
    low, high = of_prompts().interval()
    assert ((low < PER_PROMPT.mean(-1)) & (PER_PROMPT.mean(-1) < high)).all()


def test_intervals_of_ratios_resample_both_means() -> None:
    patched = of_two_runs()
    for found, expected in zip(patched.interval(), bootstrap_interval(PER_PROMPT, gaps=GAPS), strict=True):
        np.testing.assert_array_equal(found, expected)
    for found, expected in zip(patched.effect_interval(), bootstrap_interval(patched.effects, gaps=GAPS), strict=True):
        np.testing.assert_array_equal(found, expected)
    in_step = of_two_runs(per_prompt=np.broadcast_to(3 * GAPS, (2, 3, 5)).copy())
    np.testing.assert_allclose(in_step.interval(), 3, rtol=1e-6)
    np.testing.assert_allclose(in_step.effect_interval(), 1, rtol=1e-6)
    low, high = of_two_runs(per_prompt=in_step.per_prompt, gaps=None).interval()
    assert (high - low > 0.5).all(), "not divided by anything, the means do vary"


def test_one_prompt_has_no_interval() -> None:
    one = of_prompts(n_prompts=1, per_prompt=PER_PROMPT[..., :1])
    assert np.isnan(one.interval()).all()


def test_a_table_has_its_intervals_behind_the_values_where_they_are_asked_for() -> None:
    result = of_prompts()
    low, high = result.interval()
    frame = result.to_frame(interval=True)
    assert list(frame.columns) == ["score", "head", "logit_diff", "low_95", "high_95"]
    assert list(frame["head"]) == [0, 1, 2] * 2
    np.testing.assert_array_equal(frame["low_95"], low.ravel())
    np.testing.assert_array_equal(frame["high_95"], high.ravel())
    pd.testing.assert_frame_equal(result.to_frame(), frame[["score", "head", "logit_diff"]])
    [only] = result.at(score="first", head=1).to_frame(interval=True).itertuples(index=False)
    assert tuple(only) == pytest.approx((PER_PROMPT[0, 1].mean(), low[0, 1], high[0, 1]), abs=1e-6)


def test_intervals_of_a_table_of_ratios_are_those_of_the_ratios() -> None:
    low, _ = of_two_runs().interval()
    np.testing.assert_array_equal(of_two_runs().to_frame(interval=True)["low_95"], low.ravel())


def test_every_public_class_says_what_it_is_in_one_line(made: list[object]) -> None:
    assert {type(value) for value in made} == {kind for kind in PUBLIC if kind not in BASES}
    for value in made:
        assert len(repr(value)) <= 120
        assert type(value).__name__ in repr(value)
        assert "\n" not in repr(value)
        assert "array(" not in repr(value)
    start = "Circuit of 26 heads: 0.1:S2, 0.10:S2, 2.2:S1+1, "
    assert repr(ioi_core.IOI_CIRCUIT).startswith(start)
    assert repr(ioi_core.IOI_CIRCUIT).endswith(", ...")
    assert repr(ioi_core.Circuit({"9.9": ("END", "S2")})) == "Circuit of 1 head: 9.9:S2 END"


def test_every_result_is_a_table_of_one_row_a_cell(made: list[object]) -> None:
    measured = [value for value in made if isinstance(value, Result)]
    assert {type(result) for result in measured} == {*RESULTS} - BASES
    for result in measured:
        tables = [result.to_frame()]
        if isinstance(result, PromptResult | ioi_core.SweepResult):
            tables.append(result.to_frame(interval=True))
        for table in tables:
            assert [name for name in table.columns if name in (*result.axes, result.metric)] == [
                *result.axes,
                result.metric,
            ]
            whole = [name for name in result.axes if name.rsplit("_", 1)[-1] in ("layer", "head", "pos")]
            assert all(pd.api.types.is_integer_dtype(table[name]) for name in whole)
            np.testing.assert_array_equal(table[result.metric], result.values.ravel())


def test_the_stages_of_a_token_lens_have_a_column_of_their_own(small_model: Model) -> None:
    lens = ioi_core.lens_tokens(small_model, ioi_core.arena_pairs(small_model)[:2], top_k=3)
    table = lens.to_frame()
    assert list(table.columns) == ["stage", "layer", "batch", "pos", "k", "probability"]
    stages = ["0_pre", "1_pre", "2_pre", "3_pre", "final_post"]
    assert list(dict.fromkeys(zip(table["stage"], table["layer"], strict=True))) == list(
        zip(stages, [0, 1, 2, 3, 3], strict=True)
    )
    for stage, row in zip(stages, lens.probs, strict=True):
        np.testing.assert_array_equal(table.probability[table.stage == stage], row.ravel())
    assert list(lens.at(batch=1, pos=4, k=0).to_frame()["layer"]) == [0, 1, 2, 3, 3]
    assert "stage" not in lens.at(layer="final").to_frame()


def test_a_metric_cannot_have_the_name_of_an_axis() -> None:
    with pytest.raises(ValueError, match="head is an axis and the metric"):
        of_prompts(metric="head")


def test_results_stay_as_they_are() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        of_prompts().unit = "nats"
