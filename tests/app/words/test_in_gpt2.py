"""The lines on GPT-2 small: one a figure, short, with their source, and of the figures in the package's own data."""

import json
import re
from collections.abc import Iterable

from app.drawing.about import ABOUT
from app.words.in_gpt2 import IN_GPT2
from ioi_core import PUBLISHED_CLASSES
from ioi_core.prompts.names import read_data
from tests import ROOT
from tests.app.drawing.test_about import figures_and_texts

DATA = json.loads((ROOT / "app" / "words" / "in_gpt2.json").read_text(encoding="utf-8"))
NOTEBOOK = read_data("notebook_figures.json")
S2, END = 10, 14  # positions in the notebook's eight prompts


def notebook_numbers() -> dict[str, list[float]]:
    """Figure -> every number with decimals, or in per cent, that its line may hold, in the order of the line."""
    direct, parts = NOTEBOOK["attribute_heads"], NOTEBOOK["attribute_layers"]
    layer = dict(zip(parts["components"], parts["values"], strict=True))
    exact, estimate = NOTEBOOK["patch_denoising"], NOTEBOOK["estimate_denoising"]
    z, resid_pre, scores = exact["z"], exact["resid_pre"], NOTEBOOK["head_scores"]
    mean, gone = NOTEBOOK["logit_diff"], NOTEBOOK["zero_ablation_of_9.9_at_END"]
    after = gone["attribute_heads"]
    attention = [layer["9_attn_out"], -layer["11_attn_out"]]
    return {
        "logit_diff": [mean],
        "logit_lens_curve": attention,
        "attribution_by_layer": [*attention, max(value for name, value in layer.items() if "mlp" in name)],
        "attribution_by_head": [direct[9][9], direct[9][6], -direct[10][7], -direct[11][10]],
        "circuitsvis": [],
        "patch_heatmap": [z[5][5], z[8][6], z[10][7], resid_pre[7][S2], resid_pre[9][END]],
        "patch_estimate": [estimate["q"][5][5], exact["q"][5][5]],
        "backup_stages": [gone["naive_prediction"], gone["logit_diff"]],
        "backup_movers": [direct[10][7], after[10][7], direct[10][10], after[10][10]],
        "direct_and_total": [direct[9][6], z[9][6]],
        "methods": [mean - gone["logit_diff"], z[9][9]],
        "head_direct": [direct[9][9], -direct[10][7]],
        "head_sites": [z[5][5], z[8][6], z[10][7]],
        "head_ranks": [scores["previous_token"][4][11], scores["duplicate_token"][0][5], scores["induction"][5][1]],
    }


def written(line: str) -> list[float]:
    """The numbers of a line that are no head, layer, section or count: two decimals, or per cent (as fractions)."""
    found = re.findall(r"([+-]?\d+\.\d\d)(?!\d)|(\d+) %", re.sub(r"\b(10\.10|11\.10|4\.11)\b", "", line))
    return [float(number) if number else int(percent) / 100 for number, percent in found]


def test_every_figure_has_a_line_or_a_reason_why_it_has_none():
    figures, _ = figures_and_texts()
    assert set(IN_GPT2) | set(DATA["none"]) == figures <= set(ABOUT)
    assert not set(IN_GPT2) & set(DATA["none"])
    assert all(DATA["none"].values())


def test_lines_are_short_and_name_their_source():
    for figure, line in IN_GPT2.items():
        assert line.startswith("In GPT-2 small: "), figure
        assert len(line.split()) <= 25, line
        assert re.search(r"\((Exploratory Analysis Demo|Wang et al\. 2022, \w+ [\w.]+|Miller et al\. 2024)\)\.$", line)


def test_numbers_from_the_notebook_are_those_in_the_packages_data():
    expected = notebook_numbers()
    assert set(expected) == {name for name, (_, source) in DATA["lines"].items() if source == "notebook"}
    for figure, numbers in expected.items():
        assert written(IN_GPT2[figure]) == [round(number, 2) for number in numbers], figure


def test_what_lines_say_of_ranks_holds_in_the_packages_data():
    assert ranked(NOTEBOOK["attribute_heads"])[:3] == ["9.9", "10.7", "9.6"] == heads_in("circuitsvis")
    assert ranked(NOTEBOOK["patch_denoising"]["z"], signed=True)[:2] == ["5.5", "8.6"]
    assert ranked(NOTEBOOK["patch_denoising"]["z"], signed=True)[-1] == "10.7"
    leading = [
        ranked(NOTEBOOK["head_scores"][score])[0] for score in ("previous_token", "duplicate_token", "induction")
    ]
    assert heads_in("head_ranks") == leading
    stages = dict(zip(*NOTEBOOK["logit_lens"].values(), strict=True))
    before_7 = [value for stage, value in stages.items() if stage != "final_post" and int(stage.split("_")[0]) < 7]
    assert max(map(abs, before_7)) < 0.03
    assert min(NOTEBOOK["logit_diff_per_prompt"]) > 0


def test_heads_and_classes_from_the_paper_are_those_in_the_package():
    classes = {group.name: [str(head) for head in group.heads] for group in PUBLISHED_CLASSES}
    movers, inhibition = classes["name mover"], classes["S-inhibition"]
    assert heads_in("attention_from_end") == [*movers, *inhibition]
    assert heads_in("path_heatmap") == [*movers, *classes["negative name mover"]]
    assert heads_in("head_edges_in") == inhibition
    assert set(heads_in("head_edges_out")) <= {*classes["duplicate token"], *classes["induction"]}
    assert (len(movers), len(classes["backup name mover"])) == (3, 8)
    assert (sum(map(len, classes.values())), len(classes)) == (26, 7)
    for figure in ("circuit_graph", "circuit_members", "head_roles", "all_heads"):
        assert "26 of 144 heads" in IN_GPT2[figure]
    for figure in ("circuit_graph", "all_heads"):
        assert "seven classes" in IN_GPT2[figure]


def heads_in(figure: str) -> list[str]:
    """The heads that a line names, in its order."""
    text = re.sub(r"\([^()]*\)", "", IN_GPT2[figure])
    return re.findall(r"(?<![\w.+-])\d{1,2}\.\d{1,2}\b", text)


def ranked(values: Iterable[Iterable[float]], *, signed: bool = False) -> list[str]:
    """Every head by its value, the largest first; by size unless `signed`."""
    named = [(value, f"{layer}.{head}") for layer, row in enumerate(values) for head, value in enumerate(row)]
    return [head for _, head in sorted(named, key=lambda pair: pair[0] if signed else abs(pair[0]), reverse=True)]
