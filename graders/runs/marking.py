"""The use cases: what a course's staff do with an assignment, as functions that any program can call.

    collected   look at the groups' repositories and record what is there
    marked      mark what was collected; a Change, which is recorded by `applied`
    recorded    the same from the record alone: nothing is run
    proposed    what a person's decision would change; a Change again
    applied     make a Change stand
    returnable  whom marks can be returned to, and `returned`, which records that they were

They return values and raise errors: none of them prints, asks, ends the program or needs a terminal. `cli` is one face
over them; docs/python.md drives a whole course through them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assignments.assignment import Assignment
from assignments.errors import UserError
from graders.course.course import Course, Group, assignment_of, read_secret
from graders.intake.collect import Receipt, clock, collect, mirror_of, submissions
from graders.intake.history import History, history_of
from graders.intake.owners import Record
from graders.marks.applying import check_unchanged, record_marks, snapshot_of
from graders.marks.differences import Differences, NotApplied, compare, differences_of
from graders.marks.mark import Mark
from graders.marks.requests import DecisionRequest
from graders.marks.results import Results, results_of
from graders.marks.returning import Returnable, returnable_of
from graders.marks.staff import decider
from graders.marks.unmatched import unmatched_lines
from graders.record.in_force import Decisions
from graders.record.ledger import Event, Ledger, Observation
from graders.runs.trust import sandbox_of
from graders.wall.sandboxes.sandbox import Sandbox

if TYPE_CHECKING:  # what runs submissions takes half a second to import, which what only reads does not need
    from graders.runs.cohort import Marking
    from graders.runs.coordinator import Progress
    from graders.runs.engines.engine import Engine

PROGRAM: Final = "a program"
"""What the record and the lock say of a caller that does not name its command."""
RESCORED: Final = ("void_case", "retract")
"""Kinds of decisions after which stored answers are scored again."""


@dataclass(frozen=True)
class Change:
    """What the marks of an assignment come to, and what of it is not on record. Nothing is recorded by making one."""

    course: Course
    results: Results
    """All marks, as they are once the change is applied."""
    differences: Differences
    """What moves, and whose mark is new: against the marks that stand."""
    decided: tuple[Event, ...] = ()
    """Decisions that are recorded together with the marks that follow from them: both or neither."""
    notes: tuple[str, ...] = ()
    """What a person should know before they agree."""
    reason: str = ""
    """Why marks move, as the decisions say: students read it where they were told another mark."""
    sandbox: str = ""
    """The name of the sandbox whose runs these results are of."""
    command: str = PROGRAM
    """Who makes the change, for the lock and the record: the command as it was typed."""

    @property
    def must_apply_first(self) -> bool:
        """Whether marks move or decisions wait: nothing is decided, returned or reported on top of that."""
        return bool(self.differences.moves or self.decided)


def collected(
    course: Course, id: str, *, only: Sequence[str] = (), on_progress: Callable[[int, int, str], None] | None = None
) -> list[Receipt]:
    """Look at every repository, or those of the groups `only`; record each tip, fetch it, and say what was found.

    Raises:
        UserError: an unknown assignment or group, or a token is missing. Nobody was contacted.
    """
    with Ledger.open(course.ledger) as ledger:
        return collect(course, id, ledger, only=only, progress=on_progress)


def marked(
    course: Course,
    id: str,
    *,
    sandbox: str | None = None,
    trust_submissions: bool = False,
    only: Sequence[str] = (),
    jobs: int | None = None,
    command: str = PROGRAM,
    engine: Engine | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Change:
    """Mark what was collected; what the record holds is not run again. The marks stand once they are `applied`.

    Args:
        course: As `load_course` gives it.
        id: Of the assignment, as course.toml has it.
        sandbox: `docker` or `local`; what course.toml says by default.
        trust_submissions: Whether a sandbox without a wall may run this code, as you and with your files.
        only: Names of the groups to mark; all by default.
        jobs: Submissions at once; as many as fit by default.
        command: For the lock and the record.
        engine: What does the jobs; processes of this machine by default.
        on_progress: Called at every step, in the caller's thread.

    Raises:
        UserError: an unknown assignment, group or sandbox, nothing collected yet, no secret.
        EngineFailure: the sandbox's engine does not answer; nothing was started.
        Stopped: Ctrl-C or SIGTERM; what had finished is recorded, and the same call goes on.
    """
    place = sandbox_of(course, sandbox, trust_submissions)
    from graders.runs.cohort import grade_cohort

    assignment = assignment_of(course, id)
    secret = read_secret(course)
    for name in only:
        course.group(name)
    with Ledger.open(course.ledger) as ledger:
        seen, events = _read(course, id, ledger)
        _check_collected(course, id, seen)
        followed = seen.followed(events)
        loose = unmatched_lines(course, assignment, events, seen, lambda: _case_ids(assignment, secret))
        decisions = Decisions.of(id, followed)
        handed_in = submissions(course, assignment, seen, decisions, clock(), only=only)
        marking = _marking(course, assignment, secret, place, ledger, decisions, engine, command)
        marks = grade_cohort(marking, handed_in, jobs=jobs, on_progress=on_progress)
    results = replace(results_of(course, assignment, followed, handed_in, marks), unmatched=loose)
    return Change(course, results, differences_of(results), sandbox=place.name, command=command)


def recorded(
    course: Course, id: str, *, sandbox: str | None = None, after_collecting: bool = False, command: str = PROGRAM
) -> Change:
    """The marks as they follow from the record: nothing is run.

    `after_collecting` is for what makes no sense before the first look at the repositories, as pages.

    Raises:
        UserError: an unknown assignment or sandbox, a course without its secret, nothing collected yet.
    """
    place = sandbox_of(course, sandbox, trust_submissions=True)
    results = _on_record(course, id, place, after_collecting=after_collecting)
    return Change(course, results, differences_of(results), sandbox=place.name, command=command)


def proposed(
    before: Change,
    kind: str,
    value: str = "",
    *,
    who: str = "",
    reason: str = "",
    reference: str = "",
    by: str | None = None,
    file: Path | None = None,
    method: str | None = None,
    with_self: bool | None = None,
    engine: Engine | None = None,
) -> Change:
    """What a person's decision does to the marks `before` it; recorded once it is `applied`. No sandbox is opened.

    Args:
        before: What is on record, of `recorded`.
        kind: `extension`, `agreed_mark` or another of docs/course.md.
        value: What is decided.
        who: A group, a member, or GROUP/MEMBER; empty for all.
        reason: Why; the person whom it is about reads it.
        reference: A case number or a note, for staff alone.
        by: Who decides: one of the course's staff where it names them, else the user of this machine.
        file: A CSV or .xlsx of many decisions, one row a group or person, instead of `value` and `who`.
        method: `webpa` or `buddycheck`, for a file of ratings.
        with_self: Whether ratings of oneself count; None as the method has it.
        engine: What scores stored answers again where a decision asks for it, as for `marked`.

    Raises:
        UserError: whatever is wrong with it, all at once, or marks moved `before` it that nobody applied (NotApplied).
    """
    from graders.marks.deciding import propose

    course, results = before.course, before.results
    if kind != "dispute":  # which moves no mark
        settled(before)
    one = DecisionRequest("", who, value, reason, reference=reference)
    by = decider(course, by)
    proposal = propose(course, results, kind, one, by=by, file=file, method=method, with_self=with_self)
    place = sandbox_of(course, before.sandbox, trust_submissions=True)
    after = _on_record(course, results.assignment.id, place, proposal.events, engine, before.command)
    check_unchanged(results, after.events)
    found = compare(snapshot_of(results), snapshot_of(after), strict=True)
    why = proposal.reason((move.member for move in found.moves), reason)
    return replace(before, results=after, differences=found, decided=proposal.events, notes=proposal.notes, reason=why)


def applied(change: Change, *, by: str | None = None, reason: str = "") -> bool:
    """Make a change the marks that stand, with its decisions; whether there was anything to record.

    Args:
        change: Of `marked`, `recorded` or `proposed`.
        by: Who answers for it, as for `proposed`.
        reason: Why marks move that were returned, for students to read; the change's own by default.

    Raises:
        UserError: somebody was told another mark and there is no reason, or another command holds the course.
    """
    who = decider(change.course, by)
    found = change.differences
    if not (change.must_apply_first or found.new):
        return False
    _record(change, who, reason or change.reason, decided=change.decided, moved=bool(found.moves or found.new))
    return True


def settled(change: Change) -> Results:
    """The marks, where they are those that stand: for whatever is made on top of them.

    Raises:
        NotApplied: marks moved since they were last applied, or they rest on decisions that are not recorded.
    """
    if change.must_apply_first:
        raise NotApplied(change.results.assignment.id, change.differences, len(change.decided))
    return change.results


def returnable(change: Change, who: Sequence[str] = ()) -> Returnable:
    """Whom marks can be returned to: everybody, or the groups and members of `who`; and who is left out, and why.

    Raises:
        UserError: `who` names nobody, or marks moved that nobody applied (NotApplied).
    """
    return returnable_of(change.course, settled(change), who)


def returned(change: Change, who: Sequence[str] = (), *, by: str | None = None) -> Change:
    """Record that marks were given to everyone whom `returnable` finds for `who`; what is on record then.

    From then on a change of theirs is a correction: it needs a reason. Keep the pages as they were handed out with
    `reports.write.keep_versions`.

    Raises:
        UserError: as `returnable`; or there is nobody whose mark can be returned, or `by` may not.
    """
    offer = returnable(change, who)
    name = decider(change.course, by)
    if offer.problem:
        raise UserError(offer.problem)
    _record(change, name, "", members=offer.now)
    return recorded(change.course, change.results.assignment.id, sandbox=change.sandbox, command=change.command)


def events_of(course: Course, id: str) -> tuple[Event, ...]:
    """Everything on record of an assignment, oldest first: decisions, marks applied, returns, corrections.

    Raises:
        UserError: an unknown assignment.
    """
    course.assignment(id)
    with Ledger.open_to_read(course.ledger) as ledger:
        return tuple(ledger.events(id))


def unmatched_of(course: Course, id: str) -> tuple[str, ...]:
    """What the record holds of the assignment `id` that is about nobody of today's roster; nothing is marked.

    Raises:
        UserError: an unknown assignment, or a course without its secret where hidden cases must be drawn.
    """
    assignment = assignment_of(course, id)
    with Ledger.open_to_read(course.ledger) as ledger:
        seen, events = _read(course, id, ledger)
    return unmatched_lines(course, assignment, events, seen, lambda: _case_ids(assignment, read_secret(course)))


def looks_of(course: Course, id: str, group: Group) -> Sequence[Observation]:
    """What was seen of a group, oldest first, under whatever name it had."""
    with Ledger.open_to_read(course.ledger) as ledger:
        return _read(course, id, ledger)[0].looks.get(group.name, ())


def history_of_group(course: Course, id: str, group: Group, commit: str | None) -> History | None:
    """Who made the commits up to a group's own; None where there is none, or it cannot be read."""
    if commit is None:
        return None
    with Ledger.open_to_read(course.ledger) as ledger:
        record = _read(course, id, ledger)[0]
    return history_of(mirror_of(course, group, record, commit), commit)


