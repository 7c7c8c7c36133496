"""What the Circuit page asks as it opens, and on every change. Values; no Streamlit here."""

import ioi_core
from app.questions.ask import Request, ask
from ioi_core import (
    Ablation,
    Circuit,
    CircuitEdit,
    CircuitEvaluation,
    Completeness,
    FoundCircuit,
    PromptPairs,
    PromptResult,
)


def find_request(pairs: PromptPairs) -> Request[FoundCircuit]:
    """The circuit that does what the model does; found by mean ablation, however it is ablated afterwards."""
    return ask(ioi_core.find_circuit, pairs=pairs)


def evaluate_request(pairs: PromptPairs, circuit: Circuit, ablation: Ablation) -> Request[CircuitEvaluation]:
    """How much of what the model does a circuit does."""
    return ask(ioi_core.evaluate_circuit, pairs=pairs, circuit=circuit, ablation=ablation)


def edit_request(pairs: PromptPairs, circuit: Circuit, off: Circuit, ablation: Ablation) -> Request[CircuitEdit]:
    """All that the page says of a circuit of which some members are off, in one go; it has heads at roles alone."""
    return ask(ioi_core.edit_circuit, pairs=pairs, circuit=circuit, removed=off, ablation=ablation)


def sets_request(pairs: PromptPairs, circuit: Circuit, ablation: Ablation) -> Request[Completeness]:
    """Many K at once."""
    return ask(ioi_core.completeness_sets, pairs=pairs, circuit=circuit, ablation=ablation)


def total_request(pairs: PromptPairs, ablation: Ablation) -> Request[PromptResult]:
    """Every head's direct and total effect."""
    return ask(ioi_core.direct_and_total, pairs=pairs, ablation=ablation)
