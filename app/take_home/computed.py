"""What a figure was computed by, in words: each analysis of its record with its parameters. No Streamlit here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.questions.ask import Request
from app.words.choices import ABLATIONS, DIRECTIONS, INPUTS, METRICS, SITES
from app.words.phrases import listed, prompts, threshold
from ioi_core import Circuit, PromptPairs

_MOST_LISTED = 40
_RANKED = "Edges ranked by"
_CLEAN, _CORRUPTED, _ANSWERS = "clean_tokens", "corrupted_tokens", "answers"

TITLES = {
    "predictions": "Predictions: the likeliest next tokens, and logit_diff",
    "answer_form_ranks": "Ranks of the right answer in its two forms, with a space in front and without",
    "logit_lens": "Logit lens: logit_diff if each stage were unembedded",
    "lens_tokens": "Logit lens: the likeliest tokens if each layer were unembedded",
    "attribute_layers": "Direct effects on logit_diff of attention layers and MLPs",
    "attribute_heads": "Direct effects on logit_diff of heads",
    "attention_patterns": "Attention patterns",
    "attention_and_writing": "Attention from END to the names, and what heads write of these",
    "role_attention": "Attention from each token role to each other one",
    "head_scores": "Attention along diagonals, on random tokens that repeat",
    "copy_scores": "Copy scores of the OV circuits",
    "copied_tokens": "Top tokens of a head's OV circuit",
    "patch_activations": "Activation patching",
    "estimate_patching": "Activation patching, estimated to first order (attribution patching)",
    "patch_paths": "Path patching",
    "edge_atlas": "Path patching of every edge from a head to a later head",
    "edge_scores": "Scores of all edges",
    "evaluate_edges": "A circuit of edges, run: all others read from the corrupted run",
    "edge_curve": "Faithfulness of circuits of the edges of largest score, at several sizes",
    "minimal_edges": "Search for a small circuit of edges",
    "explain_attention": "An attention logit split into what wrote its query and its key",
    "evaluate_circuit": "A circuit, run: everything outside it ablated",
    "completeness": "Completeness: the circuit and the model without the same heads",
    "minimality": "Minimality: what each member of the circuit adds",
    "edit_circuit": "A circuit without some of its heads: faithfulness, minimality and completeness",
    "completeness_sets": "Completeness for many sets of heads",
    "find_circuit": "Search for a circuit",
    "backup_heads": "Backup: direct effects while heads are ablated at END one after the other",
    "token_and_position": "Token and position signals, fitted on six flips of the prompts",
    "contrast_methods": "The same heads under every way to ablate and to patch",
    "direct_and_total": "Direct effects of heads beside their total effects",
}
"""Analysis -> what it is."""


@dataclass(frozen=True)
class Computed:
    """An analysis: what it is, its name in `ioi_core`, and its parameters in words, label -> value."""

    title: str
    analysis: str
    parameters: Mapping[str, str]


def computed(requests: Sequence[Request[Any]], source: PromptPairs) -> list[Computed]:
    """Return each analysis once, in the order of the requests; `source` are the prompts that all else is told from."""
    told: list[Computed] = []
    for n, request in enumerate(requests):
        words = _in_words(request, source)
        if "scores" in request.parameters:  # those of the request before it
            words[_RANKED] = f"{_METHODS[str(requests[n - 1].parameters['method'])].split(',')[0]} scores, as above"
        one = Computed(TITLES[request.analysis], request.analysis, words)
        if one not in told:
            told.append(one)
    return told


def same_prompts(a: PromptPairs, b: PromptPairs) -> bool:
    """Return whether two sets of prompts have the same tokens and answers."""
    return a is b or all(np.array_equal(getattr(a, name), getattr(b, name)) for name in (_CLEAN, _CORRUPTED, _ANSWERS))


def rows_of(pairs: PromptPairs, source: PromptPairs) -> slice | None:
    """Return which of the source's prompts these are: all, the first or the last; None if they have other twins."""
    n = len(pairs)
    choices = (slice(None), slice(n), slice(-n, None)) if n < len(source) else (slice(None),)
    return next((rows for rows in choices if same_prompts(pairs, source[rows])), None)


def place_of(array: np.ndarray, source: PromptPairs) -> tuple[str, int] | None:
    """Return the field and the row of the prompts that token ids [1 pos] are, if they are one's."""
    if array.ndim != 2 or len(array) != 1:
        return None
    length = array.shape[1]
    for name in (_CLEAN, _CORRUPTED, _ANSWERS):
        ids = getattr(source, name)[:, :length]
        ends = np.full(len(source), length) if name == _ANSWERS else source.lengths
        if ids.shape[1] == length and (rows := np.flatnonzero((ids == array).all(1) & (ends == length))).size:
            return name, int(rows[0])
    return None


def _in_words(request: Request[Any], source: PromptPairs) -> dict[str, str]:
    given, words = request.parameters, {}
    for name, value in given.items():
        if name not in _without_effect(given):
            label, write = PARAMETERS[name]
            words[label] = write(value, source)
    return {label: text for label, text in words.items() if text}


def _without_effect(given: Mapping[str, object]) -> list[str]:
    """Return the parameters that the others make mean nothing."""
    of_heads, in_steps = given.get("receivers") != "logits", given.get("method", "") not in _ONE_STEP
    return [name for name, has in (("receiver_input", of_heads), ("steps", in_steps)) if not has]


