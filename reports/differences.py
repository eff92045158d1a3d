"""What would move, told on a terminal before it is applied: one sentence, then a line a mark. Applies nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from graders.ledger import Event
from graders.persons.decisions import in_force
from graders.persons.differences import Differences, Move, Told
from reports.bands import band_of
from reports.terminal import fitted, terminal_text

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
    """Every decision with its number, whether it holds, who made it, about whom and why."""
    held = {event.number for event in in_force(events)}
    for event in events:
        gone = "" if event.number in held or event.kind == "retract" else "  (retracted)"
        about = event.about.partition("/")[2] or "all"
        said = f"#{event.number} {event.at[:16].replace('T', ' ')} {event.kind} {event.value} for {about}"
        yield terminal_text(f"{said}, by {event.who}: {event.reason}{gone}")


def signed(change: Decimal) -> str:
    """A change with its sign."""
    return f"{change:+.1f}"


def _who(move: Move) -> str:
    return terminal_text(f"{move.after.group}/{move.member}")


def _mark(told: Told) -> str:
    words = {"withheld": "withheld", "not_submitted": "none", "incomplete": "in part"}
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


def _band(told: Told) -> str:
    whole = told.percent is not None and told.status == "marked"
    return band_of(told.percent, told.level, told.pass_mark).short if whole and told.percent is not None else ""
