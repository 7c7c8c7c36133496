"""A sweep gives what all prompts at once give, whatever its blocks are and whoever computes them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import ioi_core
from cache.analyses import ANALYSES
from ioi_core import ChoiceError, IOIError, MetricError, Model, PromptError, PromptPairs, ioi_dataset, sweep
from ioi_core.results import PromptResult
from ioi_core.sweeps.analyses import REFUSED, SWEPT
from ioi_core.sweeps.moments import SCALED, Moments

N = 24
HEADS = {"1.1": "END", "0.0": "S2"}
PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "patch_activations": [
        {"site": "z"},
        {"site": "resid_pre"},
        {"site": "q", "metric": "kl", "positions": "S2"},
        {"site": "v", "metric": "logit_diff", "direction": "noising"},
    ],
    "estimate_patching": [
        {"site": "attn_out", "positions": "roles"},
        {"site": "z", "metric": "kl", "direction": "noising"},
    ],
    "patch_paths": [{}, {"receivers": ["1.0", "1.1"], "metric": "percent_of_clean", "include_mlps": False}],
    "edge_atlas": [{"receiver_input": "v", "metric": "logit_diff_change"}],
    "predictions": [{}],
    "logit_lens": [{"scale": "per_layer"}],
    "attribute_layers": [{}],
    "attribute_heads": [{}],
    "role_attention": [{}],
    "attention_and_writing": [{}],
    "explain_attention": [{"head": "1.1"}],
    "edge_scores": [{"method": "eap"}],
    "evaluate_edges": [{"edges": ["embed->logits", "0.0->1.1<q>", "1.1->logits", "embed->0.0<v>"]}],
    "edge_curve": [{}],
    "ablate": [{"heads": HEADS, "ablation": "zero"}],
    "evaluate_circuit": [{"circuit": HEADS, "ablation": "resample"}],
    "completeness": [{"circuit": HEADS, "removed": {"1.1": "END"}, "ablation": "zero"}],
    "direct_and_total": [{"ablation": "resample"}],
    "backup_heads": [{"heads": ["1.1", "1.0"]}],
}


@pytest.fixture(scope="module")
def pairs(exact_model: Model) -> PromptPairs:
    return ioi_dataset(exact_model, N)


def whole_and_swept(model: Model, pairs: PromptPairs, name: str, given: dict[str, Any], **how: Any) -> tuple[Any, Any]:
    if name == "edge_curve":
        given = {"scores": ioi_core.edge_scores(model, pairs, "eap")}
    return SWEPT[name](model, pairs, **given), sweep(model, name, pairs, parameters=given, **how)


def test_every_analysis_is_swept_or_refused_in_words() -> None:
    assert set(ANALYSES) <= set(SWEPT) | set(REFUSED)
    assert not set(SWEPT) & set(REFUSED)
    assert set(SWEPT) == set(PARAMETERS)


@pytest.mark.parametrize(("name", "given"), [(name, given) for name, all_ in PARAMETERS.items() for given in all_])
def test_the_same_as_all_prompts_at_once(
    exact_model: Model, pairs: PromptPairs, name: str, given: dict[str, Any]
) -> None:
    whole, swept = whole_and_swept(exact_model, pairs, name, given, block=7)
    assert isinstance(whole, PromptResult)
    assert (swept.axes, swept.metric, swept.unit) == (dict(whole.axes), whole.metric, whole.unit)
    assert (swept.n_prompts, swept.undefined) == (N, whole.undefined)
    np.testing.assert_allclose(swept.values, whole.values, rtol=0, atol=1e-9)
    for number, size, values in zip(swept.groups, swept.group_sizes, swept.group_values, strict=True):
        of_template = pairs.templates == int(number)
        assert size == of_template.sum()
        np.testing.assert_allclose(values, whole.per_prompt[..., of_template].mean(-1), rtol=0, atol=1e-9)
    if hasattr(whole, "clean"):
        assert (swept.clean, swept.corrupted) == pytest.approx((whole.clean, whole.corrupted))


def residuals(result: Any, metric: str) -> np.ndarray:
    """Each prompt's value less its share of the ratio: what the delta method takes the spread of."""
    gaps = result.gaps if metric in SCALED else np.zeros(result.n_prompts)
    return result.per_prompt - result.values[..., None] * gaps


