"""`python -m cache.scheduler --listen tls://10.0.0.5:8786`: the scheduler of a cluster, on that address alone.

Whoever reaches it can have the workers run any code: Dask works like that. So it belongs inside a network of its own,
with tls:// and certificates (IOI_SCHEDULER_TLS_CA, _CERT, _KEY), and no visitor ever needs it; docs/hosting.md has the
picture.
"""

import argparse
import asyncio
import logging
import os
import sys

from cache.cluster.address import cluster_of
from ioi_core.errors import IOIError, SettingsError


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; exit status 2 with one line where a setting cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m cache.scheduler", description=__doc__)
    parser.add_argument("--listen", help="tcp://address:port or tls://address:port of this machine (IOI_SCHEDULER)")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("distributed").setLevel(logging.WARNING)
    environment = os.environ | ({"IOI_SCHEDULER": options.listen} if options.listen else {})
    try:
        if (cluster := cluster_of(environment)) is None:
            raise SettingsError("give --listen, or set IOI_SCHEDULER: tcp://address:port or tls://address:port")
        from cache.cluster.scheduling import schedule

        asyncio.run(schedule(cluster))
    except (IOIError, OSError) as error:
        print(f"The scheduler was not started: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
