"""`python -m cache stats | clear | verify`: look after the results kept on disk.

The folder and its size are those of the app: IOI_CACHE_DIR and IOI_CACHE_MEGABYTES. All three may run beside it.
"""

import argparse
import os
import sqlite3
import sys
from pathlib import Path

from diskcache import Timeout

from cache.environment import disk_cache
from cache.store.folder import FolderError
from cache.store.maintenance import Kept, clear, statistics, verify
from ioi_core import IOIError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; exit status 0 all is well, 1 not, 2 it could not be run."""
    options = _parser().parse_args(arguments)
    try:
        folder, megabytes = disk_cache(os.environ)
        if not folder.is_dir():  # and a mistyped one is not made
            raise FolderError(f"{folder} is not there, or is no folder")
        return {"stats": _stats, "clear": _clear, "verify": _verify}[options.command](folder, megabytes)
    except (IOIError, OSError, sqlite3.Error, Timeout) as error:
        print(f"{options.command} could not be done: {error or type(error).__name__}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cache", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("stats", help="what is kept, and how much room it takes")
    commands.add_parser("clear", help="forget everything that is kept")
    commands.add_parser("verify", help="check every result and repair what is damaged")
    return parser


def _stats(folder: Path, megabytes: int) -> int:
    kept = statistics(folder)
    print(f"folder  {folder}\nlimit   {megabytes} MB\n\n{'analysis':24} {'results':>9} {'parts':>9} {'bytes':>14}")
    each = kept.values()
    total = Kept(sum(k.results for k in each), sum(k.parts for k in each), sum(k.n_bytes for k in each))
    for analysis, counts in [*kept.items(), ("all", total)]:
        print(f"{analysis:24} {counts.results:9,} {counts.parts:9,} {counts.n_bytes:14,}")
    return 0


def _clear(folder: Path, megabytes: int) -> int:
    count, n_bytes = clear(folder, megabytes * 2**20)
    print(f"removed {count:,} entries, {n_bytes:,} bytes, from {folder}")
    return 0


def _verify(folder: Path, megabytes: int) -> int:
    findings = verify(folder, megabytes * 2**20)
    if findings.index_damaged:
        print("the index was damaged: it was put aside, and a new one begun; all results will be computed again")
    print(f"{findings.sound:,} results are sound")
    print(f"{findings.damaged:,} damaged ones were removed and will be computed again")
    print(f"{findings.leftovers:,} files left over from interrupted writes were removed")
    for message in findings.unrepaired:
        print(f"NOT REPAIRED: {message}")
    return 1 if findings.unrepaired else 0


if __name__ == "__main__":
    sys.exit(main())
