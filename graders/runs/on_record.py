"""Reads the results of an assignment from the record: what every use case starts from. Nothing of a group runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from assignments.assignment import Assignment
from assignments.errors import UserError, shell_word
from graders.course.course import Course, assignment_of
from graders.course.secret import read_secret
from graders.intake.collect import clock, submissions
from graders.intake.owners import Record
from graders.marks.mark import Mark
from graders.marks.results import Results, results_of
from graders.marks.unmatched import unmatched_lines
from graders.record.in_force import Decisions
from graders.record.ledger import Event, Ledger
from graders.wall.sandboxes.sandbox import Sandbox

if TYPE_CHECKING:  # what runs submissions takes half a second to import, which what only reads does not need
    from graders.runs.engines.engine import Engine
    from graders.runs.plan import Marking

PROGRAM: Final = "a program"
"""The command in the record and the lock, for a caller that names none."""
RESCORED: Final = ("void_case", "retract")
"""Kinds of decisions after which stored answers are scored again."""


def on_record(
    course: Course,
    id: str,
    sandbox: Sandbox,
    proposed: Sequence[Event] = (),
    engine: Engine | None = None,
    command: str = PROGRAM,
    *,
    after_collecting: bool = False,
    as_read: Callable[[Event], Event] = lambda event: event,
) -> Results:
    """The results by the record and by decisions that are not in it yet; at most, answers are scored again.

    `as_read` takes out of each event what the reader of these results may not read; it changes no mark.
    """
    from graders.runs.cohort import grade_cohort, recorded_marks

    assignment = assignment_of(course, id)
    scores_anew = any(event.kind in RESCORED for event in proposed)
    with Ledger.open(course.ledger) if scores_anew else Ledger.open_to_read(course.ledger) as ledger:
        seen, events = read_record(course, id, ledger)
        events = [as_read(event) for event in events]
        if after_collecting:
            check_collected(course, id, seen)
        followed = seen.followed([*events, *proposed])
        decisions = Decisions.of(id, followed)
        handed_in = submissions(course, assignment, seen, decisions, clock())
        secret = read_secret(course)
        loose = unmatched_lines(course, assignment, events, seen, lambda: hidden_case_ids(assignment, secret))
        marking = marking_of(course, assignment, secret, sandbox, ledger, decisions, engine, command)
        before = Decisions.of(id, seen.followed(events)) if scores_anew else decisions
        if decisions.void_cases != before.void_cases:
            _check_renewed(recorded_marks(replace(marking, decisions=before), handed_in, followed))
            marks = grade_cohort(marking, handed_in, rescore_only=True)
        else:
            marks = recorded_marks(marking, handed_in, followed)
    return replace(results_of(course, assignment, followed, handed_in, marks), unmatched=loose)


def marking_of(
    course: Course,
    assignment: Assignment,
    secret: bytes,
    sandbox: Sandbox,
    ledger: Ledger,
    decisions: Decisions,
    engine: Engine | None,
    command: str,
) -> Marking:
    """What marking one assignment needs."""
    from graders.runs.engines.processes import Processes
    from graders.runs.plan import Marking

    return Marking(
        course=course,
        assignment=assignment,
        secret=secret,
        sandbox=sandbox,
        ledger=ledger,
        decisions=decisions,
        engine=engine or Processes(),
        command=command,
    )


def read_record(course: Course, id: str, ledger: Ledger) -> tuple[Record, list[Event]]:
    """The observations, by the groups of today's roster, and the events."""
    return Record.of(course.groups, ledger.observations(id)), ledger.events(id)


def _check_renewed(marks: Sequence[Mark]) -> None:
    """Refuse to leave a case out of marks of an earlier medmark: their answers cannot be scored again."""
    if earlier := [mark.group for mark in marks if "made_by" in mark.provenance]:
        raise UserError(
            f"the marks of {', '.join(earlier)} were made by an earlier medmark, or with another assignment, image or "
            "NumPy, so their answers cannot be scored again without a case. Renew them first: "
            f"medmark grade {marks[0].assignment}"
        )


def check_collected(course: Course, id: str, seen: Record) -> None:
    """Refuse to go on before the first look at the repositories: an empty cohort would be a mistake."""
    if not seen.looks and not seen.unowned:
        cure = f"medmark collect {id} -c {shell_word(course.folder)}"
        raise UserError(f"{id}: nothing was collected yet. Look for commits first: {cure}")


def hidden_case_ids(assignment: Assignment, secret: bytes) -> Sequence[str]:
    """The names of all hidden cases; this draws them."""
    from graders.record.manifest import case_ids

    return case_ids(assignment, secret)
