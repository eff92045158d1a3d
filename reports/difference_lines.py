"""What would move, told on a terminal before it is applied: one sentence, then a line a mark. Applies nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from graders.marks.differences import Differences, Move, RecordEntry, record_entries
from graders.record.ledger import Event
from graders.record.snapshots import RETURNED, RecordedMark
from reports.bands import band_of
from reports.terminal import fitted, terminal_text

if TYPE_CHECKING:  # it opens the course, which a line of text does not need
    from graders.marks.returning import Returnable

LISTED = 40
"""Lines of a list; of more, the largest."""


def summary(differences: Differences) -> str:
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
    """The summary, and a line a person, the largest change first."""
    yield summary(differences)
    ordered = sorted(differences.moves, key=lambda move: -abs(Decimal(1000) if move.change is None else move.change))
    for move in ordered[:LISTED]:
        change = "" if move.change is None else f" {signed(move.change):>6}"
        marks = f"{_mark(move.before):>12} -> {_mark(move.after):<12}"
        line = f"  {fitted(_who(move), 30)} {marks}{change}  {_crossing(move)}"
        yield f"{line.rstrip()}{_passing(move)}"
    if len(ordered) > LISTED:
        yield f"  and {len(ordered) - LISTED} more"


def decision_lines(events: Sequence[Event]) -> Iterator[str]:
    """Every event with its number, whether it holds, what it did, who made it, about whom and why."""
    for entry in record_entries(events):
        event = entry.event
        number = f"#{event.number} " if event.number else ""
        reason = ": ".join(["", event.reason] if event.reason else [])
        reference = f" [{event.reference}]" if event.reference else ""
        gone = "" if entry.in_force or event.kind == "retract" else "  (retracted)"
        said = f"{number}{event.at[:16].replace('T', ' ')} {_did(entry)}, by {event.who}{reason}{reference}{gone}"
        yield terminal_text(said)


def _did(entry: RecordEntry) -> str:
    event = entry.event
    if entry.differences is None:
        what = f"{event.kind} {event.value}".strip()
        return f"{what} for {'/'.join(part for part in (event.group, event.member) if part) or 'all'}"
    if event.kind == RETURNED:
        return f"returned to {_people(entry.people)}"
    moves, new = len(entry.differences.moves), len(entry.differences.new)
    parts = [f"{_marks(moves)} moved"] if moves or not new else []
    parts += [f"{_marks(new)} new"] if new else []
    return f"{event.kind}: {', '.join(parts)}"


def return_lines(found: Returnable) -> Iterator[str]:
    """Whom a return reaches, and who is left out and why."""
    everyone = len(found.now) + len(found.already) + sum(map(len, found.left_out.values()))
    whole = len(found.now) + len(found.already) - len(found.taken_away)
    yield f"{whole} of {_people(everyone)} {'has' if everyone == 1 else 'have'} a whole mark."
    if found.already:
        yield f"Told theirs before: {_people(len(found.already))}."
    if found.taken_away:
        yield terminal_text(f"Without a mark since: {', '.join(found.taken_away)}")
    for status, members in found.left_out.items():
        yield terminal_text(f"Left out, {_WHY.get(status, status.replace('_', ' '))}: {', '.join(members)}")


_WHY = {
    "incomplete": "since a person's part is not marked yet",
    "withheld": "since a fault of ours or of the machine stands in the way, or nothing was graded yet",
    "not_submitted": "since nothing counts as handed in",
}


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _marks(count: int) -> str:
    return "1 mark" if count == 1 else f"{count or 'no'} marks"


def signed(change: Decimal) -> str:
    """A change with its sign."""
    return f"{change:+.1f}"


def _who(move: Move) -> str:
    return terminal_text(f"{move.after.group}/{move.member}")


def _mark(told: RecordedMark) -> str:
    words = {"withheld": "withheld", "not_submitted": "none", "incomplete": "in part"}
    if told.percent is None and told.open and told.status == "withheld":
        return {"grading": "not graded"}.get(told.open, "waits")
    if told.percent is None:
        return words.get(told.status, told.status)
    return f"{told.percent}" + (" so far" if told.status == "incomplete" else "")


def _crossing(move: Move) -> str:
    """`2:2 -> 2:1` where a whole mark leaves its band for another, else nothing."""
    before, after = (_band(told) for told in (move.before, move.after))
    return f"{before} -> {after}" if before and after and before != after else ""


def _passing(move: Move) -> str:
    before, after = move.before.pass_mark, move.after.pass_mark
    return f"  pass mark {before} -> {after}" if before != after else ""


def _band(told: RecordedMark) -> str:
    whole = told.percent is not None and told.status == "marked"
    return band_of(told.percent, told.level, told.pass_mark).short if whole and told.percent is not None else ""
