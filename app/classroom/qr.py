"""A join link as a QR code, drawn here: nothing is asked of the network, and the secret links are never in one."""

import io
from functools import lru_cache
from urllib.parse import urlsplit

import segno

MOST_CHARACTERS = 200


def join_link(page: str, code: str) -> str:
    """Return the link that a student's phone opens; the code stands in the fragment, which no log and no proxy sees."""
    return f"{page}#{code}"


def is_join_page(page: str, host: str) -> bool:
    """Return whether `page` is the address of the join page on this very host, so that no code leads elsewhere."""
    try:
        parts = urlsplit(page)
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment) and parts.path.endswith("/class") and page.isascii()
    return plain and parts.scheme in ("http", "https") and parts.netloc == host and len(page) <= MOST_CHARACTERS


@lru_cache(maxsize=256)
def qr_svg(link: str) -> bytes:
    """Return an SVG image of `link`, dark on light on any page, with the quiet zone that scanners need."""
    file = io.BytesIO()
    segno.make(link, error="m", micro=False).save(
        file, kind="svg", scale=4, border=4, dark="#000000", light="#ffffff", xmldecl=False, omitsize=True
    )
    return file.getvalue()
