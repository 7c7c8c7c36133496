"""The bundled model's card: fixed text on what it is and how it was trained, and tables exactly as measured.

The text is in the package's data: model_card.md and, for what is measured, model_report.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from ioi_core.demo.card.values import HEAD_COLUMNS, Evaluation
from ioi_core.demo.training import recipe as wanted
from ioi_core.demo.training.losses import LEAD
from ioi_core.demo.training.network import N_CTX
from ioi_core.demo.training.recipe import Recipe
from ioi_core.demo.training.token_classes import D_CODE, demo_vocabulary
from ioi_core.prompts.names import data_text
from ioi_core.vocabulary import Head


def write_card(folder: Path, measured: Evaluation, recipe: Recipe) -> None:
    """Write the model card README.md into `folder`."""
    vocabulary = demo_vocabulary()
    card = data_text("model_card.md").format(
        recipe=recipe,
        unguided=1 - recipe.unguided_from,
        previous=_listed(wanted.PREVIOUS),
        duplicate=_listed(wanted.DUPLICATE),
        induction=_listed(wanted.INDUCTION),
        inhibition=_listed(wanted.INHIBITION),
        context=_listed(wanted.CONTEXT),
        movers=_listed(head for head in wanted.MOVERS if head != wanted.NEGATIVE),
        negative=wanted.NEGATIVE,
        dropped=f"{wanted.STRONGEST}, {wanted.SECOND} or both",
        bounds="; ".join(f"{head} {low:+.1f} to {high:+.1f}" for head, (low, high) in wanted.BOUNDS.items()),
        gaze="; ".join(f"{head} {aim}" for head, aim in wanted.ATTENTION_TO_IO.items()),
        lead=LEAD,
        rest_bound=wanted.REST_BOUND,
        n_words=len(vocabulary.words),
        n_names=len(vocabulary.names),
        n_trained_names=len(vocabulary.trained_names),
        d_code=D_CODE,
        n_positions=N_CTX,
        report=report(measured),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


def report(measured: Evaluation) -> str:
    """Return everything measured, as Markdown."""
    circuit = measured.circuit
    return data_text("model_report.md").format(
        measured=measured,
        behaviour=_behaviour(measured),
        arena=_arena(measured),
        circuit=circuit,
        roles=_roles(measured),
        knockout=circuit.knockout,
        stepping_in=_effects(circuit.knockout.stepping_in),
        residual=_residual(measured),
        into_movers=_effects(circuit.into_movers),
        into_inhibition=_effects(circuit.into_inhibition),
        into_induction=_effects(circuit.into_induction),
        members=", ".join(f"{head} at {role}" for head, role in circuit.members),
        stages=_stages(measured),
        heads=_heads(measured),
    )


def _behaviour(measured: Evaluation) -> str:
    header = (
        "prompts",
        "order",
        "BOS",
        "n",
        "IO over S",
        "mean logit_diff",
        "sd",
        "lowest",
        "P(IO)",
        "S leads the rest",
    )
    rows = []
    for s in measured.scores:
        prompts = (s.what, s.order, "yes" if s.bos else "no", s.n)
        rows.append(
            (
                *prompts,
                f"{s.io_over_s:.2%}",
                f"{s.logit_diff:.2f}",
                f"{s.spread:.2f}",
                f"{s.lowest:.2f}",
                f"{s.p_io:.3f}",
                f"{s.s_leads:.1%}",
            )
        )
    return _table(header, rows)


def _arena(measured: Evaluation) -> str:
    rows = [(text, f"{with_bos:.2f}", f"{without:.2f}") for text, with_bos, without in measured.arena]
    return _table(("prompt", "logit_diff with BOS", "without"), rows)


def _roles(measured: Evaluation) -> str:
    rows = [(role, _effects(heads) or "none") for role, heads in measured.circuit.roles.items()]
    return _table(("role", "heads (direct effect on logit_diff)"), rows)


def _residual(measured: Evaluation) -> str:
    layers = zip(measured.circuit.at_s2, measured.circuit.at_end, strict=True)
    rows = [(layer, f"{at_s2:.2f}", f"{at_end:.2f}") for layer, (at_s2, at_end) in enumerate(layers)]
    return _table(("before layer", "at S2", "at END"), rows)


def _effects(heads: Iterable[tuple[Head, float]]) -> str:
    return ", ".join(f"{head} ({effect:+.2f})" for head, effect in heads)


def _stages(measured: Evaluation) -> str:
    header = ("patched", "heads", "logit_diff", "IO over S", "name movers' attention to IO", "to S1")
    rows = []
    for i in measured.interventions:
        attention = (f"{i.movers_to_io:.2f}", f"{i.movers_to_s1:.2f}")
        rows.append((i.what, _listed(i.heads), f"{i.logit_diff:+.2f}", f"{i.io_over_s:.1%}", *attention))
    return _table(header, rows)


def _heads(measured: Evaluation) -> str:
    tables = asdict(measured.heads)
    n_layers, n_heads = measured.heads.attribution.shape
    rows = [
        (str(Head(layer, head)), *(f"{float(tables[name][layer, head]):.2f}" for name in HEAD_COLUMNS))
        for layer in range(n_layers)
        for head in range(n_heads)
    ]
    return _table(("head", *HEAD_COLUMNS.values()), rows)


def _listed(heads: Iterable[Head]) -> str:
    return ", ".join(map(str, heads)) or "none"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
