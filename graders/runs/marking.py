"""From a course on disk to the results of one of its assignments: marked now, or as they follow from the record.

It puts together what others do: `intake` finds the commits, `cohort` marks the groups, `persons` makes each person's
mark of it. Nothing is shown or asked here, and no result is made to stand: `persons.results.record` does that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from assignments.errors import UserError
from graders.course.course import Course, Group, assignment_of, read_secret
from graders.intake.collect import clock, submissions
from graders.intake.owners import Record
from graders.marks.nobodys import nobodys
from graders.marks.results import Results, results_of
from graders.record.decisions import Decisions
from graders.record.ledger import Event, Ledger, Observation
from graders.record.manifest import case_ids
from graders.runs.cohort import Marking, grade_cohort, recorded_marks
from graders.runs.coordinator import Progress
from graders.runs.engines.engine import Engine
from graders.runs.engines.processes import Processes
from graders.wall.sandboxes.sandbox import Sandbox


def grade_collected(
    course: Course,
    id: str,
    sandbox: Sandbox,
    *,
    only: Sequence[str] = (),
    jobs: int | None = None,
    engine: Engine | None = None,
    command: str = "",
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Results:
    """Mark what was collected of the assignment `id`, or of the groups `only`; what the record holds is not run again.

    `engine` does the jobs; without one, processes of this machine do.

    Raises:
        UserError: an unknown assignment or group, nothing collected yet, a course without its secret.
    """
    asked = assignment_of(course, id)
    secret = read_secret(course)
    for name in only:
        course.group(name)
    with Ledger.open(course.ledger) as ledger:
        record, recorded = _read(course, id, ledger)
        _check_collected(course, id, record)
        events = record.followed(recorded)
        loose = nobodys(course, asked, recorded, record, lambda: case_ids(asked, secret))
        handed_in = submissions(course, asked, record, events, clock(), only=only)
        marking = Marking(
            course=course,
            assignment=asked,
            secret=secret,
            sandbox=sandbox,
            ledger=ledger,
            decisions=Decisions.of(id, events),
            engine=engine or Processes(),
            command=command,
        )
        marks = grade_cohort(marking, handed_in, jobs=jobs, on_progress=on_progress)
    return replace(results_of(course, asked, events, handed_in, marks), nobodys=loose)


def results_on_record(
    course: Course,
    id: str,
    sandbox: Sandbox,
    *,
    proposed: Sequence[Event] = (),
    engine: Engine | None = None,
    command: str = "",
    collected: bool = False,
) -> Results:
    """What follows from the record, and from decisions that are not in it yet; at most, answers are scored again.

    `engine` does that; without one, processes of this machine do.

    Raises:
        UserError: an unknown assignment, a course without its secret, or nothing `collected` where that is asked for.
    """
    asked = assignment_of(course, id)
    with Ledger.open(course.ledger) as ledger:
        record, recorded = _read(course, id, ledger)
        if collected:
            _check_collected(course, id, record)
        events = record.followed([*recorded, *proposed])
        handed_in = submissions(course, asked, record, events, clock())
        secret = read_secret(course)
        loose = nobodys(course, asked, recorded, record, lambda: case_ids(asked, secret))
        marking = Marking(
            course=course,
            assignment=asked,
            secret=secret,
            sandbox=sandbox,
            ledger=ledger,
            decisions=Decisions.of(id, events),
            engine=engine or Processes(),
            command=command,
        )
        if any(event.kind in ("void_case", "retract") for event in proposed):
            marks = grade_cohort(marking, handed_in, rescore_only=True)
        else:
            marks = recorded_marks(marking, handed_in)
    return replace(results_of(course, asked, events, handed_in, marks), nobodys=loose)


def what_is_nobodys(course: Course, id: str) -> tuple[str, ...]:
    """What the record holds of the assignment `id` that is about nobody of today's roster; nothing is marked.

    Raises:
        UserError: an unknown assignment, or a course without its secret where hidden cases must be drawn.
    """
    asked = assignment_of(course, id)
    with Ledger.open(course.ledger) as ledger:
        record, recorded = _read(course, id, ledger)
    return nobodys(course, asked, recorded, record, lambda: case_ids(asked, read_secret(course)))


def looks_of(course: Course, id: str, group: Group) -> Sequence[Observation]:
    """What was seen of a group, oldest first, under whatever name it had."""
    with Ledger.open(course.ledger) as ledger:
        return _read(course, id, ledger)[0].looks.get(group.name, ())


def _read(course: Course, id: str, ledger: Ledger) -> tuple[Record, list[Event]]:
    """What was seen, by the groups of today's roster, and what was decided, as it is recorded."""
    return Record.of(course.groups, ledger.observations(id)), ledger.events(id)


def _check_collected(course: Course, id: str, record: Record) -> None:
    """Before the first look at the repositories there is nothing to mark: a mistake, and no cohort without work."""
    if not record.looks and not record.nobodys:
        cure = f"medmark collect {id} -c {course.folder}"
        raise UserError(f"{id}: nothing was collected yet. Look for commits first: {cure}")
