"""The activations that can be patched, and how a patched cell begins (Wang et al. 2022; TransformerLens's hook points).

Residual sites change the residual stream itself. Head sites change one head's q, k, v, pattern or z; whatever the
site, what reaches the residual stream is a changed z, written through that head's W_O. So every site is a small
function from the two runs' activations to the residual streams its cells begin with: an `engine.CellStarts`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ioi_core.engine.forward import attention_pattern
from ioi_core.engine.recording import Trace
from ioi_core.engine.wavefront import CellStarts, Group, Stage
from ioi_core.inputs import Choice, as_choice
from ioi_core.model.weights import Model

RESIDUAL_SITES = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")
HEAD_SITES = ("z", "q", "k", "v", "pattern")

# Residual sites: the stage a cell begins at, and the activation of the base run that it begins from.
_STAGES: dict[str, tuple[Stage, str]] = {
    "resid_pre": ("pre", "resid_pre"),
    "attn_out": ("mid", "resid_mid"),
    "resid_mid": ("mid", "resid_mid"),
    "mlp_out": ("post", "resid_post"),
    "resid_post": ("post", "resid_post"),
}


def check_site(site: Choice) -> str:
    """Return `site` if it exists, else raise a ChoiceError that names those that do."""
    return as_choice(site, "site", RESIDUAL_SITES + HEAD_SITES)


@dataclass(frozen=True, eq=False)
class Site:
    """One site of one model, with the two runs it moves activations between.

    Attributes:
        base: the run that receives; source: the run that gives.
    """

    name: str
    model: Model
    base: Trace
    source: Trace

    @property
    def cells_a_layer(self) -> int:
        """Cells of one layer in one column of the grid: its heads, or one."""
        return self.model.cfg.n_heads if self.name in HEAD_SITES else 1

    def starts(self) -> CellStarts:
        """The start of this site's cells, for the engine."""
        if self.name in RESIDUAL_SITES:
            return CellStarts(_STAGES[self.name][0], self._residual)
        return CellStarts("mid", self._heads)

    def _residual(self, layer: int, group: Group) -> Float[Tensor, "batch 1 pos d_model"]:
        """The base run's residual stream with the patch's change."""
        rows = group.rows(self.model)
        begun = self.base[layer][_STAGES[self.name][1]][rows, group.span].clone()
        where = _patched(group)
        source, base = (run[layer][self.name][rows, group.span][:, where] for run in (self.source, self.base))
        # The patched position of a residual site is the source's own value, not base + (source - base), which rounds.
        begun[:, where] = source if self.name == _STAGES[self.name][1] else begun[:, where] + (source - base)
        return begun[:, None]

    def _heads(self, layer: int, group: Group) -> Float[Tensor, "batch head pos d_model"]:
        """One cell a head: the base run's resid_mid with that head's z changed."""
        rows = group.rows(self.model)
        base = {name: tensor[rows] for name, tensor in self.base[layer].items()}
        source = self.source[layer][self.name][rows]
        change = _CHANGED_Z[self.name](base, source, group) - base["z"][:, group.span]
        W_O = self.model.weights.layers[layer].W_O.unflatten(0, change.shape[-2:])
        written = torch.einsum("bphd,hdm->bhpm", change, W_O)
        return base["resid_mid"][:, None, group.span] + written


def base_names(site: str) -> tuple[str, ...]:
    """Return what is recorded of the base run: k and v for the engine, the rest to begin cells and to score it."""
    if site in RESIDUAL_SITES:
        return tuple(dict.fromkeys(("k", "v", site, _STAGES[site][1], "resid_post")))
    needs = {"z": (), "q": (), "k": ("q",), "v": ("pattern",), "pattern": ()}[site]
    return ("k", "v", "z", "resid_mid", *needs, "resid_post")


def source_names(site: str) -> tuple[str, ...]:
    """Return what is recorded of the source run: what is moved, and its final residual stream."""
    return (site, "resid_post")


def last_layer_counts(site: str, group: Group) -> bool:
    """True if cells of the last layer can change anything at END: from before it only keys and values can."""
    return group.whole or group.start == group.end or site in ("resid_pre", "k", "v")


def _patched(group: Group) -> slice:
    """The patched positions, counted from the group's start."""
    return slice(None) if group.whole else slice(0, 1)


def _merged(base: Tensor, source: Tensor, group: Group) -> Tensor:
    """The base run's activation [batch pos ...] up to END with the patched positions from the source."""
    merged = base[:, : group.end + 1].clone()
    merged[:, group.span][:, _patched(group)] = source[:, group.span][:, _patched(group)]
    return merged


def _changed_z(base: dict[str, Tensor], source: Tensor, group: Group) -> Float[Tensor, "batch pos head d_head"]:
    return _merged(base["z"], source, group)[:, group.span]


def _changed_q(base: dict[str, Tensor], source: Tensor, group: Group) -> Float[Tensor, "batch pos head d_head"]:
    """Only the patched positions have other queries; the rest keep their z exactly."""
    stop = group.end + 1 if group.whole else group.start + 1
    pattern = attention_pattern(source[:, group.start : stop], base["k"][:, :stop])
    z = base["z"][:, group.span].clone()
    z[:, _patched(group)] = _mixed(pattern, base["v"][:, :stop])
    return z


def _changed_k(base: dict[str, Tensor], source: Tensor, group: Group) -> Float[Tensor, "batch pos head d_head"]:
    pattern = attention_pattern(base["q"][:, group.span], _merged(base["k"], source, group))
    return _mixed(pattern, base["v"][:, : group.end + 1])


def _changed_v(base: dict[str, Tensor], source: Tensor, group: Group) -> Float[Tensor, "batch pos head d_head"]:
    pattern = base["pattern"][:, :, group.span, : group.end + 1]
    return _mixed(pattern, _merged(base["v"], source, group))


def _changed_pattern(base: dict[str, Tensor], source: Tensor, group: Group) -> Float[Tensor, "batch pos head d_head"]:
    rows = source[:, :, group.span, : group.end + 1][:, :, _patched(group)]
    z = base["z"][:, group.span].clone()
    z[:, _patched(group)] = _mixed(rows, base["v"][:, : group.end + 1])
    return z


def _mixed(pattern: Tensor, v: Tensor) -> Float[Tensor, "batch pos head d_head"]:
    return (pattern @ v.transpose(1, 2)).transpose(1, 2)


_CHANGED_Z: dict[str, Callable[[dict[str, Tensor], Tensor, Group], Tensor]] = {
    "z": _changed_z,
    "q": _changed_q,
    "k": _changed_k,
    "v": _changed_v,
    "pattern": _changed_pattern,
}
