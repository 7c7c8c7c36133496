"""The bundled model's card: fixed text on what it is and how it was trained, and tables exactly as measured.

The text is in the package's data: model_card.md and, for what is measured, model_report.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from ioi_core.demo.card.values import HEAD_COLUMNS, Evaluation
from ioi_core.demo.training.network import D_CODE, N_TRAINED_POSITIONS
from ioi_core.demo.training.recipe import END_TO_IO, END_TO_S2, S2_TO_S1, Recipe
from ioi_core.demo.training.token_classes import demo_vocabulary
from ioi_core.prompts.names import data_text
from ioi_core.vocabulary import Head


def write_card(folder: Path, measured: Evaluation, recipe: Recipe) -> None:
    """Write the model card README.md into `folder`."""
    vocabulary = demo_vocabulary()
    forced = "; ".join(
        f"{role} in {_listed(Head(layer, head) for head in heads)}"
        for role, (layer, heads) in (("END to IO", END_TO_IO), ("END to S2", END_TO_S2), ("S2 to S1", S2_TO_S1))
    )
    card = data_text("model_card.md").format(
        recipe=recipe,
        unguided=1 - recipe.unguided_from,
        forced=forced,
        n_words=len(vocabulary.words),
        n_names=len(vocabulary.names),
        n_trained_names=len(vocabulary.trained_names),
        d_code=D_CODE,
        n_positions=N_TRAINED_POSITIONS,
        report=report(measured),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


def report(measured: Evaluation) -> str:
    """Return everything measured, as Markdown."""
    return data_text("model_report.md").format(
        measured=measured,
        behaviour=_behaviour(measured),
        arena=_arena(measured),
        duplicate_heads=_listed(measured.duplicate_heads),
        s2_readers=_listed(measured.s2_readers),
        name_movers=_listed(measured.name_movers),
        writes=sum(float(measured.heads.attribution[h.layer, h.head]) for h in measured.name_movers),
        mlps=", ".join(f"MLP {layer} {value:+.2f}" for layer, value in enumerate(measured.mlp_attribution)),
        stages=_stages(measured),
        heads=_heads(measured),
    )


def _behaviour(measured: Evaluation) -> str:
    header = ("prompts", "order", "BOS", "n", "IO over S", "mean logit_diff", "lowest", "IO is top token", "mean P(IO)")
    rows = []
    for s in measured.scores:
        prompts = (s.what, s.order, "yes" if s.bos else "no", s.n)
        rows.append(
            (
                *prompts,
                f"{s.io_over_s:.2%}",
                f"{s.logit_diff:.2f}",
                f"{s.lowest:.2f}",
                f"{s.io_top:.1%}",
                f"{s.p_io:.3f}",
            )
        )
    return _table(header, rows)


def _arena(measured: Evaluation) -> str:
    rows = [(text, f"{with_bos:.2f}", f"{without:.2f}") for text, with_bos, without in measured.arena]
    return _table(("prompt", "logit_diff with BOS", "without"), rows)


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
