"""Scores of edges against Hugging Face's GPT-2 with hooks, against the edge atlas, and on a model known by hand."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from ioi_core import (
    DEMO_MODEL_DIR,
    Direction,
    EdgeGraph,
    EdgeScores,
    IOIError,
    Model,
    PromptPairs,
    arena_pairs,
    edge_atlas,
    edge_scores,
    load_model,
    prompt_pairs,
)
from tests.models.random_gpt2 import save_random_gpt2
from tests.models.random_pairs import EQUAL, UNEQUAL, random_pairs
from tests.oracles.hooked_edges import HookedEdges

PAIRS = {
    "one token": random_pairs(EQUAL, seed=3),
    "unequal, bos": random_pairs(UNEQUAL, seed=4, bos=True),
    "from 1 on, unequal, bos": random_pairs(UNEQUAL, seed=5, bos=True, differ_from=1),
    "all tokens, unequal": random_pairs(UNEQUAL, seed=6, differ_from=0),
}
SHAPES = dict(zip(PAIRS, [(3, 24, 2), (2, 36, 3), (2, 24, 2), (3, 16, 1)], strict=True))


@dataclass(frozen=True)
class Case:
    """Pairs, a model whose shape and weights are theirs alone, and the slow runs of both."""

    pairs: PromptPairs
    model: Model
    oracle: HookedEdges


@pytest.fixture(scope="module", params=PAIRS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    layers, width, heads = SHAPES[request.param]
    folder = tmp_path_factory.mktemp("edges") / "model"
    save_random_gpt2(folder, layers, width, heads, seed=width)
    pairs = PAIRS[request.param]
    return Case(pairs, load_model(str(folder)), HookedEdges(folder, pairs))


def of_edge(scores: EdgeScores, sender: str, receiver: str) -> np.ndarray:
    return scores.per_prompt[scores.axes["sender"].index(sender), scores.axes["receiver"].index(receiver)]


def test_exact_scores_equal_one_hooked_forward_an_edge(case: Case) -> None:
    scores, oracle = edge_scores(case.model, case.pairs, "exact"), case.oracle
    edges = list(oracle.edges())
    assert len(edges) == scores.n_edges == EdgeGraph.of(case.model).n_edges
    for sender, receiver in edges:
        theirs = oracle.without(sender, receiver) - oracle.clean
        np.testing.assert_allclose(of_edge(scores, sender, receiver), theirs, atol=1e-5)
    assert np.nanmax(np.abs(scores.values)) > 0.02
    np.testing.assert_allclose(
        [scores.clean, scores.corrupted], [oracle.clean.mean(), oracle.corrupted.mean()], atol=1e-5
    )


@pytest.mark.parametrize("steps", [None, 3])
def test_estimates_equal_autograd_of_a_plain_forward(case: Case, steps: int | None) -> None:
    method = "eap_ig" if steps else "eap"
    scores = edge_scores(case.model, case.pairs, method, steps=steps or 5)
    assert (scores.method, scores.steps, scores.estimate) == (method, steps, True)
    for (sender, receiver), theirs in case.oracle.estimated(steps).items():
        np.testing.assert_allclose(of_edge(scores, sender, receiver), theirs, atol=1e-5)
    assert np.nanmax(np.abs(scores.values)) > 0.02


@pytest.mark.parametrize("method", ["exact", "eap", "eap_ig"])
def test_the_bundled_model(demo_model: Model, method: str) -> None:
    pairs = arena_pairs(demo_model)[:4]
    scores, oracle = edge_scores(demo_model, pairs, method), HookedEdges(DEMO_MODEL_DIR, pairs)
    if method == "exact":
        rng, edges = np.random.default_rng(0), list(oracle.edges())
        chosen = [edges[index] for index in rng.choice(len(edges), 40, replace=False)] + [("5.3", "logits")]
        theirs = {edge: oracle.without(*edge) - oracle.clean for edge in chosen}
    else:
        theirs = oracle.estimated(5 if method == "eap_ig" else None)
    for edge, value in theirs.items():
        np.testing.assert_allclose(of_edge(scores, *edge), value, atol=1e-4)


def test_edges_between_heads_are_the_atlas_s(small_model: Model) -> None:
    pairs = PAIRS["from 1 on, unequal, bos"]
    scores = edge_scores(small_model, pairs, "exact")
    senders = [scores.axes["sender"].index(str(head)) for head in small_model.heads]
    between = np.arange(4).repeat(4)[:, None] < np.arange(4).repeat(4)
    for name in "qkv":
        receivers = [scores.axes["receiver"].index(f"{head}<{name}>") for head in small_model.heads]
        ours = scores.per_prompt[np.ix_(senders, receivers)]
        atlas = edge_atlas(small_model, pairs, name, direction=Direction.NOISING, through_mlps=False)
        np.testing.assert_array_equal(np.isnan(ours[..., 0]), ~between)
        np.testing.assert_allclose(ours[between], atlas.effects.reshape(ours.shape)[between], atol=1e-5)


def test_prompts_that_do_not_differ_change_nothing(small_model: Model) -> None:
    pairs = PAIRS["unequal, bos"]
    tokens = pairs.corrupted_tokens.copy()
    tokens[1] = pairs.clean_tokens[1]
    pairs = replace(pairs, corrupted_tokens=tokens)
    for method in ("exact", "eap", "eap_ig"):
        per_prompt = edge_scores(small_model, pairs, method).per_prompt
        assert (per_prompt[:, :, 1][EdgeGraph.of(small_model).exists] == 0).all()
        assert np.nanmax(np.abs(per_prompt[:, :, 0])) > 0.01


def test_a_small_budget_and_blocks_change_no_number(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = random_pairs([30, 24, 30, 27] * 2, seed=7, differ_from=20)
    whole = {method: edge_scores(small_model, pairs, method) for method in ("exact", "eap")}
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", "16")
    for method, scores in whole.items():
        np.testing.assert_allclose(edge_scores(small_model, pairs, method).per_prompt, scores.per_prompt, atol=1e-5)


def test_exact_scores_are_resumed(case: Case) -> None:
    model, pairs, parts = case.model, case.pairs, {}
    whole = edge_scores(model, pairs)

    def stop(done: int, total: int) -> None:
        if 2 * done > total:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        edge_scores(model, pairs, progress=stop, parts=parts)
    kept = dict(parts)
    assert kept
    told: list[tuple[int, int]] = []
    np.testing.assert_array_equal(
        edge_scores(model, pairs, progress=lambda *x: told.append(x), parts=parts).values, whole.values
    )
    assert all(parts[name] is part for name, part in kept.items())
    assert len(parts) > len(kept)
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    name = next(iter(parts))
    parts[name] = parts[name][:-1]  # damaged: computed again
    np.testing.assert_array_equal(edge_scores(model, pairs, parts=parts).values, whole.values)
    marked = {name: part + 7 for name, part in parts.items()}
    moved = edge_scores(model, pairs, parts=marked).values[:, :-1] - whole.values[:, :-1]
    np.testing.assert_allclose(moved[np.isfinite(moved)], 7, atol=1e-4)


@pytest.mark.parametrize("method", ["eap", "eap_ig"])
def test_an_exception_in_progress_cancels(small_model: Model, method: str) -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        edge_scores(small_model, PAIRS["one token"], method, progress=stop)


def test_sets_of_answers_and_other_tasks(demo_model: Model) -> None:
    """logit_diff is then that of the sets' means; only END need exist."""
    text = "The capital of France is", "The capital of Italy is"
    one = [prompt_pairs(demo_model, *text, io=io, s=" Rome") for io in (" Paris", " Lyon")]
    assert list(one[0].roles) == ["END"]
    both = _with_sets(one[0], ((int(one[0].answers[0, 0]), int(one[1].answers[0, 0])), (int(one[0].answers[0, 1]),)))
    for method in ("exact", "eap"):
        mean = np.mean([edge_scores(demo_model, pairs, method).values for pairs in one], 0)
        np.testing.assert_allclose(edge_scores(demo_model, both, method).values, mean, atol=1e-5)


def _with_sets(pairs: PromptPairs, sets: tuple[tuple[int, ...], tuple[int, ...]]) -> PromptPairs:
    return replace(pairs, answer_sets=(sets,))


def test_bad_requests_say_what_is_allowed(small_model: Model) -> None:
    pairs = PAIRS["one token"]
    for options, says in (
        ({"method": "acdc"}, "use exact, eap or eap_ig"),
        ({"method": "eap_ig", "steps": 0}, "from 1 to 100"),
        ({"metric": "kl"}, "use one of logit_diff"),
    ):
        with pytest.raises(IOIError, match=says):
            edge_scores(small_model, pairs, **options)