def _on_record(
    course: Course,
    id: str,
    sandbox: Sandbox,
    proposed: Sequence[Event] = (),
    engine: Engine | None = None,
    command: str = PROGRAM,
    *,
    after_collecting: bool = False,
) -> Results:
    """What follows from the record, and from decisions that are not in it yet; at most, answers are scored again."""
    from graders.runs.cohort import grade_cohort, recorded_marks

    assignment = assignment_of(course, id)
    scores_anew = any(event.kind in RESCORED for event in proposed)
    with Ledger.open(course.ledger) if scores_anew else Ledger.open_to_read(course.ledger) as ledger:
        seen, events = _read(course, id, ledger)
        if after_collecting:
            _check_collected(course, id, seen)
        followed = seen.followed([*events, *proposed])
        decisions = Decisions.of(id, followed)
        handed_in = submissions(course, assignment, seen, decisions, clock())
        secret = read_secret(course)
        loose = unmatched_lines(course, assignment, events, seen, lambda: _case_ids(assignment, secret))
        marking = _marking(course, assignment, secret, sandbox, ledger, decisions, engine, command)
        before = Decisions.of(id, seen.followed(events)) if scores_anew else decisions
        if decisions.void_cases != before.void_cases:
            _check_renewed(recorded_marks(replace(marking, decisions=before), handed_in, followed))
            marks = grade_cohort(marking, handed_in, rescore_only=True)
        else:
            marks = recorded_marks(marking, handed_in, followed)
    return replace(results_of(course, assignment, followed, handed_in, marks), unmatched=loose)


