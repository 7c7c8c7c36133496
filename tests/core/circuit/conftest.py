"""The prompts that circuits are tried on."""

import pytest

from ioi_core import Model, PromptPairs, ioi_dataset


@pytest.fixture(scope="module")
def abc(small_model: Model) -> PromptPairs:
    return ioi_dataset(small_model, 6, corruption="abc", prepend_bos=False)


@pytest.fixture(scope="module")
def demo_abc(demo_model: Model) -> PromptPairs:
    return ioi_dataset(demo_model, 50, corruption="abc", prepend_bos=False)