@pytest.mark.parametrize("metric", ["logit_diff", "logit_diff_recovered", "logit_diff_change", "percent_of_clean"])
def test_standard_errors_are_those_of_the_mean_or_of_the_ratio_of_means(
    exact_model: Model, pairs: PromptPairs, metric: str
) -> None:
    whole, swept = whole_and_swept(
        exact_model, pairs, "patch_paths", {"metric": metric, "sender_position": "END"}, block=5
    )
    wanted = residuals(whole, metric).std(-1, ddof=1) / N**0.5
    np.testing.assert_allclose(swept.standard_error, wanted, rtol=1e-6, atol=1e-12)


def test_the_interval_is_about_the_bootstraps(demo_model: Model) -> None:
    pairs = ioi_dataset(demo_model, 20)
    whole, swept = whole_and_swept(demo_model, pairs, "patch_activations", {"site": "z"}, block=8)
    for ours, drawn in zip(swept.interval(), whole.interval(), strict=True):
        np.testing.assert_allclose(ours, drawn, atol=0.02)
    assert swept.interval(0.5)[0].max() >= swept.interval()[0].max()


def test_neither_the_size_nor_the_order_of_blocks_changes_what_is_printed(
    exact_model: Model, pairs: PromptPairs
) -> None:
    first, *others = (
        sweep(exact_model, "patch_activations", pairs, parameters={"site": "z"}, block=block) for block in (2, 7, N)
    )
    for other in others:
        np.testing.assert_allclose(other.values, first.values, rtol=1e-12)
        np.testing.assert_allclose(other.standard_error, first.standard_error, rtol=1e-12)
    rng = np.random.default_rng(0)
    values, runs = rng.normal(3, 1, (4, 1000)), rng.normal(1, 1, (2, 1000))
    groups = [f"g{number}" for number in rng.integers(0, 3, 1000)]
    parts = [Moments.of(values[:, at : at + 7], runs[:, at : at + 7], groups[at : at + 7]) for at in range(0, 1000, 7)]
    whole = Moments.of(values, runs, groups)
    for _ in range(3):
        rng.shuffle(parts)
        merged = parts[0]
        for part in parts[1:]:
            merged = merged.merged(part)
        for metric in (None, "logit_diff_recovered"):
            ours, wanted = merged.on_scale(metric), whole.on_scale(metric)
            np.testing.assert_allclose(ours.values, wanted.values, rtol=1e-12)
            np.testing.assert_allclose(ours.errors, wanted.errors, rtol=1e-12)
            for name in wanted.groups:
                np.testing.assert_allclose(ours.groups[name], wanted.groups[name], rtol=1e-11)


def test_a_large_mean_costs_no_digits_of_the_spread() -> None:
    values = 1e8 + np.random.default_rng(0).normal(size=(1, 2000))
    merged = Moments.of(values[:, :10], np.empty((0, 10)), None)
    for at in range(10, 2000, 10):
        merged = merged.merged(Moments.of(values[:, at : at + 10], np.empty((0, 10)), None))
    assert merged.on_scale(None).errors[0] == pytest.approx(values.std(ddof=1) / 2000**0.5, rel=1e-6)


@pytest.mark.parametrize("task", ["ioi", "agreement"])
def test_generated_prompts_are_those_of_the_data_set(exact_model: Model, task: str) -> None:
    of_task: Callable[..., PromptPairs] = ioi_core.task_dataset
    pairs = ioi_dataset(exact_model, 12, seed=5) if task == "ioi" else of_task(exact_model, task, 12, seed=5)
    whole = ioi_core.attribute_heads(exact_model, pairs)
    swept = sweep(exact_model, ioi_core.attribute_heads, 12, task=task, seed=5, block=5)
    np.testing.assert_allclose(swept.values, whole.values, rtol=0, atol=1e-9)
    assert swept.prompts["seed"] == 5
    assert swept.group_axis == "template"


