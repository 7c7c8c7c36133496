"""Tokens as a visitor sees them: every byte visible, coloured by role, and never read as markup.

`visible` spells a token out (leading space as a middle dot, control characters and undecodable bytes escaped);
`chips` draws a prompt as HTML in which everything that came from outside is escaped. No Streamlit here.
"""

import html
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from ioi_core import END_OF_TEXT, ROLES, Model, PromptPairs
from ioi_core.prompts.people import is_known

_MEANINGS = {
    "IO": "the right answer",
    "S1": "the wrong answer, first time",
    "S1+1": "the token after S1",
    "S2": "the wrong answer, second time",
    "END": "last token: the answer comes next",
}
_OF_PEOPLE = {
    "IO": "indirect object, the right answer",
    "S1": "subject, first time",
    "S2": "subject, second time",
}

_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", " ": "·"}
_SHOWN_ANSWERS = 3
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"}


@cache
def _byte_of_letter() -> dict[str, int]:
    """Return letter -> byte: GPT-2's vocabulary writes each byte as a printable letter (Radford et al., encoder.py)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


def role_meanings(model: Model, pairs: PromptPairs) -> dict[str, str]:
    """Return role -> what it is; the words of grammar are for prompts whose answers are known first names."""
    answers = (model.token_text(token).strip() for token in np.unique(pairs.answers).tolist())
    return _MEANINGS | (_OF_PEOPLE if all(name[:1].isupper() and is_known(name) for name in answers) else {})


def token_bytes(model: Model, token: int) -> bytes:
    """Return the bytes of a token, which may be only a part of a character."""
    letters = str(model.tokenizer.convert_ids_to_tokens(int(token)))
    if int(token) == END_OF_TEXT:
        return letters.encode()
    return bytes(_byte_of_letter()[letter] for letter in letters)


def token_text(model: Model, token: int) -> str:
    """Return a token's own characters, undecodable bytes escaped."""
    return token_bytes(model, token).decode("utf-8", errors="backslashreplace")


def visible(text: str) -> str:
    """Return `text` with spaces as middle dots and everything else that is invisible escaped."""
    shown = "".join(_visible_letter(letter) for letter in text)
    return "◌" + shown if text and unicodedata.category(text[0]).startswith("M") else shown


def _visible_letter(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if unicodedata.category(letter) not in _INVISIBLE:
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def token_label(model: Model, token: int) -> str:
    """Return a token, spelled out visibly; bytes that are no character of their own as \\xf0\\x9f."""
    return visible(token_text(model, token))


def answer_labels(model: Model, pairs: PromptPairs, row: int) -> tuple[str, str]:
    """Return the right and the wrong answer of a prompt, spelled out; of several, how many and the first few."""
    if pairs.answer_sets is None:
        io, s = (token_label(model, token) for token in pairs.answers[row])
        return io, s
    right, wrong = (_some(model, answers) for answers in pairs.answer_sets[row])
    return right, wrong


def _some(model: Model, answers: Sequence[int]) -> str:
    first = ", ".join(token_label(model, token) for token in answers[:_SHOWN_ANSWERS])
    if len(answers) == 1:
        return first
    return f"{len(answers)} answers ({first}{', ...' if len(answers) > _SHOWN_ANSWERS else ''})"


def row_labels(model: Model, pairs: PromptPairs, row: int, *, corrupted: bool = False) -> list[str]:
    """Return the tokens of one prompt, spelled out, without padding; a prepended BOS is called BOS."""
    tokens = (pairs.corrupted_tokens if corrupted else pairs.clean_tokens)[row, : pairs.lengths[row]]
    labels = [token_label(model, token) for token in tokens]
    return ["BOS", *labels[1:]] if pairs.prepend_bos else labels


def row_texts(model: Model, pairs: PromptPairs, row: int, *, corrupted: bool = False) -> list[str]:
    """Return the tokens of one prompt as files have them: as they are, with their spaces."""
    tokens = (pairs.corrupted_tokens if corrupted else pairs.clean_tokens)[row, : pairs.lengths[row]]
    return [token_text(model, token) for token in tokens]


def row_roles(pairs: PromptPairs, row: int) -> dict[int, list[str]]:
    """Return position -> its roles in one prompt, in the order of `ROLES`."""
    positions: dict[int, list[str]] = {}
    for role in ROLES:
        if role in pairs.roles:
            positions.setdefault(int(pairs.roles[role][row]), []).append(role)
    return positions


def changed_positions(pairs: PromptPairs, row: int) -> frozenset[int]:
    """Return the positions at which the corrupted prompt differs from the clean one."""
    differs = pairs.clean_tokens[row] != pairs.corrupted_tokens[row]
    return frozenset(np.flatnonzero(differs[: pairs.lengths[row]]).tolist())


def chips(
    labels: Sequence[str],
    roles: Mapping[int, Sequence[str]],
    meanings: Mapping[str, str],
    changed: frozenset[int] = frozenset(),
    name: str = "",
) -> str:
    """Return HTML of a prompt, a chip a token: its role in colour and in words, changed tokens underlined.

    Args:
        labels: tokens as `visible` spells them, escaped here; roles: position -> its roles; meanings: of roles.
        changed: positions to mark as differing from the clean prompt; name: the row's name for screen readers.
    """
    drawn = "".join(_chip(n, label, roles.get(n, ()), meanings, n in changed) for n, label in enumerate(labels))
    return f'<div class="ioi-chips" role="list" aria-label="{html.escape(name)}">{drawn}</div>'


def _chip(position: int, label: str, roles: Sequence[str], meanings: Mapping[str, str], changed: bool) -> str:
    meaning = "; ".join(f"{role}: {meanings[role]}" for role in roles)
    title = f"position {position}: {label}" + (f" ({meaning})" if roles else "") + (", changed" if changed else "")
    kind = f" ioi-{roles[0].replace('+', 'p')}" if roles else " ioi-bos" if label == "BOS" else ""
    below = "&nbsp;&amp;&nbsp;".join(html.escape(role) for role in roles) or "&nbsp;"
    return (
        f'<span class="ioi-chip{" ioi-changed" if changed else ""}" role="listitem" title="{html.escape(title)}">'
        f'<span class="ioi-token{kind}">{html.escape(label)}</span><span class="ioi-role">{below}</span></span>'
    )


def scrolling(drawn: str, name: str, kind: str = "") -> str:
    """Return HTML in a box that scrolls where it is too high, by keyboard too; `name` is for screen readers."""
    return f'<div class="ioi-scroll {kind}" role="group" aria-label="{html.escape(name)}" tabindex="0">{drawn}</div>'


def legend(model: Model, pairs: PromptPairs) -> str:
    """Return HTML that explains the colours of the prompts' roles."""
    items = "".join(
        f'<span class="ioi-key"><span class="ioi-token ioi-{role.replace("+", "p")}">{role}</span> {meaning}</span>'
        for role, meaning in role_meanings(model, pairs).items()
        if role in pairs.roles
    )
    return f'<div class="ioi-legend">{items}</div>'
