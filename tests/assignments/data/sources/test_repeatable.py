"""What every source that draws has to do: cases as declared, of its generator alone, on every machine the same."""

import hashlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from assignments.data.parts import drawn_parts
from assignments.data.source import Endless
from assignments.data.sources import SOURCES
from tests.reports.hand_made import assignment

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
DRAWN = sorted(name for name, source in SOURCES.items() if isinstance(source, Endless))
OF_SUBJECTS = [name for name in DRAWN if "subject" in SOURCES[name].draw(1, np.random.default_rng(0))]
"""The others are of rows, each of another patient."""
TRUTHS = {
    "brain_contrasts": {"target", "mask"},
    "brain_pairs": {"labels", "landmarks"},
    "breast_cancer": {"y"},
    "fetal_biometry": {"y"},
    "fetal_us": {"y"},
    "prostate_mr": {"label"},
}
"""What no solution may see when it predicts."""


def digest(name):
    """Of 40 cases, number by number."""
    cases = SOURCES[name].draw(40, np.random.default_rng(1))
    return hashlib.sha256(b"".join(np.ascontiguousarray(cases[key]).tobytes() for key in sorted(cases))).hexdigest()


def digests_with(threads):
    script = f"import json; from {__name__} import DRAWN, digest; print(json.dumps({{n: digest(n) for n in DRAWN}}))"
    environment = {**os.environ, **dict.fromkeys(THREADS, str(threads)), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", DRAWN)
def test_arrays_are_as_declared(name):
    source = SOURCES[name]
    cases = source.draw(12, np.random.default_rng(1))
    assert cases.keys() - {"group", "subject"} == source.arrays.keys()
    assert all(len(array) == 12 for array in cases.values())
    assert "subject" not in cases or cases["subject"].dtype == np.int64
    assert [key for key, axes in source.arrays.items() if not all(map(axes.fits, cases[key]))] == []


@pytest.mark.parametrize("name", DRAWN)
def test_the_truth_is_declared_as_truth(name):
    assert {key for key, axes in SOURCES[name].arrays.items() if axes.role == "truth"} == TRUTHS[name]


@pytest.mark.parametrize("name", DRAWN)
def test_the_generator_alone_decides(name):
    first, again, other = (SOURCES[name].draw(12, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert all(np.array_equal(first[key], again[key]) for key in first)
    inputs = [key for key, axes in SOURCES[name].arrays.items() if axes.role == "input"]
    assert not all(np.array_equal(first[key], other[key]) for key in inputs)


@pytest.mark.parametrize("name", OF_SUBJECTS)
def test_training_validation_and_hidden_cases_share_no_subject(name):
    asks = assignment(data={"source": name, "train": 40, "val": 10, "test": 30})
    parts = drawn_parts(SOURCES[name], asks, b"s" * 32, "0")
    labelled = {*map(str, parts.train["subject"]), *map(str, parts.val["subject"])}
    assert labelled.isdisjoint(parts.subjects)
    assert set(parts.train["subject"]).isdisjoint(parts.val["subject"])


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor runs one thread")
def test_the_number_of_threads_changes_no_bit_of_a_draw():
    assert DRAWN
    assert digests_with(1) == digests_with(2)
