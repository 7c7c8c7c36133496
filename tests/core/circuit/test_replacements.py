"""What an ablation puts in place of z: nothing before the first change, and recorded once."""

import numpy as np
import pytest

from ioi_core import Ablation, Head, Model, PromptPairs, contrast_methods, ioi_dataset
from ioi_core.circuit import runs as circuit_runs
from ioi_core.circuit.methods import METHODS
from ioi_core.circuit.replacements import Replacements, first_changes, layouts
from ioi_core.circuit.runs import Variant, VariantRuns
from tests.core.circuit.examples import CIRCUIT


@pytest.mark.parametrize("corruption", ["s2_flip", "abc"])
@pytest.mark.parametrize("ablation", Ablation)
def test_an_ablation_changes_nothing_before_the_first_token_that_differs(
    small_model: Model, corruption: str, ablation: Ablation
) -> None:
    """Row by row: where every prompt that z is taken from reads as the clean one so far."""
    pairs = ioi_dataset(small_model, 40, corruption=corruption, prepend_bos=False)
    starts, layout = first_changes(pairs, ablation), layouts(pairs)
    for row in range(len(pairs)):
        given = [row] if ablation is Ablation.RESAMPLE else np.flatnonzero(layout == layout[row])
        alike = [
            all((pairs.corrupted_tokens[other, :end] == pairs.clean_tokens[row, :end]).all() for other in given)
            for end in range(1, pairs.clean_tokens.shape[1] + 1)
        ]
        assert starts[row] == (0 if ablation is Ablation.ZERO else sum(alike))
    if ablation is Ablation.RESAMPLE and corruption == "s2_flip":
        at_io = {Head(layer, head): "IO" for layer in range(4) for head in range(4)}
        result = contrast_methods(small_model, pairs, at_io)
        for method in ("resample", "noising", "denoising"):
            np.testing.assert_array_equal(result.changes[METHODS.index(method)], 0)
        assert np.abs(result.changes[METHODS.index("zero")]).max() > 0.01


def test_runs_asked_for_again_record_nothing_again(small_model: Model, abc: PromptPairs, monkeypatch) -> None:
    recorded: list[int] = []
    record, of_rows = circuit_runs.record, Replacements.of_rows

    def counted(model: Model, tokens, names, advance=None):
        recorded.append(len(tokens))
        return record(model, tokens, names, advance)

    def of_counted_rows(self: Replacements, *given):
        recorded.append(0)
        return of_rows(self, *given)

    monkeypatch.setattr(circuit_runs, "record", counted)
    monkeypatch.setattr(Replacements, "of_rows", of_counted_rows)
    variants = [Variant(CIRCUIT), Variant(None, CIRCUIT), Variant(None)]
    run = VariantRuns(small_model, abc, Ablation.RESAMPLE)
    first, second = run(variants), run(variants[::-1])
    assert sorted(recorded) == [0, len(abc)]
    np.testing.assert_allclose(first, second[::-1], atol=1e-5)
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", "16")
    many = ioi_dataset(small_model, 60, corruption="abc", prepend_bos=False)
    cut = VariantRuns(small_model, many, Ablation.RESAMPLE)
    np.testing.assert_array_equal(cut(variants), cut(variants))
    assert sum(recorded) == len(abc) + 2 * len(many)
