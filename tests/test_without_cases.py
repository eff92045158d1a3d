"""An assignment that scores no model needs neither task nor data: it is proven, handed out, marked and returned."""

import json
from datetime import datetime, timedelta

import pytest

from assignments.assignment import Assignment
from assignments.load import load
from tests.commands import typed
from tests.graders.intake.repositories import git, make
from tests.small_course import environment, medmark, write_roster

TESTS = {
    "assignment.toml": """\
id = "sums"
title = "Sums"
frameworks = ["numpy"]
[limits]
memory_mb = 512
[[criterion]]
id = "tests"
kind = "hidden_tests"
points = 40
[[criterion]]
id = "report"
kind = "person"
points = 60
""",
    "brief.md": "# Sums\n\nAdd numbers up. Nothing else.\n",
    "interface.py": """\
import numpy as np
from jaxtyping import Float


def total(x: Float[np.ndarray, "n"]) -> float:
    \"\"\"The sum of all numbers.\"\"\"
""",
    "hidden_tests/test_total.py": '''\
import pytest

from assignments.testing import close


@pytest.mark.points(40)
def test_total(student, rng):
    """`total` is the sum."""
    x = rng.random(5)
    assert close(student.total(x), x.sum(), atol=1e-6)
''',
    "public_tests/test_public.py": '''\
import numpy as np

from assignments.testing import close


def test_three_numbers(student):
    """1, 2 and 4 are 7."""
    assert close(student.total(np.array([1.0, 2.0, 4.0])), 7.0, atol=1e-6)
''',
    "reference/solution_numpy.py": '''\
"""Sums."""

FRAMEWORK = "numpy"


def total(x):
    """The sum."""
    return float(x.sum())
''',
}
READ = {
    "assignment.toml": """\
id = "essay"
title = "An essay"
frameworks = ["numpy"]
[[criterion]]
id = "essay"
kind = "person"
points = 100
""",
    "brief.md": "# An essay\n",
}


def write(folder, texts):
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def course(tmp_path, id, texts, groups):
    folder = tmp_path / "course"
    assert medmark("init", folder, "--title", "Halves", "--year", "2027").code == 0
    write(folder / id, texts)
    deadline = datetime.now().replace(microsecond=0) + timedelta(days=7)
    (folder / "course.toml").write_text(
        f'title = "Halves"\nyear = "2027"\ntimezone = "UTC"\nsandbox = "local"\n[access]\nallow_file = true\n'
        f'[assignments.{id}]\nsource = "{id}"\ndeadline = {deadline.isoformat()}\n'
    )
    write_roster(folder, groups)
    return folder


def done(*words, cwd):
    output = medmark(*words, cwd=cwd)
    assert output.code == 0, output.out + output.err
    return output.out


SOUND = TESTS["reference/solution_numpy.py"]


def test_hidden_tests_alone_are_rehearsed_handed_out_marked_and_shown(tmp_path):
    wrong = SOUND.replace("x.sum()", "x.max()")
    groups = {"right": {"sums/solution.py": SOUND}, "wrong": {"sums/solution.py": wrong}}
    folder = course(tmp_path, "sums", TESTS, groups)
    assert "is proven" in done("rehearse", folder / "sums", cwd=folder)
    done("handout", "sums", tmp_path / "out", cwd=folder)
    kit = tmp_path / "out" / "sums"
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"sums/solution.py", "sums/interface.py", "sums/brief.md", "sums/README.md"} <= names
    assert not [name for name in names if "data" in name or "train" in name]
    assert "train" not in (kit / "README.md").read_text()
    assert "def total(x):" in (kit / "solution.py").read_text()
    done("collect", "sums", cwd=folder)
    marks = json.loads(done("grade", "sums", "--trust-submissions", "--json", cwd=folder))["marks"]
    points = {mark["group"]: [f["points"] for f in mark["findings"] if f["criterion"] == "tests"] for mark in marks}
    assert points == {"right": [40], "wrong": [0]}
    done("show", "sums", cwd=folder)
    done("report", "sums", cwd=folder)
    done("explain", "sums", "wrong", cwd=folder)


def test_a_student_checks_and_hands_in_an_assignment_without_cases(tmp_path):
    write(tmp_path / "sums", TESTS)
    done("handout", tmp_path / "sums", tmp_path / "out", cwd=tmp_path)
    make(tmp_path / "host.git", {"README.md": "ours"})
    git("clone", "--quiet", f"file://{tmp_path}/host.git", str(tmp_path / "clone"))
    kit = tmp_path / "clone" / "sums"
    (tmp_path / "out" / "sums").rename(kit)
    untouched = typed(["check"], kit, environment())
    assert untouched.code != 0
    (kit / "solution.py").write_text(SOUND)
    checked = typed(["check"], kit, environment())
    assert checked.code == 0, checked.out + checked.err
    git("-C", str(tmp_path / "clone"), "add", "-A")
    who = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    git("-C", str(tmp_path / "clone"), *who, "commit", "--quiet", "-m", "Work")
    git("-C", str(tmp_path / "clone"), "push", "--quiet")
    handed_in = typed(["check", "--handin"], kit, environment())
    assert handed_in.code == 0, handed_in.out + handed_in.err


def test_an_assignment_that_people_mark_alone_is_handed_out_and_marked(tmp_path):
    folder = course(tmp_path, "essay", READ, {"one": {"essay/solution.py": SOUND}})
    done("rehearse", folder / "essay", cwd=folder)
    done("handout", "essay", tmp_path / "out", cwd=folder)
    assert not (tmp_path / "out" / "essay" / "interface.py").exists()
    done("collect", "essay", cwd=folder)
    done("grade", "essay", "--trust-submissions", cwd=folder)
    done("report", "essay", cwd=folder)


def test_the_data_of_an_assignment_without_any_are_said_to_be_none(tmp_path):
    write(tmp_path / "sums", TESTS)
    output = medmark("data", tmp_path / "sums")
    assert output.code == 2
    assert "has no cases; to have some, add a table [data]" in " ".join(output.err.split())


@pytest.mark.parametrize("key", ["task", "data", "run"])
def test_an_accuracy_criterion_needs_task_data_and_run(tmp_path, key):
    accuracy = """\
[[criterion]]
id = "accuracy"
kind = "accuracy"
points = 10
metric = "accuracy"
anchors = { trivial = 0.5, pass = 0.6, merit = 0.7, distinction = 0.8, reference = 0.9, ceiling = 1.0 }
"""
    present = {
        "task": 'task = "classification"\n',
        "data": '[data]\nsource = "folder"\n',
        "run": '[run]\nmode = "weights"\n',
    }
    head, _, tail = TESTS["assignment.toml"].partition("[limits]")
    lines = "".join(text for name, text in present.items() if name != key)
    folder = write(tmp_path / "sums", TESTS | {"assignment.toml": f"{head}{lines}[limits]{tail}{accuracy}"})
    with pytest.raises(Exception, match=f"{key}: is missing: an accuracy criterion scores") as error:
        load(folder)
    assert "; add" in str(error.value)
    assert not Assignment.model_fields["data"].is_required()
