"""The audit log of an assignment as a page for staff and boards: every event of the record, without its private text.

`graders.marks.visibility` decides what of an event may stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assignments.assignment import Assignment
from graders.marks.differences import Move, RecordEntry, record_entries
from graders.marks.visibility import visible_event
from graders.record.decisions import DECISION_KINDS, Retract, UnreadableDecision, decision_of
from graders.record.exports import EXPORTED, export_of
from graders.record.in_force import retracted
from graders.record.ledger import Event
from graders.record.snapshots import APPLIED, CORRECTION, RETURNED
from reports.difference_lines import MOST_MOVES, export_text, recorded_mark_text, signed
from reports.page import policy, render
from reports.terminal import people, quantity

KINDS_OF_MARKS = {
    APPLIED: "marks applied",
    RETURNED: "marks returned",
    CORRECTION: "returned marks corrected",
    EXPORTED: "marks exported",
}


@dataclass(frozen=True)
class AuditLine:
    """One event, as everyone who may see the record reads it."""

    number: int
    at: str
    """In UTC, as on all pages that show decisions."""
    who: str
    kind: str
    about: str
    value: str
    reference: str
    reason: str
    """Empty unless everyone may read it."""
    retracted_by: tuple[int, ...]
    """The events that retracted it and hold; empty while it holds itself."""
    moves: tuple[str, ...] = ()
    """For marks that moved: whose, and how."""


@dataclass(frozen=True)
class AuditOf:
    """The log of one assignment."""

    assignment: Assignment
    lines: tuple[AuditLine, ...]


def _group_and_member(group: str, member: str) -> str:
    return "/".join(filter(None, (group, member))) or "all"


def audit_of(
    assignment: Assignment,
    events: Sequence[Event],
    about: Callable[[str, str], str] = _group_and_member,
    shown: Callable[[str], str] = str,
) -> AuditOf:
    """The log of one assignment.

    Args:
        events: All events of the assignment, oldest first.
        about: What to call whom an event is about, by group and member.
        shown: Takes out of a text that somebody wrote what the reader may not know, such as names.
    """
    gone = retracted(events)
    ends: dict[int, list[int]] = {}
    for event in events:
        decision = decision_of(event) if event.kind == "retract" else None
        if isinstance(decision, Retract) and event.number not in gone:
            ends.setdefault(decision.of, []).append(event.number)
    entries = record_entries([visible_event(event) for event in events])
    return AuditOf(assignment, tuple(_line(entry, ends, about, shown) for entry in entries))


def audit_page(logs: Sequence[AuditOf], *, course: str = "", note: str = "") -> str:
    """The whole page as HTML: it loads nothing and runs nothing.

    Args:
        note: A sentence about the whole page, such as what it leaves out.
    """
    return render("audit.html", csp=policy(), logs=logs, course=course, note=note)


def _line(
    entry: RecordEntry,
    ends: dict[int, list[int]],
    about: Callable[[str, str], str],
    shown: Callable[[str], str],
) -> AuditLine:
    event = entry.event
    return AuditLine(
        number=event.number,
        at=event.at[:19].replace("T", " "),
        who=event.who,
        kind=_kind(event, shown),
        about=_whom(entry, about),
        value=_value(entry, shown),
        reference=shown(event.reference),
        reason=shown(event.reason),
        retracted_by=tuple(ends.get(event.number, ())),
        moves=tuple(_moves(entry, about)),
    )


def _kind(event: Event, shown: Callable[[str], str]) -> str:
    words = event.kind.replace("_", " ")
    return KINDS_OF_MARKS.get(event.kind) or (words if event.kind in DECISION_KINDS else shown(words))


def _whom(entry: RecordEntry, about: Callable[[str, str], str]) -> str:
    if entry.event.kind == EXPORTED:
        return people(len(export_of(entry.event).marks))
    if entry.differences is None:
        return about(entry.event.group, entry.event.member)
    return people(entry.people)


def _value(entry: RecordEntry, shown: Callable[[str], str]) -> str:
    event = entry.event
    if entry.differences is not None:
        moves, new = len(entry.differences.moves), len(entry.differences.new)
        parts = [f"{quantity(moves, 'mark')} moved"] if moves or not new else []
        return ", ".join([*parts, *([f"{quantity(new, 'mark')} new"] if new else [])])
    if event.kind == EXPORTED:
        return shown(export_text(export_of(event)))
    if event.kind == "dispute":
        return "its text is in the record"
    if isinstance(decision_of(event), UnreadableDecision):
        return f"cannot be read: {shown(event.value)}"
    return f"#{event.value}" if event.kind == "retract" else event.value


def _moves(entry: RecordEntry, about: Callable[[str, str], str]) -> Iterator[str]:
    moves = entry.differences.moves if entry.differences else ()
    for move in moves[:MOST_MOVES]:
        yield f"{about(move.after.group, move.member)}: {_moved(move)}"
    if len(moves) > MOST_MOVES:
        yield f"and {len(moves) - MOST_MOVES} more"


def _moved(move: Move) -> str:
    change = "" if move.change is None else f" ({signed(move.change)})"
    return f"{recorded_mark_text(move.before)} to {recorded_mark_text(move.after)}{change}"
