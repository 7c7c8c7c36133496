"""`python -m app.ready`: status 0 if the dashboard served here can compute and draw its first page, 1 if not.

Streamlit's own `/_stcore/health` is fine even while every page fails; here the server runs the whole script without a
browser, and reports whether it reached the end. Before that it runs the bundled model, each time anew: the first page
is drawn from what is kept, which a lost device does not touch. Where a cluster computes, a worker must be there.
"""

import argparse
import os
import sys
import urllib.request
from urllib.error import HTTPError
from urllib.parse import unquote

_LONGEST = 55.0  # seconds; Streamlit gives a first run, which loads the model, a minute


def main(arguments: list[str] | None = None) -> int:
    """Ask the server on this machine; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m app.ready", description=__doc__)
    port = os.environ.get("STREAMLIT_SERVER_PORT", "").strip() or "8501"
    parser.add_argument("--port", type=int, default=port, help=f"the server's; here {port} unless given")
    port = parser.parse_args(arguments).port
    base = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    address = f"http://127.0.0.1:{port}{'/' + base if base else ''}/_stcore/script-health-check"
    try:
        with urllib.request.urlopen(address, timeout=_LONGEST):
            return 0
    except OSError as error:
        reason = error.headers.get("X-Not-Ready") if isinstance(error, HTTPError) else ""
        print(f"not ready: {unquote(reason or '') or error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