def test_positions_are_joined_where_they_mean_the_same_and_refused_elsewhere(exact_model: Model) -> None:
    alike = ioi_dataset(exact_model, 6, templates=[0])
    by_position = sweep(exact_model, "patch_activations", alike, parameters={"site": "resid_pre"}, block=2)
    assert list(by_position.axes) == ["layer", "pos"]
    mixed = ioi_dataset(exact_model, 6)
    by_role = sweep(exact_model, "patch_activations", mixed, parameters={"site": "resid_pre"}, block=1)
    assert list(by_role.axes) == ["layer", "role"], "also where each block is of one length"
    with pytest.raises(ChoiceError, match="differ in length"):
        sweep(exact_model, "patch_activations", mixed, parameters={"site": "z", "positions": "each"}, block=1)


def test_means_of_labels_and_none_where_each_prompt_has_its_own(exact_model: Model) -> None:
    pairs = replace(ioi_dataset(exact_model, 6), labels=("a", "b", "a", "<b>", "a", "b"))
    swept = sweep(exact_model, "attribute_layers", pairs, block=4)
    assert (swept.group_axis, swept.groups, swept.group_sizes.tolist()) == ("label", ("<b>", "a", "b"), [1, 3, 2])
    frame = swept.by_group()
    assert list(frame.columns) == ["label", "n_prompts", "component", "logit_diff"]
    assert len(frame) == 3 * swept.values.size
    typed = replace(pairs, labels=None, templates=np.arange(6))
    assert sweep(exact_model, "attribute_layers", typed).groups == ()


def test_a_single_prompt_has_no_standard_error(exact_model: Model) -> None:
    swept = sweep(exact_model, "attribute_layers", 1)
    assert np.isnan(swept.standard_error).all()
    assert np.isnan(swept.interval()[0]).all()


def test_nothing_to_recover_is_said(exact_model: Model, pairs: PromptPairs) -> None:
    same = replace(pairs, corrupted_tokens=pairs.clean_tokens)
    swept = sweep(exact_model, "patch_activations", same, parameters={"site": "z"}, block=9)
    assert np.isnan(swept.values).all()
    assert "nothing to recover" in str(swept.undefined)


@pytest.mark.parametrize(
    ("analysis", "given", "error", "says"),
    [
        ("find_circuit", {}, ChoiceError, "chooses by means over all prompts"),
        ("attention_patterns", {}, ChoiceError, "no mean over prompts"),
        ("of_no_use", {}, ChoiceError, "Use one of patch_activations"),
        (ioi_core.minimality, {"circuit": HEADS}, ChoiceError, "chooses"),
        (len, {}, ChoiceError, "cannot be swept"),
        ("patch_activations", {}, ChoiceError, "needs site"),
        ("patch_activations", {"site": "z", "sight": 1}, ChoiceError, "no parameter 'sight'"),
        ("patch_activations", {"site": "z", "metric": "percent_of_clean"}, MetricError, "percent_of_clean"),
        ("patch_activations", {"site": "w"}, ChoiceError, "site 'w'"),
        ("patch_activations", {"site": object()}, ChoiceError, "cannot be a parameter"),
        ("ablate", {"heads": HEADS}, ChoiceError, "mean ablation"),
        ("ablate", {"heads": {"99.9": "END"}, "ablation": "zero"}, IOIError, "99.9"),
    ],
)
def test_what_cannot_be_swept_is_refused_in_words(
    exact_model: Model, analysis: Any, given: dict[str, Any], error: type[IOIError], says: str
) -> None:
    with pytest.raises(error, match=says):
        sweep(exact_model, analysis, 4, parameters=given)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"block": 0}, "block"),
        ({"workers": -1}, "workers"),
        ({"task": "chess"}, "chess"),
        ({"task": "capital", "corruption": "abc"}, "twins of its own"),
        ({"path": "/nowhere/at/all.sweep"}, "no folder"),
        ({"path": "result.csv"}, "ends in .sweep"),
        ({"scheduler": "8786"}, "address"),
    ],
)
def test_what_a_sweep_cannot_be_given_is_refused_in_words(exact_model: Model, how: dict[str, Any], says: str) -> None:
    with pytest.raises(IOIError, match=says):
        sweep(exact_model, "attribute_layers", 4, **how)
    with pytest.raises(PromptError, match="number of prompts"):
        sweep(exact_model, "attribute_layers", "many")  # type: ignore[arg-type]