def _marking(
    course: Course,
    assignment: Assignment,
    secret: bytes,
    sandbox: Sandbox,
    ledger: Ledger,
    decisions: Decisions,
    engine: Engine | None,
    command: str,
) -> Marking:
    from graders.runs.cohort import Marking
    from graders.runs.engines.processes import Processes

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


def _record(
    change: Change,
    who: str,
    reason: str,
    *,
    decided: Sequence[Event] = (),
    moved: bool = True,
    members: Sequence[str] | None = None,
) -> None:
    with Ledger.open(change.course.ledger) as ledger:
        record_marks(
            change.course,
            ledger,
            change.results,
            who=who,
            reason=reason,
            command=change.command,
            decided=decided,
            moved=moved,
            members=members,
        )


def _read(course: Course, id: str, ledger: Ledger) -> tuple[Record, list[Event]]:
    """What was seen, by the groups of today's roster, and what was decided, as it is recorded."""
    return Record.of(course.groups, ledger.observations(id)), ledger.events(id)


def _check_renewed(marks: Sequence[Mark]) -> None:
    """Before a case is left out of the scores: what an earlier medmark made cannot be scored again as it is."""
    if earlier := [mark.group for mark in marks if "made_by" in mark.provenance]:
        raise UserError(
            f"the marks of {', '.join(earlier)} are those of an earlier medmark, or with another assignment, image or "
            "NumPy: their answers cannot be scored again without a case before they are renewed: "
            f"medmark grade {marks[0].assignment}"
        )


def _check_collected(course: Course, id: str, seen: Record) -> None:
    """Before the first look at the repositories there is nothing to mark: a mistake, and no cohort without work."""
    if not seen.looks and not seen.unowned:
        cure = f"medmark collect {id} -c {course.folder}"
        raise UserError(f"{id}: nothing was collected yet. Look for commits first: {cure}")


def _case_ids(assignment: Assignment, secret: bytes) -> Sequence[str]:
    from graders.record.manifest import case_ids

    return case_ids(assignment, secret)
