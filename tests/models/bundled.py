"""The bundled model as its recipe means it to be: its shape, and the heads of each role, the strongest first."""

from ioi_core.demo.training import recipe
from ioi_core.demo.training.network import N_HEADS, N_LAYERS

SHAPE = (N_LAYERS, N_HEADS)
PREVIOUS = recipe.PREVIOUS
DUPLICATE = recipe.DUPLICATE
INDUCTION = recipe.INDUCTION
INHIBITION = recipe.INHIBITION
MOVERS = (recipe.STRONGEST, recipe.SECOND)
BACKUP = (recipe.BACKUP,)
"""A name mover as well by the rules on measurements, which know no backup."""
NEGATIVE = (recipe.NEGATIVE,)
