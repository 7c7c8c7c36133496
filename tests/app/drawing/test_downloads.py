"""Every file of every page, read back as a researcher would: heads are two whole numbers, text stays text."""

import io

import pandas as pd
import pytest
from pandas.api.types import is_integer_dtype, is_numeric_dtype

from app.drawing import figure
from app.drawing.frames import heads_text
from app.take_home.data import csv_bytes
from ioi_core import Head
from tests.app.pages import assert_fine, opened

FILES = {
    "prompt": ({}, ()),
    "logit_lens": ({}, ()),
    "attention": ({}, ()),
    "activation_patching": ({"site": "z"}, ()),
    "path_patching": ({}, ()),
    "edges": ({}, ()),
    "circuit": ({}, ("circuit_graph", "circuit_members")),
    "circuit: backup heads": ({"circuit_part": "backup heads"}, ("backup_movers", "backup_changes")),
    "circuit: ways to ablate": ({"circuit_part": "ways to ablate"}, ()),
    "circuit: direct and total": ({"circuit_part": "direct and total"}, ("direct_and_total",)),
    "circuit: token or position": ({"circuit_part": "token or position"}, ()),
    "heads": (
        {}, ("head_direct", "head_ranks", "head_roles", "head_sites", "head_writing", "role_attention"),
    ),
    "heads: all": ({"heads_shown": "all heads"}, ("all_heads",)),
}  # fmt: skip


def read(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(csv_bytes(frame)))


@pytest.mark.parametrize("page", FILES)
def test_no_file_loses_a_head(page, loader, monkeypatch):
    frames = {}
    monkeypatch.setattr(figure, "take_home", lambda drawn, frame, _=(): frames.update({drawn.name: frame()}))
    query, with_heads = FILES[page]
    assert_fine(opened(f"../pages/{page.partition(':')[0]}.py", prompts="generated", n="4", **query))
    assert frames
    for name, frame in frames.items():
        back = read(frame)
        assert len(back) == len(frame) > 0
        for column in set(frame.columns) & set(back.columns) - {"head"}:
            if frame[column].astype(bool).any() and not is_numeric_dtype(frame[column]):
                assert not is_numeric_dtype(back[column]), f"{name}: {column} is read as numbers"
    for name in with_heads:
        [back] = [read(frame) for file, frame in frames.items() if file.startswith(name)]
        assert is_integer_dtype(back["layer"])
        assert is_integer_dtype(back["head"])


def test_all_heads_of_gpt2_come_back():
    names = [f"{layer}.{head}" for layer in range(12) for head in range(12)]
    back = read(pd.DataFrame({"class": "", "head": names, "value": 1.0}))
    assert list(back.columns) == ["class", "layer", "head", "value"]
    assert [f"{layer}.{head}" for layer, head in zip(back["layer"], back["head"], strict=True)] == names


def test_the_ends_of_edges_are_whole_numbers_too():
    frame = pd.DataFrame({"sender": ["9.10", "mlp 3", "embed"], "receiver": ["11.0", "9.10<q>", "logits"]})
    back = read(frame).astype(object).fillna("none")
    ends = ["sender", "sender_layer", "sender_head", "receiver", "receiver_layer", "receiver_head"]
    assert list(back.columns) == ends
    assert back[ends[1:3]].to_numpy().tolist() == [[9, 10], [3, "none"], ["none", "none"]]
    assert back[ends[4:]].to_numpy().tolist() == [[11, 0], [9, 10], ["none", "none"]]


def test_a_bias_beside_heads_keeps_its_name():
    frame = pd.DataFrame({"layer": [0, 0], "head": [0, "b_O"]})
    assert read(frame)["head"].tolist() == ["0", "b_O"]


def test_a_list_of_heads_is_no_number_even_if_it_is_one():
    assert heads_text([Head(9, 10)]) == "head 9.10"
    assert heads_text([Head(9, 9), Head(9, 10)]) == "heads 9.9 9.10"
