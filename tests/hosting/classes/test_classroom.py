"""Fifty real sessions that ask a real server for the same uncached results at once: each is computed once."""

import asyncio
from collections import Counter

import pytest

from benchmarks.load import serving
from benchmarks.visitor import Visitor

VISITORS = 50
# The app, with a line in a file of its own for every computation that begins, and each long enough for all to come
# meanwhile. Not in the server's log: other threads write there in the middle of a line.
COUNTED = """
import runpy, sys, time
from dataclasses import replace
from cache.analyses import ANALYSES

def counted(name, function):
    def compute(*arguments, **parameters):
        with open(computed, "a") as begun:
            print(name, parameters.get("scale", ""), file=begun)
        time.sleep(1)
        return function(*arguments, **parameters)
    return compute

for name, entry in list(ANALYSES.items()):
    ANALYSES[name] = replace(entry, function=counted(name, entry.function))
computed = sys.argv.pop(1)
sys.argv[0] = "app"
runpy.run_module("app", run_name="__main__")
"""


@pytest.mark.slow
def test_fifty_visitors_of_one_page_cause_one_computation_of_each_result(tmp_path):
    async def come(port: int) -> list[set[str]]:
        visitors = [
            await Visitor.arrive(port, "model=ioi-demo&prompts=generated&n=9&seed=7&parts=open")
            for _ in range(VISITORS)
        ]
        seen = await asyncio.gather(*(visitor.open("logit_lens") for visitor in visitors))
        return [page.charts for page in seen]

    with serving(tmp_path, ("-c", COUNTED, str(tmp_path / "computed"))) as server:
        charts = asyncio.run(asyncio.wait_for(come(server.port), 200))
    assert len(charts) == VISITORS
    assert all(len(one) == 4 for one in charts)
    computed = Counter((tmp_path / "computed").read_text().splitlines())
    wanted = ["logit_lens final", "logit_lens per_layer", "lens_tokens ", "attribute_layers ", "attribute_heads "]
    assert computed == dict.fromkeys(wanted, 1), (tmp_path / "log").read_text()
