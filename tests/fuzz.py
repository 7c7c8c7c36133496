"""How many random cases a test tries: the usual number, or so many times more in a long run (`make fuzz`)."""

import os

from hypothesis import settings

TIMES = int(os.environ.get("IOI_FUZZ_TIMES", "1"))


def cases(usual: int) -> settings:
    """Return the settings of a property test that usually tries so many cases, not Hypothesis's 100."""
    return settings(max_examples=usual * TIMES)
