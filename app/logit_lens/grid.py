"""The texts of the layer x position grid of one prompt: tokens spelled out, and their roles."""

from dataclasses import dataclass

from app.drawing.parts import columns_width
from app.questions.shown import Shown
from app.words.phrases import ordinal, percent
from app.words.tokens import row_labels, row_roles, token_label
from ioi_core import Model, PromptPairs, TokenLens


@dataclass(frozen=True)
class GridLabels:
    """The texts in and around the grid.

    Attributes:
        columns: the prompt's tokens.
        roles: the roles of each token.
        top_tokens: [layer+1][pos] the most probable token of each cell.
        repeats: [layer+1][pos] whether that is the token at that position itself.
        answer: IO.
        story: a sentence on the grid.
    """

    columns: tuple[str, ...]
    roles: tuple[tuple[str, ...], ...]
    top_tokens: tuple[tuple[str, ...], ...]
    repeats: tuple[tuple[bool, ...], ...]
    answer: str
    story: str

    @property
    def pixels(self) -> int:
        """The width in pixels at which every token has room."""
        labels = [*self.columns, *(token for row in self.top_tokens for token in row)]
        return 60 + columns_width(labels, len(self.columns))


def grid_labels(model: Model, pairs: PromptPairs, row: int, lens: TokenLens) -> GridLabels:
    """Spell out the tokens of one prompt and of its lens."""
    columns, roles = row_labels(model, pairs, row), row_roles(pairs, row)
    ids = lens.ids[:, 0, :, 0]
    top = tuple(tuple(token_label(model, token) for token in positions) for positions in ids)
    repeats = tuple(map(tuple, ids == pairs.clean_tokens[row, : ids.shape[1]]))
    answer = token_label(model, pairs.answers[row, 0])
    if pairs.answer_sets is not None and len(pairs.answer_sets[row][0]) > 1:
        answer += f", the first of {len(pairs.answer_sets[row][0])}"
    story = _first_choice_story(lens, int(pairs.roles["END"][row]), answer)
    roles_of = tuple(tuple(roles.get(n, ())) for n in range(len(columns)))
    return GridLabels(tuple(columns), roles_of, top, repeats, answer, story)


def shown_in(cells: str) -> list[Shown]:
    """Return which numbers of the lens the grid shows: of one prompt, and of the first choice or of IO."""
    one = (None, 0, None, 0)
    if cells == "top token":
        return [Shown("values", cells=one), Shown("ids", cells=one)]
    field = "track_ranks" if cells == "rank of IO" else "track_probs"
    return [Shown(field, cells=one, axes=("layer", "prompt", "pos", "answer"))]


def _first_choice_story(lens: TokenLens, end: int, answer: str) -> str:
    """Say since which layer the right answer is the first choice at END."""
    probs, all_ranks = lens.tracked
    ranks, probability = all_ranks[:, 0, end, 0], float(probs[-1, 0, end, 0])
    if ranks[-1] != 0:
        return (
            f"At END, the right answer ({answer}) comes out {ordinal(int(ranks[-1]) + 1)}, with {percent(probability)}."
        )
    others = [layer for layer, rank in enumerate(ranks) if rank != 0]
    since = "from the start" if not others else f"only at the output, after layer {others[-1]}"
    if others and others[-1] + 1 < len(ranks) - 1:
        since = f"from before layer {others[-1] + 1} on"
    return (
        f"At END, the right answer ({answer}) is the first choice {since}, and comes out with {percent(probability)}."
    )
