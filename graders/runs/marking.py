"""The use cases of a course's staff, as functions that any program can call.

    collected   look at the groups' repositories and record their commits
    marked      mark the collected commits; returns a Change, which `applied` records
    recorded    the same from the record alone: nothing runs
    proposed    the Change that a person's decision would make
    applied     record a Change: its marks stand
    returnable  to whom marks can be returned; `returned` records that they were
    exported    record that marks were written for another system

They return values and raise errors: none of them prints, asks, ends the program or needs a terminal. `cli` calls them;
docs/python.md takes a whole course through them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assignments.errors import UserError
from graders.course.course import Course, Group, assignment_of
from graders.course.lock import course_lock
from graders.course.secret import read_secret
from graders.intake.collect import Receipt, clock, collect, mirror_of, submissions
from graders.intake.history import History, history_of
from graders.marks.applying import check_unchanged, record_marks, snapshot_of
from graders.marks.differences import Differences, NotApplied, compare, differences_of
from graders.marks.requests import DecisionRequest
from graders.marks.results import Results, results_of
from graders.marks.returning import Returnable, returnable_of
from graders.marks.staff import decider
from graders.marks.unmatched import unmatched_lines
from graders.record import exports
from graders.record.exports import EXPORTED, RecordedExport
from graders.record.in_force import Decisions
from graders.record.ledger import Event, Ledger, Observation, now
from graders.runs.on_record import PROGRAM, check_collected, hidden_case_ids, marking_of, on_record, read_record
from graders.runs.trust import sandbox_of

if TYPE_CHECKING:  # what runs submissions takes half a second to import, which what only reads does not need
    from graders.marks.deciding import Proposal
    from graders.runs.coordinator import Progress
    from graders.runs.engines.engine import Engine


@dataclass(frozen=True)
class Change:
    """The marks of an assignment, and what of them is not recorded yet. Making one records nothing."""

    course: Course
    results: Results
    """All marks, as they are once the change is applied."""
    differences: Differences
    """Which marks move and which are new, compared with the marks that stand."""
    decided: tuple[Event, ...] = ()
    """Decisions that are recorded together with their marks: both or neither."""
    notes: tuple[str, ...] = ()
    """What a person should know before they apply it."""
    reason: str = ""
    """Why marks move, as the decisions say. Students whose returned mark changes read it."""
    sandbox: str = ""
    """The name of the sandbox in which these results were run."""
    command: str = PROGRAM
    """The command as it was typed, for the lock and the record."""

    @property
    def must_apply_first(self) -> bool:
        """Whether marks move or decisions wait: apply them before anything is decided, returned or reported."""
        return bool(self.differences.moves or self.decided)


def collected(
    course: Course, id: str, *, only: Sequence[str] = (), on_progress: Callable[[int, int, str], None] | None = None
) -> list[Receipt]:
    """Look at every repository, or those of the groups `only`; record each tip, fetch it, and return a receipt.

    Raises:
        UserError: an unknown assignment or group, or a missing token. No host was contacted.
    """
    with Ledger.open(course.ledger) as ledger:
        return collect(course, id, ledger, only=only, on_progress=on_progress)


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
    on_reading: Callable[[int, int, str], None] = lambda *_: None,
) -> Change:
    """Mark the collected commits; recorded stages do not run again. The marks stand once they are `applied`.

    Args:
        course: As `load_course` gives it.
        id: Of the assignment, as course.toml has it.
        sandbox: `docker` or `local`; by default the one of course.toml.
        trust_submissions: Whether a sandbox without a wall may run this code, as you and with your files.
        only: Names of the groups to mark; all by default.
        jobs: How many submissions run at once; by default as many as fit.
        command: For the lock and the record.
        engine: Does the jobs; by default processes on this machine.
        on_progress: Called at every step, in the caller's thread.
        on_reading: Called with each subject of a folder before it is read: how many are done, of how many, and which.

    Raises:
        UserError: an unknown assignment, group or sandbox, nothing collected yet, no secret; or the cases may not be
            marked on: there is no split, or a case is in two parts.
        EngineFailure: the sandbox's engine does not answer; nothing was started.
        Stopped: Ctrl-C or SIGTERM; what had finished is recorded, and the same call goes on.
    """
    chosen = sandbox_of(course, sandbox, trust_submissions)
    from graders.runs.cohort import grade_cohort

    assignment = assignment_of(course, id)
    secret = read_secret(course)
    for name in only:
        course.group(name)
    with Ledger.open(course.ledger) as ledger:
        seen, events = read_record(course, id, ledger)
        check_collected(course, id, seen)
        followed = seen.followed(events)
        loose = unmatched_lines(course, assignment, events, seen, lambda: hidden_case_ids(assignment, secret))
        decisions = Decisions.of(id, followed)
        handed_in = submissions(course, assignment, seen, decisions, clock(), only=only)
        marking = marking_of(course, assignment, secret, chosen, ledger, decisions, engine, command)
        marks = grade_cohort(marking, handed_in, jobs=jobs, on_progress=on_progress, on_reading=on_reading)
    results = replace(results_of(course, assignment, followed, handed_in, marks), unmatched=loose)
    return Change(course, results, differences_of(results), sandbox=chosen.name, command=command)


def recorded(
    course: Course, id: str, *, sandbox: str | None = None, after_collecting: bool = False, command: str = PROGRAM
) -> Change:
    """The marks as they follow from the record: nothing runs.

    `after_collecting` refuses to work before the first look at the repositories, as pages must.

    Raises:
        UserError: an unknown assignment or sandbox, a course without its secret, nothing collected yet.
    """
    chosen = sandbox_of(course, sandbox, trust_submissions=True)
    results = on_record(course, id, chosen, after_collecting=after_collecting)
    return Change(course, results, differences_of(results), sandbox=chosen.name, command=command)


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
    """The change that a person's decision makes to the marks `before` it. It opens no sandbox; `applied` records it.

    Args:
        before: The recorded marks, of `recorded`.
        kind: `extension`, `agreed_mark` or another of docs/course.md.
        value: The value of the decision.
        who: A group, a member, or GROUP/MEMBER; empty for all.
        reason: Why; the person whom it is about reads it.
        reference: A case number or a note, for staff alone.
        by: Who decides: one of the course's staff where it names them, else the user of this machine.
        file: A CSV or .xlsx of many decisions, one row a group or person, instead of `value` and `who`.
        method: `webpa` or `buddycheck`, for a file of ratings.
        with_self: Whether ratings of oneself count; by default as the method says.
        engine: Scores stored answers again if a decision needs it, as for `marked`.

    Raises:
        UserError: every problem of the decision at once, or marks moved `before` it unapplied (NotApplied).
    """
    from graders.marks.deciding import STAFF_DECIDED, propose

    course, results = before.course, before.results
    if kind != "dispute":  # which moves no mark
        settled(before)
    request = DecisionRequest("", who, value, reason, reference=reference)
    by = decider(course, by)
    proposal = propose(course, results, kind, request, by=by, file=file, method=method, with_self=with_self)
    return with_proposal(before, proposal, STAFF_DECIDED if kind == "line_mark" else reason, engine)


def with_proposal(before: Change, proposal: Proposal, reason: str = "", engine: Engine | None = None) -> Change:
    """The change that checked decisions make to the marks `before` them, as `proposed` returns it.

    Args:
        reason: The one reason for all of the decisions, if there is one.
        engine: As for `proposed`.

    Raises:
        UserError: the record has changed since `before`.
    """
    course, results = before.course, before.results
    chosen = sandbox_of(course, before.sandbox, trust_submissions=True)
    after = on_record(course, results.assignment.id, chosen, proposal.events, engine, before.command)
    check_unchanged(results, after.events)
    differences = compare(snapshot_of(results), snapshot_of(after), strict=True)
    why = proposal.reason((move.member for move in differences.moves), reason)
    return replace(
        before, results=after, differences=differences, decided=proposal.events, notes=proposal.notes, reason=why
    )


def applied(change: Change, *, by: str | None = None, reason: str = "") -> bool:
    """Record a change with its decisions, so that its marks stand; return whether there was anything to record.

    Args:
        change: Of `marked`, `recorded` or `proposed`.
        by: Who answers for it, as for `proposed`.
        reason: Why returned marks move, for students to read; by default the change's own.

    Raises:
        UserError: a returned mark moves without a reason, or another command holds the course.
    """
    who = decider(change.course, by)
    differences = change.differences
    if not (change.must_apply_first or differences.new):
        return False
    moved = bool(differences.moves or differences.new)
    _record(change, who, reason or change.reason, decided=change.decided, moved=moved)
    return True


def settled(change: Change) -> Results:
    """The marks of a change if they are those that stand, as other steps need them.

    Raises:
        NotApplied: marks moved since they were last applied, or depend on decisions that are not recorded.
    """
    if change.must_apply_first:
        raise NotApplied(change.results.assignment.id, change.differences, len(change.decided))
    return change.results


def returnable(change: Change, who: Sequence[str] = ()) -> Returnable:
    """To whom marks can be returned, of everybody or the groups and members of `who`; and who is left out, and why.

    Raises:
        UserError: `who` names an unknown group or member, or marks moved and were not applied (NotApplied).
    """
    return returnable_of(change.course, settled(change), who)


def returned(change: Change, who: Sequence[str] = (), *, by: str | None = None) -> Change:
    """Record that everyone whom `returnable` finds for `who` was given their mark; return the marks on record then.

    From then on a change of their marks is a correction and needs a reason. `reports.write.keep_versions` keeps the
    pages as they were handed out.

    Raises:
        UserError: as `returnable`; or no mark can be returned, or `by` is not one of the course's staff.
    """
    offer = returnable(change, who)
    name = decider(change.course, by)
    if offer.problem:
        raise UserError(offer.problem)
    _record(change, name, "", members=offer.now)
    return recorded(change.course, change.results.assignment.id, sandbox=change.sandbox, command=change.command)


def exported(change: Change, export: RecordedExport, *, by: str | None = None) -> None:
    """Record that the marks of a change were written for another system.

    Raises:
        UserError: `by` is not one of the course's staff, or another command holds the course.
    """
    who = decider(change.course, by)
    event = Event(now(), who, change.results.assignment.id, EXPORTED, exports.value_of(export), "")
    with course_lock(change.course.folder / ".medmark", change.command), Ledger.open(change.course.ledger) as ledger:
        ledger.add_event(event)


def events_of(course: Course, id: str) -> tuple[Event, ...]:
    """All events of an assignment, oldest first: decisions, applied marks, returns, corrections.

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
        seen, events = read_record(course, id, ledger)
    return unmatched_lines(course, assignment, events, seen, lambda: hidden_case_ids(assignment, read_secret(course)))


def looks_of(course: Course, id: str, group: Group) -> Sequence[Observation]:
    """The observations of a group, oldest first, under every name that it had."""
    with Ledger.open_to_read(course.ledger) as ledger:
        return read_record(course, id, ledger)[0].looks.get(group.name, ())


def history_of_group(course: Course, id: str, group: Group, commit: str | None) -> History | None:
    """Who made the commits up to a group's own; None if there is none, or it cannot be read."""
    if commit is None:
        return None
    with Ledger.open_to_read(course.ledger) as ledger:
        record = read_record(course, id, ledger)[0]
    return history_of(mirror_of(course, group, record, commit), commit)


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
