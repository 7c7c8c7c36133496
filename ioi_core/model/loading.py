"""Load a GPT-2-architecture model: folder -> checks -> TransformerBridge -> processed plain tensors.

Transformers reads the files, TransformerLens's `TransformerBridge` folds and centres them
(`enable_compatibility_mode`: fold_ln, center_writing_weights, center_unembed, fold_value_biases), the result is
copied once into `weights.Weights`, and the bridge is dropped. Everything that could silently go wrong is checked: a
missing tensor would be filled with random numbers, a missing tokenizer gives vocabulary size 0.
"""

import ctypes
import gc
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers  # its classes by attribute, which imports what they need at first use: a second and more
from torch import Tensor
from transformers import GPT2TokenizerFast
from transformers.utils import logging as transformers_logging

from ioi_core.errors import ModelUnavailableError
from ioi_core.inputs import shown
from ioi_core.model import identity
from ioi_core.model.checks import checked_config
from ioi_core.model.files import DEMO_MODEL_DIR, check_weight_files
from ioi_core.model.hub import HUB_IDS, fetch
from ioi_core.model.tokenizer import checked_tokenizer
from ioi_core.model.weights import LayerWeights, Model, ModelConfig, Weights
from ioi_core.results import Progress

PROCESSING = "fold_ln, center_writing_weights, center_unembed, fold_value_biases"
"""The processing of the stored weights, in TransformerLens's words; part of every cache key, shown on the pages."""

DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}


def load_model(
    name: str, *, device: str | torch.device | None = None, dtype: str = "float32", progress: Progress | None = None
) -> Model:
    """Load a model by name or folder, ready for every analysis.

    Args:
        name: "ioi-demo" (bundled) | "gpt2-small" (from `IOI_MODEL_DIR` if set, else the Hugging Face cache or hub) |
            another GPT-2 of the hub ("gpt2-medium", "distilgpt2", ...) | the path of a folder. What is asked
            for as GPT-2 small and has other weights is named so (`identity.OTHER_WEIGHTS`).
        device: of the weights; default `IOI_DEVICE`, else cuda if present, else cpu. Not mps.
        dtype: "float32" | "float64" | "bfloat16".
        progress: called with (bytes so far, bytes in all) while a model is downloaded.
    Raises:
        ModelUnavailableError: says what was wanted, what was found and what to do.
    """
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ModelUnavailableError(f"dtype {shown(dtype)} is not known: use one of {', '.join(DTYPES)}")
    target = device_for(device)
    folder = _folder(name, progress)
    config = checked_config(folder)
    if name in identity.NAMES:
        identity.check_shape(config, folder)
    tokenizer = checked_tokenizer(folder)
    with torch.inference_mode(False), torch.no_grad():
        source = _read_weights(name, folder, torch.float64 if dtype == "float64" else torch.float32)
        fingerprint = _fingerprint(source)
        is_gpt2_small = identity.is_gpt2_small(source, config, tokenizer, fingerprint)
        weights, cfg = _process(source, folder, tokenizer, target, DTYPES[dtype])
        del source
    release_memory()
    if name in identity.NAMES and not is_gpt2_small:
        name = identity.OTHER_WEIGHTS
    return Model(name, cfg, tokenizer, target, fingerprint, weights, is_gpt2_small)


def device_for(device: str | torch.device | None = None) -> torch.device:
    """Return the device that is meant, `IOI_DEVICE` or what is there by default.

    Raises:
        ModelUnavailableError: it is not here, or is none that this package computes on.
    """
    if not isinstance(device, str | torch.device | None):
        raise ModelUnavailableError(f"device {shown(device)} cannot be used: give text, such as cpu or cuda")
    wanted = str(device or os.environ.get("IOI_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu"))
    kind = wanted.split(":")[0]
    if kind not in ("cpu", "cuda"):
        raise ModelUnavailableError(
            f"device {wanted!r} cannot be used: cpu or cuda (not mps: TransformerLens is wrong there)"
        )
    if kind == "cuda":
        use_full_float32()
        if not torch.cuda.is_available():
            raise ModelUnavailableError(f"device {wanted!r} was asked for, but PyTorch finds no CUDA device: use cpu")
    try:
        return torch.empty(0, device=wanted).device
    except RuntimeError as error:
        raise ModelUnavailableError(f"device {wanted!r} cannot be used: {str(error).splitlines()[0]}") from error


