"""Which files of a scheduler's control group a sandbox may read, in both versions of control groups."""

import pytest

from graders.wall.sandboxes import control_group
from graders.wall.sandboxes.control_group import kills, memory_files


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine's control groups: `machine(own, {group: {file: text}})`."""

    def made(own, groups):
        for group, files in groups.items():
            (tmp_path / "cgroup" / group).mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (tmp_path / "cgroup" / group / name).write_text(text)
        (tmp_path / "own").write_text(own)
        monkeypatch.setattr(control_group, "ROOT", tmp_path / "cgroup")
        monkeypatch.setattr(control_group, "OWN", tmp_path / "own")
        return tmp_path / "cgroup"

    return made


def version_2(limit):
    return {"memory.current": "1\n", "memory.max": f"{limit}\n", "memory.events": "low 0\noom 4\noom_kill 3\n"}


def version_1(limit):
    return {
        "memory.usage_in_bytes": "1\n",
        "memory.limit_in_bytes": f"{limit}\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    }


def test_the_limit_of_a_slurm_job_stands_above_the_step_that_a_process_is_in(machine):
    root = machine(
        "0::/slurm/job_7/step_0\n", {"slurm/job_7": version_2(4 << 30), "slurm/job_7/step_0": version_2("max")}
    )
    files = memory_files()
    assert [path.relative_to(root).as_posix() for path in files] == [
        "slurm/job_7/memory.current", "slurm/job_7/memory.max", "slurm/job_7/memory.events",
    ]  # fmt: skip
    assert kills(files) == 3


def test_in_version_1_memory_has_a_hierarchy_of_its_own(machine):
    own = "4:memory:/slurm/uid_1000/job_7\n2:cpuacct:/\n0::/\n"
    machine(own, {"memory/slurm/uid_1000/job_7": version_1(4 << 30)})
    files = memory_files()
    assert [path.name for path in files] == ["memory.usage_in_bytes", "memory.limit_in_bytes", "memory.oom_control"]
    assert kills(files) == 2


@pytest.mark.parametrize(
    ("own", "groups"),
    [
        ("0::/user.slice\n", {"user.slice": version_2("max")}),
        ("4:memory:/user\n", {"memory/user": version_1(9223372036854771712)}),
        ("0::/\n", {".": version_2(4 << 30)}),
        ("0::/gone\n", {}),
        ("", {}),
    ],
    ids=["no limit", "no limit in version 1", "the whole machine", "no such group", "no control groups"],
)
def test_without_a_limit_there_are_no_files(machine, own, groups):
    machine(own, groups)
    assert memory_files() == ()
    assert kills(()) == 0


def test_a_group_that_counts_no_kills_has_none(machine):
    machine("0::/job\n", {"job": {**version_2(1 << 30), "memory.events": "low 0\n"}})
    assert kills(memory_files()) == 0
