"""A module made by hand: two assignments of 100 points each, and the record that a board's pack follows from.

Every mark is the points that it is made of, so each number of a pack can be worked out on paper.
"""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from assignments.assignment import Assignment
from graders.intake.submission import Submission
from graders.marks.mark import Finding, Mark, Status, Verdict, added_up
from graders.marks.results import results_of
from graders.runs.board_record import AssignmentRecord, ModuleRecord, board_event, module_marks
from reports.board.candidates import candidates_of
from reports.board.pack import Pack
from tests.graders.events import event as an_event

COMMIT = "4f0c2b7d9e" + 30 * "a"
PROVENANCE = {
    "medmark": "0.1.0", "assignment_digest": "sha256:8a52", "data_digest": "sha256:51f0", "image_digest": "sha256:0b1d",
    "sandbox": "docker", "isolated": True, "framework": "pytorch", "secret_fingerprint": "00aa11bb",
    "tree": "9d2f", "scored_with": {"numpy": "2.3.1"}, "flags": ["the same solution as team-lovelace"],
}  # fmt: skip


def assignment(id, level=6, **more):
    values = {
        "id": id, "title": f"Coursework {id}", "task": "segmentation", "level": level,
        "data": {"source": "prostate_mr", "train": 4, "test": 2}, "run": {"mode": "weights"},
        "criterion": [{"id": "report", "kind": "person", "points": 100}], "folder": Path(id),
    }  # fmt: skip
    return Assignment.model_validate(values | more)


def group_mark(id, group, points, **more):
    """A group's mark of so many points out of 100; None where a person has still to give them."""
    exact = None if points is None else Fraction(points)
    verdict = Verdict.UNKNOWN if exact is None else Verdict.PARTIAL
    cut = None if exact is None else Decimal(exact.numerator) / Decimal(exact.denominator)
    finding = Finding("report/report", "person", "report", verdict, cut, Decimal(100), exact=exact)
    mark = Mark(id, group, COMMIT, Status.MARKED, None, Decimal(100), (finding,), PROVENANCE)
    return replace(added_up(mark), **more)


def not_submitted(id, group):
    return Mark(id, group, None, Status.NOT_SUBMITTED, None, Decimal(100), (), {})


def withheld(id, group):
    """A mark that a failure of the toolkit prevents."""
    failed = Finding("report/report", "hidden_test", "report", Verdict.UNKNOWN, None, Decimal(100))
    return Mark(id, group, COMMIT, Status.WITHHELD, None, Decimal(100), (failed,), PROVENANCE)


def event(about, kind, value="", *, number, **more):
    return an_event(about, kind, value, number=number, **more)


def submission(course, group, mark, **more):
    repository = course.group(group).repository
    values = {
        "commit": mark.commit, "framework": "pytorch", "reason": "the last commit seen by the due time",
        "due": datetime(2027, 1, 15, 12, tzinfo=UTC), "seen_at": "2027-01-15T11:50:00+00:00",
    }  # fmt: skip
    own = {
        "group": group,
        "members": course.group(group).members,
        "repository": repository,
        "folder": None,
        "tree": None,
    }
    return Submission(**(own | values | more))


def results(course, id, marks, events=(), *, level=6, of=None, submissions=None, shown=str):
    """The results of one assignment, as a board may read them.

    Args:
        marks: By group: points out of 100, or a mark.
        submissions: By group: fields of the submission that differ.
    """
    of = of or assignment(id, level)
    whole = [each if isinstance(each, Mark) else group_mark(id, group, each) for group, each in marks.items()]
    handed_in = [submission(course, each.group, each, **(submissions or {}).get(each.group, {})) for each in whole]
    read = [board_event(each, shown) for each in events if each.assignment == id]
    return results_of(course, of, read, handed_in, whole)


def module(course, of_alpha, of_beta, events=(), *, names=False, levels=(6, 6), collected=(True, True), **more):
    """The pack of marks of both assignments, as in `results`."""
    people = candidates_of(course.groups, names=names)
    of_both = [
        results(course, id, marks, events, level=level, shown=people.hidden, **more.get(id, {}))
        for id, marks, level in zip(("alpha", "beta"), (of_alpha, of_beta), levels, strict=True)
    ]
    records = tuple(AssignmentRecord(each, {}, seen) for each, seen in zip(of_both, collected, strict=True))
    record = ModuleRecord(course, records, module_marks(course, of_both), "c0ffee")
    return Pack(record, people)
