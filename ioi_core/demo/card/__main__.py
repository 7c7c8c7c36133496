"""Measure the bundled model and refresh its card: `python -m ioi_core.demo.card`.

What is measured, and how, is in `measure.py`; the tables printed are those written into the folder's README.md.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ioi_core.demo.card.measure import evaluate
from ioi_core.demo.card.text import report, write_card
from ioi_core.demo.training.recipe import Recipe
from ioi_core.model.files import DEMO_MODEL_DIR


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables and write them into the folder's model card."""
    parser = argparse.ArgumentParser(prog="python -m ioi_core.demo.card", description="Measure the bundled model.")
    parser.add_argument("--folder", type=Path, default=DEMO_MODEL_DIR, help="default: the bundled model")
    options = parser.parse_args(arguments)
    measured = evaluate(options.folder)
    write_card(options.folder, measured, Recipe())
    print(report(measured))


if __name__ == "__main__":
    main()
