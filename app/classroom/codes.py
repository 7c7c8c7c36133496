"""Codes by which students join, and the secrets of a teacher, a projector and each phone.

None of them is kept: the store knows their digests, so whoever reads its file joins no class. All are drawn by the
system's own source of randomness, and long enough that the digest needs no salt.
"""

import hashlib
import re
import secrets

LETTERS = "346789ACDEFGHJKMNPQRTWXY"
"""No two that look alike: no 0 and O, 1, I and L, 2 and Z, 5 and S, B, U and V."""

LENGTH = 8
"""24 ** 8 codes: a thousand guesses a second for a whole day hit one of ten classes once in 130 days."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{22}")


def new_code(place: str = "") -> str:
    """Return a code; `place` is its first letter, by which a balancer finds the machine (IOI_CLASS_PLACE)."""
    return place + "".join(secrets.choice(LETTERS) for _ in range(LENGTH - len(place)))


def read_code(text: str) -> str | None:
    """Return the code that somebody typed or scanned, None if it cannot be one; spaces, hyphens and case are free."""
    code = re.sub(r"[\s-]", "", text[:40]).upper()
    return code if len(code) == LENGTH and set(code) <= set(LETTERS) else None


def in_words(code: str) -> str:
    """Return a code as it is read out: two groups."""
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"


def new_secret() -> str:
    """Return 128 random bits as text for the fragment of an address."""
    return secrets.token_urlsafe(16)


def digest(kind: str, text: str) -> str:
    """Return what is kept of a code or secret; of another `kind` the same text has another digest."""
    return hashlib.sha256(f"{kind}:{text}".encode("utf-8", "replace")).hexdigest()[:40]


def is_secret(text: str) -> bool:
    """Return whether `text` has a secret's form."""
    return _SECRET.fullmatch(text) is not None
