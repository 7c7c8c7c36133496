"""The largest files that can be taken home: `python -m benchmarks.take_home`."""
