"""Head roles: every rule at its bound on made-up results, then what the rules find in real and in random models."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ioi_core import (
    HEAD_ROLES,
    PUBLISHED_CLASSES,
    QUANTITIES,
    ROLES,
    Direction,
    Head,
    IOIError,
    Model,
    PatchResult,
    Predictions,
    PromptError,
    Result,
    arena_pairs,
    attribute_heads,
    copy_scores,
    head_roles,
    head_scores,
    infer_roles,
    ioi_dataset,
    load_model,
    patch_activations,
    predictions,
    prompt_pairs,
    published_class,
    role_attention,
)
from tests.models.bundled import BACKUP, DUPLICATE, INDUCTION, INHIBITION, MOVERS, NEGATIVE, PREVIOUS
from tests.models.random_gpt2 import save_random_gpt2

BEHAVIOURS = {"s1_next_to_s1": ("S1+1", "S1"), "s2_to_s1": ("S2", "S1"), "s2_to_s1_next": ("S2", "S1+1")}
BEHAVIOURS |= {"end_to_io": ("END", "IO"), "end_to_s2": ("END", "S2")}
ONE_HEAD = {"layer": ("0",), "head": ("0",)}

FULLY = {
    "previous token": {"s1_next_to_s1": 0.9, "previous_token": 0.9},
    "duplicate token": {"s2_to_s1": 0.9, "duplicate_token": 0.9},
    "induction": {"s2_to_s1_next": 0.9, "induction": 0.9},
    "S-inhibition": {"end_to_s2": 0.9, "effect_at_end": 0.3, "direct_effect": 0.03},
    "name mover": {"direct_effect": 0.8, "end_to_io": 0.9, "positive_copy": 1.0, "effect_at_end": 0.3},
    "negative name mover": {"direct_effect": -0.5, "end_to_io": 0.9, "negative_copy": 1.0, "effect_at_end": -0.5},
}
"""A head of each role, nothing else measured of it."""


def made_up(
    logit_diffs: list[float], direction: Direction = Direction.NOISING, io_rank: int = 0, **measured: float
) -> dict[str, Result]:
    """Results of a model of one head, such that these quantities are measured."""
    n, mean = len(logit_diffs), float(np.mean(logit_diffs))

    def result(kind: type[Result], values: object, axes: dict, **more: object) -> Result:
        values = np.array(values, dtype=float)
        return kind(values=values, axes=axes, metric="", unit="", n_prompts=n, **more)

    attention = np.zeros((5, 5, 1, 1))
    for quantity, (query, key) in BEHAVIOURS.items():
        attention[ROLES.index(query), ROLES.index(key)] = measured.get(quantity, 0)
    scores = [[[measured.get(score, 0)]] for score in ("previous_token", "duplicate_token", "induction")]
    copying = [[[measured.get(f"{sign}_copy", 0)]] for sign in ("positive", "negative")]
    receives = 0.0 if direction is Direction.DENOISING else 1.0
    towards_giver = measured.get("effect_at_end", 0) * (1 if direction is Direction.DENOISING else -1)
    return {
        "predicted": result(
            Predictions,
            [mean, -mean],
            {"run": ("clean", "corrupted")},
            per_prompt=np.outer([1, -1], logit_diffs),
            answer_ranks=np.full((2, n, 2), io_rank),
            answer_probs=np.zeros((2, n, 2)),
            top_ids=np.zeros((2, n, 1), int),
            top_probs=np.zeros((2, n, 1)),
        ),
        "direct": result(Result, [[measured.get("direct_effect", 0) * mean]], ONE_HEAD),
        "attention": result(Result, attention, {"query_role": ROLES, "key_role": ROLES, **ONE_HEAD}),
        "scores": result(Result, scores, {"score": ("previous_token", "duplicate_token", "induction"), **ONE_HEAD}),
        "copying": result(Result, copying, {"sign": ("positive", "negative"), **ONE_HEAD}),
        "at_end": replace(
            result(
                PatchResult,
                [[receives + towards_giver]],
                ONE_HEAD,
                site="z",
                direction=direction,
                clean=1.0,
                corrupted=0.0,
                unpatched=np.full(n, receives),
                gaps=None,
                estimate=False,
                per_prompt=np.full((1, 1, n), receives + towards_giver),
            ),
            metric="logit_diff_recovered",
        ),
    }


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("role", FULLY)
def test_a_head_of_one_role_has_that_role_alone(role: str, direction: Direction) -> None:
    found = infer_roles(**made_up([2.0, 4.0], direction, **FULLY[role]))
    assert found.roles_of(Head(0, 0)) == (role,)
    assert found.heads(role) == (Head(0, 0),)
    assert found.undefined is None
    evidence = found.evidence(Head(0, 0), role)
    assert [e.condition for e in evidence] == list(HEAD_ROLES[role])
    assert all(e.holds for e in evidence)
    for e in evidence:
        if e.condition.quantity in FULLY[role]:
            assert e.value == pytest.approx(FULLY[role][e.condition.quantity])
        assert str(e).startswith(QUANTITIES[e.condition.quantity])
        assert f"{e.value:.2f}" in str(e)


def cases_at_a_bound() -> list[tuple[str, str, float]]:
    made = [(role, c.quantity, c.bound) for role, conditions in HEAD_ROLES.items() for c in conditions]
    return [case for case in made if case[1] != "direct_share"]  # not measured by itself: its own test follows


@pytest.mark.parametrize(("role", "quantity", "bound"), cases_at_a_bound())
def test_every_condition_is_needed(role: str, quantity: str, bound: float) -> None:
    """On the wrong side of any one bound the role is gone, on the right side it is there."""
    nudge = 1e-6 if bound > 0 else -1e-6
    without_indirection = {"direct_effect": 0.0} if role == "S-inhibition" else {}
    for value, wanted in ((bound + nudge, (role,)), (bound - nudge, ())):
        measured = FULLY[role] | without_indirection | {quantity: value}
        found = infer_roles(**made_up([2.0, 4.0], **measured))
        assert found.roles_of(Head(0, 0)) == wanted
        failing = [e.condition.quantity for e in found.evidence(Head(0, 0), role) if not e.holds]
        assert failing == ([] if wanted else [quantity])


def test_a_mostly_direct_effect_is_no_s_inhibition() -> None:
    for direct, wanted in ((0.14, ("S-inhibition",)), (0.16, ()), (-0.16, ()), (0.9, ())):
        measured = FULLY["S-inhibition"] | {"direct_effect": direct}
        assert infer_roles(**made_up([2.0, 4.0], **measured)).roles_of(Head(0, 0)) == wanted


def test_a_head_may_have_several_roles_or_none() -> None:
    both = infer_roles(**made_up([3.0], **FULLY["duplicate token"], **FULLY["previous token"]))
    assert both.roles_of(Head(0, 0)) == ("previous token", "duplicate token")
    assert infer_roles(**made_up([3.0])).roles_of(Head(0, 0)) == ()


@pytest.mark.parametrize(
    ("logit_diffs", "io_rank"),
    [([-1.0, -2.0], 0), ([4.0, -1.0], 0), ([1.0, 1.0, 1.0, -9.0], 0), ([2.0, 4.0], 10)],
)
def test_effects_say_nothing_where_the_model_does_not_predict_io(logit_diffs: list[float], io_rank: int) -> None:
    measured = {key: value for role in FULLY.values() for key, value in role.items()}
    found = infer_roles(**made_up(logit_diffs, io_rank=io_rank, **measured))
    assert found.roles_of(Head(0, 0)) == ("previous token", "duplicate token", "induction")
    roles = found.axes["role"]
    for role in ("S-inhibition", "name mover", "negative name mover"):
        assert np.isnan(found.values[roles.index(role)]).all()
    assert "IO is ahead of S and among the model's 10 most probable tokens in only" in found.undefined
    assert "undefined" in str(found.evidence(Head(0, 0), "name mover")[0])


def test_without_a_gap_between_the_runs_s_inhibition_is_undefined(demo_model: Model) -> None:
    pairs = ioi_dataset(demo_model, 6, corruption="ABB")  # the subject's new name changes neither token nor position
    same = replace(pairs, corrupted_tokens=pairs.clean_tokens)
    found = head_roles(demo_model, same)
    assert np.isnan(found.values[found.axes["role"].index("S-inhibition")]).all()
    assert "nothing to recover" in found.undefined
    assert found.heads("name mover")


def test_mixed_up_results_are_refused() -> None:
    results = made_up([2.0, 4.0])
    with pytest.raises(IOIError, match=r"results of role_attention, .* got Result\("):
        infer_roles(**results | {"scores": results["direct"]})
    with pytest.raises(IOIError, match="same prompts"):
        infer_roles(**results | {"predicted": made_up([2.0])["predicted"]})
    with pytest.raises(IOIError, match="z patched at END is wanted, got v"):
        infer_roles(**results | {"at_end": replace(results["at_end"], site="v")})
    with pytest.raises(IOIError, match="logit_diff"):
        infer_roles(**results | {"at_end": replace(results["at_end"], metric="logit_diff")})


def test_other_tasks_are_refused_in_words(demo_model: Model) -> None:
    pairs = prompt_pairs(
        demo_model, "The capital of France is", "The capital of Italy is", io=" Paris", s=" Rome", prepend_bos=True
    )
    with pytest.raises(PromptError, match=r"on IOI prompts, and these prompts have no IO, S1, S1\+1, S2, only END"):
        head_roles(demo_model, pairs)


@pytest.mark.parametrize("corruption", ["s2_flip", "abc"])
def test_the_bundled_models_heads_are_found(demo_model: Model, corruption: str) -> None:
    """Every role has a head, S-inhibition and name mover two, and none that its training was not guided to.

    The backup is a name mover by these rules, which break nothing.
    """
    found = head_roles(demo_model, ioi_dataset(demo_model, 40, corruption=corruption))
    guided = {
        "previous token": {*PREVIOUS},
        "duplicate token": {*DUPLICATE},
        "induction": {*INDUCTION},
        "S-inhibition": {*INHIBITION},
        "name mover": {*MOVERS, *BACKUP},
        "negative name mover": {*NEGATIVE},
    }
    heads = {role: set(found.heads(role)) for role in HEAD_ROLES}
    assert {role: more for role in HEAD_ROLES if (more := heads[role] - guided[role])} == {}
    assert min(map(len, heads.values())) >= 1
    assert min(len(heads["S-inhibition"]), len(heads["name mover"])) >= 2


def test_roles_of_both_directions_agree_under_an_s2_flip(demo_model: Model) -> None:
    pairs = arena_pairs(demo_model)
    results = [predictions(demo_model, pairs), attribute_heads(demo_model, pairs), role_attention(demo_model, pairs)]
    results += [head_scores(demo_model), copy_scores(demo_model)]
    found = [
        infer_roles(*results, patch_activations(demo_model, pairs, "z", positions="END", direction=direction))
        for direction in Direction
    ]
    np.testing.assert_array_equal(found[0].values, found[1].values)
    effects = [f.measurements.values[list(QUANTITIES).index("effect_at_end")] for f in found]
    np.testing.assert_allclose(*effects, atol=1e-4)  # each prompt is the corrupted twin of its neighbour
    assert effects[0].max() > 0.2
    np.testing.assert_array_equal(head_roles(demo_model, pairs).values, found[1].values)


@pytest.mark.parametrize("seed", range(3))
def test_random_models_have_no_roles(seed: int, tmp_path: Path) -> None:
    """Sharp attention at random places lies between two roles often enough, but never with the score besides; and a
    single prompt whose IO is ahead of S by chance is no prediction of it."""
    model = load_model(str(save_random_gpt2(tmp_path, 4, 64, 8, seed=seed, sharpness=2)))
    single = prompt_pairs(
        model, "When John and Mary went to the shops, John gave the bag to", corruption="abc", prepend_bos=True
    )
    for pairs in (single, arena_pairs(model), ioi_dataset(model, 14, seed=seed, corruption="abc")):
        found = head_roles(model, pairs)
        assert np.nansum(found.values) == 0
        attention = found.measurements.values[3:8]
        assert (attention > 0.25).sum() > 2, "heads must attend between roles, or this test shows nothing"
        assert "IO is ahead of S" in found.undefined


def test_progress_counts_up_to_its_total_and_can_cancel(demo_model: Model) -> None:
    told: list[tuple[int, int]] = []
    head_roles(demo_model, arena_pairs(demo_model), progress=lambda *at: told.append(at))
    done = [at for at, _ in told]
    assert done == sorted(done)
    assert {total for _, total in told} == {600}
    assert told[-1] == (600, 600)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        head_roles(demo_model, arena_pairs(demo_model), progress=stop)


def test_published_classes_are_the_26_heads_of_gpt2_small_alone(demo_model: Model) -> None:
    heads = [head for group in PUBLISHED_CLASSES for head in group.heads]
    assert len(heads) == len(set(heads)) == 26
    assert all(group.kept_at in ROLES for group in PUBLISHED_CLASSES)
    assert set(HEAD_ROLES) < {group.name for group in PUBLISHED_CLASSES}
    gpt2_small = replace(demo_model, is_gpt2_small=True)
    name_movers = published_class(gpt2_small, Head(9, 9))
    assert (name_movers.name, name_movers.kept_at) == ("name mover", "END")
    assert published_class(gpt2_small, Head(0, 2)) is None
    assert published_class(demo_model, Head(2, 2)) is None, "another model's head of the same number"


@pytest.mark.gpt2
def test_the_rules_find_the_leading_head_of_each_published_class(gpt2: Model) -> None:
    found = head_roles(gpt2, arena_pairs(gpt2))
    leading = {
        "previous token": "4.11",
        "duplicate token": "3.0",
        "induction": "5.5",
        "S-inhibition": "8.6",
        "name mover": "9.9",
        "negative name mover": "10.7",
    }
    for role, head in leading.items():
        assert role in found.roles_of(Head.parse(head)), [str(e) for e in found.evidence(Head.parse(head), role)]
