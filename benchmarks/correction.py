"""The time to correct one wrong label after the marks of 40 groups were returned.

    python benchmarks/correction.py [GROUPS]

A synthetic ledger has the results of all tests and the stored answers of every group for `prostate_unet`, on a folder
of cases like those of PROMISE12's tutorial. The marks are returned, and one label file is corrected. Then `grade` (a
fresh interpreter, as for a person) draws the cases again, scores every group's stored answers, compares the marks with
the returned ones and records the correction. The benchmark fails if a sandbox is opened. It does not read repositories.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
ASSIGNMENT = "prostate_unet"
SECRET = b"a secret of thirty-two bytes ...."[:32]
CASES, TEST = 20, 15
SHAPE = (32, 128, 128)


class Sandbox:
    """Knows its runtime, and cannot be opened."""

    name = "docker"
    isolates = True

    def runtime(self, framework: str) -> str:
        return f"sha256 of the {framework} image"

    def open(self, spec: object) -> None:
        raise AssertionError("a sandbox was opened")

    def sweep(self, course: str) -> list[str]:
        return []


def make_course(folder: Path, groups: int) -> None:
    """course.toml, a roster, and a folder of cases: an ellipsoid gland in noise."""
    rng = np.random.default_rng(0)
    (folder / "cases").mkdir(parents=True)
    z, y, x = np.indices(SHAPE)
    for number in range(CASES):
        centre, radius = rng.normal((16, 64, 64), 3), rng.uniform(0.8, 1.2) * np.array([9, 24, 28])
        gland = sum(((axis - c) / r) ** 2 for axis, c, r in zip((z, y, x), centre, radius, strict=True)) < 1
        image = rng.normal(100, 20, SHAPE) + 60 * gland
        np.save(folder / f"cases/image_train{number:02d}.npy", image.astype(np.int16))
        np.save(folder / f"cases/label_train{number:02d}.npy", gland.astype(np.uint8))
    (folder / "course.toml").write_text(
        'title = "A course"\nyear = "2027"\n'
        f'[assignments.{ASSIGNMENT}]\nsource = "{ASSIGNMENT}"\ndeadline = 2027-01-15T12:00:00\n'
        f'[assignments.{ASSIGNMENT}.data]\nsource = "promise12"\npath = "cases"\n'
        f"train = {CASES - TEST}\ntest = {TEST}\n"
        "split_seed = 1\n[assignments." + ASSIGNMENT + '.run]\nmode = "weights"\n'
    )
    rows = [f"group{n:03},m{n},Student {n},m{n}@example.org,https://host/course/group{n:03}" for n in range(groups)]
    (folder / "roster.csv").write_text("\n".join(["group,member,name,email,repository", *rows]) + "\n")


def submissions_of(folder: Path, groups: int) -> list:
    from graders.intake.submission import Submission

    return [
        Submission(
            group=f"group{n:03}", members=(), repository=f"https://host/group{n:03}", commit=f"{n:040x}",
            folder=folder, framework="pytorch", tree=f"{n:064x}",
        )
        for n in range(groups)
    ]  # fmt: skip


def marking_of(course, ledger):  # type: ignore[no-untyped-def]
    from graders.course.course import assignment_of
    from graders.record.in_force import Decisions
    from graders.runs.engines.processes import Processes
    from graders.runs.plan import Marking

    return Marking(
        course=course, assignment=assignment_of(course, ASSIGNMENT), secret=SECRET, sandbox=Sandbox(), ledger=ledger,
        decisions=Decisions.of(ASSIGNMENT, ledger.events(ASSIGNMENT)), engine=Processes(preload=["cli"]),
    )  # fmt: skip


def fill(folder: Path, groups: int) -> None:
    """Record every test and every group's answers: the gland with the group's own noise."""
    from assignments.data.hidden import hidden_set
    from assignments.derived.interface import solution_interface
    from graders.course.course import assignment_of, load_course
    from graders.record.answer_files import store_arrays
    from graders.record.documents import AnswersResult, TestResult
    from graders.record.ledger import Ledger, Stage
    from graders.runs.plan import plan_cohort
    from graders.tasks import task_named

    course = load_course(folder)
    assignment = assignment_of(course, ASSIGNMENT)
    submissions = submissions_of(folder, groups)
    with Ledger.open(course.ledger) as ledger:
        plan = plan_cohort(marking_of(course, ledger), submissions)
    task = task_named(assignment.task)
    fields = solution_interface(assignment).fields(task.entry, "inputs")
    hidden = hidden_set(assignment, SECRET, 0, fields, task.truth, task.extra_truths)
    rows = []
    for n, (submission, keys) in enumerate(zip(submissions, plan.keys, strict=True)):
        rng = np.random.default_rng(n)
        prob = np.where(rng.random(hidden.truth.shape) < 0.02 + 0.006 * n, 1 - hidden.truth, hidden.truth)
        file = store_arrays(course.answers, {"prob": prob.astype(np.float16)})
        answers = AnswersResult("passed", file=file, states=(None,) * len(hidden.cases))
        named = [("test", id, key, TestResult("passed"), None) for id, key in keys.tests.items()]
        named += [("answers", str(r), key, answers, file) for r, key in keys.answers.items()]
        rows += [Stage(key, kind, submission.group, ASSIGNMENT, submission.commit, name, "final", None, 0.1, 0.1,
                       document, blob) for kind, name, key, document, blob in named]  # fmt: skip
    with Ledger.open(course.ledger) as ledger:
        ledger.add_stages(rows)


def grade(folder: Path, groups: int, reason: str, kind: str | None = None) -> None:
    """The work of `medmark grade --yes` after it has read the repositories; prints which marks change."""
    from graders.runs.engines.processes import start_forkserver

    start_forkserver("cli")
    from graders.course.course import assignment_of, load_course
    from graders.marks.applying import record_marks
    from graders.marks.differences import differences_of
    from graders.marks.results import results_of
    from graders.record.ledger import Ledger
    from graders.runs.cohort import grade_cohort
    from reports.difference_lines import summary_of_moves

    course = load_course(folder)
    assignment = assignment_of(course, ASSIGNMENT)
    submissions = submissions_of(folder, groups)
    with Ledger.open(course.ledger) as ledger:
        events = [*ledger.events(ASSIGNMENT)]
        marks = grade_cohort(marking_of(course, ledger), submissions, jobs=2)
        results = results_of(course, assignment, events, submissions, marks)
        print(f"{summary_of_moves(differences_of(results))}; {sum(mark.points is not None for mark in marks)} marks")
        members = {person.member for person in results.people} if kind else None
        record_marks(course, ledger, results, who="benchmark", reason=reason, command="benchmark", members=members)


def typed(folder: Path, groups: int, *words: str) -> tuple[float, str]:
    began = time.perf_counter()
    command = [sys.executable, __file__, str(groups), str(folder), *words]
    process = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return time.perf_counter() - began, process.stdout.strip()


def main(groups: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_course(folder, groups)
        fill(folder, groups)
        _, output = typed(folder, groups, "first scores", "returned")
        print(f"returned: {output}")
        label = next(iter(np.random.default_rng(1).permutation(CASES)))
        path = folder / f"cases/label_train{label:02d}.npy"
        np.save(path, np.roll(np.load(path, allow_pickle=False), 12, axis=2))
        took, output = typed(folder, groups, f"the label of case {label} was wrong")
        print(f"corrected: {output}")
        from graders.record.ledger import Ledger

        with Ledger.open(folder / ".medmark/ledger.sqlite") as ledger:
            kinds = [event.kind for event in ledger.events(ASSIGNMENT)]
            scores = sum(stage.kind == "score" for stage in ledger.stage_history(ASSIGNMENT))
        assert kinds == ["returned", "correction"], kinds
        assert scores == 2 * groups, scores
        print(f"{groups} groups, one label of {TEST} cases: {took:.1f} s wall, imports and all; no sandbox")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        grade(Path(sys.argv[2]), int(sys.argv[1]), sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else None)
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
