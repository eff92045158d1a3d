"""Decisions as people write them: one on the command line, or many in a file. Nothing is looked up or recorded here.

What they may say is checked in `graders.marks.deciding`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from assignments.assignment import Assignment
from assignments.errors import UserError, nearest
from graders.course.course import Course
from graders.course.tables import read_table
from graders.marks.ratings import METHODS, factors_of
from graders.record.decisions import CODES
from graders.record.in_force import parts_of

PLACES = Decimal("1e-9")
"""To which a factor is recorded."""


@dataclass(frozen=True)
class DecisionRequest:
    """One decision as a person wrote it."""

    where: str
    """`points.csv:3`, or nothing on the command line."""
    about: str
    """A group, a member, or `group/member`; empty for all."""
    value: str
    reason: str
    """The person it is about reads it."""
    problem: str = ""
    """Why its row cannot be read."""
    reference: str = ""
    """For staff alone: a case number or a note."""


def from_file(
    path: Path,
    kind: str,
    assignment: Assignment,
    course: Course,
    reason: str,
    method: str | None = None,
    with_self: bool | None = None,
) -> tuple[list[DecisionRequest], list[str]]:
    """The decisions of a file, and notes on it: a row a group or a person, under `group` and `member` (or one of them).

    A column `value` holds what is decided; for `agreed_mark` a column named as a criterion holds its points; ratings
    stand under `from`, `to` and `rating`. The columns `reason` and `reference` go before --reason and --reference.
    Empty cells decide nothing; of a kind that takes no value every row decides.

    Raises:
        UserError: the file cannot be read, or lacks its columns.
    """
    table, problems = read_table(path)
    if table is None:
        raise UserError("\n".join(map(str, problems)))
    if not table.rows:
        raise UserError(f"{path}: has no row below its header")
    # The mark sheet calls a criterion's column so.
    keys = {key: key.removeprefix("criterion_") for key in table.headings}
    header = set(keys.values())
    if twice := [id for key, id in keys.items() if key != id and id in keys]:
        raise UserError(f"{path}:{table.line}: holds a column {twice[0]} and a column criterion_{twice[0]}; remove one")
    rows = [(row, {keys[key]: cell for key, cell in row.cells.items()}) for row in table.rows]
    if method is not None or "rating" in header:
        known = _method(path, header, kind, method)
        if odd := [str(row.problem) for row, _ in rows if row.problem]:
            raise UserError("\n".join(odd))
        return _peers(path, [(row.line, cells) for row, cells in rows], course, reason, known, with_self)
    parts = parts_of(assignment) if kind == "agreed_mark" else {}
    criteria = set(parts) & header
    if not header & {"group", "member"} or not (criteria or "value" in header or kind in CODES):
        wanted = "value" + (f", or the criteria {', '.join(parts)}" if parts else "")
        raise UserError(f"{path}: needs a header with group or member (or both), and {wanted}")
    wanted_rows = []
    for row, of in rows:
        about = "/".join(part for part in (of.get("group", ""), of.get("member", "")) if part)
        why = of.get("reason") or reason
        cells = [f"{id}={of[id]}" for id in sorted(criteria) if of[id]]
        cells += [of.get("value", "")] if of.get("value") or kind in CODES else []
        wrong = f"{row.problem.what}; {row.problem.cure}" if row.problem else ""
        if cells and not about and not wrong:
            wrong = "says for neither group nor member what it decides"
        where = f"{path.name}:{row.line}"
        cells = cells or [""] if wrong else cells
        wanted_rows += [DecisionRequest(where, about, cell, why, wrong, of.get("reference", "")) for cell in cells]
    return wanted_rows, []


def _method(path: Path, header: Collection[str], kind: str, method: str | None) -> str:
    """The method that makes factors of a file of ratings.

    Raises:
        UserError: there is none, or the file or the kind of decision is another.
    """
    if method is None:
        raise UserError(f"{path}: holds ratings: medmark decide ... peer_factor --method {' or '.join(METHODS)}")
    if kind != "peer_factor":
        raise UserError(f"--method goes with peer_factor and a file of ratings, not with {kind}")
    if method not in METHODS:
        raise UserError(f'--method "{method}": {nearest(method, METHODS)}')
    if lacking := [name for name in ("from", "to", "rating") if name not in header]:
        raise UserError(f"{path}: needs a header with from, to and rating, and lacks {', '.join(lacking)}")
    return method


def _peers(
    path: Path,
    rows: list[tuple[int, dict[str, str]]],
    course: Course,
    reason: str,
    method: str,
    with_self: bool | None,
) -> tuple[list[DecisionRequest], list[str]]:
    """One factor a person, from who gave whom how much; and whose factors rest on the ratings of some members only."""
    wanted, notes = [], []
    for made in factors_of(path.name, rows, course.groups, method, with_self):
        for member, factor in made.of.items():
            exact = Decimal(factor.numerator) / Decimal(factor.denominator)
            value = f"{exact.quantize(PLACES).normalize():f}"
            why = f"{made.method}: {reason}" if reason.strip() else ""
            wanted.append(DecisionRequest(path.name, f"{made.group}/{member}", value, why))
        if made.silent:
            rated = f"{len(made.of) - len(made.silent)} of {len(made.of)} rated"
            notes.append(f"{made.group}: {rated}; nothing came from {', '.join(made.silent)}")
    about = {one.about.partition("/")[0] for one in wanted}
    if unrated := [group.name for group in course.groups if len(group.members) > 1 and group.name not in about]:
        whose = "its" if len(unrated) == 1 else "their"
        notes.append(f"no row is about {', '.join(unrated)}: {whose} factors stay as they are")
    return wanted, notes
