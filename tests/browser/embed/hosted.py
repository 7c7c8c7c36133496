"""The proxy in front of the app, as a host has it, and pages of other sites that show it in a frame."""

import os
import re
import shutil
import socket
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import BrowserContext

from tests import ROOT
from tests.browser.visitor import WAIT

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def site() -> Iterator[tuple[str, dict[str, str]]]:
    """A site of its own for a browser that knows the app as localhost: its address, and its pages, path -> HTML."""
    pages: dict[str, str] = {}

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(f"<!doctype html><title>A lesson</title>{page or ''}".encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", pages
    finally:
        server.shutdown()
        server.server_close()


def lead(context: BrowserContext, url: str, replica: int, replicas: int) -> None:
    """Give a browser the proxy's cookie for which its hash leads to this replica."""
    values = (f"{number:032x}" for number in range(1000))
    value = next(one for one in values if (zlib.crc32(one.encode()) >> 16 & 0x7FFF) % replicas == replica)
    context.add_cookies([{"name": "ioi_replica", "value": value, "url": url}])


@contextmanager
def proxy(folder: Path, app_port: int, changed: Sequence[tuple[str, str]] = ()) -> Iterator[str]:
    """nginx with proxy/nginx.conf, but for its ports and folders and what is `changed` before; its address."""
    assert NGINX is not None
    port = free_port()
    text = (ROOT / "proxy" / "nginx.conf").read_text()
    for old, new in (
        *changed,
        ("listen 8080", f"listen 127.0.0.1:{port}"), ("server app:8501", f"server 127.0.0.1:{app_port}"),
        ("/tmp/nginx", f"{folder}/nginx"), ("/dev/stdout", f"{folder}/access.log"),
    ):  # fmt: skip
        assert old in text or changed
        text = text.replace(old, new)
    shutil.copy(ROOT / "proxy" / "limits.conf", folder)
    settings = folder / "nginx.conf"
    settings.write_text(re.sub("worker_processes auto", "worker_processes 1", text))
    command = [NGINX, "-c", str(settings), "-e", str(folder / "error.log"), "-g", "daemon off;"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WAIT / 1000
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(60)
