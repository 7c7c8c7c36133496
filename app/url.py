"""Every parameter of the pages' addresses: a widget bound to the address has one of these names as its key.

Visitors keep links, so a name never changes its meaning, and a former name is still read. No two pages share a name:
Streamlit takes what another page has last drawn out of the address to which Back returns. `PART_...` say which parts
of a page are open.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from ioi_core import Direction, Head

# The sidebar's, on every page; N to SEED are those of generated prompts (N, SEED, TASK of other tasks), TEXT to
# ANSWER_SPACE those of typed ones, DATA, SKIP and ANSWER_SPACE of data sets.
MODEL, SIZE, PROMPTS, BOS, CORRUPTION, SHOWN = "model", "size", "prompts", "bos", "corruption", "shown"
PARTS = "parts"
N, TEMPLATES, SEED = "n", "templates", "seed"
TASK = "task"
TEXT, CORRUPTED, SEVERAL_LINES, IO, S, ANSWER_SPACE = "text", "corrupted", "several_lines", "io", "s", "answer_space"
DATA, SKIP = "data", "skip"
PEOPLE = "people"  # of typed prompts and data sets

# Prompt, Logit lens and Attention
PART_READ, PART_ANSWERS = "part_read", "part_answers"
CELLS = "cells"
PART_TOKENS, PART_LAYERS, PART_HEADS = "part_tokens", "part_layers", "part_heads"
ATTENTION, RUN, LAYER, BY, HEADS, TOP = "attention", "run", "layer", "by", "heads", "top"
ATTENTION_HEAD = "attention_head"  # the one shown closely
PART_CLOSELY, PART_FROM_END, PART_SIDE_BY_SIDE = "part_closely", "part_from_end", "part_side_by_side"

# Activation patching and Path patching
SITE, WHERE, WHERE_HEAD, METRIC = "site", "where", "where_head", "metric"
DIRECTION = "direction"
TRAIL, PATH_DIRECTION, BETWEEN, SENDER_POSITION = "trail", "path_direction", "between", "sender_position"
PATH_METRIC = {Direction.NOISING: "path_metric_noising", Direction.DENOISING: "path_metric_denoising"}
NEXT = "next_receivers"
WHY_HEAD, WHY_QUERY, WHY_KEY = "why_head", "why_query", "why_key"
PART_CELL, PART_ESTIMATE = "part_cell", "part_estimate"
PART_SENDERS, PART_PATHS, PART_WHY = "part_senders", "part_paths", "part_why"

# Heads
HEADS_SHOWN, HEAD, HEAD_SITES, OV_NAMES = "heads_shown", "head", "head_sites", "ov_names"
HEAD_DIRECTION = "head_direction"
TABLE_LAYERS, TABLE_ROLE = "table_layers", "table_role"
TABLE_MEASURE, TABLE_LEAST = "table_measure", "table_least"
PART_ATTENDS, PART_WRITES, PART_COPIES, PART_PATCHED = "part_attends", "part_writes", "part_copies", "part_patched"
PART_COMPARED, PART_ROLES, PART_EDGES = "part_compared", "part_roles", "part_edges"

# Edges
EDGE_METHOD, EDGES_KEPT, EDGE_CHANGES = "edge_method", "edges_kept", "edge_changes"
EDGE_CIRCUIT = "edge_circuit"  # given whole, in place of the strongest edges
EDGE_SENDER, EDGE_RECEIVER = "edge_sender", "edge_receiver"
EDGES_OTHER, EDGES_OTHER_SEED = "edges_other", "edges_other_seed"  # what a circuit is compared with
PART_CURVE, PART_EDGE, PART_ESTIMATES = "part_curve", "part_edge", "part_estimates"
PART_AGREEMENT, PART_SMALLEST, PART_FILES = "part_agreement", "part_smallest", "part_files"
EDGES_BOUND = "edges_bound"

# Circuit
CIRCUIT_PART, CIRCUIT_START, CIRCUIT, ABLATION = "circuit_part", "circuit_start", "circuit", "ablation"
KNOCK_OUT, KNOCK_OUT_BY = "knock_out", "knock_out_by"
KEPT, COMPARE, COMPARE_WITH = "kept", "compare", "compare_with"
PART_MEMBERS, PART_LEVELS, PART_MINIMALITY = "part_members", "part_levels", "part_minimality"
PART_TEMPLATES, PART_COMPARISON, PART_COMPLETENESS = "part_templates", "part_comparison", "part_completeness"
PART_STEPS, PART_MOVERS, PART_VARIANTS = "part_steps", "part_movers", "part_variants"
METHOD_HEADS, METHOD_AT, SIGNAL_HEADS = "method_heads", "method_at", "signal_heads"

PINS = "pins"  # of the report, all of it
PART_SWEEP = "part_sweep"
LESSON, STEP, ANSWERS = "lesson", "step", "answers"  # which lesson, its step, and all that was answered in it

FORMERLY = {ATTENTION_HEAD: HEAD, HEAD_DIRECTION: DIRECTION}
"""Parameter -> the name that links once had for it on its page, and now have for another page's."""


def left_out(key: str) -> str:
    """Return the parameter of a link that lacks a text, for it was too long."""
    return f"{key}_left_out"


def by_template(figure: str) -> str:
    """Return the parameter that shows a figure template by template."""
    return f"templates_{figure}"


def cell(kind: str) -> str:
    """Return the parameter of the chosen cell; `kind` tells cells of heads from those of positions."""
    return f"cell_{kind}"


def gone_of(knocked_out: Sequence[Head]) -> str:
    """Return the parameter of how many of these heads are gone; other heads are another choice, not begun yet."""
    return "_".join(["gone_of", *map(str, knocked_out)])


def link(page: str, query: Mapping[str, str | Sequence[str]]) -> str:
    """Return a view's address: of its page, such as http://localhost:8501/heads, and what is chosen there."""
    return f"{page}?{urlencode(query, doseq=True, errors='replace')}" if query else page
