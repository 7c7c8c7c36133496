"""The ranks of the right answer in both its forms, against ranks counted one prompt at a time."""

import numpy as np

from ioi_core import Model, answer_form_ranks, arena_pairs, ioi_dataset, prompt_pairs, run


def rank(model: Model, text: str, answer: str) -> int:
    """How many tokens are more probable than `answer` after `text`."""
    [token] = model.encode(answer)
    tokens = np.array([[50256, *model.encode(text)]])
    [logits] = run(model, tokens, np.array([tokens.shape[1] - 1]))
    return sorted(range(len(logits)), key=lambda k: -logits[k]).index(token)


def test_both_forms_are_the_ranks_counted_directly(demo_model: Model) -> None:
    pairs = arena_pairs(demo_model).take(slice(4))  # Mary, John, Tom and James are one token in both forms
    found = answer_form_ranks(demo_model, pairs)
    answers = [demo_model.token_text(token).strip() for token in pairs.answers[:, 0].tolist()]
    for value, space in zip(found.values, (" ", ""), strict=True):
        ranks = [rank(demo_model, text, space + io) for text, io in zip(pairs.clean_text, answers, strict=True)]
        assert value == np.median(ranks)
    assert found.values[0] < found.values[1]
    assert (found.metric, found.unit, found.n_prompts, found.undefined) == ("median_rank", "tokens", 4, None)
    assert found.axes == {"form": ("given", "other")}


def test_answers_of_the_wrong_form_have_the_better_ranks_in_the_other(demo_model: Model) -> None:
    texts = ["When John and Mary met, John told", "When Tom and James met, Tom told"]
    spaced, written = (
        answer_form_ranks(demo_model, prompt_pairs(demo_model, texts, None, ["Mary", "James"], ["John", "Tom"],
                                                   answer_space=space)).values
        for space in (True, False)
    )  # fmt: skip
    assert spaced.tolist() == written[::-1].tolist()
    assert written[1] < written[0]


def test_without_another_form_of_one_token_there_is_no_rank_of_it(demo_model: Model) -> None:
    texts = ["When John and Mary met, John told", "When John and Nicole met, John told"]
    found = answer_form_ranks(demo_model, prompt_pairs(demo_model, texts))
    assert np.isnan(found.values).tolist() == [False, True]
    assert found.undefined is not None
    assert answer_form_ranks(demo_model, prompt_pairs(demo_model, texts[0])).undefined is None


def test_many_prompts_are_as_few(demo_model: Model) -> None:
    """More rows than are run at once."""
    pairs = ioi_dataset(demo_model, 130, templates=[0])
    by_parts = [answer_form_ranks(demo_model, pairs.take(slice(k, k + 1))).values[0] for k in range(130)]
    assert answer_form_ranks(demo_model, pairs).values[0] == np.median(by_parts)
