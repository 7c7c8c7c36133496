"""The static pages of a class: one HTML file for students, teacher and projector, their scripts and one style sheet.

They come from this server alone, and may load, send and embed nothing elsewhere.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from app import colours
from app.hosting.services import settings

FOLDER = Path(__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
NAMES = frozenset(path.name for path in FOLDER.iterdir() if path.suffix in TYPES)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


@lru_cache
def content(name: str, base: str, hours: int) -> bytes:
    """Return a file as it is sent: the style sheet begins with the app's colours, the page knows where the app
    is, and when all of a class is gone.
    """
    data = (FOLDER / name).read_bytes()
    if name.endswith(".css"):
        return _colours().encode() + data
    if not name.endswith(".html"):
        return data
    return data.replace(b"%BASE%", base.encode()).replace(b"%HOURS%", str(hours).encode())


def answer(request: Request, name: str, base: str) -> Response:
    """Return the response for a file; a browser that has it already is told so. `base`: the path of the join page."""
    data = content(name, base, settings().class_hours)
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
    if request.headers.get("If-None-Match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=TYPES[Path(name).suffix], headers=headers)


def _colours() -> str:
    stops = "".join(f"--scale{n}:{colour};" for n, (_, colour) in enumerate(colours.DIVERGING))
    return (
        f":root{{--blue:{colours.ROLE_COLOURS['IO']};--orange:{colours.ROLE_COLOURS['S1']};"
        f"--yellow:{colours.ROLE_COLOURS['S2']};--dark:{colours.DARK};{stops}}}\n"
    )
