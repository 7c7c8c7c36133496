"""How much one request may ask for; what is more is refused in words, before anything is computed."""

from collections.abc import Mapping

from app.hosting.settings import Settings
from ioi_core import IOIError, Model, PromptPairs
from ioi_core.activation_patching.sites import RESIDUAL_SITES


class TooMuchError(IOIError):
    """A request asks for more than is allowed here."""


def check_tokens(pairs: PromptPairs, limits: Settings) -> None:
    """Refuse prompts that are too long.

    Raises:
        TooMuchError: names the longest prompt, its length and what is allowed.
    """
    row = int(pairs.lengths.argmax())
    if (length := int(pairs.lengths[row])) > limits.max_tokens:
        raise TooMuchError(
            f"prompt {row + 1} is {length:,} tokens long: at most {limits.max_tokens:,} are allowed here. Shorten it."
        )


def check_cells(model: Model, analysis: str, parameters: Mapping[str, object], limits: Settings) -> None:
    """Refuse patching of too many cells over too many prompts.

    Raises:
        TooMuchError: says how many cells and prompts that are, what is allowed, and what to change.
    """
    pairs = parameters.get("pairs")
    if not isinstance(pairs, PromptPairs) or (cells := _cells(model, pairs, analysis, parameters)) is None:
        return
    if (runs := cells * len(pairs)) > limits.max_cells:
        raise TooMuchError(
            f"this asks for {cells:,} cells on {len(pairs):,} prompts, {runs:,} patched runs: at most "
            f"{limits.max_cells:,} are allowed here. Take fewer prompts, or all positions at once."
        )


def _cells(model: Model, pairs: PromptPairs, analysis: str, parameters: Mapping[str, object]) -> int | None:
    """How many patched runs a prompt needs; None where nothing is patched."""
    n_heads = model.cfg.n_layers * model.cfg.n_heads
    if analysis == "patch_paths":
        return n_heads + model.cfg.n_layers
    if analysis == "edge_atlas":
        return n_heads * (n_heads - model.cfg.n_heads) // 2
    if analysis != "patch_activations":
        return None
    places = model.cfg.n_layers if parameters["site"] in RESIDUAL_SITES else n_heads
    return places * {"each": int(pairs.lengths.max()), "roles": len(pairs.roles)}.get(str(parameters["positions"]), 1)
