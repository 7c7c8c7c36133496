"""The prompts that the parts of the Circuit page are tried on."""

import pytest

from ioi_core import Model, PromptPairs, ioi_dataset


@pytest.fixture(scope="module")
def abc(demo_model: Model) -> PromptPairs:
    return ioi_dataset(demo_model, 8, corruption="abc")


@pytest.fixture(scope="module")
def small_abc(small_model: Model) -> PromptPairs:
    return ioi_dataset(small_model, 8, corruption="abc")
