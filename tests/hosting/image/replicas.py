"""Three replicas behind the proxy: `python -m tests.hosting.image.replicas URL`, where `app` has three addresses.

Each stands in for an app and says which one it is. Every visitor must stay with one, and visitors must be spread.
"""

import sys
import threading
import urllib.request
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class Replica(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        said = self.server.server_address[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def visit(url: str) -> set[str]:
    """Which replicas one visitor meets in eight requests."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    return {browser.open(f"{url}/{n}", timeout=10).read().decode() for n in range(8)}


def main(url: str) -> None:
    """Serve as all replicas, and visit them as thirty visitors."""
    for address in ADDRESSES:
        server = ThreadingHTTPServer((address, 8501), Replica)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    met = [visit(url) for _ in range(30)]
    assert all(len(replicas) == 1 for replicas in met), met
    assert set.union(*met) == set(ADDRESSES), met
    print("30 visitors stay with their replicas:", ", ".join(f"{a} {met.count({a})}" for a in ADDRESSES))


if __name__ == "__main__":
    main(*sys.argv[1:])
