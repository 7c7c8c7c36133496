"""Computing on the workers of a Dask cluster, where IOI_SCHEDULER names one; else nothing here is imported.

A replica of the app puts what its pages ask for in the line of `line.py`, which gives it to the scheduler; a worker
process (`serve.py`, `python -m cache.worker`) checks it, computes it and answers; the scheduler (`scheduling.py`,
`python -m cache.scheduler`) is Dask's own, without its web pages, with a shelf for the parts of long analyses.
"""
