"""The tokenizer of every model here: GPT-2's own, built from the bundled vocabulary.

Whatever a folder's tokenizer files say is compared with it and never run. Settings that change which tokens a text
becomes are refused by name; those that do not, or that a call leaves behind by accident (truncation, padding), have no
effect: post-processor and decoder, offsets, side and length of truncation, how a byte that is no text is shown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import GPT2TokenizerFast

from ioi_core.errors import ModelUnavailableError
from ioi_core.model.files import DEMO_MODEL_DIR, check_is_itself, read_object

TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"))
"""Either will do."""

_END_OF_TEXT = ("<|endoftext|>", 50256)

# Field -> the values with which a text is read as by GPT-2, its own first; None where the field may be left out.
_PRE_TOKENIZER = {"type": ("ByteLevel",), "add_prefix_space": (False,), "use_regex": (True, None)}
_MODEL = {
    "type": ("BPE", None),
    "dropout": (None, 0.0),
    "continuing_subword_prefix": ("", None),
    "end_of_word_suffix": ("", None),
    "ignore_merges": (False, None),
}
_CLASSES = ("GPT2Tokenizer", "GPT2TokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend", None)
_CONFIG = {"add_prefix_space": (False, None), "tokenizer_class": _CLASSES}
_SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_MORE_SPECIAL = ("additional_special_tokens", "extra_special_tokens")


def checked_tokenizer(folder: Path) -> GPT2TokenizerFast:
    """Return GPT-2's tokenizer if the folder's files pass `check_tokenizer_files`."""
    check_tokenizer_files(folder)
    tokenizer = GPT2TokenizerFast.from_pretrained(str(DEMO_MODEL_DIR), local_files_only=True)
    tokenizer.backend_tokenizer.encode_special_tokens = True  # "<|endoftext|>" in a text is text like any other
    return tokenizer


def check_tokenizer_files(folder: Path) -> None:
    """Refuse a folder whose tokenizer files do not read every text as GPT-2's do.

    Raises:
        ModelUnavailableError: names the file and the setting that differs.
    """
    if not any(all((folder / file).is_file() for file in files) for files in TOKENIZER_FILES):
        raise ModelUnavailableError(f"{folder} has no tokenizer: add tokenizer.json, or vocab.json and merges.txt")
    for name, check in _CHECKS.items():
        if (path := folder / name).is_file():
            try:
                check(path)
            except (TypeError, AttributeError, KeyError, ValueError) as error:
                raise ModelUnavailableError(f"{path} is no tokenizer file of GPT-2's: {error!r:.200}") from error


def _check_tokenizer_json(path: Path) -> None:
    saved = read_object(path)
    if saved.get("normalizer") is not None:
        _refuse(path, "normalizer", saved["normalizer"], "none")
    pre_tokenizer, model = saved.get("pre_tokenizer") or {}, saved["model"]
    _check_fields(path, "pre_tokenizer.", pre_tokenizer, _PRE_TOKENIZER)
    _check_fields(path, "model.", model, _MODEL)
    _check_vocabulary(path, "model.vocab", model["vocab"])
    _check_merges(path, "model.merges", [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]])
    _check_added(path, "added_tokens", [(token["content"], token["id"]) for token in saved.get("added_tokens") or ()])


def _check_tokenizer_config(path: Path) -> None:
    saved = read_object(path)
    _check_fields(path, "", saved, _CONFIG)
    added = saved.get("added_tokens_decoder") or {}
    _check_added(path, "added_tokens_decoder", [(token["content"], int(number)) for number, token in added.items()])
    _check_special(path, saved)


def _check_special(path: Path, saved: Mapping[str, Any]) -> None:
    for setting, token in _special_tokens(saved):
        content = token["content"] if isinstance(token, dict) else token
        if content not in (None, _END_OF_TEXT[0]):
            _refuse(path, setting, content, repr(_END_OF_TEXT[0]))


def _special_tokens(saved: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((setting, saved.get(setting)) for setting in _SPECIAL)
    for setting in _MORE_SPECIAL:
        more = saved.get(setting) or ()
        yield from ((setting, token) for token in (more.values() if isinstance(more, dict) else more))


def _check_added(path: Path, setting: str, tokens: Sequence[tuple[object, object]]) -> None:
    if others := [token for token in tokens if token != _END_OF_TEXT]:
        _refuse(path, setting, others[0], f"{_END_OF_TEXT} alone")


def _check_vocabulary(path: Path, setting: str, saved: Mapping[str, object]) -> None:
    wanted = read_object(DEMO_MODEL_DIR / "vocab.json")
    if len(saved) != len(wanted):
        _refuse(path, setting, f"{len(saved):,} tokens", f"GPT-2's {len(wanted):,}")
    if saved != wanted:
        other = next(token for token, number in wanted.items() if saved.get(token) != number)
        _refuse(path, setting, f"{other!r}: {saved.get(other)!r}", f"{other!r}: {wanted[other]}")


def _check_merges(path: Path, setting: str, saved: Sequence[str]) -> None:
    wanted = _merges(DEMO_MODEL_DIR / "merges.txt")
    if len(saved) != len(wanted):
        _refuse(path, setting, f"{len(saved):,} merges", f"GPT-2's {len(wanted):,}")
    for n, (ours, theirs) in enumerate(zip(wanted, saved, strict=True)):
        if ours != theirs:
            _refuse(path, f"{setting}, number {n}", theirs, repr(ours))


def _merges(path: Path) -> list[str]:
    check_is_itself(path)
    lines = path.read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#version")]


_CHECKS: Mapping[str, Callable[[Path], None]] = {
    "tokenizer.json": _check_tokenizer_json,
    "vocab.json": lambda path: _check_vocabulary(path, "vocab.json", read_object(path)),
    "merges.txt": lambda path: _check_merges(path, "merges.txt", _merges(path)),
    "tokenizer_config.json": _check_tokenizer_config,
    "special_tokens_map.json": lambda path: _check_special(path, read_object(path)),
    "added_tokens.json": lambda path: _check_added(path, "added_tokens.json", list(read_object(path).items())),
}
"""File of a tokenizer -> its check. All that are there are checked: which of them is read depends on the reader."""


def _check_fields(path: Path, prefix: str, saved: Mapping[str, object], wanted: Mapping[str, Sequence[object]]) -> None:
    for field, values in wanted.items():
        if (got := saved.get(field)) not in values:
            _refuse(path, prefix + field, got, repr(values[0]))


def _refuse(path: Path, setting: str, got: object, wanted: str) -> None:
    raise ModelUnavailableError(
        f"{path} is not GPT-2's tokenizer: {setting} is {f'{got}'[:100]!r}, wanted {wanted}; with another one, texts "
        "would become other tokens than GPT-2's"
    )
