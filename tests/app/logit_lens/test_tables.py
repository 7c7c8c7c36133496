"""The logit lens's file: every cell is in it."""

import pytest

from app.logit_lens.tables import lens_frame
from ioi_core import arena_pairs, lens_tokens, predictions


def test_the_lens_exports_every_cell(demo_model):
    pairs = arena_pairs(demo_model)
    one = slice(3, 4)
    lens = lens_tokens(demo_model, pairs.clean_tokens[one], top_k=1, track=pairs.answers[one])
    frame = lens_frame(demo_model, pairs, 3, lens)
    assert len(frame) == (demo_model.cfg.n_layers + 1) * pairs.lengths[3]
    last = frame.iloc[-1]
    assert last["residual_stream"] == "final"
    assert last["IO_probability"] == pytest.approx(predictions(demo_model, pairs).answer_probs[0, 3, 0], abs=1e-4)
