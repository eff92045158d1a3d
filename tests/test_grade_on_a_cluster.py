"""A course that a Dask cluster marks gets the mark sheet of one that this machine marks, byte for byte."""

import shutil
import sqlite3
import subprocess
import time
from contextlib import suppress

import pytest
from distributed import LocalCluster

from tests.small_course import GROUPS, ROOT, SOUND, command, environment, medmark, write_course

TRUSTED = "--trust-submissions"


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, memory_limit=0, dashboard_address=":0", protocol="tcp"
    ) as cluster:
        yield cluster.scheduler_address


def sheet(course, out):
    assert medmark("report", "halves", "-c", course, "--out", out).code == 0
    return (out / "halves/marksheet.csv").read_bytes()


def stages(course):
    with suppress(sqlite3.OperationalError), sqlite3.connect(course / ".medmark/ledger.sqlite") as ledger:
        return ledger.execute("SELECT count(*), count(DISTINCT key) FROM stage").fetchone()
    return 0, 0


@pytest.mark.slow
def test_the_mark_sheet_is_the_same_although_the_coordinator_was_killed(cluster, tmp_path):
    here = write_course(tmp_path / "here", GROUPS)
    assert medmark("collect", "halves", "-c", here).code == 0
    far = shutil.copytree(here, tmp_path / "far")
    assert medmark("grade", "halves", "-c", here, TRUSTED).code == 0
    on_cluster = ["grade", "halves", "-c", far, TRUSTED, "--engine", "dask", "--scheduler", cluster]
    killed = subprocess.Popen(command(*on_cluster), cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)
    end = time.monotonic() + 100
    while not stages(far)[0] and time.monotonic() < end:
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    first = stages(far)
    assert 0 < first[0] < stages(here)[0]
    output = medmark(*on_cluster)
    assert output.code == 0, output.err
    assert sheet(far, tmp_path / "sheet of the cluster") == sheet(here, tmp_path / "sheet of this machine")
    assert stages(far) == stages(here), "nothing is lost, and nothing recorded twice"
    assert not (far / ".medmark/crossing").exists(), "what was shown elsewhere does not stay"


def test_an_engine_that_cannot_be_is_said_before_anything_runs(tmp_path):
    course = write_course(tmp_path / "course", {"sound": SOUND})
    assert medmark("collect", "halves", "-c", course).code == 0
    for words, text in {
        ("--engine", "ray"): '--engine "ray": use one of: dask, processes',
        ("--engine", "processes", "--scheduler", "tcp://127.0.0.1:1"): "scheduler is the address of a Dask scheduler",
        ("--scheduler", "login1"): '"login1" is not an address such as "tls://login1:8786"',
        ("--scheduler", "tls://login1:8786"): "name tls_ca, tls_cert and tls_key under [engine] in course.toml",
        ("--scheduler", "tcp://login1:8786"): "a scheduler of another machine must speak TLS",
    }.items():
        output = medmark("grade", "halves", "-c", course, TRUSTED, *words)
        assert output.code == 2
        assert text in " ".join(output.err.split())
