"""What callers type: every spelling of one thing gives one result, and anything else is refused in words."""

import inspect
import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ioi_core
from ioi_core import (
    DEMO_MODEL_DIR,
    END_OF_TEXT,
    IOI_CIRCUIT,
    Circuit,
    CircuitError,
    Head,
    HeadError,
    Model,
    PromptError,
    PromptPairs,
    ablate,
    attention_patterns,
    backup_heads,
    completeness,
    contrast_methods,
    copied_tokens,
    evaluate_circuit,
    explain_attention,
    find_circuit,
    ioi_dataset,
    lens_tokens,
    patch_paths,
    published_class,
    run,
    token_and_position,
    with_twins,
)
from tests.models.bundled import INHIBITION

FUNCTIONS = [name for name in ioi_core.__all__ if inspect.isfunction(getattr(ioi_core, name))]


@pytest.fixture(scope="module")
def abc(demo_model: Model) -> PromptPairs:
    return ioi_dataset(demo_model, 4, corruption="abc")


@pytest.fixture(scope="module")
def after_wrong_types(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Function -> what was not refused in words, in a process without the type checks that tests switch on."""
    data_set = tmp_path_factory.mktemp("data") / "set.csv"
    data_set.write_text("clean\n" + '"When Mary and John went out, John spoke to"\n')
    command = [sys.executable, "-m", "tests.core.wrong_types", str(small_folder), str(data_set)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_wrong_types_are_refused_in_words(function: str, after_wrong_types: dict[str, dict[str, str]]) -> None:
    assert after_wrong_types[function] == {}


HEADS = {
    "heads": [Head(3, 2), Head(3, 1)],
    "texts": ["3.2", "3.1"],
    "pairs": [(3, 2), [3, 1]],
    "mixed, in a tuple": (Head(3, 2), "3.1"),
    "an array": np.array([[3, 2], [3, 1]]),
    "a tensor": torch.tensor([[3, 2], [3, 1]]),
}


@pytest.mark.parametrize("heads", HEADS.values(), ids=HEADS)
def test_heads_in_any_spelling(heads: Any, demo_model: Model, abc: PromptPairs) -> None:
    assert patch_paths(demo_model, abc, heads).receivers == (Head(3, 1), Head(3, 2))
    assert backup_heads(demo_model, abc, heads).knocked_out == (Head(3, 2), Head(3, 1)), "their order counts"


@pytest.mark.parametrize("head", [Head(3, 2), "3.2", (3, 2), [3, 2], (np.int64(3), np.int32(2))], ids=repr)
def test_one_head_in_any_spelling(head: Any, demo_model: Model, abc: PromptPairs) -> None:
    assert patch_paths(demo_model, abc, head).receivers == (Head(3, 2),)
    assert explain_attention(demo_model, abc, head).head == Head(3, 2)
    assert ablate(demo_model, abc, head).ablated == Circuit({Head(3, 2): "all"})
    flips = {flip: with_twins(demo_model, abc, flip) for flip in ioi_core.SIGNAL_FLIPS}
    assert token_and_position(demo_model, flips, head).heads == (Head(3, 2),)
    expected = copied_tokens(demo_model, Head(3, 2), [5335])
    np.testing.assert_array_equal(copied_tokens(demo_model, head, 5335).values, expected.values)
    assert published_class(demo_model, head) is None
    assert demo_model.check_head(head) == Head(3, 2)


@pytest.mark.parametrize("heads", [3.2, [3.2], ["3.2", None], {"3.2": "END"}, [[3, 2, 1]], (3, 2.0)], ids=repr)
def test_what_are_no_heads_is_refused(heads: Any, demo_model: Model, abc: PromptPairs) -> None:
    with pytest.raises(HeadError, match=r"'9\.9'"):
        patch_paths(demo_model, abc, heads)


CIRCUITS = {
    "a mapping": {Head(3, 2): ("END", "S2"), Head(1, 1): "S2"},
    "texts": {"3.2": ["S2", "END"], "1.1": "S2"},
    "pairs of numbers": {(3, 2): {"S2", "END"}, (1, 1): ("S2",)},
    "entries": [("3.2", "END"), (Head(3, 2), ["S2"]), ((1, 1), "S2")],
    "one head in two spellings": {"3.2": "END", Head(3, 2): "S2", (1, 1): "S2"},
    "a circuit": Circuit({"3.2": ("END", "S2"), "1.1": "S2"}),
    "what a circuit keeps": Circuit({"3.2": ("END", "S2"), "1.1": "S2"}).heads,
}


@pytest.mark.parametrize("given", CIRCUITS.values(), ids=CIRCUITS)
def test_circuits_in_any_spelling(given: Any) -> None:
    circuit = Circuit(given)
    assert str(circuit) == "1.1 at S2, 3.2 at S2 END"
    assert circuit["3.2"] == circuit[3, 2] == circuit[Head(3, 2)] == {"S2", "END"}
    assert hash(circuit) == hash(CIRCUITS["a circuit"])


@pytest.mark.parametrize(
    "given",
    [["3.2", (1, 1)], (Head(3, 2), Head(1, 1)), {"3.2", "1.1"}, np.array([[3, 2], [1, 1]])],
    ids=["list", "tuple", "set", "array"],
)
def test_heads_alone_are_meant_everywhere(given: Any, demo_model: Model, abc: PromptPairs) -> None:
    everywhere = {Head(3, 2): "all", Head(1, 1): "all"}
    assert Circuit(given) == Circuit(everywhere)
    np.testing.assert_array_equal(
        ablate(demo_model, abc, given).per_prompt, ablate(demo_model, abc, everywhere).per_prompt
    )


def test_a_result_stands_for_its_circuit(demo_model: Model, abc: PromptPairs) -> None:
    found = find_circuit(demo_model, abc)
    evaluation = evaluate_circuit(demo_model, abc, found)
    assert evaluation.circuit == found.circuit
    np.testing.assert_array_equal(evaluation.per_prompt, found.evaluation.per_prompt)
    assert completeness(demo_model, abc, evaluation, found.circuit.at("END")).circuit == found.circuit
    assert contrast_methods(demo_model, abc, evaluation).heads == found.circuit
    with pytest.raises(CircuitError, match="heads are wanted, got AblationResult"):
        evaluate_circuit(demo_model, abc, ablate(demo_model, abc, "3.2"))


LONG, SHORT = [END_OF_TEXT, 5, 6, 7], [END_OF_TEXT, 8]
PADDED = [LONG, [*SHORT, END_OF_TEXT, END_OF_TEXT]]
TOKENS = {
    "an array": np.array(PADDED),
    "another whole type": np.array(PADDED, dtype=np.int32),
    "lists": PADDED,
    "lists of different lengths": [LONG, SHORT],
    "tuples": (tuple(LONG), tuple(SHORT)),
    "arrays of different lengths": [np.array(LONG), np.array(SHORT)],
    "a tensor": torch.tensor(PADDED),
    "tensors of different lengths": [torch.tensor(LONG), torch.tensor(SHORT)],
}


@pytest.mark.parametrize("tokens", TOKENS.values(), ids=TOKENS)
def test_tokens_in_any_spelling(tokens: Any, small_model: Model) -> None:
    expected = run(small_model, np.array(PADDED), np.array([3, 1]))
    for positions in (-1, [-1, -1], [3, 1], (3, -1), torch.tensor([3, 1]), np.array([3, 1], dtype=np.int16)):
        np.testing.assert_array_equal(run(small_model, tokens, positions), expected)
    np.testing.assert_array_equal(run(small_model, tokens), expected)
    np.testing.assert_array_equal(run(small_model, tokens, 0), run(small_model, np.array(PADDED), np.array([0, 0])))
    patterns = attention_patterns(small_model, tokens)
    np.testing.assert_array_equal(patterns.values, attention_patterns(small_model, np.array(PADDED)).values)
    np.testing.assert_array_equal(
        lens_tokens(small_model, tokens, top_k=2).ids[-1, 0, 3], expected[0].argsort()[:-3:-1]
    )


def test_one_prompt_needs_no_list_of_prompts(small_model: Model) -> None:
    np.testing.assert_array_equal(run(small_model, LONG, 2), run(small_model, np.array([LONG]), np.array([2])))


def test_pairs_stand_for_their_clean_prompts(small_model: Model) -> None:
    pairs = ioi_dataset(small_model, 3)
    for function in (attention_patterns, lens_tokens):
        assert_same = partial(np.testing.assert_array_equal, function(small_model, pairs.clean_tokens).values)
        assert_same(function(small_model, pairs).values)
    at_end = run(small_model, pairs.clean_tokens, pairs.roles["END"])
    np.testing.assert_array_equal(run(small_model, pairs), at_end)


@pytest.mark.parametrize("text", ["When Mary", ["When Mary", "and John"]], ids=repr)
def test_texts_are_no_tokens_and_no_pairs(text: Any, small_model: Model) -> None:
    with pytest.raises(PromptError, match=r"give prompt_pairs\(model, \.\.\.\), or lists of ids as model\.encode"):
        run(small_model, text)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_signatures_show_types(function: str) -> None:
    """`help` names the types that are meant, of everything that is taken and returned."""
    signature = inspect.signature(getattr(ioi_core, function))
    shown = {name: inspect.formatannotation(parameter.annotation) for name, parameter in signature.parameters.items()}
    shown["returned"] = inspect.formatannotation(signature.return_annotation)
    assert not [name for name, text in shown.items() if re.search(r"\b(object|Any|_empty)\b|ioi_core\.inputs", text)]


def test_what_help_says() -> None:
    text = str(inspect.signature(patch_paths))
    assert "receivers: str | Head | list[Head | str] = 'logits'" in text
    assert "through_mlps: bool = True" in text
    assert "layer: int | None = None" in str(inspect.signature(attention_patterns))


def assert_short(value: object, *parts: str) -> None:
    text = repr(value)
    assert len(text) < 300
    assert "array" not in text
    for part in parts:
        assert part in text


def test_results_and_models_have_short_names(demo_model: Model, abc: PromptPairs) -> None:
    found, n_layers = find_circuit(demo_model, abc), demo_model.cfg.n_layers
    assert_short(
        patch_paths(demo_model, abc), "PathResult", "logit_diff_change", "fraction", f"layer {n_layers}", "n_prompts 4"
    )
    assert_short(found, f"FoundCircuit(logit_diff_change in logits, [role 5, layer {n_layers}, head ")
    assert_short(found.evaluation.at(run="model"), "PromptResult", "[]")
    assert_short(demo_model, f"Model(ioi-demo: {n_layers} layers", "float32 on cpu")
    assert_short(demo_model.weights, "Weights")


def test_the_published_circuit_is_what_it_was() -> None:
    assert Circuit(dict(IOI_CIRCUIT)) == IOI_CIRCUIT == Circuit(IOI_CIRCUIT)


def test_what_the_readme_types_works(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", (DEMO_MODEL_DIR.parents[2] / "README.md").read_text(), re.DOTALL):
        exec(block, names)
    assert names["found"].evaluation.faithfulness == pytest.approx(1, abs=0.1)
    assert f"{[str(head) for head in INHIBITION]}).coefficients)  # S-inhibition heads".replace("'", '"') in block
    assert "logit_diff" in capsys.readouterr().out
