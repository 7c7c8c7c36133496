"""Which edges are kept: the strongest, and a visitor's changes, as text and back."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from app.edges.compared import agreement, jaccard, overlaps_between, overlaps_when_resampled
from app.edges.plan import MOST_CHANGES, Changes, Plan, first_size, plan_of, read_changes, sizes
from app.edges.requests import scores_request
from app.hosting.settings import Settings
from app.questions.limits import check_cells
from ioi_core import EdgeError, EdgeGraph, EdgeScores, IOIError, Model, arena_pairs, ioi_dataset

GRAPH = EdgeGraph(2, 2)


def scores(seed: int = 0, n_prompts: int = 4, noise: float = 0.1) -> EdgeScores:
    chance = np.random.default_rng(seed)
    one = np.where(GRAPH.exists, chance.normal(size=GRAPH.exists.shape), np.nan)
    per_prompt = one[..., None] + noise * chance.normal(size=(*one.shape, n_prompts))
    return EdgeScores(
        values=per_prompt.mean(-1), per_prompt=per_prompt, axes=GRAPH.axes, metric="logit_diff", unit="logits",
        n_prompts=n_prompts, method="exact", steps=None, clean=3.0, corrupted=-3.0,
    )  # fmt: skip


@pytest.mark.parametrize("n_edges", [10, 1_108, 32_491])
def test_sizes_go_from_none_to_all(n_edges: int) -> None:
    found = sizes(n_edges)
    assert found == sorted(set(found))
    assert (found[0], found[-1]) == (0, n_edges)
    assert first_size(n_edges) in found


def test_the_strongest_are_kept_whatever_their_sign() -> None:
    one = scores()
    plan = Plan(GRAPH, one, 5, Changes())
    sizes_of_all = np.sort(np.abs(one.values[GRAPH.exists]))
    assert plan.mask.sum() == 5
    assert np.abs(one.values[plan.mask]).min() == sizes_of_all[-5]
    assert set(plan.names) <= {"->".join(edge) for edge in GRAPH.edges(plan.mask)}


def test_changes_are_read_back_as_they_were_written() -> None:
    changes = read_changes("-0.1->1.0<q>, +embed->mlp 1", GRAPH)
    assert changes == Changes(frozenset({"embed->mlp 1"}), frozenset({"0.1->1.0<q>"}))
    assert read_changes(changes.text, GRAPH) == changes
    assert read_changes("", GRAPH) == Changes()
    plan = Plan(GRAPH, scores(), 0, changes)
    assert GRAPH.edges(plan.mask) == (("embed", "mlp 1"),)


def test_a_circuit_given_whole_takes_the_place_of_the_strongest() -> None:
    changes = Changes(kept=frozenset({"mlp 0->logits"}), dropped=frozenset({"0.1->logits"}))
    plan = Plan(GRAPH, scores(), 5, changes, "embed->0.1<v>, 0.1->logits")
    assert GRAPH.edges(plan.mask) == (("embed", "0.1<v>"), ("mlp 0", "logits"))
    assert pickle.loads(pickle.dumps(plan)).mask.tolist() == plan.mask.tolist()


def test_an_edge_is_switched_and_back() -> None:
    edge, nothing = "0.1->1.0<q>", Changes()
    assert nothing.switched(edge, is_kept=True) == Changes(dropped=frozenset({edge}))
    assert nothing.switched(edge, is_kept=False) == Changes(kept=frozenset({edge}))
    for is_kept in (True, False):
        assert nothing.switched(edge, is_kept=is_kept).switched(edge, is_kept=not is_kept) == nothing


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.1->1.0<q>", "neither"),
        ("-1.0->0.1<q>", "later part"),
        ("-7.0->logits", "does not exist"),
        ("+0.1", "no edge"),
        ("+<b>x</b>", "no edge"),
        ("-0.1->logits, +0.1->logits", "both kept and dropped"),
        (", ".join(["-0.1->logits"] * (MOST_CHANGES + 1)), "at most 60"),
    ],
)
def test_what_is_no_change_is_refused_in_words(text: str, why: str) -> None:
    with pytest.raises(EdgeError, match=why):
        read_changes(text, GRAPH)
    plan, said = plan_of(GRAPH, scores(), 3, text)
    assert plan.changes == Changes()
    assert why in str(said)


def test_agreement_counts_edges_and_nodes() -> None:
    a, b = (GRAPH.mask(edges) for edges in (["embed->0.0<q>", "0.0->logits"], ["embed->0.0<v>", "0.0->logits"]))
    found = agreement(GRAPH, a, b)
    assert found.shared == pytest.approx(1 / 3)
    assert found.nodes == 1
    assert (found.n_edges, found.n_shared) == ((2, 2), 1)
    assert jaccard(np.zeros(3, dtype=bool), np.zeros(3, dtype=bool)) == 1


def test_edges_alike_in_every_prompt_stay_when_prompts_are_drawn_again() -> None:
    assert overlaps_when_resampled(GRAPH, scores(noise=0), 6).min() == 1
    assert overlaps_when_resampled(GRAPH, scores(noise=3), 6).mean() < 0.9


def test_two_scores_are_drawn_together_or_each_by_itself() -> None:
    one = scores(noise=3)
    assert overlaps_between(GRAPH, one, one, 6, paired=True).min() == 1
    apart = overlaps_between(GRAPH, one, one, 6, paired=False)
    assert apart.mean() < 0.9
    assert overlaps_between(GRAPH, scores(noise=0), scores(noise=0, n_prompts=7), 6, paired=False).min() == 1


def test_exact_scores_of_the_classic_prompts_are_allowed_by_default_on_gpt2_small(demo_model: Model) -> None:
    shaped = replace(demo_model, cfg=replace(demo_model.cfg, n_layers=12, n_heads=12))
    for pairs in (arena_pairs(demo_model), ioi_dataset(demo_model, 15)):
        check_cells(shaped, scores_request(pairs, "exact"), Settings())
    with pytest.raises(IOIError, match="patched runs"):
        check_cells(shaped, scores_request(ioi_dataset(demo_model, 16), "exact"), Settings())
