"""One scheduler for all tests of the room; each test has workers of its own, told apart by a kind of device."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from cache.computations import Computations
from tests.cache.cluster.processes import Processes, computations, processes

_numbers = count()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Processes]:
    with processes() as these:
        these.scheduler()
        yield these


@pytest.fixture
def kind() -> str:
    """A kind of device that no other test has workers of."""
    return f"kind{next(_numbers)}"


@pytest.fixture
def replica(cluster: Processes, kind: str) -> Iterator[Callable[..., Computations]]:
    """Makes replicas in this process."""
    begun: list[Computations] = []

    def begin(**more: Any) -> Computations:
        begun.append(computations(cluster.cluster, kind, **more))
        return begun[-1]

    yield begin
    for one in begun:
        assert one.stop(20)
