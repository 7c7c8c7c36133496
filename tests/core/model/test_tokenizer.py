"""Whatever a tokenizer's files say: every text becomes GPT-2's tokens, or the setting that differs is named."""

import json
import shutil
import tempfile
from collections.abc import Callable
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import GPT2TokenizerFast

from ioi_core import DEMO_MODEL_DIR, Model, ModelUnavailableError, arena_pairs, ioi_dataset, load_model
from ioi_core.model.tokenizer import checked_tokenizer
from tests.core.prompts.prompt_checks import tokenizer_only_model
from tests.fuzz import cases
from tests.models.random_gpt2 import copy_tokenizer, save_random_gpt2

CLASSIC = "When John and Mary went to the shops, John gave the bag to"


@cache
def plain() -> GPT2TokenizerFast:
    """Hugging Face's own reading of GPT-2's vocabulary."""
    tokenizer = GPT2TokenizerFast(str(DEMO_MODEL_DIR / "vocab.json"), str(DEMO_MODEL_DIR / "merges.txt"))
    assert tokenizer(CLASSIC).input_ids[-2:] == [6131, 284]
    assert len(tokenizer) == 50257
    return tokenizer


@cache
def saved() -> str:
    return str(plain().backend_tokenizer.to_str())


@cache
def parsed() -> dict[str, Any]:
    return json.loads(saved())


@cache
def prompts() -> tuple[str, ...]:
    model = tokenizer_only_model()
    return (*arena_pairs(model).clean_text, *ioi_dataset(model, 8, seed=3).clean_text)


def added(token: str, number: int, **more: bool) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"id": number, "content": token} | flags | more


END = "<|endoftext|>"
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": END, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {END: {"id": END, "ids": [50256], "tokens": [END]}},
}
PADDING = {
    "strategy": {"Fixed": 40}, "direction": "Left", "pad_to_multiple_of": 8,
    "pad_id": 0, "pad_type_id": 0, "pad_token": "!",
}  # fmt: skip


def truncated(length: int, direction: str) -> dict[str, Any]:
    return {"direction": direction, "max_length": length, "strategy": "LongestFirst", "stride": 0}


# Of tokenizer.json: place of a setting -> values with which the file is refused, and values that have no effect.
IN_TOKENIZER: dict[str, tuple[list[Any], list[Any]]] = {
    "truncation": ([], [truncated(12, "Right"), truncated(3, "Left"), None]),
    "padding": ([], [PADDING, None]),
    "normalizer": ([{"type": "Lowercase"}, {"type": "NFKC"}, {"type": "Prepend", "prepend": " "}], [None]),
    "pre_tokenizer": (
        [
            BYTES | {"add_prefix_space": True}, BYTES | {"use_regex": False}, None, {"type": "Whitespace"},
            {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTES]},
        ],
        [BYTES | {"trim_offsets": False}, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}],
    ),
    "post_processor": ([], [TEMPLATE, None, BYTES]),
    "decoder": ([], [{"type": "Fuse"}, None]),
    "added_tokens": (
        [[added(END, 50256, special=True), added(" bag", 6131)], [added("zebra", 50257)], [added("the", 262)]],
        [[], *([added(END, 50256, **{flag: True})] for flag in ("single_word", "lstrip", "rstrip", "normalized"))],
    ),
    "model.type": (["Unigram", "WordPiece"], []),
    "model.dropout": ([0.5, 1.0], [None, 0.0]),
    "model.unk_token": ([], [END, "!", None]),
    "model.continuing_subword_prefix": (["##"], ["", None]),
    "model.end_of_word_suffix": (["</w>"], ["", None]),
    "model.fuse_unk": ([], [True]),
    "model.byte_fallback": ([], [True]),
    "model.ignore_merges": ([True], [False]),
}  # fmt: skip
IN_CONFIG: dict[str, tuple[list[Any], list[Any]]] = {
    "add_prefix_space": ([True], [False, None]),
    "add_bos_token": ([], [True, False]),
    "model_max_length": ([], [5, 10**30]),
    "truncation_side": ([], ["left"]),
    "padding_side": ([], ["left"]),
    "errors": ([], ["ignore", "strict"]),
    "clean_up_tokenization_spaces": ([], [True]),
    "split_special_tokens": ([], [True]),
    "tokenizer_class": (["LlamaTokenizer", "BertTokenizer"], ["GPT2Tokenizer", "TokenizersBackend"]),
    "pad_token": (["[PAD]", " the", added("the", 262)], [END, None, added(END, 50256)]),
    "bos_token": (["<s>"], [END]),
    "additional_special_tokens": ([["the"]], [[], [END]]),
    "extra_special_tokens": ([{"image_token": "the"}, ["the"]], [{}, []]),
    "added_tokens_decoder": (
        [{"262": added(" the", 262)}, {"50257": added("z", 50257)}], [{"50256": added(END, 50256)}],
    ),
}  # fmt: skip
FILES = {"tokenizer.json": IN_TOKENIZER, "tokenizer_config.json": IN_CONFIG}


