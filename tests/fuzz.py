"""How many random cases a test tries: the usual number, or so many times more in a long run (`make fuzz`)."""

import os
from collections.abc import Callable

import pytest
from hypothesis import settings

TIMES = int(os.environ.get("IOI_FUZZ_TIMES", "1"))


def cases(usual: int) -> Callable:
    """Mark a property test as one of the long run, with its usual number of cases."""

    def mark(test: Callable) -> Callable:
        return pytest.mark.fuzz(settings(max_examples=usual * TIMES)(test))

    return mark
