"""`python -m app`: serve the dashboard, warm before the first visitor comes. What follows goes to `streamlit run`.

Run it from the repository's root, where Streamlit's own settings lie.
"""

import sys
from pathlib import Path

from streamlit.web.cli import main as streamlit

from app import warm_up
from app.static_files import publish_circuitsvis

if __name__ == "__main__":
    publish_circuitsvis()
    warm_up.in_background()
    sys.exit(streamlit(["run", str(Path(__file__).parent / "main.py"), *sys.argv[1:]]))
