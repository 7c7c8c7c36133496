"""One result, computed once: keys, store, worker queue, single flight, progress, cancelling. Knows no browser."""
