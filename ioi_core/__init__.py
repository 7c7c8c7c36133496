"""The science of IOI Explorer: models, prompts, exact forward passes, analyses. Knows no browser and no disk cache."""

from ioi_core.activation_patching.estimate import correlation, estimate_patching
from ioi_core.activation_patching.exact import PatchResult, patch_activations
from ioi_core.activation_patching.sites import HEAD_SITES, RESIDUAL_SITES
from ioi_core.attention.explain import AttentionSplit, explain_attention
from ioi_core.attention.name_writing import NameWriting, attention_and_writing
from ioi_core.attention.patterns import attention_patterns, role_attention
from ioi_core.attention.repeated_tokens import head_scores
from ioi_core.attribution.answer_forms import answer_form_ranks
from ioi_core.attribution.direct import HeadAttribution, attribute_heads, attribute_layers
from ioi_core.attribution.logit_lens import TokenLens, lens_tokens, logit_lens
from ioi_core.attribution.predictions import Predictions, predictions
from ioi_core.circuit.backup import Backup, backup_heads
from ioi_core.circuit.completeness_sets import completeness_sets
from ioi_core.circuit.definition import IOI_CIRCUIT, NAIVE_CIRCUIT, NO_HEADS, Circuit, CircuitError, Member
from ioi_core.circuit.evaluation import ablate, completeness, edit_circuit, evaluate_circuit, minimality
from ioi_core.circuit.methods import METHODS, MethodContrast, contrast_methods, direct_and_total
from ioi_core.circuit.results import (
    AblationResult,
    CircuitEdit,
    CircuitEvaluation,
    CircuitResult,
    Completeness,
    Minimality,
)
from ioi_core.circuit.search import FoundCircuit, find_circuit
from ioi_core.circuit.signals import SIGNALS, SignalFit, token_and_position
from ioi_core.data_sets.pairs import DataSet, pairs_as_csv, pairs_as_records, pairs_of, read_pairs
from ioi_core.data_sets.rows import DataRow, parse_rows
from ioi_core.edges.evaluation import SHARES, edge_curve, evaluate_edges, largest_edges
from ioi_core.edges.files import EdgeCircuit, edges_as_csv, edges_as_json, parse_edges, read_edges, write_edges
from ioi_core.edges.graph import EdgeGraph
from ioi_core.edges.minimal import MinimalEdges, minimal_edges
from ioi_core.edges.neuronpedia import edges_as_neuronpedia
from ioi_core.edges.notation import EdgeError
from ioi_core.edges.results import METHODS as EDGE_METHODS
from ioi_core.edges.results import EdgeCurve, EdgeEvaluation, EdgeScores
from ioi_core.edges.scores import edge_scores
from ioi_core.engine.forward import run
from ioi_core.engine.scoring import MetricError
from ioi_core.errors import (
    ChoiceError,
    HeadError,
    IOIError,
    ModelUnavailableError,
    NotIOIError,
    PromptError,
    PromptMismatchError,
    UnknownNameError,
)
from ioi_core.heads.copying import CopiedTokens, CopyScores, copied_tokens, copy_scores
from ioi_core.heads.published import PUBLISHED_CLASSES, HeadClass, published_class
from ioi_core.heads.roles import HeadRoles, head_roles, infer_roles
from ioi_core.heads.rules import HEAD_ROLES, QUANTITIES, Condition, Evidence
from ioi_core.model.files import DEMO_MODEL_DIR
from ioi_core.model.loading import PROCESSING, load_model
from ioi_core.model.weights import END_OF_TEXT, Model, ModelConfig
from ioi_core.notation import HeadItem, read_heads
from ioi_core.path_patching.atlas import EdgeAtlas, edge_atlas
from ioi_core.path_patching.patch import LOGITS, RECEIVER_INPUTS, PathResult, patch_paths
from ioi_core.prompts.arena import arena25_pairs, arena_pairs
from ioi_core.prompts.corruptions import CORRUPTIONS, SIGNAL_FLIPS
from ioi_core.prompts.dataset import ioi_dataset
from ioi_core.prompts.names import IOI_LISTS
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.prompts.templates import TEMPLATES
from ioi_core.prompts.twins import with_twins
from ioi_core.prompts.typed import prompt_pairs
from ioi_core.results import Progress, PromptResult, Result, TwoRunResult
from ioi_core.sweeps.result import SweepResult, read_sweep
from ioi_core.sweeps.run import sweep
from ioi_core.tasks.dataset import TASKS, Task, task_dataset
from ioi_core.uncertainty import bootstrap_interval
from ioi_core.vocabulary import ALL, ROLES, Ablation, Direction, Head

