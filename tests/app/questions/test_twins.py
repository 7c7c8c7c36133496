"""What pages say of the twins that they ablate with, and of prompts that are each other's twins."""

from dataclasses import replace

import numpy as np
import pytest

from app.questions.twins import circuit_pairs, flip_pairs, mirror_story, twin_of, twins_story
from app.view import View
from ioi_core import (
    Ablation,
    Model,
    PromptError,
    PromptPairs,
    arena_pairs,
    ioi_dataset,
    patch_activations,
    prompt_pairs,
)

SENTENCE = "When John and Mary went to the shops, {} gave the bag to"


def view(model: Model, pairs: PromptPairs, corruption: str = "S2 flip") -> View:
    return View(model, pairs, 0, corruption, large=False)


def test_prompts_that_are_each_others_twins_are_mirror_images_and_others_are_not(demo_model: Model) -> None:
    classic, generated = arena_pairs(demo_model), ioi_dataset(demo_model, 8)
    for pairs, mirrored in ((classic, True), (generated, False), (classic.take(slice(0, 3)), False)):
        assert (mirror_story(pairs) is not None) == mirrored
        there, back = (patch_activations(demo_model, pairs, "z", direction=way).effects.mean(-1)
                       for way in ("denoising", "noising"))  # fmt: skip
        assert np.allclose(there, -back, atol=1e-4) == mirrored
    same_answers = replace(classic, answers=classic.answers[np.arange(8) // 2 * 2])
    assert mirror_story(same_answers) is None, "the answers must be exchanged as well"


@pytest.mark.parametrize(
    ("n", "templates", "words"),
    [
        (4, [0], "4 prompts for each template, 4 prompts in all."),
        (3, [0, 1], "1 to 2 prompts for each template, 3 prompts in all. A mean over one prompt is that prompt: mean "
                    "ablation is resample ablation in templates of one prompt."),
        (2, [0, 1], "1 prompt for each template, 2 prompts in all. A mean over one prompt is that prompt: mean "
                    "ablation is resample ablation here."),
    ],
)  # fmt: skip
def test_a_mean_over_one_prompt_is_said_to_be_none(demo_model: Model, n: int, templates: list[int], words: str) -> None:
    shown = view(demo_model, ioi_dataset(demo_model, n, templates=templates))
    assert twins_story(shown, circuit_pairs(shown)).endswith(words)


def test_the_twins_that_are_ablated_with_are_named(demo_model: Model) -> None:
    pairs = prompt_pairs(demo_model, SENTENCE.format("John"), SENTENCE.format("Mary"))
    typed, made = view(demo_model, pairs, "typed"), view(demo_model, pairs)
    assert (twin_of(typed), twin_of(made)) == ("corrupted prompt", "ABC twin")
    assert circuit_pairs(typed) is pairs
    assert "John" not in circuit_pairs(made).corrupted_text[0]
    assert "makes ABC twins" in twins_story(made, circuit_pairs(made))


@pytest.mark.parametrize("with_roles", [True, False])
def test_only_an_ablation_that_takes_from_twins_or_means_speaks_of_them(demo_model: Model, with_roles: bool) -> None:
    france = prompt_pairs(demo_model, "The capital of France is", "The capital of Italy is", "Paris", "Rome")
    shown = view(demo_model, ioi_dataset(demo_model, 2, templates=[0, 1]) if with_roles else france, "ABC")
    zero, mean, resample = (twins_story(shown, circuit_pairs(shown), way) for way in Ablation)
    assert not {"twin", "twins", "corrupted"} & set(zero.replace(",", " ").split())
    assert "write nothing" in zero
    assert " mean" not in resample.lower()
    assert "mean" in mean.lower()


def test_prompts_without_roles_are_told_where_to_choose_others(demo_model: Model) -> None:
    france = prompt_pairs(demo_model, "The capital of France is", "The capital of Italy is", "Paris", "Rome")
    with pytest.raises(PromptError, match=r"have no IO.* in the sidebar"):
        flip_pairs(view(demo_model, france, "typed"))
    assert circuit_pairs(view(demo_model, france, "S2 flip")) is france
