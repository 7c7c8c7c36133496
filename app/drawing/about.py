"""What each figure shows, how it is defined and where the definition comes from (METHODS 1-3)."""

_PAPER = "[Wang et al. 2022, *Interpretability in the Wild*](https://arxiv.org/abs/2211.00593)"
_DEMO = "TransformerLens's *Exploratory Analysis Demo*"
_PROCESSING = (
    "Weights are processed as TransformerLens does: LayerNorm's weights folded in, writing weights and unembedding "
    "centred, value biases folded into b_O. logit_diff does not depend on that; each part's share does."
)

PATH_WORDS = f"""
- **Direct effect**: what a sender does to the receivers by the residual stream alone, MLPs between them included.
  **Total effect**: what it does by every way, through other heads too; that is activation patching. Name mover 9.6 of
  GPT-2 small has a large direct and almost no total effect.
- **Noising** sends the corrupted prompt's output into the clean run: is this path *needed*? **Denoising** sends the
  clean prompt's output into the corrupted run: is this path *enough*? They are not mirror images.
- **Frozen**: the outputs of all heads but the sender, in the first of two runs. **Recomputed**: MLPs and LayerNorms
  there, and in the second run everything but the receivers' replaced inputs.
- **MLPs recomputed or frozen** are two different quantities. The paper lets a path run through MLPs.
  TransformerLens's direct path patching keeps them as they were, so only the straight line from sender to receiver
  counts.
- **Senders send from**: the sender's output is exchanged at every position, or at one role's. The logits are read at
  END, and with all other heads frozen nothing moves between positions: a path to the logits leaves from END alone.

Source: {_PAPER}, section 3 and appendix B; TransformerLens 4.3, `patching.get_act_patch_direct_path`.
"""

