"""Cohorts made by hand: of twenty groups in every state that needs a person, and of any number, as of a real course."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from assignments.assignment import Assignment, anchor_shares
from graders.course.course import Course, CourseAssignment
from graders.course.roster import Group, Member
from graders.intake.feedback_due import feedback_due
from graders.intake.submission import Submission
from graders.intake.term import GroupTerm
from graders.marks.diagnosis import KnownMistake
from graders.marks.mark import Cost, Status
from graders.marks.results import Results, results_of
from graders.marks.score_ends import ScoreEnds, score_ends
from graders.marks.spending import Spending, spending_of
from graders.record.documents import Cause, Measured, Phases
from graders.record.in_force import Decisions
from graders.record.ledger import Event, JobTimes, Observation, SpentStage
from graders.record.rehearsal import pattern_of
from graders.runs.cohort_record import CohortRecord
from reports.cohort_page import cohort_page
from reports.marksheet import marksheet
from reports.needs import needs
from tests.reports.hand_made import accuracy, assignment, check, mark, not_submitted, person

ID = "prostate_unet"
DUE = datetime(2026, 11, 20, 17, tzinfo=UTC)
TITLES = (
    ("test_same", "`dice_loss` is 0 when prediction and truth agree.", 5),
    ("test_empty", "`dice_loss` of two empty masks is 0, not NaN.", 5),
    ("test_skip", "Every skip connection of the U-Net carries its input to the decoder.", 10),
    ("test_eval", "`predict` gives a case the same answer alone and in a batch.", 5),
    ("test_round_trip", "A model that was saved and loaded predicts as before.", 10),
)
MISTAKE = KnownMistake(
    "no_smoothing", "The sum of two empty masks divides", "Add 1 to both.", frozenset({"test_losses.py::test_empty",
    "test_losses.py::test_same"}), frozenset(), ({test: pattern_of(Cause("not_finite"), None) for test in
    ("test_losses.py::test_empty", "test_losses.py::test_same")},),
)  # fmt: skip
"""Two tests fail alike by it."""


@dataclass(frozen=True)
class MadeCohort:
    """All that the page of a cohort and its to-do list follow from."""

    course: Course
    results: Results
    record: CohortRecord
    ends: ScoreEnds

    @property
    def assignment(self) -> Assignment:
        return self.results.assignment


def course_of(groups, **settings):
    set_here = CourseAssignment(source=ID, deadline=datetime(2026, 11, 20, 17))
    return Course(
        title="MPHY0041 Machine learning in medical imaging", year="2026-27", timezone="Europe/London",
        assignments={ID: set_here}, folder=Path("course"), groups=tuple(groups), **settings,
    )  # fmt: skip


def group_of(number, members=2, name=""):
    name = name or f"group-{number:03}"
    people = tuple(
        Member(id=f"zc{number:03}{letter}", name=f"Student {number} {letter.upper()}", email=f"s{number}{letter}@x.org")
        for letter in "abcdef"[:members]
    )
    return Group(name=name, members=people, repository=f"https://git.example.ac.uk/{name}.git")


def submission_of(group, commit="c", **changes):
    values = {
        "group": group.name, "members": group.members, "repository": group.repository, "commit": commit * 40,
        "folder": Path("solution"), "framework": "pytorch", "tree": f"tree of {group.name}",
        "reason": "the last commit seen by the end of the grace time", "due": DUE,
        "seen_at": (DUE - timedelta(hours=3)).isoformat(),
    }  # fmt: skip
    return Submission(**(values | changes))


def nothing_of(group, **changes):
    """A group of which no commit counts."""
    nothing = {"commit": None, "folder": None, "framework": None, "tree": None, "seen_at": None}
    nothing |= {"state": "nothing handed in", "reason": "there was no commit by the due time"}
    return replace(submission_of(group), **(nothing | changes))


def scored(score, half=0.02, repeats=None, reason=None):
    """An accuracy with its interval and the points of its anchors."""
    if score is None:
        return accuracy(None, None, None if reason is None else "0", reason)
    anchors, level = assignment().criteria[1].anchors, assignment().level
    share = np.interp(score, anchors.values(), [float(part) for part in anchor_shares(level)])
    repeats = repeats or (score,)
    measured = Measured("dice", score, repeats, "median", (score - half, score + half), case_count=15 * len(repeats))
    return accuracy(score, (score - half, score + half), f"{35 * share:.3f}", measured=measured)


def checks_of(passed, reasons=(), flags=()):
    """The hidden tests, of which these passed."""
    return tuple(
        check(name, title, points if ok else 0, points, cost=Cost(0.4, 0.6, tuple(flags)),
              reason=None if ok else dict(reasons).get(name, "wrong_answer"))
        for (name, title, points), ok in zip(TITLES, passed, strict=True)
    )  # fmt: skip


def mark_of(group, passed=(1, 1, 1, 1, 1), score=0.75, report="21", **more):
    parts = {name: more.pop(name) for name in ("half", "repeats") if name in more}
    tests = {name: more.pop(name) for name in ("reasons", "flags") if name in more}
    accuracy_of = more.pop("accuracy", None) or scored(score, **parts)
    stages = {"tests": {"t": f"{group.name} t"}, "answers": {"0": f"{group.name} 0"}}
    return mark(group.name, checks=checks_of(passed, **tests), accuracy=accuracy_of, person=person(report),
                provenance={"stages": stages, "framework": "pytorch"}, **more)  # fmt: skip


def term_of(group, *days, how="tip", detail=""):
    """Commits that were first seen so many days before the due time; the last look was at the due time."""
    look = Observation(group.name, ID, group.repository, "main", "c" * 40 if days else None, DUE.isoformat(),
                       how if days else "empty", detail)  # fmt: skip
    return GroupTerm(group.name, tuple(sorted(DUE - timedelta(days=day) for day in days)), look)


def event(kind, value, group, number, member="", reason="As the case says."):
    return Event("2026-11-24T10:00:00.000+00:00", "prof", ID, kind, value, reason, group, member, number)


def made(rows, events=(), *, terms=None, course=None, jobs=(), unmatched=(), of=None):
    """A cohort of (group, submission, mark)."""
    groups = [group for group, _, _ in rows]
    course = course or course_of(groups)
    results = results_of(course, of or assignment(), events, [s for _, s, _ in rows], [m for _, _, m in rows])
    results = replace(results, unmatched=tuple(unmatched))
    stages = [
        SpentStage(f"{group.name} {name}", kind, group.name, name, cpu_s, 1.1 * cpu_s)
        for number, (group, _, mark) in enumerate(rows)
        if mark.findings
        for kind, name, cpu_s in (("test", "t", 2.0), ("answers", "0", 20.0 + number % 17))
    ]
    spending = spending_of(results.marks, stages, jobs) if any(mark.findings for _, _, mark in rows) else Spending()
    terms = terms if terms is not None else {group.name: term_of(group, 20, 9, 2) for group in groups}
    return MadeCohort(course, results, CohortRecord(terms, spending), score_ends(course, results))


def twenty():
    """Twenty groups: most of them sound, and one for each reason to need a person."""
    groups = [group_of(number, 1 + number % 3) for number in range(1, 21)]
    groups[3] = group_of(4, 2, "the-group-with-a-rather-long-name-that-nobody-shortened")
    rng = np.random.default_rng(4)
    rows, terms = [], {}
    for group in groups:
        ability = float(rng.normal())
        passed = tuple(bool(rng.random() < 1 / (1 + np.exp(level - 1 - 1.4 * ability))) for level in range(5))
        score = round(float(np.clip(0.74 + 0.05 * ability, 0.5, 0.9)), 3)
        report = f"{float(np.clip(19 + 4 * ability, 5, 30)):.0f}"
        rows.append((group, submission_of(group), mark_of(group, passed, score, report)))
        terms[group.name] = term_of(group, *sorted(rng.uniform(1, 40, rng.integers(2, 9)).tolist()))

    def put(number, submission=None, mark=None):
        group, before, mark_before = rows[number]
        rows[number] = (group, submission or before, mark or mark_before)

    g = groups
    put(
        1,
        mark=mark_of(g[1], (0, 0, 1, 1, 1), 0.70, reasons=[("test_same", "not_finite"), ("test_empty", "not_finite")]),
    )
    put(
        2,
        mark=mark_of(g[2], (0, 0, 1, 0, 1), 0.66, reasons=[("test_same", "not_finite"), ("test_empty", "not_finite")]),
    )
    put(4, mark=mark_of(g[4], accuracy=replace(accuracy(None, None, None, "engine"), evidence="the daemon is away")))
    put(6, nothing_of(g[6]), not_submitted(g[6].name))
    waits = {
        "state": "waits for a person",
        "reason": "the host did not answer at the due time",
        "later_tips": ("a" * 40,),
    }
    put(8, nothing_of(g[8], **waits), replace(not_submitted(g[8].name), status=Status.WITHHELD))
    broken = mark_of(g[10], (0,) * 5, None, "12", accuracy=scored(None, reason="import_failed"),
                     reasons=[(name, "import_failed") for name, _, _ in TITLES])  # fmt: skip
    put(10, submission_of(g[10], flags=("imports ctypes",)), broken)
    put(11, mark=mark_of(g[11], report=None))
    put(13, mark=mark_of(g[13], score=0.72, repeats=(0.60, 0.72, 0.84)))
    put(14, submission_of(g[14], tree="one tree"))
    put(15, submission_of(g[15], tree="one tree"))
    put(19, mark=mark_of(g[19], score=0.71, report="14"))
    terms[g[6].name] = term_of(g[6])
    terms[g[16].name] = term_of(g[16], 39, 31, 25)
    events = [
        event("dispute", "the second test was not explained", g[17].name, 1),
        event("held", "", g[18].name, 2, member=g[18].members[0].id),
    ]
    jobs = [
        JobTimes(group.name, ID, "c" * 40, 12.0 * number, 70.0 + number, Phases(1.2, 2.1, 6.5, 38.0 + number, 9.0, 4.4),
                 5.1, 0)
        for number, group in enumerate(groups)
    ]  # fmt: skip
    unmatched = (
        "decision 7 (void_test test_x.py::test_y) is about a test that does not exist now. To retract it: "
        f'medmark decide {ID} retract 7 --reason "..."',
    )
    course = course_of(groups, roster_problems=("roster.csv:9 email: not an address; correct it",))
    return made(rows, events, terms=terms, course=course, jobs=jobs, unmatched=unmatched)


def many(count):
    """A cohort of so many groups, as sound as those of a course."""
    rng = np.random.default_rng(8)
    rows, terms, jobs = [], {}, []
    for number in range(count):
        group = group_of(number, 1 + number % 4)
        ability = float(rng.normal())
        passed = tuple(bool(rng.random() < 1 / (1 + np.exp(level - 2.5 - 1.3 * ability))) for level in range(5))
        score = round(float(np.clip(0.74 + 0.06 * ability, 0.35, 0.93)), 3)
        report = f"{float(np.clip(19 + 4 * ability, 5, 30)):.0f}"
        row = (group, submission_of(group), mark_of(group, passed, score, report))
        if number % 25 == 7:
            row = (group, nothing_of(group), not_submitted(group.name))
        rows.append(row)
        terms[group.name] = term_of(group, *rng.uniform(0.1, 45, rng.integers(1, 25)).tolist())
        spent = Phases(1.2, 2.1, 6.5, float(rng.gamma(4, 10)), 9.0, 4.4)
        jobs.append(JobTimes(group.name, ID, "c" * 40, 9.0 * number, 80.0, spent, 5.1, 1))
    return made(rows, terms=terms, jobs=jobs)


def page_of(cohort, mistakes=(MISTAKE,), **more):
    """The cohort's page."""
    own = {person.member: person for person in cohort.results.people}
    return cohort_page(
        cohort.results,
        cohort.record,
        needs(cohort.results, cohort.course, cohort.record, cohort.ends),
        cohort.ends,
        feedback_due(cohort.course, Decisions.of(ID, cohort.results.events)),
        marksheet(cohort.results.marks, cohort.assignment, cohort.course.groups, {}, own),
        mistakes=mistakes,
        **({"course": cohort.course.title, "timezone": cohort.course.timezone} | more),
    )
