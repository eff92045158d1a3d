"""Differences between marks as lines of text, the events of the record, and whom a return reaches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from graders.marks.differences import Differences, Move, RecordEntry, record_entries
from graders.record.exports import EXPORTED, RecordedExport, export_of
from graders.record.ledger import Event
from graders.record.snapshots import RETURNED, RecordedMark
from reports.bands import band_of
from reports.terminal import fitted, people, terminal_text

if TYPE_CHECKING:  # it opens the course, which a line of text does not need
    from graders.marks.returning import Returnable

MOST_MOVES = 40
"""Moves that are listed: the largest ones."""


def summary_of_moves(differences: Differences) -> str:
    """`7 marks move, 2 cross a band, largest +3.1`."""
    moves = differences.moves
    many = "1 mark moves" if len(moves) == 1 else f"{len(moves) or 'no'} marks move"
    crossing = sum(_crossing(move) != "" for move in moves)
    crosses = f"{crossing or 'none'} {'cross' if crossing > 1 else 'crosses'} a band"
    parts = [many, crosses if moves else ""]
    changes = [move.change for move in moves if move.change is not None]
    if changes:
        parts.append(f"largest {signed(max(changes, key=lambda change: (abs(change), change)))}")
    return ", ".join(part for part in parts if part)


def difference_lines(differences: Differences) -> Iterator[str]:
    """The summary, and one line a person, the largest change first."""
    yield summary_of_moves(differences)
    ordered = sorted(differences.moves, key=lambda move: -abs(Decimal(1000) if move.change is None else move.change))
    for move in ordered[:MOST_MOVES]:
        change = "" if move.change is None else f" {signed(move.change):>6}"
        marks = f"{recorded_mark_text(move.before):>12} -> {recorded_mark_text(move.after):<12}"
        line = f"  {fitted(_who(move), 30)} {marks}{change}  {_crossing(move)}"
        yield f"{line.rstrip()}{_passing(move)}"
    if len(ordered) > MOST_MOVES:
        yield f"  and {len(ordered) - MOST_MOVES} more"


def record_lines(events: Sequence[Event]) -> Iterator[str]:
    """Every event with its number, time, effect, author, reason, and whether it was retracted."""
    for entry in record_entries(events):
        event = entry.event
        number = f"#{event.number} " if event.number else ""
        reason = ": ".join(["", event.reason] if event.reason else [])
        reference = f" [{event.reference}]" if event.reference else ""
        gone = "" if entry.in_force or event.kind == "retract" else "  (retracted)"
        time = event.at[:16].replace("T", " ")
        yield terminal_text(f"{number}{time} {_effect(entry)}, by {event.who}{reason}{reference}{gone}")


def _effect(entry: RecordEntry) -> str:
    event = entry.event
    if event.kind == EXPORTED:
        return f"exported to {export_text(export_of(event))}"
    if entry.differences is None:
        what = f"{event.kind} {event.value}".strip()
        return f"{what} for {'/'.join(part for part in (event.group, event.member) if part) or 'all'}"
    if event.kind == RETURNED:
        return f"returned to {people(entry.people)}"
    moves, new = len(entry.differences.moves), len(entry.differences.new)
    parts = [f"{_marks(moves)} moved"] if moves or not new else []
    parts += [f"{_marks(new)} new"] if new else []
    return f"{event.kind}: {', '.join(parts)}"


def export_text(export: RecordedExport) -> str:
    """`upload.csv (moodle-assign): 2 marks`."""
    column = f", {export.column}" if export.column else ""
    return f"{export.file} ({export.format}{column}): {_marks(len(export.marks))}"


def return_lines(offer: Returnable) -> Iterator[str]:
    """Whom a return reaches, and who is left out and why."""
    everyone = len(offer.now) + len(offer.already) + sum(map(len, offer.left_out.values()))
    whole = len(offer.now) + len(offer.already) - len(offer.taken_away)
    yield f"{whole} of {people(everyone)} {'has' if everyone == 1 else 'have'} a whole mark."
    if offer.already:
        yield f"Returned before: {people(len(offer.already))}."
    if offer.taken_away:
        yield terminal_text(f"Returned before, without a whole mark now: {', '.join(offer.taken_away)}")
    for status, members in offer.left_out.items():
        yield terminal_text(f"Left out, {_LEFT_OUT.get(status, status.replace('_', ' '))}: {', '.join(members)}")


_LEFT_OUT = {
    "incomplete": "as a person has not marked their part yet",
    "withheld": "as the toolkit or the machine failed, or nothing was graded yet",
    "not_submitted": "as no submission counts",
}


def _marks(count: int) -> str:
    return "1 mark" if count == 1 else f"{count or 'no'} marks"


def signed(change: Decimal) -> str:
    """A change with its sign."""
    return f"{change:+.1f}"


def _who(move: Move) -> str:
    return terminal_text(f"{move.after.group}/{move.member}")


def recorded_mark_text(mark: RecordedMark) -> str:
    """A mark of a snapshot in a word or two."""
    words = {"withheld": "withheld", "not_submitted": "none", "incomplete": "in part"}
    if mark.percent is None and mark.open and mark.status == "withheld":
        return {"grading": "not graded"}.get(mark.open, "waits")
    if mark.percent is None:
        return words.get(mark.status, mark.status)
    return f"{mark.percent}" + (" so far" if mark.status == "incomplete" else "")


def _crossing(move: Move) -> str:
    """`2:2 -> 2:1` where a whole mark leaves its band for another, else nothing."""
    before, after = _band(move.before), _band(move.after)
    return f"{before} -> {after}" if before and after and before != after else ""


def _passing(move: Move) -> str:
    before, after = move.before.pass_mark, move.after.pass_mark
    return f"  pass mark {before} -> {after}" if before != after else ""


def _band(mark: RecordedMark) -> str:
    if mark.percent is None or mark.status != "marked":
        return ""
    return band_of(mark.percent, mark.level, mark.pass_mark).short