_ONE_STEP = {"exact": "exact, each edge corrupted alone", "eap": "EAP, an estimate to first order"}
_METHODS = _ONE_STEP | {"eap_ig": "EAP-IG, an estimate with gradients averaged over steps from corrupted to clean"}
_SIDES = {_CLEAN: "the clean prompt {}", _CORRUPTED: "the corrupted prompt {}", _ANSWERS: "the answers of prompt {}"}


def _prompts(pairs: PromptPairs, source: PromptPairs) -> str:
    """Return which prompts these are; "" for all of the source's, which every file names."""
    rows = rows_of(pairs, source)
    if rows is None:
        return f"{len(pairs)} of {prompts(len(source))}, with ABC twins"
    if rows == slice(None):
        return ""
    return f"the {'first' if rows.start is None else 'last'} {len(pairs)} of {prompts(len(source))}"


def _tokens(value: object, source: PromptPairs) -> str:
    if isinstance(value, np.ndarray) and (place := place_of(value, source)) is not None:
        return _SIDES[place[0]].format(place[1] + 1)
    return _several(np.asarray(value).ravel().tolist(), source, "token ids ")


def _several(value: object, _: PromptPairs, before: str = "") -> str:
    """Return a list: its first ones, and how many more there are."""
    items = [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]
    if len(items) <= _MOST_LISTED:
        return f"{before}{', '.join(items)}" if items else "none"
    return f"{before}{', '.join(items[:_MOST_LISTED])} and {len(items) - _MOST_LISTED:,} more"


def _of(words: Mapping[Any, str], pattern: str = "{words}") -> Callable[[object, PromptPairs], str]:
    """Return what writes a choice by its words; one without any as it is."""
    return lambda value, _: pattern.format(words=words[value], value=value) if value in words else str(value)


def _as_it_is(value: object, _: PromptPairs) -> str:
    return str(value)


def _heads(value: object, source: PromptPairs) -> str:
    return str(value) if isinstance(value, Circuit) else _several(value, source)


PARAMETERS: Mapping[str, tuple[str, Callable[[Any, PromptPairs], str]]] = {
    "pairs": ("Prompts", _prompts),
    "tokens": ("Tokens", _tokens),
    "track": ("Followed", lambda value, source: "" if value is None else _tokens(value, source)),
    "site": ("Activation", _of(SITES, "{value}, {words}")),
    "direction": ("Direction", _of({way: asks.format("it") for way, asks in DIRECTIONS.items()}, "{value}, {words}")),
    "positions": (
        "Positions",
        _of({"all": "all at once", "each": "one at a time", "roles": "one token role at a time"}),
    ),
    "metric": (
        "Scored by",
        _of({name: said if said.startswith(name) else f"{name}, {said}" for name, said in METRICS.items()}),
    ),
    "receivers": (
        "Receivers",
        lambda value, source: "the logits at END" if value == "logits" else _heads(value, source),
    ),
    "receiver_input": ("Read through", _of(INPUTS)),
    "sender_position": ("Senders at", _of({"all": "every position"})),
    "through_mlps": ("MLPs on the way", _of({True: "recomputed", False: "kept as they are"})),
    "include_mlps": ("Senders", _of({True: "heads and MLPs", False: "heads"})),
    "scale": (
        "LayerNorm",
        _of({"final": "every stage by the final scale of the full run", "per_layer": "afresh at each stage"}),
    ),
    "weighted": ("Weights", _of({True: "attention times the size of what would be written", False: "attention"})),
    "layer": ("Layer", lambda value, _: "every one" if value is None else str(value)),
    "top_k": ("Top tokens", _as_it_is),
    "n": ("Tokens before they repeat", _as_it_is),
    "batch": ("Sequences", _as_it_is),
    "seed": ("Seed", _as_it_is),
    "names": ("Names", lambda value, source: "those of IOI's templates" if value is None else _several(value, source)),
    "head": ("Head", _as_it_is),
    "heads": ("Heads", _heads),
    "sign": ("Read", _of({"positive": "what the head writes", "negative": "the opposite of what it writes"})),
    "method": ("Method", _of(_METHODS)),
    "steps": ("Steps", _as_it_is),
    "edges": ("Edges", lambda value, source: f"{len(value)}: {_several(value, source)}" if len(value) else "none"),
    "scores": (_RANKED, lambda value, _: ""),
    "shares": ("Shares of all edges", lambda value, source: _several([threshold(one) for one in value], source)),
    "bound": ("Faithfulness of at least", lambda value, _: threshold(value)),
    "held_out": ("Judged on", lambda value, source: "no other prompts" if value is None else _prompts(value, source)),
    "query": ("From", _as_it_is),
    "key": ("To", _as_it_is),
    "circuit": ("Circuit", _heads),
    "removed": ("Taken out", _heads),
    "ablation": (
        "Ablated heads write",
        _of({way: said.format("twin") for way, said in ABLATIONS.items()}, "{value}: {words}"),
    ),
    "n_random": ("Random sets", _as_it_is),
    "n_greedy": ("Greedy sets", _as_it_is),
    "tolerance": ("Faithfulness within", lambda value, _: f"{threshold(value)} of 1"),
    "flips": ("Flips", lambda value, _: listed(list(value))),
}
"""Parameter of any analysis -> its label, and what writes its value."""