def use_full_float32() -> None:
    """Keep CUDA's float32 matrix products in float32: TensorFloat-32 has 10 bits, and differences here are small."""
    torch.set_float32_matmul_precision("highest")


def _folder(name: str, progress: Progress | None) -> Path:
    """Return the folder that holds the files of `name`."""
    if not isinstance(name, str):
        raise ModelUnavailableError(f"a model's name or folder is text, got {shown(name)}")
    if name == "ioi-demo":
        return DEMO_MODEL_DIR
    if name == "gpt2-small" and os.environ.get("IOI_MODEL_DIR"):
        return _local_folder(os.environ["IOI_MODEL_DIR"], "IOI_MODEL_DIR")
    if name in HUB_IDS:
        return fetch(name, progress)
    if name and (Path(name).is_absolute() or _is_folder(Path(name))):
        return _local_folder(str(Path(name).absolute()), "the model folder")
    raise ModelUnavailableError(
        f"model {name[:100]!r} is not known: use ioi-demo, {', '.join(HUB_IDS)}, or the path of a folder"
    )


def _local_folder(path: str, what: str) -> Path:
    folder = Path(path)
    if not folder.is_absolute():
        raise ModelUnavailableError(f"{what} is {path!r}, which is relative: give an absolute path")
    if not _is_folder(folder):
        raise ModelUnavailableError(f"{what} {path[:300]!r} is not a folder on this machine")
    return folder


