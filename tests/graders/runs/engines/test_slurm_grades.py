"""A course is graded on a real Slurm as on one machine: make test-slurm."""

import shutil
import sqlite3
import subprocess
import time

import pytest

from tests.graders.runs.engines import slurm_here
from tests.small_course import GROUPS, command, environment, medmark, write_course

pytestmark = slurm_here.NEEDED
ENGINE = """
[engine]
kind = "slurm"
folder = "shared"
workers = 4
cores = 1
memory_mb = 3000
walltime_minutes = 30
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A course that was collected and not marked yet."""
    folder = write_course(tmp_path_factory.mktemp("courses") / "template", GROUPS)
    assert medmark("collect", "halves", "-c", folder).code == 0
    return folder


@pytest.fixture
def on_slurm(template, tmp_path):
    course = shutil.copytree(template, tmp_path / "slurm")
    with (course / "course.toml").open("a") as file:
        file.write(ENGINE)
    return course


@pytest.fixture(scope="module")
def expected(template, tmp_path_factory):
    """What this machine alone makes of the course."""
    course = shutil.copytree(template, tmp_path_factory.mktemp("courses") / "processes")
    return graded(course)


def graded(course):
    """The mark sheet after `grade`, as bytes."""
    output = medmark("grade", "halves", "-c", course, "--trust-submissions")
    assert output.code == 0, output.err
    assert medmark("report", "halves", "-c", course).code == 0
    return (course / "reports/halves/marksheet.csv").read_bytes()


def stages(course):
    with sqlite3.connect(course / ".medmark/ledger.sqlite") as ledger:
        return ledger.execute("SELECT key, status FROM stage ORDER BY key").fetchall()


def queued():
    return subprocess.run(["squeue", "--noheader"], check=True, capture_output=True, text=True).stdout.splitlines()


def test_the_mark_sheet_is_that_of_one_machine_byte_for_byte(on_slurm, expected):
    assert graded(on_slurm) == expected
    assert len(expected.splitlines()) > len(GROUPS)
    left = {path.parent.name for path in (on_slurm / "shared").rglob("*") if path.is_file()}
    assert left == {"blobs", "arrays"}, "packages and replies go when they are delivered"
    assert queued() == []


def test_dask_workers_that_slurm_starts_make_the_same_mark_sheet(template, expected, tmp_path):
    course = shutil.copytree(template, tmp_path / "dask")
    with (course / "course.toml").open("a") as file:
        file.write(ENGINE.replace('kind = "slurm"', 'kind = "dask"'))
    assert graded(course) == expected
    end = time.monotonic() + 30
    while queued():
        assert time.monotonic() < end, f"workers are left:\n{queued()}"
        time.sleep(0.2)


def test_grade_that_was_killed_goes_on_where_it_was(on_slurm, expected):
    first = subprocess.Popen(
        command("grade", "halves", "-c", on_slurm, "--trust-submissions"),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while not queued():
        assert time.monotonic() < end, "nothing was submitted"
        time.sleep(0.05)
    first.kill()
    first.wait()
    arrays = sorted(path.name for path in (on_slurm / "shared/arrays").iterdir())
    assert graded(on_slurm) == expected
    assert sorted(path.name for path in (on_slurm / "shared/arrays").iterdir()) == arrays, "nothing was sent twice"
    keys = [key for key, _ in stages(on_slurm)]
    assert len(keys) == len(set(keys))
    assert queued() == []
