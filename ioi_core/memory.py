"""How much memory patched runs may hold at once."""

import os

from ioi_core.errors import IOIError


def memory_budget() -> int:
    """Bytes that patched runs may hold at once, from IOI_ENGINE_MEMORY_MB (default 1024).

    Raises:
        IOIError: the setting is not a whole number of at least 16.
    """
    text = os.environ.get("IOI_ENGINE_MEMORY_MB") or "1024"
    if not text.isdecimal() or int(text) < 16:
        raise IOIError(f"IOI_ENGINE_MEMORY_MB is {text!r}: a whole number of megabytes, at least 16, is wanted")
    return int(text) * 2**20
