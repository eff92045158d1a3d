"""A draw is the same on every machine: a course that is marked on another one asks the same hidden cases."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from assignments.data.source import Endless
from assignments.data.sources import SOURCES

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
DRAWN = sorted(name for name, source in SOURCES.items() if isinstance(source, Endless))


def digest(name):
    """Of 40 cases, number by number."""
    cases = SOURCES[name].draw(40, np.random.default_rng(1))
    return hashlib.sha256(b"".join(np.ascontiguousarray(cases[key]).tobytes() for key in sorted(cases))).hexdigest()


def digests_with(threads):
    script = f"import json; from {__name__} import DRAWN, digest; print(json.dumps({{n: digest(n) for n in DRAWN}}))"
    environment = {**os.environ, **dict.fromkeys(THREADS, str(threads)), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor runs one thread")
def test_the_number_of_threads_changes_no_bit_of_a_draw():
    assert DRAWN
    assert digests_with(1) == digests_with(2)
