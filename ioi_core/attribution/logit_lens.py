"""The logit lens: the answer in the residual stream, stage by stage (nostalgebraist 2020; Nanda's demo).

`logit_lens` follows logit_diff at END through the accumulated residual: before each layer, after each attention and
after the last layer. `lens_tokens` unembeds every layer at every position through the real final LayerNorm.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.engine.checks import check_pairs, check_tokens, row_lengths
from ioi_core.engine.forward import embed, layer_norm_scale, layer_runs, unembed
from ioi_core.engine.progress import in_parts, with_progress
from ioi_core.engine.scoring import answer_bias, answer_direction
from ioi_core.engine.tensors import as_array, at_positions, joined, row_chunks, to_device
from ioi_core.errors import PromptError
from ioi_core.inputs import Choice, Tokens, WholeNumber, as_choice, as_whole_number
from ioi_core.model.weights import END_OF_TEXT, Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, PromptResult, Result, over_prompts

SCALES = ("final", "per_layer")

_UNEMBED_ROWS = 256  # rows of 50,257 logits held at once: 50 MB


@torch.inference_mode()
def logit_lens(
    model: Model, pairs: PromptPairs, *, scale: Choice = "final", progress: Progress | None = None
) -> PromptResult:
    """Return the logit_diff that the clean run's residual stream at END would give if it were unembedded at each stage.

    Args:
        scale: "final" divides every stage by the full run's final LayerNorm scale, as the notebooks' curve does, so
            stages differ by what was written between them; "per_layer" applies LayerNorm afresh at each stage, the
            true logit lens.
    Returns:
        `values` [stage] in logits, mean over prompts; stages "0_pre", "0_mid", "1_pre", ..., "final_post", which
        equals the model's own logit_diff. `per_prompt` [stage batch].
    Raises:
        ChoiceError, PromptError: say what was got and what is allowed.
    """
    as_choice(scale, "scale", SCALES)
    tokens = check_pairs(model, pairs).clean_tokens

    def lens(rows: slice) -> Float[Tensor, "stage batch"]:
        stages = _stages(model, tokens[rows], pairs.roles["END"][rows])
        norm = layer_norm_scale(stages if scale == "per_layer" else stages[-1:], model.cfg.eps)
        answers = pairs.take(rows)
        direction = answer_direction(model, answers)
        centred = stages - stages.mean(-1, keepdim=True)
        return ((centred / norm) * direction).sum(-1) + answer_bias(model, answers)

    per_prompt = joined(lens(rows) for rows in with_progress(row_chunks(tokens), progress))
    labels = [f"{layer}_{when}" for layer in range(model.cfg.n_layers) for when in ("pre", "mid")]
    axes = {"stage": (*labels, "final_post")}
    return PromptResult(**over_prompts(per_prompt), axes=axes, metric="logit_diff", unit="logits")


def _stages(
    model: Model, tokens: Int[np.ndarray, "batch pos"], positions: Int[np.ndarray, " batch"]
) -> Float[Tensor, "stage batch d_model"]:
    """Return the accumulated residual at one position of each row, at every stage."""
    stages, at = [], to_device(model, positions)
    for run in layer_runs(model, embed(model, to_device(model, tokens))):
        stages += [at_positions(run.resid_pre, at), at_positions(run.resid_mid, at)]
    return torch.stack([*stages, at_positions(run.resid_post, at)])


@dataclass(frozen=True, eq=False, kw_only=True)
class TokenLens(Result):
    """Top tokens of every layer and position; `values` are their probabilities.

    Attributes:
        ids: [layer+1 batch pos k] token ids, the most probable first.
        track_probs, track_ranks: [layer+1 batch pos m] of the tracked tokens, or None; rank 0 is the most probable,
            -1 marks padding.
    """

    ids: Int[np.ndarray, "stage batch pos k"]
    track_probs: Float[np.ndarray, "stage batch pos m"] | None
    track_ranks: Int[np.ndarray, "stage batch pos m"] | None

    @property
    def probs(self) -> Float[np.ndarray, "stage batch pos k"]:
        """Probabilities of `ids`; nan at padding."""
        return self.values

    @property
    def tracked(self) -> tuple[Float[np.ndarray, "stage batch pos m"], Int[np.ndarray, "stage batch pos m"]]:
        """Probabilities and ranks of the tracked tokens.

        Raises:
            ValueError: none were tracked.
        """
        if self.track_probs is None or self.track_ranks is None:
            raise ValueError("this lens followed no tokens: give `lens_tokens` the ones to `track`")
        return self.track_probs, self.track_ranks


@torch.inference_mode()
def lens_tokens(
    model: Model,
    tokens: Tokens,
    *,
    top_k: WholeNumber = 5,
    track: Tokens | None = None,
    progress: Progress | None = None,
) -> TokenLens:
    """Return the top tokens if the residual stream before each layer, and after the last, were unembedded.

    Args:
        tokens: [batch pos] token ids, padded on the right with 50256: an array, a tensor, lists of any lengths, or
            pairs, whose clean prompts are read.
        top_k: how many tokens to return for each layer and position.
        track: [batch m] token ids whose probability and rank to return as well.
    Returns:
        `ids` and `probs` [layer+1 batch pos k]; the last row is the model's own output. Padding is nan (ids 50256).
    Raises:
        PromptError: tokens, top_k or tracked ids outside the model's range.
    """
    ids, followed = check_tokens(model, tokens), None if track is None else check_tokens(model, track)
    top_k = as_whole_number(top_k, "top_k", 1, model.cfg.d_vocab)
    if followed is not None and len(followed) != len(ids):
        raise PromptError(f"track has {len(followed)} rows, there are {len(ids)} prompts: one row a prompt is wanted")
    chunks = []
    for rows, of_chunk in in_parts(row_chunks(ids), progress):
        tracked, stages = None if followed is None else followed[rows], []
        for run in layer_runs(model, embed(model, to_device(model, ids[rows])), progress=of_chunk):
            stages.append(_read(model, run.resid_pre, top_k, tracked))
        stages.append(_read(model, run.resid_post, top_k, tracked))
        chunks.append([torch.stack(column) for column in zip(*stages, strict=True)])
    return _token_lens(model, ids, [torch.cat(column, dim=1) for column in zip(*chunks, strict=True)])


def _read(
    model: Model, resid: Float[Tensor, "batch pos d_model"], top_k: int, track: Int[np.ndarray, "batch m"] | None
) -> tuple[Tensor, ...]:
    """Return ids, probs (and tracked probs, ranks) at every position of a residual stream, a slab of rows at a time."""
    rows, parts = resid.flatten(0, 1), []
    wanted = None if track is None else to_device(model, track).repeat_interleave(resid.shape[1], 0)
    for start in range(0, len(rows), _UNEMBED_ROWS):
        slab = slice(start, start + _UNEMBED_ROWS)
        logits = unembed(model, rows[slab])
        probs = logits.softmax(-1)
        top = probs.topk(top_k, dim=-1)
        part = [top.indices, top.values]
        if wanted is not None:
            chosen = logits.gather(1, wanted[slab])
            ranks = torch.stack([(logits > chosen[:, [m]]).sum(1) for m in range(chosen.shape[1])], 1)
            part += [probs.gather(1, wanted[slab]), ranks]
        parts.append(part)
    return tuple(torch.cat(column).unflatten(0, resid.shape[:2]).cpu() for column in zip(*parts, strict=True))


def _token_lens(model: Model, tokens: Int[np.ndarray, "batch pos"], columns: list[Tensor]) -> TokenLens:
    """Return ids, probs (and tracked probs, ranks), each [stage batch pos k], as a result with its padding marked."""
    ids, probs, *of_tracked = columns
    padding = np.arange(tokens.shape[1]) >= row_lengths(tokens)[:, None]

    def marked(values: np.ndarray, mark: int | float) -> np.ndarray:
        return np.where(padding[:, :, None], values.dtype.type(mark), values)

    track_probs = track_ranks = None
    if of_tracked:
        track_probs, track_ranks = marked(as_array(of_tracked[0]), np.nan), marked(of_tracked[1].numpy(), -1)
    return TokenLens(
        values=marked(as_array(probs), np.nan),
        axes={
            "layer": (*map(str, range(model.cfg.n_layers)), "final"),
            "batch": tuple(str(row) for row in range(len(tokens))),
            "pos": tuple(str(pos) for pos in range(tokens.shape[1])),
            "k": tuple(str(k) for k in range(probs.shape[-1])),
        },
        metric="probability",
        unit="probability",
        n_prompts=len(tokens),
        undefined="positions after a prompt's end are padding" if padding.any() else None,
        ids=marked(ids.numpy(), END_OF_TEXT),
        track_probs=track_probs,
        track_ranks=track_ranks,
    )