@st.composite
def one_setting(draw: st.DrawFn) -> tuple[str, str, Any, bool]:
    """File, place, value, and whether it is refused."""
    file = draw(st.sampled_from(sorted(FILES)))
    place = draw(st.sampled_from(sorted(FILES[file])))
    refused, ignored = FILES[file][place]
    value, is_refused = draw(st.sampled_from([*((v, True) for v in refused), *((v, False) for v in ignored)]))
    return file, place, value, is_refused


def write(folder: Path, chosen: list[tuple[str, str, Any, bool]]) -> None:
    own = {name: copy(part) for name, part in parsed().items()}  # as deep as anything is changed
    contents = {"tokenizer.json": own, "tokenizer_config.json": {"add_prefix_space": False}}
    for file, place, value, _ in chosen:
        *above, field = place.split(".")
        (contents[file][above[0]] if above else contents[file])[field] = value
    for file, content in contents.items():
        (folder / file).write_text(json.dumps(content))


@cases(40)
@given(st.lists(one_setting(), max_size=4, unique_by=lambda one: one[:2]), st.lists(st.text(), min_size=1, max_size=4))
@example([("tokenizer.json", "truncation", truncated(12, "Right"), False)], ["\u0130 \ufdfa\r\n  it's 12345"])
def test_any_settings_read_as_gpt2_reads_or_are_refused_by_name(chosen, texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), chosen)
        wrong = {place for _, place, _, is_refused in chosen if is_refused}
        if wrong:
            with pytest.raises(ModelUnavailableError) as refused:
                checked_tokenizer(Path(name))
            assert any(place in str(refused.value) for place in wrong)
            return
        tokenizer = checked_tokenizer(Path(name))
    for text in (*prompts(), *texts):
        if END not in text:
            assert (
                tokenizer(text, add_special_tokens=False).input_ids == plain()(text, add_special_tokens=False).input_ids
            )


REFUSED = [
    pytest.param(file, place, value, id=f"{place}-{n}")
    for file, places in FILES.items()
    for place, (refused, _) in places.items()
    for n, value in enumerate(refused)
]


@pytest.mark.parametrize(("file", "place", "value"), REFUSED)
def test_each_setting_that_reads_otherwise_is_refused_by_its_name(tmp_path: Path, file: str, place: str, value: Any):
    write(tmp_path, [(file, place, value, True)])
    with pytest.raises(ModelUnavailableError, match=place.replace(".", r"\.")):
        checked_tokenizer(tmp_path)


@pytest.mark.parametrize("n", range(3))
def test_all_settings_that_read_alike_together(tmp_path: Path, n: int) -> None:
    harmless = [
        (file, place, ignored[n % len(ignored)], False)
        for file, places in FILES.items()
        for place, (_, ignored) in places.items()
        if ignored
    ]
    write(tmp_path, harmless)
    assert checked_tokenizer(tmp_path).backend_tokenizer.encode(CLASSIC).ids == plain()(CLASSIC).input_ids


