"""The memory store: bounded, least recently used goes first, safe from many threads."""

import threading

import numpy as np
import pytest

from cache.store.memory import MemoryStore, size_of


def block(kilobytes: int) -> np.ndarray:
    return np.zeros(kilobytes * 1024, dtype=np.uint8)


def test_the_least_recently_used_result_goes_first():
    store = MemoryStore(10 * 1024)
    for key in "abc":
        store.put(key, block(3))
    assert store.get("a") is not None
    store.put("d", block(3))
    assert [store.get(key) is not None for key in "abcd"] == [True, False, True, True]


def test_it_never_holds_more_than_its_bound():
    store = MemoryStore(20 * 1024)
    for number in range(100):
        store.put(str(number), block(1 + number % 7))
        assert store._results.currsize <= 20 * 1024
    assert len(store.keys()) > 0


def test_what_is_larger_than_all_room_is_not_kept_and_displaces_nothing():
    store = MemoryStore(10 * 1024)
    store.put("small", block(2))
    store.put("large", block(11))
    assert store.get("large") is None
    assert store.get("small") is not None


def test_putting_again_replaces_and_counts_once():
    store = MemoryStore(10 * 1024)
    for _ in range(20):
        store.put("a", block(4))
    assert len(store.keys()) == 1
    assert store._results.currsize == size_of(block(4))


def test_sizes_follow_results_to_their_arrays():
    from ioi_core.results import Result

    axes = {"layer": ("x",) * 100, "head": ("y",) * 100}
    result = Result(values=np.zeros((100, 100)), axes=axes, metric="logit_diff", unit="logits", n_prompts=1)
    assert 80_000 < size_of(result) < 120_000
    assert size_of({"a": [block(5), block(5)]}) > 10 * 1024
    assert size_of(block(8)[:1024]) == pytest.approx(1024)


def test_many_threads_keep_the_books_right():
    store = MemoryStore(50 * 1024)

    def work(seed: int) -> None:
        random = np.random.default_rng(seed)
        for _ in range(300):
            key = str(random.integers(20))
            if random.random() < 0.5:
                store.put(key, block(int(random.integers(1, 9))))
            else:
                store.get(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store._results.currsize == sum(size for _, size in store._results.values()) <= 50 * 1024
