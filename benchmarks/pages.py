"""Time and memory of a cohort's pages: python benchmarks/pages.py [groups] [--images] [--nbgrader COMMAND]

500 groups of three, each with its page, its page for staff and three personal pages: sound work, known mistakes, one
cause of everything, wrong answers, a missing mark. With --images they are of a segmentation: a histogram of the scores
and pictures of three public cases, from 20 different sets of predictions. With the path of an nbgrader command (extra
`notebooks`), the same run times its generate_feedback on 12 submissions: each of them is a student's work, as a group's
is here.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from assignments.assignment import Assignment
from assignments.derived.interface import solution_interface
from assignments.folders import CATALOGUE
from assignments.load import hidden_tests, load
from graders.course.roster import Group, Member
from graders.marks.findings import HandedIn, MarkDecisions, mark_of
from graders.marks.mark import Mark, exact_percent, rounded
from graders.marks.personal import Adjustment, PersonalMark
from graders.marks.versions import Versions
from graders.record.answer_files import store_arrays
from graders.record.documents import (
    CaseScore,
    Cause,
    FailedCases,
    JobResult,
    Measured,
    PublicAnswers,
    PublicScores,
    Rank,
    RankedCase,
    ScoreResult,
    TestResult,
    Trouble,
)
from graders.record.proof_status import recorded_patterns
from graders.record.rehearsal import ANSWER_OF
from graders.tasks.public_set import public_set
from reports.beside_score import Cohort as Shared
from reports.feedback import HandIn
from reports.pages import FEEDBACK, PERSONAL, STAFF, Pages
from reports.write import write, write_reports

GROUPS, MEMBERS, CASES, REPEATS, HIDDEN = 500, 3, 600, 3, 15
SUBMISSIONS = 12
"""Of nbgrader, which needs seconds to mark each before."""
PROVENANCE = {
    "assignment_digest": "8a52c0e4d1b77f2f0e6b", "image": "medmark-pytorch", "sandbox": "docker", "isolated": True,
    "framework": "pytorch", "versions": {"medmark": "0.1.0", "torch": "2.13.0"}, "graded_at": "2027-01-15T21:14:05Z",
}  # fmt: skip


class Cohort:
    """Marks of groups that differ as those of a course do."""

    def __init__(self, groups: int, answers: Path, *, images: bool) -> None:
        self.assignment = load(CATALOGUE / ("prostate_unet" if images else "mlp_classifier"))
        self.answers = answers
        self.predictions = predictions(self.assignment, answers) if images else []
        self.tests = hidden_tests(self.assignment)
        self.rng = np.random.default_rng(0)
        self.patterns = [pattern.failed for pattern in recorded_patterns(self.assignment)]
        self.groups = [_group(number) for number in range(groups)]
        self.marks = [self._mark(group.name, number) for number, group in enumerate(self.groups)]
        self.people = [
            person for group, mark in zip(self.groups, self.marks, strict=True) for person in people(group, mark)
        ]
        self.hand_ins = {
            group.name: HandIn(
                group.name, group.repository, "main", "15 January 2027, 11:52 GMT", "15 January 2027, 12:00 GMT",
                problems=("report.pdf is not in the commit",) if number % 9 == 0 else (),
            )
            for number, group in enumerate(self.groups)
        }  # fmt: skip
        self.board = {group.name: f"Heron {number}" for number, group in enumerate(self.groups)}

    def pages(self) -> Pages:
        return Pages(
            self.assignment,
            self.marks,
            self.groups,
            self.hand_ins,
            self.board,
            self.people,
            Versions(),
            "Deep learning",
            cohort=Shared.of(self.marks, self.assignment, self.answers),
        )

    def _mark(self, group: str, number: int) -> Mark:
        kind = number % 8
        if kind == 0:
            return mark_of(self.assignment, self.tests, HandedIn(group, None), JobResult(), MarkDecisions(), {})
        cause = Cause("import_failed", "ModuleNotFoundError", "solution.py:2", text="")
        failed = self._failed(kind, cause)
        tests = {
            test.id: TestResult("failed", failed[test.id], "detail", "evidence\n" * 12, "printed\n", 0.4, 0.5)
            if test.id in failed
            else TestResult("passed", cpu_s=0.4, wall_s=0.5)
            for test in self.tests
        }
        score = self._score_of_cases(number) if self.predictions else self._score
        scores = {"accuracy": score(cause if kind == 1 else None)}
        result = JobResult(tests, scores=scores)
        if kind == 7:
            result = JobResult(dict(list(tests.items())[:4]), trouble=Trouble("engine", "the daemon is away"))
        points = MarkDecisions({"report": Decimal(18)} if number % 3 else {})
        return mark_of(self.assignment, self.tests, HandedIn(group, f"{number:040x}"), result, points, PROVENANCE)

    def _failed(self, kind: int, cause: Cause) -> dict[str, Cause]:
        if kind == 1:
            return {test.id: cause for test in self.tests}
        if kind in (2, 3) and self.patterns:
            pattern = self.patterns[self.rng.integers(len(self.patterns))]
            return {test: Cause(*_words(parts)) for test, parts in pattern.items()}
        if kind == 4:
            return {test.id: Cause("wrong_answer") for test in self.tests if self.rng.random() < 0.4}
        return {}

    def _score(self, cause: Cause | None) -> ScoreResult:
        values = np.zeros((REPEATS, CASES)) if cause else self.rng.uniform(0.8, 1.0, (REPEATS, CASES))
        cases = tuple(
            CaseScore(str(i), f"s{i}", repeat, None if cause else value, value, "failed" if cause else "scored")
            for repeat, row in enumerate(values.tolist())
            for i, value in enumerate(row)
            if cause  # a metric of the whole set lists the cases that were not scored
        )
        score = float(values.mean())
        repeats = tuple(map(float, values.mean(axis=1)))
        measured = Measured(
            "balanced_accuracy", score, repeats, "mean", (score - 0.01, score + 0.01), case_count=CASES * REPEATS,
            subjects=CASES, cases=cases,
        )  # fmt: skip
        failed = (FailedCases(cause, CASES * REPEATS),) if cause else ()
        return ScoreResult("passed", cause, measured=measured, failed=failed)

    def _score_of_cases(self, number: int) -> Callable[[Cause | None], ScoreResult]:
        """The score of a segmentation: one value a case, and three public cases to look at."""

        def score(cause: Cause | None) -> ScoreResult:
            values = np.zeros(HIDDEN) if cause else np.clip(self.rng.normal(0.75, 0.1, HIDDEN), 0, 1)
            state: Literal["scored", "failed"] = "failed" if cause else "scored"
            cases = tuple(
                CaseScore(str(i), f"s{i}", 0, None if cause else value, value, state)
                for i, value in enumerate(values.tolist())
            )
            mean = float(values.mean())
            measured = Measured(
                "dice", mean, (mean,), "median", (mean - 0.05, mean + 0.05), case_count=HIDDEN, subjects=HIDDEN,
                cases=cases,
            )  # fmt: skip
            ranks: tuple[Rank, ...] = ("best", "median", "worst")
            shown = tuple(RankedCase(rank, index, 0.9 - 0.2 * index) for index, rank in enumerate(ranks))
            answers = self.predictions[number % len(self.predictions)]
            public = PublicScores(answers, "dice", () if cause else shown, len(answers.states), cause)
            failed = (FailedCases(cause, HIDDEN),) if cause else ()
            return ScoreResult("passed", cause, measured, failed=failed, range=(0.0, 1.0), public=public)

        return score


def predictions(assignment: Assignment, store: Path) -> list[PublicAnswers]:
    """Stored predictions of public cases that differ: the truth, moved and made soft."""
    public = public_set(assignment, solution_interface(assignment))
    assert public is not None
    store.mkdir(parents=True, exist_ok=True)
    truth = np.stack([np.asarray(each, np.float32) for each in public.set.truth])
    moved = (np.roll(0.9 * truth, (shift % 5, shift // 5), axis=(2, 3)) for shift in range(20))
    states = (None,) * len(truth)
    return [PublicAnswers(public.inputs_digest, store_arrays(store, {"prob": each}), states) for each in moved]


def _words(parts: Sequence[str]) -> list[str]:
    return [part for part in parts if not part.startswith(("line ", ANSWER_OF))][:2]


def _group(number: int) -> Group:
    people = tuple(
        Member.model_construct(
            id=f"zc{number:04}{letter}", name=f"Student {number} {letter}", email=f"{number}@b.ac.uk"
        )
        for letter in "abc"[:MEMBERS]
    )
    return Group.model_construct(
        name=f"group-{number:03}", members=people, repository="https://git.example.ac.uk/x.git"
    )


def people(group: Group, mark: Mark) -> Iterator[PersonalMark]:
    """The members' own marks: every third is a day late."""
    percent = exact_percent(mark)
    for number, member in enumerate(group.members):
        late = percent is not None and number == 0
        after = percent if percent is None or not late else max(percent - 10, Fraction(0))
        step = Adjustment("late", "Due 15 Jan 2027, first seen 18 Jan 2027: 1 working day late.", percent, after, "ucl")
        own = None if after is None else rounded(after)
        yield PersonalMark(
            mark.assignment, group.name, member.id, mark.status, own, own, mark.out_of, 40, 6, (step,) if late else ()
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("groups", nargs="?", type=int, default=GROUPS)
    parser.add_argument("--images", action="store_true")
    parser.add_argument("--nbgrader", type=Path)
    wanted = parser.parse_args()
    groups, before = wanted.groups, _peak_mb()
    with tempfile.TemporaryDirectory(prefix="medmark-pages-") as scratch:
        home = Path(scratch)
        cohort = Cohort(groups, home / "answers", images=wanted.images)
        print(f"{groups} groups of {MEMBERS}: marks made; peak {_peak_mb():.0f} MB ({before:.0f} MB before)")
        began, cpu = time.perf_counter(), time.process_time()
        count, size = _pages(cohort.pages(), home)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        print(f"  {count} pages, {size / 1e6:.0f} MB: {took:.1f} s, {cpu:.1f} CPU s ({1000 * cpu / count:.1f} CPU ms a "
              f"page, {1000 * cpu / groups:.0f} ms a group); peak {_peak_mb():.0f} MB")  # fmt: skip
        began, whole = time.perf_counter(), time.process_time()
        values = cohort.assignment, cohort.marks, cohort.groups, cohort.hand_ins, cohort.board
        write_reports(home / "all", *values, people=cohort.people, answers=cohort.answers)
        print(f"  with sheets, tables and leaderboard: {time.perf_counter() - began:.1f} s, "
              f"{time.process_time() - whole:.1f} CPU s; peak {_peak_mb():.0f} MB")  # fmt: skip
        if wanted.nbgrader:
            each = generate_feedback(wanted.nbgrader.absolute(), home / "nbgrader", SUBMISSIONS) / SUBMISSIONS
            print(f"nbgrader generate_feedback: {each:.2f} CPU s a submission, of {SUBMISSIONS}; "
                  f"{each * groups / cpu:.0f} times what all pages of a group cost here")  # fmt: skip


def _pages(pages: Pages, home: Path) -> tuple[int, int]:
    """Write every page; their number and their size in bytes."""
    sizes = []
    for mark in pages.marks:
        for folder, page in ((FEEDBACK, pages.of_group(mark)), (STAFF, pages.of_group(mark, "staff"))):
            write(home / folder / pages.group_files[mark.group], page)
            sizes.append(len(page))
    for person in pages.people:
        page = pages.of_person(person)
        write(home / PERSONAL / pages.member_files[person.member], page)
        sizes.append(len(page))
    return len(sizes), sum(sizes)


def generate_feedback(nbgrader: Path, home: Path, submissions: int) -> float:
    """CPU seconds of nbgrader's feedback on so many copies of its own example, which it has marked before."""
    home.mkdir()
    _run(home, nbgrader, "quickstart", "course")
    course = home / "course"
    _run(course, nbgrader, "generate_assignment", "ps1", "--create")
    for number in range(submissions):
        shutil.copytree(course / "release/ps1", course / f"submitted/student{number:03}/ps1")
    _run(course, nbgrader, "autograde", "ps1", "--create")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(course, nbgrader, "generate_feedback", "ps1")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(folder: Path, *command: Path | str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr[-2000:]}")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
