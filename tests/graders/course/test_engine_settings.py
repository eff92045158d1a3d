"""`[engine]` of course.toml: whole settings are read, and what cannot work is named with file and key."""

from pathlib import Path

import pytest

from assignments.errors import UserError
from graders.course.course import CourseError, EngineSettings, load_course
from graders.runs.chosen_engine import engine_of
from graders.runs.engines.far import Far
from graders.runs.engines.processes import Processes
from tests.graders import small_roster
from tests.graders.small_roster import ROSTER, write_course

COURSE = small_roster.COURSE.replace("mlp", "mlp_classifier")


def course_with(folder, engine):
    return load_course(write_course(folder, f"{COURSE}\n[engine]\n{engine}\n", ROSTER))


def test_a_course_without_the_table_is_marked_on_this_machine(tmp_path):
    course = load_course(write_course(tmp_path, COURSE, ROSTER))
    assert course.engine == EngineSettings(kind="processes")
    with engine_of(course) as engine:
        assert isinstance(engine, Processes)


def test_a_site_is_described_in_one_table(tmp_path):
    course = course_with(
        tmp_path,
        'kind = "dask"\nscheduler = "tls://login1:8786"\n'
        'tls_ca = "tls/ca.pem"\ntls_cert = "tls/c.pem"\ntls_key = "tls/k.pem"\n'
        'workers = 40\ncores = 4\nmemory_mb = 16000\ngpus = 1\nqueue = "gpu"\nwalltime_minutes = 120\n'
        'folder = "/scratch/medmark"\npython = "/opt/medmark/bin/python"\noptions = ["--account=imaging"]',
    )
    engine = course.engine
    assert (engine.kind, engine.workers, engine.gpus, engine.tls_key) == ("dask", 40, 1, Path("tls/k.pem"))
    assert engine.options == ("--account=imaging",)
    with engine_of(course) as chosen:
        assert isinstance(chosen, Far)
    with engine_of(course, "processes") as chosen:
        assert isinstance(chosen, Processes)


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ('kind = "ray"', "use one of: dask, processes, slurm"),
        ("worker = 3", 'unknown key; did you mean "workers"?'),
        ("workers = 0", "greater than 0"),
        ('kind = "dask"\nscheduler = "login1:8786"', 'is not an address such as "tls://login1:8786"'),
        ('scheduler = "tls://login1:8786"', 'write kind = "dask", or remove it'),
        ('kind = "dask"\ntls_ca = "ca.pem"', "belong together: name all three files"),
        ('kind = "slurm"', "needs folder: a folder that this machine and all nodes share"),
        ('kind = "dask"', "without a scheduler, whose workers Slurm starts, needs folder"),
        ('options = ["account=x"]', "is not an option of the batch system"),
        ('options = ["--account=x\\nrm -rf /"]', "is not an option of the batch system"),
    ],
)
def test_what_cannot_work_is_named(tmp_path, engine, words):
    with pytest.raises(CourseError) as refused:
        course_with(tmp_path, engine)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{tmp_path.resolve()}/course.toml")
    assert words in line


def test_an_address_that_is_typed_takes_the_place_of_that_of_the_course(tmp_path):
    course = load_course(write_course(tmp_path, COURSE, ROSTER))
    with engine_of(course, scheduler="tcp://127.0.0.1:8786") as chosen:
        assert isinstance(chosen, Far)
    with (
        pytest.raises(UserError, match=r'--engine dask: .*"login1" is not an address'),
        engine_of(course, scheduler="login1"),
    ):
        pass
