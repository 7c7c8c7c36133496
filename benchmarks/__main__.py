"""`python -m benchmarks [NAME] [options]`: one benchmark, or all of them."""

import os
import sys

os.environ["TQDM_DISABLE"] = "1"  # before the peer is imported, which prints a bar for every grid

from benchmarks import circuit, circuit_analyses, edges, patching, paths

BENCHMARKS = {
    "patching": patching.main,
    "paths": paths.main,
    "edges": edges.main,
    "circuit": circuit.main,
    "circuit_analyses": circuit_analyses.main,
}


def main(arguments: list[str]) -> None:
    if arguments and arguments[0] not in BENCHMARKS:
        sys.exit(f"no benchmark {arguments[0]!r}: there are {', '.join(BENCHMARKS)}")
    for name in arguments[:1] or BENCHMARKS:
        BENCHMARKS[name](arguments[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
