"""What the report says of itself."""

from collections.abc import Sequence

from app.report.pins import MOST_PINS

HOW = "Figures of any pages, pinned: each is drawn again from its link, with a line of your own below it."
NOTHING = (
    "Nothing is pinned yet. Under any figure, open **Take home** and press **Pin to the report**: "
    f"up to {MOST_PINS} figures, of any pages."
)
ADOPT = "This is another report than yours: keep it instead of yours"
WHERE = (
    "The report is kept in this browser and in its link, never on the server. The link holds the views, not the "
    "numbers: whoever opens it computes them again."
)

NO_ROOM = "Shorten a line, or take out a figure: the report's link has no room for that, so it is not kept."


def not_drawn(title: str, problem: str) -> str:
    """Return why a pinned figure is not there."""
    why = problem or "its view does not show it any more"
    return f"{title} cannot be drawn: {why[:1].lower() + why[1:] if why[:1].isalpha() else why}"


def left_out(missing: Sequence[str]) -> str:
    """Return what files lack."""
    return f"Left out, since it cannot be drawn here: {', '.join(missing)}." if missing else ""


def stands_in(model: str, asked: str) -> str:
    """Return that a figure is drawn on another model than its link asks for."""
    return f"Drawn on {model}: {asked}, which the link asks for, is not here."