def _is_folder(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # such as a name longer than the file system allows
        return False


def _read_weights(name: str, folder: Path, dtype: torch.dtype) -> "transformers.GPT2LMHeadModel":
    check_weight_files(folder)
    transformers_logging.disable_progress_bar()  # no bars in a server's log or a command's output
    try:
        source, report = transformers.GPT2LMHeadModel.from_pretrained(
            str(folder), local_files_only=True, dtype=dtype, output_loading_info=True, attn_implementation="eager",
            ignore_mismatched_sizes=True,  # or it would raise without saying which; they are refused below
        )  # fmt: skip
    except Exception as error:  # safetensors, pickle and transformers each raise their own kinds for damaged files
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ModelUnavailableError(f"the weights of {name} in {folder} cannot be read: {reason}") from error
    if wrong := sorted(report["mismatched_keys"]):
        raise ModelUnavailableError(f"the weights of {name} in {folder} do not fit config.json: {_misfit(wrong)}")
    if missing := sorted(report["missing_keys"]):
        raise ModelUnavailableError(f"the weights of {name} in {folder} lack {missing[:3]}: the file is not complete")
    # Old checkpoints carry the causal mask as a tensor; anything else left over is a part of the model left out.
    masks = (".attn.bias", ".attn.masked_bias")
    if left := sorted(key for key in report["unexpected_keys"] if not key.endswith(masks)):
        raise ModelUnavailableError(
            f"the weights of {name} in {folder} have {left[:3]}, which config.json does not name"
        )
    for key, tensor in source.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise ModelUnavailableError(f"the weights of {name} in {folder} hold infinite numbers or nan in {key}")
    return source.eval()


def _misfit(wrong: Sequence[tuple[str, Sequence[int], Sequence[int]]]) -> str:
    """Return which size of config.json the shapes contradict; `wrong`: key, shape in the file, shape by config.json."""
    fields = {
        "wte.weight": ("vocab_size", "n_embd"),
        "wpe.weight": ("n_positions", "n_embd"),
        "mlp.c_fc.weight": ("n_embd", "n_inner (4 times n_embd if left out)"),
    }
    for suffix, sizes in fields.items():
        for key, got, wanted in wrong:
            if key.endswith(suffix) and len(got) == len(wanted) == 2:
                axis = int(got[0] == wanted[0])
                return f"{sizes[axis]} is {wanted[axis]} there, and {got[axis]} by the shape of {key}"
    return "; ".join(f"{key} is {list(got)}, wanted {list(wanted)}" for key, got, wanted in wrong[:3])


def _fingerprint(source: "transformers.GPT2LMHeadModel") -> str:
    """Return the SHA-256 of the stored weights and of the config fields that change results but not shapes."""
    digest = hashlib.sha256(f"{source.config.n_head} {source.config.layer_norm_epsilon}".encode())
    for key, tensor in sorted(source.state_dict().items()):
        digest.update(f"{key} {tuple(tensor.shape)}".encode())
        digest.update(tensor.to(torch.float32).contiguous().numpy().data)
    return digest.hexdigest()


def _process(
    source: "transformers.GPT2LMHeadModel",
    folder: Path,
    tokenizer: GPT2TokenizerFast,
    device: torch.device,
    dtype: torch.dtype,
) -> tuple[Weights, ModelConfig]:
    """Return TransformerLens's processed weights as plain tensors on `device`, and the model's sizes."""
    # Here, since it takes two seconds: half of what importing this package takes, and most processes load no model.
    from transformer_lens.model_bridge import TransformerBridge

    value_biases = [_folded_value_bias(block) for block in source.transformer.h]
    working = next(source.parameters()).dtype
    bridge = TransformerBridge.boot_transformers(
        str(folder), hf_model=source, tokenizer=tokenizer, device="cpu", dtype=working
    )
    bridge.enable_compatibility_mode(disable_warnings=True)
    c = bridge.cfg
    cfg = ModelConfig(c.n_layers, c.n_heads, c.d_model, c.d_head, c.d_mlp, c.d_vocab, c.n_ctx, float(c.eps))

    def plain(tensor: Tensor) -> Tensor:
        return tensor.detach().to(device=device, dtype=dtype, copy=True).contiguous()

    layers = []
    for block, value_bias in zip(bridge.blocks, value_biases, strict=True):
        _check_folded(block)
        layers.append(_layer(block, value_bias, plain))
    weights = Weights(
        W_E=plain(bridge.embed.W_E),
        W_pos=plain(bridge.pos_embed.W_pos),
        layers=tuple(layers),
        W_U=plain(bridge.unembed.W_U),
        b_U=plain(bridge.unembed.b_U),
    )
    return weights, cfg


def _layer(block: Any, value_bias: Tensor, plain: Any) -> LayerWeights:
    attention, mlp = block.attn, block.mlp
    # [head d_model d_head] -> [d_model head*d_head], so that one product gives all heads' q, k and v.
    W_QKV = torch.cat([W.permute(1, 0, 2).flatten(1) for W in (attention.W_Q, attention.W_K, attention.W_V)], dim=1)
    b_QKV = torch.cat([b.flatten() for b in (attention.b_Q, attention.b_K, attention.b_V)])
    return LayerWeights(
        W_QKV=plain(W_QKV),
        b_QKV=plain(b_QKV),
        W_O=plain(attention.W_O.flatten(0, 1)),
        b_O=plain(attention.b_O),
        W_in=plain(mlp.W_in),
        b_in=plain(mlp.b_in),
        W_out=plain(mlp.W_out),
        b_out=plain(mlp.b_out),
        b_V_unfolded=plain(value_bias.reshape(attention.W_V.shape[0], -1)),
    )


def _folded_value_bias(block: Any) -> Tensor:
    """Return b_V with ln_1's bias folded in but not yet moved into b_O: [n_heads * d_head]."""
    d_model = block.attn.c_attn.weight.shape[0]
    W_V = block.attn.c_attn.weight[:, 2 * d_model :]
    return (block.attn.c_attn.bias[2 * d_model :] + block.ln_1.bias @ W_V).detach().clone()


def _check_folded(block: Any) -> None:
    """Refuse LayerNorm weights other than 1 and value biases other than 0: results would be silently wrong."""
    for norm in (block.ln1, block.ln2):
        if not bool((norm.weight == 1).all()):
            raise ModelUnavailableError("TransformerLens did not fold the LayerNorm weights: wrong version?")
    if bool(block.attn.b_V.any()):
        raise ModelUnavailableError("TransformerLens did not fold the value biases: wrong version?")


def release_memory() -> None:
    """Free what is no longer used: a bridge refers to itself, and glibc keeps freed pages unless asked."""
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # not glibc: nothing to trim
        return
