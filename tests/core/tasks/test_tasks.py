"""The tasks beside IOI: answers by a reading of the text that knows nothing of how it was made."""

import ast
import re

import numpy as np
import pytest

from ioi_core import TASKS, Model, PromptError, PromptPairs, logit_lens, patch_activations, task_dataset
from ioi_core.errors import ChoiceError
from ioi_core.tasks.sentences import WORDS, Vocabulary
from tests.core.prompts.prompt_checks import tokenizer_only_model

N = 150
PLURALS = {plural for _, plural in WORDS["agreement"]["nouns"]}
COUNTRIES: dict[str, str] = WORDS["capital"]["capitals"]


@pytest.fixture(scope="module")
def model() -> Model:
    return tokenizer_only_model()


def answers(model: Model, pairs: PromptPairs, row: int) -> tuple[set[str], set[str]]:
    sets = pairs.answer_sets[row] if pairs.answer_sets else tuple((int(token),) for token in pairs.answers[row])
    right, wrong = ({model.token_text(token) for token in ids} for ids in sets)
    return right, wrong


def expected(task: str, text: str, twin: str) -> tuple[set[str], set[str]]:
    """The right and the wrong answers, read from the text."""
    match task:
        case "greater_than":
            years = [f"{year:02}" for year in range(100)]
            (start,) = re.findall(r"year (\d{4}) ", text)
            assert text.endswith(f"year {start[:2]}")
            assert re.findall(r"year (\d{4}) ", twin) == [f"{start[:2]}01"]
            return {y for y in years if int(y) > int(start[2:])}, {y for y in years if int(y) <= int(start[2:])}
        case "pronoun":
            named = [
                {g for g in ("he", "she") for name in WORDS["pronoun"][g] if name in re.findall(r"\w+", t)}
                for t in (text, twin)
            ]
            return {f" {g}" for g in named[0]}, {f" {g}" for g in named[1]}
        case "agreement":
            nouns = [
                re.findall(r"the (\w+) (?:near|behind|with|beside) the", t, re.IGNORECASE)[-1] for t in (text, twin)
            ]
            assert [noun in PLURALS for noun in nouns] in ([True, False], [False, True])
            forms = {True: {" are", " were", " have"}, False: {" is", " was", " has"}}
            return forms[nouns[0] in PLURALS], forms[nouns[0] not in PLURALS]
        case "capital":
            named = [[country for country in COUNTRIES if country in t] for t in (text, twin)]
            return {f" {COUNTRIES[c]}" for c in named[0]}, {f" {COUNTRIES[c]}" for c in named[1]}
        case _:
            (function,) = ast.parse(text + '"""').body
            assert isinstance(function, ast.FunctionDef)
            own = [argument.arg for argument in function.args.args]
            documented = re.findall(r":param (\w+):", text)
            assert own[:3] == ["self", *documented]
            assert not set(own[1:]) & {a.arg for a in ast.parse(twin + '"""').body[0].args.args[1:]}
            assert text.split(":\n", 1)[1] == twin.split(":\n", 1)[1]
            return {f" {own[3]}"}, {f" {name}" for name in (own[1], own[2], own[4])}


@pytest.mark.parametrize("task", TASKS)
def test_answers_and_twins_are_what_the_text_says(model: Model, task: str) -> None:
    pairs = task_dataset(model, task, N, seed=5)
    assert set(pairs.roles) == {"END"}
    for row in range(N):
        clean, twin = pairs.clean_text[row], pairs.corrupted_text[row]
        assert answers(model, pairs, row) == expected(task, clean, twin), clean
        for tokens, text in ((pairs.clean_tokens, clean), (pairs.corrupted_tokens, twin)):
            assert tokens[row, 1 : pairs.lengths[row]].tolist() == model.encode(text)
        assert pairs.roles["END"][row] == pairs.lengths[row] - 1
    assert (pairs.clean_tokens != pairs.corrupted_tokens).any(1).all()
    assert len(set(pairs.clean_text)) > N // 2
    if pairs.answer_sets:
        assert [(right[0], wrong[0]) for right, wrong in pairs.answer_sets] == list(map(tuple, pairs.answers.tolist()))


@pytest.mark.parametrize("task", TASKS)
def test_both_answers_and_all_sentences_come_up(model: Model, task: str) -> None:
    pairs = task_dataset(model, task, N)
    assert len(set(pairs.templates.tolist())) == len(WORDS[task].get("sentences", [1]))
    rights = pairs.answers[:, 0].tolist()
    assert max(map(rights.count, rights)) <= 0.65 * N  # nobody is right by always saying the same


@pytest.mark.parametrize("task", TASKS)
def test_the_seed_decides_all(model: Model, task: str) -> None:
    one, same, other = (task_dataset(model, task, 20, seed=seed, prepend_bos=False) for seed in (1, 1, 2))
    assert one.clean_text == same.clean_text != other.clean_text
    longer = task_dataset(model, task, 30, seed=1)
    assert longer.clean_text[:20] == one.clean_text
    assert longer.corrupted_text[:20] == one.corrupted_text
    np.testing.assert_array_equal(longer.clean_tokens[:20, 1 : 1 + one.clean_tokens.shape[1]], one.clean_tokens)


@pytest.mark.parametrize("task", TASKS)
def test_analyses_run_on_every_task(demo_model: Model, task: str) -> None:
    pairs = task_dataset(demo_model, task, 6)
    lens = logit_lens(demo_model, pairs)
    result = patch_activations(demo_model, pairs, "resid_pre", metric="logit_diff")
    np.testing.assert_allclose(result.clean, lens.values[-1], atol=1e-4)
    assert np.isfinite(result.values).all()


@pytest.mark.parametrize("task", TASKS)
def test_every_listed_word_can_be_used(model: Model, task: str) -> None:
    """A word that is cut into pieces would never be drawn: it does not belong into the list."""
    vocabulary = Vocabulary(model)
    for list_name, entries in WORDS[task].items():
        if list_name in ("sentences", "singular", "plural"):
            continue
        flat = entries.items() if isinstance(entries, dict) else entries
        listed = [word for entry in flat for word in ([entry] if isinstance(entry, str) else entry)]
        assert [word for word in listed if not vocabulary.one_token(f" {word}")] == []
        assert len(set(map(str, flat))) == len(list(flat))


@pytest.mark.parametrize("task", ["ioi", "", None, 3, ["capital"]])
def test_unknown_tasks_are_refused_with_those_there_are(model: Model, task) -> None:
    with pytest.raises(ChoiceError, match="use greater_than, pronoun, agreement, capital or docstring"):
        task_dataset(model, task, 3)


def test_numbers_and_contexts_out_of_bounds_are_refused(model: Model) -> None:
    with pytest.raises(PromptError, match="number of prompts"):
        task_dataset(model, "capital", 0)
    with pytest.raises(PromptError, match="seed"):
        task_dataset(model, "capital", 1, seed=-1)
    with pytest.raises(PromptError, match="tokens long"):
        task_dataset(tokenizer_only_model(n_ctx=20), "docstring", 1)