__version__ = "0.1.0"

__all__ = [
    "ALL",
    "CORRUPTIONS",
    "DEMO_MODEL_DIR",
    "EDGE_METHODS",
    "END_OF_TEXT",
    "HEAD_ROLES",
    "HEAD_SITES",
    "IOI_CIRCUIT",
    "IOI_LISTS",
    "LOGITS",
    "METHODS",
    "NAIVE_CIRCUIT",
    "NO_HEADS",
    "PROCESSING",
    "PUBLISHED_CLASSES",
    "QUANTITIES",
    "RECEIVER_INPUTS",
    "RESIDUAL_SITES",
    "ROLES",
    "SHARES",
    "SIGNALS",
    "SIGNAL_FLIPS",
    "TASKS",
    "TEMPLATES",
    "Ablation",
    "AblationResult",
    "AttentionSplit",
    "Backup",
    "ChoiceError",
    "Circuit",
    "CircuitEdit",
    "CircuitError",
    "CircuitEvaluation",
    "CircuitResult",
    "Completeness",
    "Condition",
    "CopiedTokens",
    "CopyScores",
    "DataRow",
    "DataSet",
    "Direction",
    "EdgeAtlas",
    "EdgeCircuit",
    "EdgeCurve",
    "EdgeError",
    "EdgeEvaluation",
    "EdgeGraph",
    "EdgeScores",
    "Evidence",
    "FoundCircuit",
    "Head",
    "HeadAttribution",
    "HeadClass",
    "HeadError",
    "HeadItem",
    "HeadRoles",
    "IOIError",
    "Member",
    "MethodContrast",
    "MetricError",
    "MinimalEdges",
    "Minimality",
    "Model",
    "ModelConfig",
    "ModelUnavailableError",
    "NameWriting",
    "NotIOIError",
    "PatchResult",
    "PathResult",
    "Predictions",
    "Progress",
    "PromptError",
    "PromptMismatchError",
    "PromptPairs",
    "PromptResult",
    "Result",
    "SignalFit",
    "SweepResult",
    "Task",
    "TokenLens",
    "TwoRunResult",
    "UnknownNameError",
    "ablate",
    "answer_form_ranks",
    "arena25_pairs",
    "arena_pairs",
    "attention_and_writing",
    "attention_patterns",
    "attribute_heads",
    "attribute_layers",
    "backup_heads",
    "bootstrap_interval",
    "completeness",
    "completeness_sets",
    "contrast_methods",
    "copied_tokens",
    "copy_scores",
    "correlation",
    "direct_and_total",
    "edge_atlas",
    "edge_curve",
    "edge_scores",
    "edges_as_csv",
    "edges_as_json",
    "edges_as_neuronpedia",
    "edit_circuit",
    "estimate_patching",
    "evaluate_circuit",
    "evaluate_edges",
    "explain_attention",
    "find_circuit",
    "head_roles",
    "head_scores",
    "infer_roles",
    "ioi_dataset",
    "largest_edges",
    "lens_tokens",
    "load_model",
    "logit_lens",
    "minimal_edges",
    "minimality",
    "pairs_as_csv",
    "pairs_as_records",
    "pairs_of",
    "parse_edges",
    "parse_rows",
    "patch_activations",
    "patch_paths",
    "predictions",
    "prompt_pairs",
    "published_class",
    "read_edges",
    "read_heads",
    "read_pairs",
    "read_sweep",
    "role_attention",
    "run",
    "sweep",
    "task_dataset",
    "token_and_position",
    "with_twins",
    "write_edges",
]
