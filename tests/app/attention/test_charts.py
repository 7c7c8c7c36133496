"""The attention page's figures: every head and every token apart, and literal."""

import numpy as np

from app.attention.charts import heads_overview, tiled
from app.drawing.heatmap import attention_heatmap
from ioi_core import Head


def test_small_patterns_lie_apart_and_later_tokens_stay_empty() -> None:
    values = np.random.default_rng(0).random((2, 3, 4, 4)).astype(np.float32)
    picture = tiled(values, 2)
    for layer in range(2):
        for head in range(3):
            block = picture[layer * 6 : layer * 6 + 4, head * 6 : head * 6 + 4]
            seen = np.tri(4, dtype=bool)
            np.testing.assert_allclose(block[seen], values[layer, head][seen], atol=5.1e-5)
            assert np.isnan(block[~seen]).all()
    assert np.isfinite(picture).sum() == 2 * 3 * 10


def overview(length: int, **options):
    values = np.random.default_rng(0).random((12, 12, length, length)).astype(np.float32)
    said = [["<b>x</b>\nmore"] * 12] * 12
    return heads_overview(
        values, range(12), said, {0: ["S1"], 2: ["IO"]}, Head(9, 8), title="t", note="n",
        **{"limit": 1.0, "diverging": False, "faint": False} | options,
    )  # fmt: skip


def test_the_overview_of_gpt2_is_small_and_its_clicks_name_heads() -> None:
    figure = overview(15)
    assert len(figure.to_json()) < 700_000
    *_, squares = figure.data
    assert squares.customdata[9 * 12 + 8][0] == "9.8"
    assert squares.customdata[0][1] == "&lt;b&gt;x&lt;/b&gt;<br>more"
    frame_of_chosen = figure.layout.shapes[0]
    assert frame_of_chosen.x0 < squares.x[9 * 12 + 8] < frame_of_chosen.x1
    assert frame_of_chosen.y0 < squares.y[9 * 12 + 8] < frame_of_chosen.y1
    assert figure.layout.hoverdistance == -1


def test_a_wide_screen_shows_squares_with_two_layers_a_row() -> None:
    figure = overview(15, wide=True)
    assert figure.layout.yaxis.ticktext == ("0 | 1", "2 | 3", "4 | 5", "6 | 7", "8 | 9", "10 | 11")
    assert figure.layout.yaxis.scaleanchor == "x"
    drawn = figure.data[1].z
    narrow = overview(15).data[1].z
    np.testing.assert_array_equal(drawn[4 * 18 : 4 * 18 + 15, 20 * 18 : 20 * 18 + 15], narrow[162:177, 144:159])
    *_, squares = figure.data
    where = [head for head, _ in squares.customdata].index("9.8")
    assert (squares.x[where], squares.y[where]) == (20 * 18 + 7, 4 * 18 + 7)
    frame_of_chosen = figure.layout.shapes[0]
    assert frame_of_chosen.x0 < squares.x[where] < frame_of_chosen.x1


def test_differences_are_white_at_zero() -> None:
    cells = overview(5, diverging=True, faint=True, limit=3.0).data[1]
    assert list(cells.colorbar.tickvals) == [-3, -0.75, 0, 0.75, 3]
    assert (cells.zmin, cells.zmax) == (-3, 3)
    assert dict(cells.colorscale)[0.5] == "#FFFFFF"


def test_one_head_keeps_every_token_apart_and_literal() -> None:
    labels = ["BOS", "·John", "·John", "<b>$x$"]
    figure = attention_heatmap(np.full((4, 4), 0.25), labels, "t", roles={1: ["S1"], 2: ["S2", "END"]})
    ticks = figure.layout.xaxis.ticktext
    assert len(ticks) == 4
    assert ticks[3] == "&lt;b&gt;&#36;x&#36;"
    assert "S2" in ticks[2]
    assert "END" in ticks[2]
    assert (
        figure.data[0].customdata[3][1]
        == "From &lt;b&gt;&#36;x&#36; (position 3) to ·John (position 1, S1):<br>attention 0.250"
    )


def test_a_long_prompt_keeps_its_role_labels() -> None:
    figure = attention_heatmap(np.zeros((200, 200)), ["x"] * 200, "t", roles={7: ["IO"], 8: ["S1"], 199: ["END"]})
    kept = list(figure.layout.xaxis.tickvals)
    assert {7, 199} <= set(kept)
    assert len(kept) < 100
    assert min(np.diff(kept)) >= 2
    assert len(figure.to_json()) < 300_000
