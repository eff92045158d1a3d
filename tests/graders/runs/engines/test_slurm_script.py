"""What Slurm is given to run: what a job needs, and nothing of the coordinator's environment."""

import subprocess
import sys
from pathlib import Path

import pytest

from assignments.assignment import Limits
from assignments.errors import UserError
from graders.course.course import EngineSettings
from graders.runs.engines.shared_folder import SharedFolder
from graders.runs.engines.slurm_script import NOT_SHARED, array_of, array_options, minutes, resources, script

LIMITS = Limits(memory_mb=4096, reply_mb=64)  # and 512 + 16 * 64 + 512 MB to ask from: 6144


def settings(**others):
    return EngineSettings(**{"kind": "slurm", "folder": Path("/shared"), **others})


def test_a_job_reserves_what_the_settings_say():
    options = resources(settings(cores=4, memory_mb=6144, queue="gpu"), LIMITS.model_copy(update={"gpus": 2}))
    assert options == [
        "--nodes=1", "--ntasks=1", "--cpus-per-task=4", "--mem=6144M", "--partition=gpu", "--gres=gpu:2",
    ]  # fmt: skip
    assert resources(settings(), LIMITS) == ["--nodes=1", "--ntasks=1", "--cpus-per-task=2", "--mem=8192M"]


def test_a_sites_own_kind_of_gpu_stands():
    options = resources(settings(options=("--gres=gpu:a100:1",)), LIMITS.model_copy(update={"gpus": 1}))
    assert not any(option.startswith("--gres") for option in options)


def test_too_little_memory_is_refused_with_both_numbers():
    with pytest.raises(UserError) as error:
        resources(settings(memory_mb=6143), LIMITS)
    assert "limits.memory_mb = 4096" in str(error.value)
    assert "a job needs 6144 MB, but memory_mb = 6143 under [engine] in course.toml" in str(error.value)


@pytest.mark.parametrize(("deadline_s", "expected"), [(0, 10), (1, 11), (3000, 60), (3001, 61), (100_000, 240)])
def test_a_walltime_is_a_little_more_than_the_deadline_and_at_most_the_sites(deadline_s, expected):
    assert minutes(settings(walltime_minutes=240), deadline_s) == expected


def test_an_array_takes_nothing_along_and_may_be_queued_again():
    options = array_options(SharedFolder(Path("/a%b")), "cafe", 3)
    assert {"--array=0-2", "--job-name=medmark-cafe", "--export=NONE", "--requeue"} <= set(options)
    assert "--output=/a%%b/logs/cafe_%a" in options, "Slurm replaces %b by nothing of ours"
    assert array_of("medmark-cafe") == "cafe"
    assert array_of("cafe") is None


def test_a_script_holds_the_sites_options_and_no_secret(monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "hunter2")
    monkeypatch.setenv("MEDMARK_HOME", "/home/of a course")
    text = script(settings(options=("--account=imaging", "-C a100")), SharedFolder(Path("/a b")), "cafe")
    assert text.startswith("#!/bin/sh\n#SBATCH --account=imaging\n#SBATCH -C a100\n")
    assert "folder='/a b'\n" in text
    assert f"{sys.executable} -m graders.runs.engines.node" in text
    exported = [line for line in text.splitlines() if line.startswith("export")]
    root = Path(__file__).parents[4]
    assert exported == [
        "export PYTHONSAFEPATH=1", f"export PYTHONPATH={root}", "export MEDMARK_HOME='/home/of a course'",
    ]  # fmt: skip
    assert "hunter2" not in text


def test_a_python_of_the_nodes_uses_its_own_toolkit(monkeypatch):
    monkeypatch.delenv("MEDMARK_HOME", raising=False)
    text = script(settings(python="/opt/medmark/bin/python"), SharedFolder(Path("/shared")), "cafe")
    assert "\n/opt/medmark/bin/python -m graders.runs.engines.node" in text
    assert "PYTHONPATH" not in text


@pytest.fixture
def run(tmp_path):
    """Runs a task of an array as Slurm would, with a program in the place of Python."""
    folder = SharedFolder(tmp_path / "shared folder")
    folder.prepare()
    array = folder.add_array(["first", "second"])
    folder.description("second").write_text("{}")

    def run(python, index=1):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{python}\n")
        program.chmod(0o755)
        environment = {
            "PATH": "/usr/bin:/bin",
            "SLURM_ARRAY_TASK_ID": str(index),
            "SLURM_JOB_ID": "12",
            "SLURMD_NODENAME": "one",
        }
        done = subprocess.run(
            ["sh", "-c", script(settings(python=str(program)), folder, array)], env=environment, capture_output=True
        )
        return done.returncode, folder

    return run


def test_a_task_writes_its_reply_in_one_step(run):
    code, folder = run('[ "$1 $2" = "-m graders.runs.engines.node" ] && echo "$3 $4" > "$5"')
    assert code == 0
    assert folder.arrived() == {"second": "one"}
    assert folder.reply("second").decode() == f"{folder.description('second')} {folder.root / 'blobs'}\n"
    assert list((folder.root / "parts").iterdir()) == []


def test_a_node_that_fails_leaves_no_reply_and_its_exit_code(run):
    code, folder = run('echo half > "$5"; exit 3')
    assert code == 3
    assert folder.arrived() == {}
    assert list((folder.root / "parts").iterdir()) == []


@pytest.mark.parametrize("index", [0, 2])
def test_a_task_whose_package_is_not_there_says_so_by_its_exit_code(run, index):
    """Task 0 has no description here, and there is no task 2: this is another folder than the coordinator's."""
    assert run("exit 0", index)[0] == NOT_SHARED