ABOUT = {
    "logit_diff": f"""
**logit_diff** is the logit of IO (the right name) minus the logit of S (the repeated name), read at the last token
of the prompt. 0 means that both are equally likely; each logit more makes IO e = 2.7 times as likely against S.
The corrupted prompt is scored with the *clean* prompt's names: below 0 means that it turned the answer round.

Source: {_PAPER}, section 2; the eight prompts are those of {_DEMO}; intervals: Efron 1979, *Bootstrap
methods*.
""",
    "predictions": f"""
The model's probabilities for the next token after the prompt, over all 50,257 tokens. Rank 1 is the most probable
token. A middle dot stands for the space that belongs to a token.

Source: {_PAPER}, section 2.
""",
    "logit_lens_curve": f"""
The residual stream at the last token is read out before each layer, after each attention and after the last layer, as
if the model ended there: its dot product with the difference of IO's and S's unembedding, plus the same difference
of b_U. The last point is the model's own logit_diff.

- **final LayerNorm scale**: every stage is divided by the scale that LayerNorm has at the end of the full run. Steps
  are then exactly what each attention and MLP writes, and they add up. This is the curve of {_DEMO}.
- **each stage's own scale**: LayerNorm is applied anew at each stage. This is the true logit lens.

Source: {_DEMO}; the logit lens, nostalgebraist 2020, "interpreting GPT: the logit lens".
""",
    "token_lens": """
For every layer and position, the residual stream goes straight through the final LayerNorm and the unembedding, as
if the remaining layers were left out. Read downwards: the last row is the model's own output. The first rows mostly
repeat something near the token that was read.

Source: the logit lens, nostalgebraist 2020, "interpreting GPT: the logit lens".
""",
    "attribution_by_layer": f"""
What the token and position embedding, each attention layer and each MLP write into the residual stream at the last
token, along the direction that separates IO from S. LayerNorm's scale is held at the value of the full run, so the
bars add up to logit_diff exactly. b_U is the unembedding's bias, which carries LayerNorm's folded bias.

These are *direct* effects: what a layer does by way of later layers is not in its bar. {_PROCESSING}

Source: {_DEMO}; {_PAPER}, section 3.
""",
    "attribution_by_head": f"""
The share of each attention head's output in its layer's bar above. b_O, the bias that belongs to no head, has a
column of its own; a layer's heads and b_O add up to its attention bar. Heads are named layer.head, both from 0.

A head with a large positive value writes IO rather than S at the last token: a *name mover*. A negative value writes
S, or suppresses IO. These are *direct* effects only. {_PROCESSING}

Source: {_DEMO}; {_PAPER}, section 3.
""",
    "attention_overview": f"""
Before a head writes anything into a token's residual stream, it decides where to read: **attention** is a share for
each earlier token and the token itself, and the shares of one row add up to 1. The first token often takes what a head
has no use for.

- **value-weighted**: each share times the norm of v W_O, the vector the head would write if it looked there alone. A
  look at a token from which nothing is read counts little. b_V is folded into b_O and left out.
- **clean minus corrupted**: both prompts have the same number of tokens, so each cell has its twin. Roles are those of
  the clean prompt; the corrupted one may have other tokens there.

One prompt is shown at a time: the mean over prompts with opposite name orders would mix different circuits.

Source: {_PAPER}, section 3; value-weighting, Kobayashi et al. 2020, *Attention is Not Only a Weight*.
""",
    "attention_head": f"""
The attention of one head: each row is a token that looks, each column a token looked at. Plain attention adds up to 1
in each row. The third figure subtracts the corrupted prompt's pattern from the clean one's: blue cells are looked at
more in the clean prompt, red ones more in the corrupted prompt.

Source: {_PAPER}, section 3.
""",
    "attention_from_end": f"""
How much each head looks from END, the last token of the prompt, at the positions of IO, S1 and S2: one row of its
pattern, in the clean and in the corrupted prompt, and clean minus corrupted. *Name movers* look at IO and copy it.

Source: {_PAPER}, section 3.
""",
    "circuitsvis": f"""
The same patterns as drawn by circuitsvis, the library of the notebooks: point at a small square to see it enlarged,
press it to keep it. "Source" is the token looked at, "destination" the token that looks. The small squares go from
the strongest head to weaker ones, clean and corrupted in the same order and colours.

- **direct effect**: the head's output at END along the direction that separates IO from S.
- **patching**: the head's output in the corrupted run is replaced by that of the clean run (denoising, all positions);
  the share of the logit_diff between the two runs that comes back.
- **previous-token, duplicate-token, induction score**: 50 random tokens twice over, 50 such sequences; the mean
  attention to the token before, to the same token in the first half, to the token after that one. No prompt is used.

Source: {_DEMO}; scores, Olsson et al. 2022; circuitsvis, Cooney and Nanda 2023.
""",
    "patch_heatmap": f"""
Both prompts of a pair are run. Then one of them is run again with a single activation taken from the other, and what
comes out at END is scored. Every cell is one such run, computed exactly.

- **Denoising** puts a clean activation into the corrupted run: does this activation *suffice* to bring the answer back?
- **Noising** puts a corrupted activation into the clean run: is this activation *needed*? The two are not mirror
  images.
- **logit_diff_recovered** = (patched - corrupted) / (clean - corrupted), with mean logit_diffs: 0 is the corrupted
  run's behaviour, 1 the clean run's. Colours show the change against the unpatched run: white is "nothing happens".

The corruption decides what can be found. An S2 flip leaves everything before S2 as it was, so nothing there can have an
effect; ABC replaces the names themselves. These are *total* effects: whatever later layers make of the change counts.

Source: {_PAPER}; Heimersheim and Nanda 2024, *How to use and interpret activation patching*; {_DEMO}.
""",
    "patch_prompts": """
The same patch in every prompt by itself. A mean can hide prompts that go the other way. For logit_diff_recovered each
prompt's change is divided by the mean difference between clean and corrupted, so that the bars average to the cell.
The interval comes from drawing the prompts 1,000 times with replacement (bootstrap, 95 %).

Source: the bootstrap, Efron 1979.
""",
    "patch_attention": f"""
Where this head looks in the prompt shown: each row is a token that looks, each column a token looked at; rows add up to
1, and a token sees only itself and what stands before it.

Source: {_PAPER}, section 3.
""",
    "path_heatmap": f"""
**Path patching** asks what one component does to another *directly*. Two runs make each cell. In the first, the
sender's output comes from the other prompt, all other heads are frozen to their own output, and MLPs and LayerNorms
are recomputed; what arrives at the receivers' queries, keys or values is kept. In the second, only these inputs are
replaced and everything else is recomputed. With the logits as receivers, the first run's logits are the answer.

- **logit_diff_change** = (patched - clean) / (clean - corrupted), with mean logit_diffs: 0 is unharmed, -1 destroyed.
- **percent_of_clean** = 100 (patched - clean) / clean, the paper's own scale.
- **no path**: a sender in or above the layer of every receiver cannot reach it.

Every cell is computed exactly, for all prompts. An effect can be small because another path takes over.

Source: {_PAPER}, section 3 and appendix B; Goldowsky-Dill et al. 2023, *Localizing model behavior with path
patching*.
""",
    "path_graph": f"""
The five strongest senders of each step of the trail (none below a twentieth of the strongest), and those that
the trail went on to. Upwards is later in the
model. Where a step has several receivers, their inputs were replaced together: the same effect is drawn to each of
them.

Source: after figure 2 of {_PAPER}.
""",
    "path_split": f"""
An attention logit is a query times a key, divided by the square root of d_head. With LayerNorm's scale held, the
query is a sum over what each component wrote at the token that looks, and the key a sum over what each wrote at the
token looked at. Each side's shares add up to the logit exactly. Attention compares logits between keys: a share that
is equal for all of them moves nothing.

Source: Elhage et al. 2021, *A mathematical framework for transformer circuits*; {_PAPER}, section 3.
""",
    "head_direct": f"""
The head's output at END, z W_O, along the direction that separates IO from S, with the final LayerNorm's scale held at
its value in the full run. Blue bars add to logit_diff, red ones take from it. It is a *direct* effect: what later
layers make of the head's output is not in it. {_PROCESSING}

Source: {_DEMO}; {_PAPER}, section 3.
""",
    "role_attention": f"""
The head's attention from one token role (row) to another (column), mean over those clean prompts in which the token
looked at does not come later: S1 can look at IO only where IO is named first. Empty: in no prompt. Tokens without a
role, the first one above all, get what is left. In brackets: the 95 % interval, prompts drawn anew with replacement,
1,000 times.

Source: {_PAPER}, section 3.
""",
    "head_writing": f"""
Each point is one prompt and one place of a name. To the right: the head's attention from END to that place. Upwards:
what the head's output at END adds, directly, to the logit of that name, against the mean logit of all tokens: z W_O
through the final LayerNorm with its scale held at the full run's value, dotted with the name's column of the centred
unembedding. S stands at two places, so it has two points a prompt, equally high. *Name movers* go up to the right,
*negative* ones down.

Source: {_PAPER}, figure 3c.
""",
    "head_copying": f"""
What the head would write if it looked at one name alone: the name's embedding goes through the first MLP, then through
the head's values and output (its OV circuit), the final LayerNorm and the unembedding. *Writes against*: the same with
the opposite sign, so the tokens whose logits it lowers most. No prompt is used. The share of names that are among their
own five top tokens is the copy score.

Source: {_PAPER}, section 3.1 and appendix.
""",
    "head_sites": f"""
In one of the two runs, this head's output, queries, keys, values or attention pattern is replaced, at all positions, by
that of the other run. **Denoising** puts the clean one into the corrupted run, **noising** the reverse.
logit_diff_recovered is 0 for the corrupted run and 1 for the clean one; a bar is the change against the unpatched run.
These are *total* effects: whatever later layers make of it counts. The interval comes from drawing the prompts 1,000
times with replacement (bootstrap, 95 %).

Source: {_PAPER}; Heimersheim and Nanda 2024, *How to use and interpret activation patching*.
""",
    "head_ranks": f"""
- **direct effect**, **patching effect** (denoising, output at all positions): on the prompts above; ranked by size,
  without sign.
- **previous-token, duplicate-token, induction score**: 50 random tokens twice over, 50 such sequences; the mean
  attention to the token before, to the same token in the first half, to the token after that one.
- **copy scores**: the share of names that are among the five tokens that the head's OV circuit writes most (positive)
  or writes against most (negative) when it looks at them.

Source: {_DEMO}; Olsson et al. 2022, *In-context Learning and Induction Heads*; {_PAPER}, section 3.
""",
    "head_roles": f"""
A role is a short list of conditions, each a measured number and a bound; a head has the role if all of them hold. The
rules and bounds are this app's own, the same for every head and model; the kinds of evidence are those by which the
paper assigned its classes by hand. A head may have several roles, most have none. *Effects* are shares of logit_diff,
or of the distance between clean and corrupted runs when its output at END is patched (noising).

Source: the roles, {_PAPER}, section 3; the bounds, this project.
""",
    "head_edges_in": f"""
Path patching, one edge at a time: the sender's output comes from the corrupted prompt, and only this head's queries,
keys or values (q, k, v) get to know of it; all else stays as in the clean run, then everything after is recomputed.
logit_diff_change is 0 if nothing happens and -1 if the whole of clean minus corrupted is lost: red bars are edges that
the answer needs. MLPs between sender and receiver are recomputed.

Source: {_PAPER}, section 3 and appendix B.
""",
    "head_edges_out": f"""
The same from the sender's side: this head's output comes from the corrupted prompt, and only one receiver gets to know
of it: the logits, or the queries, keys or values of one later head. Edges to later heads are read off the atlas of all
edges, where that has been computed.

Source: {_PAPER}, section 3 and appendix B.
""",
    "all_heads": f"""
Every head with all its numbers. Scores on random tokens and copy scores need no prompts; effects and attention are
means over the clean prompts above. Measured roles follow this app's rules, stated on each head's own view; the
published class is that of the paper, for GPT-2 small alone. 95 % intervals: prompts, or random sequences, drawn anew
with replacement, 1,000 times. Copy scores are counted over a list of names and have none.

Source: {_PAPER}, section 3; {_DEMO}; Olsson et al. 2022, *In-context Learning and Induction Heads*.
""",
    "by_template": """
What the figure above shows as one mean over prompts, once for each sentence template (its prompts' mean). Typed prompts
and the eight classic ones are a template each. Order matters: in ABBA prompts the indirect object is named first, in
BABA prompts the subject. The **95 % intervals** answer another question: how far a mean could have come out otherwise,
had other prompts of the same kind been drawn (prompts drawn anew with replacement, 1,000 times). One template has too
few prompts for that: where there is room each prompt is a dot, and the file has the smallest and the largest.

Source: Efron 1979, *Bootstrap methods*; Miller et al. 2024 (arXiv 2407.08734) on how much templates differ.
""",
    "circuit_graph": f"""
Heads stand at their layer, in a column for their class and the role at which the circuit keeps them. On GPT-2 small the
classes and lines are the paper's. On every other model classes are measured by this app's rules (see Heads), and lines
join the classes that the paper's circuit joins, where both are there: they are drawn for orientation and not measured.

Source: {_PAPER}, figure 2.
""",
    "circuit_levels": f"""
Each bar is the mean logit_diff of one run. In a run of the circuit every head is ablated at every position, except
those that the circuit keeps where it keeps them; MLPs, LayerNorms and embeddings work on. **Mean ablation** puts in the
mean over the ABC prompts *of the same template*, **zero ablation** nothing, **resample ablation** what the head writes
in the prompt's own corrupted twin. Role positions are looked up prompt by prompt. **Faithfulness** is F(C) / F(M), a
ratio of means over prompts. The intervals come from drawing the prompts 1,000 times with replacement (bootstrap, 95 %).
**Completeness** compares F(C \\ K) with F(M \\ K), K being what was switched off.

Source: {_PAPER}, sections 3 and 4.
""",
    "circuit_members": f"""
*Adds* is a member's minimality with its sign, F(C \\ K) - F(C \\ (K + v)) as a share of F(M); K is named beside it.

Source: {_PAPER}, section 4.3.
""",
    "circuit_minimality": f"""
For each member v, F(C \\ K) - F(C \\ (K + v)) as a share of F(M): what is lost when v goes, after a set K of others
has gone. Without K, heads of one class stand in for each other and none of them would seem to count. For a published
class of GPT-2 small, K is the rest of its class in the circuit; for every other member it is nothing, or all others
at the same role, whichever makes the difference larger. The paper shows it without sign.

Source: {_PAPER}, section 4.3 and figure 7.
""",
    "circuit_templates": f"""
F(C) / F(M) among the prompts of each template. The number is the template's (typed prompts have one each); ABBA: IO is
named first, BABA: S is. Published figures depend on sample and templates: "87 %" in the paper, and 57 to 155 % on
single templates of the same circuit in later work.

Source: {_PAPER}, section 4; Miller et al. 2024, *Transformer circuit faithfulness metrics are not robust*.
""",
    "circuit_completeness": f"""
Each point takes one set K out of both: across, what the whole model then has, upwards, what the circuit has. Points on
the dashed line are what a complete circuit would give. K is each class of the paper (other models: all members at one
role), random halves of the circuit, and **greedy** sets: grown member by member, each time by the one of a few drawn
that takes circuit and model furthest apart, so that they show what is missing.

Source: {_PAPER}, section 4.2.
""",
    "circuit_comparison": f"""
F(C) / F(M) of two circuits on the same prompts with the same ablation, over all prompts and template by template.

Source: {_PAPER}, section 4.
""",
    "backup_stages": f"""
Heads are ablated at END, one more in each row. The bar is the real logit_diff of that run. The diamond is what the
clean run alone lets one expect: its logit_diff without the direct effects of the heads that are gone (and with those
of what replaces them). In the table, what the model has beyond that is split exactly: what remains is divided by
another LayerNorm scale; other heads write something else than before; MLPs do. The intervals come from drawing the
prompts 1,000 times with replacement (bootstrap, 95 %).

Source: {_PAPER}, section 3.4; McGrath et al. 2023, *The Hydra Effect*; the split, this project.
""",
    "backup_movers": f"""
A head's direct effect is z W_O at END along the direction that separates IO from S, each run read with the final
LayerNorm scale that it has itself. The bar is the direct effect without the heads that are gone minus the one before.
The diamond is what that change would be if the head wrote just what it wrote before: only the scale differs. Where
the bar and the diamond are apart, the head writes something else.

Source: {_PAPER}, section 3.4 and figure 6; the split, this project.
""",
    "backup_changes": f"""
The same change for every head: its direct effect without the heads that are gone, minus the one before.

Source: {_PAPER}, section 3.4.
""",
    "signal_fit": f"""
The heads' output at END is taken from a variant of the prompt (the flip) into the clean run; everything after it is
computed again, and logit_diff is always that of the clean prompt's IO and S. a and b are fitted to the six means by
least squares, without a constant, and the error is the mean of |formula - measured| over the six. Intervals: the
prompts drawn 1,000 times with replacement (bootstrap, 95 %), a and b fitted anew each time. For GPT-2 small the paper
reports 2.31 S_pos + 0.99 S_tok with an error of 7 %, on its own prompts.

Source: {_PAPER}, section 3.2 and appendix A.
""",
    "direct_and_total": f"""
**Direct effect**: the head's output at END along the direction that separates IO from S, with LayerNorm's scale held at
the clean run's. **Total effect**: the clean logit_diff minus that of a run in which this head alone is ablated at every
position; whatever later layers make of that counts. Both are in logits and have the same sign: up and to the right
is towards IO. Named heads have lines for their 95 % intervals (bootstrap over prompts).

Source: {_PAPER}, section 3; Heimersheim and Nanda 2024, *How to use and interpret activation patching*.
""",
    "methods": f"""
All the heads chosen are replaced together, at the role chosen. Zero, mean and resample ablation and noising start from
the clean run, denoising from the corrupted one; each bar is the change from there. Corrupted prompts are ABC twins.
Resample ablation and noising are the same intervention under two names. The intervals come from drawing the prompts
1,000 times with replacement (bootstrap, 95 %).

Source: {_PAPER}, section 2; Heimersheim and Nanda 2024, *How to use and interpret activation patching*.
""",
    "patch_estimate": """
**Attribution patching**: the change of the activation times the slope of the metric, all cells from one backward pass.
It takes about as long as three forward passes, and is a first-order estimate: it goes wrong where the metric bends,
above all where attention is saturated. The page shows it while the exact grid is computed.

Source: Nanda 2023, *Attribution patching*; Syed et al. 2023.
""",
}
