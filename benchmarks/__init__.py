"""Timings, each a ratio against the peer measured in the same run. `python -m benchmarks NAME`; see README.md here."""
