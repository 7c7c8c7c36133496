"""The frame that shows a view in another page, as HTML, and in which pages it works."""

import html
from collections.abc import Mapping, Sequence

from app.url import link

_WIDTH, _HEIGHT = 1000, 800


def frame(page: str, query: Mapping[str, str | Sequence[str]], title: str) -> str:
    """Return the HTML of a frame that shows a view.

    Args:
        title: what a screen reader is told the frame holds.
    """
    address = html.escape(link(page, {**query, "embed": "true"}))
    return (
        f'<iframe src="{address}" title="{html.escape(title)}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'style="max-width: 100%; border: 0" loading="lazy" allow="clipboard-write; fullscreen"></iframe>'
    )


def where_it_works(ancestors: str) -> str:
    """Return, in Markdown, in which pages a frame works, and what to change for others.

    Args:
        ancestors: IOI_FRAME_ANCESTORS.
    """
    sites = [site for site in ancestors.split() if site not in ("'self'", "'none'")]
    if sites:
        own = ", and this host's own" if "'self'" in ancestors else ""
        return f"This host allows it in pages of {', '.join(f'`{site}`' for site in sites)}{own}."
    allowed = "in its own pages alone" if "'self'" in ancestors else "in no page"
    return (
        f"This host allows it {allowed}. For others, ask whoever runs it to name their site in `IOI_FRAME_ANCESTORS`."
    )
