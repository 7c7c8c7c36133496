"""How many random cases a test tries: few in the usual run, all and many times over in a long one (`make fuzz`)."""

import os

from hypothesis import settings

TIMES = int(os.environ.get("IOI_FUZZ_TIMES", "1"))


def cases(enough: int) -> settings:
    """Return the settings of a property test that needs so many cases, not Hypothesis's 100; a quarter of them here."""
    return settings(max_examples=enough * TIMES if TIMES > 1 else max(30, enough // 4))
