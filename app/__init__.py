"""The dashboard: entry point, controls, charts, exports. With pages/ the only place that knows the browser."""

import os

# Before torch is loaded, which reads it once. By default its threads spin while they wait for each other; with other
# processes or visitors busy on the same cores that made small products 40-100 times slower (2 cores, measured).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