def swap_merges(folder: Path) -> None:
    lines = (folder / "merges.txt").read_text().splitlines()
    lines[300], lines[301] = lines[301], lines[300]
    (folder / "merges.txt").write_text("\n".join(lines))


def swap_tokens(folder: Path) -> None:
    vocabulary = json.loads((folder / "vocab.json").read_text())
    vocabulary["Ġbag"], vocabulary["Ġthe"] = vocabulary["Ġthe"], vocabulary["Ġbag"]
    (folder / "vocab.json").write_text(json.dumps(vocabulary))


def merges_in_json(folder: Path) -> None:
    content = json.loads(saved())
    content["model"]["merges"].pop()
    (folder / "tokenizer.json").write_text(json.dumps(content))


OTHERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "merges in another order": (swap_merges, "merges.txt, number 299"),
    "two tokens exchanged": (swap_tokens, "vocab.json is .*Ġ"),
    "a merge too few": (merges_in_json, r"model\.merges is '49,999 merges'"),
    "added_tokens.json": (lambda f: (f / "added_tokens.json").write_text('{"zebra": 50257}'), "added_tokens.json is"),
    "special_tokens_map.json": (lambda f: (f / "special_tokens_map.json").write_text('{"eos_token": "."}'), "eos_"),
    "no model": (lambda f: (f / "tokenizer.json").write_text("{}"), "no tokenizer file of GPT-2's"),
    "a log-in page": (lambda f: (f / "vocab.json").write_text("\n<!DOCTYPE html><p>Log in"), "is a web page"),
    "half of the merges": (lambda f: (f / "merges.txt").write_text("#version: 0.2\nĠ t\n"), "'1 merges'"),
    "no merges at all": (lambda f: (f / "merges.txt").write_text(""), "merges.txt is empty"),
}  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_other_files_are_refused_by_what_is_in_them(tmp_path: Path, other: str) -> None:
    copy_tokenizer(tmp_path)
    spoil, message = OTHERS[other]
    spoil(tmp_path)
    with pytest.raises(ModelUnavailableError, match=message):
        checked_tokenizer(tmp_path)


def test_merges_and_flags_as_older_versions_wrote_them(tmp_path: Path) -> None:
    content = json.loads(saved())
    content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
    for field in ("type", "byte_fallback", "ignore_merges"):
        content["model"].pop(field)
    content["pre_tokenizer"].pop("use_regex")
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    assert checked_tokenizer(tmp_path).backend_tokenizer.encode(CLASSIC).ids == plain()(CLASSIC).input_ids


def test_a_model_reads_on_whatever_its_tokenizer_was_called_with(tmp_path: Path) -> None:
    """As saved after a call that truncates, and as such a call leaves it."""
    folder = save_random_gpt2(tmp_path / "model", 1, 16, 2)
    tokenizer = GPT2TokenizerFast.from_pretrained(folder)
    tokenizer(CLASSIC, truncation=True, max_length=12)
    tokenizer.save_pretrained(folder)
    assert json.loads((folder / "tokenizer.json").read_text())["truncation"]["max_length"] == 12
    model: Model = load_model(str(folder))
    whole = plain()(CLASSIC).input_ids
    assert model.encode(CLASSIC) == whole
    pairs = arena_pairs(model)
    assert pairs.lengths.tolist() == [15] * 8
    model.tokenizer.pad_token = END
    assert len(model.tokenizer(CLASSIC, truncation=True, max_length=12).input_ids) == 12
    assert len(model.tokenizer(CLASSIC, padding="max_length", max_length=40).input_ids) == 40
    assert model.encode(CLASSIC) == whole
    assert arena_pairs(model).clean_tokens.tolist() == pairs.clean_tokens.tolist()
    assert model.encode(END) == [27, 91, 437, 1659, 5239, 91, 29]


def test_the_bundled_folder_is_read_alike_from_either_of_its_forms(tmp_path: Path) -> None:
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        shutil.copy(DEMO_MODEL_DIR / name, tmp_path / name)
    from_parts = checked_tokenizer(tmp_path)
    for text in prompts():
        assert from_parts.backend_tokenizer.encode(text).ids == plain()(text).input_ids
