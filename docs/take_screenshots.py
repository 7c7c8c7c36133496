"""Retake docs/screenshots: python docs/take_screenshots.py (needs playwright and Chromium).

Serves the app on ioi-demo and photographs each page as it is, `WIDTH` pixels wide and as high as it is.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
PICTURES = Path(__file__).parent / "screenshots"
REPORT = (
    "eNpljTEKAjEQRa8ypF6tbMXOE9iFJQzJmAwkmSUZd8ntjVaC5X8P3rfWZImsLlPttyKB8pWFT4GKmOXHOf9qO030"
    "SASNY1KoWAi4AybCAFLzgGeTAhkHNbhMcjbrYg165R2VpboN1Seu8f_pa9wsacFt7jsd8Ol28NjaANYZW9-oCz5D"
)
"""Two figures with notes (app/report/pins.py)."""

PAGES = {
    "start": "/?model=ioi-demo",
    "prompt": "/prompt?model=ioi-demo",
    "logit_lens": "/logit_lens?model=ioi-demo&part_heads=true",
    "attention": "/attention?model=ioi-demo",
    "activation_patching": "/activation_patching?model=ioi-demo&site=resid_pre",
    "path_patching": "/path_patching?model=ioi-demo&trail=logits+%3E+4.1+4.2+5.0+q+%3E+2.0+3.0+v&part_paths=true",
    "edges": "/edges?model=ioi-demo&prompts=generated&part_curve=true",
    "circuit": "/circuit?model=ioi-demo&prompts=generated&corruption=ABC&n=56&circuit=-4.1%3AEND&part_levels=true",
    "heads": "/heads?model=ioi-demo&head=4.1&part_roles=true",
    "lessons": "/lessons?model=ioi-demo&lesson=first&step=1&answers=1%3A1",
    "report": f"/report?model=ioi-demo&pins={REPORT}",
}
"""Name -> the view."""

WIDTH = 1440
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main() -> None:
    """Serve, photograph, stop."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    try:
        wait_until_healthy(f"http://localhost:{port}", server)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            for name, path in PAGES.items():
                page = browser.new_page(viewport={"width": WIDTH, "height": 900})
                page.goto(f"http://localhost:{port}{path}")
                photograph(page, PICTURES / f"{name}.png")
            browser.close()
    finally:
        server.terminate()
        server.wait()


def wait_until_healthy(url: str, server: subprocess.Popen) -> None:
    """Return once the server answers."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the app does not start")


def photograph(page: Page, path: Path) -> None:
    """Save what the page shows once nothing moves any more."""
    page.wait_for_selector(".ioi-says", timeout=60_000)
    page.wait_for_selector("[data-test-script-state=notRunning]", state="attached")
    page.wait_for_timeout(1500)
    height = page.evaluate("document.querySelector('.stMain').scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(1500)
    path.parent.mkdir(exist_ok=True)
    page.screenshot(path=path)


if __name__ == "__main__":
    main()
