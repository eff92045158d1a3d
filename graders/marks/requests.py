"""Decisions as people write them: one on the command line, or many in a file.

`graders.marks.deciding` checks their values.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from assignments.assignment import Assignment
from assignments.errors import UserError, nearest
from assignments.tables import read_table
from graders.course.course import Course
from graders.marks.ratings import METHODS, factors_of
from graders.record.decisions import CODES
from graders.record.in_force import parts_of

FACTOR_STEP = Decimal("1e-9")
"""The last decimal to which a factor is recorded."""


@dataclass(frozen=True)
class DecisionRequest:
    """One decision as a person wrote it."""

    where: str
    """`points.csv:3`; empty on the command line."""
    about: str
    """A group, a member, or `group/member`; empty for all."""
    value: str
    reason: str
    """The person it is about reads it."""
    problem: str = ""
    """Why its row cannot be read."""
    reference: str = ""
    """For staff alone: a case number or a note."""
    by: str = ""
    """Who decided it, where that is not the person who records it: a marker."""


def from_file(
    path: Path,
    kind: str,
    assignment: Assignment,
    course: Course,
    reason: str,
    method: str | None = None,
    with_self: bool | None = None,
) -> tuple[list[DecisionRequest], list[str]]:
    """The decisions of a file, and notes on it: one row a group or person, with columns `group`, `member` or both.

    The column `value` holds the value; for `agreed_mark`, a column named after a criterion holds its points. Ratings
    have the columns `from`, `to` and `rating`. The columns `reason` and `reference` win over --reason and --reference.
    An empty cell decides nothing; for a kind without a value, every row decides.

    Raises:
        UserError: the file cannot be read, or lacks its columns.
    """
    table, problems = read_table(path)
    if table is None:
        raise UserError("\n".join(map(str, problems)))
    if not table.rows:
        raise UserError(f"{path}: has no row below its header")
    # The mark sheet's columns of criteria have this prefix.
    keys = {key: key.removeprefix("criterion_") for key in table.headings}
    header = set(keys.values())
    if twice := [id for key, id in keys.items() if key != id and id in keys]:
        raise UserError(f"{path}:{table.line}: holds a column {twice[0]} and a column criterion_{twice[0]}; remove one")
    rows = [(row, {keys[key]: cell for key, cell in row.cells.items()}) for row in table.rows]
    if method is not None or "rating" in header:
        method = _method(path, header, kind, method)
        if odd := [str(row.problem) for row, _ in rows if row.problem]:
            raise UserError("\n".join(odd))
        return _peers(path, [(row.line, cells) for row, cells in rows], course, reason, method, with_self)
    parts = parts_of(assignment) if kind == "agreed_mark" else {}
    criteria = set(parts) & header
    if not header & {"group", "member"} or not (criteria or "value" in header or kind in CODES):
        values = "value" + (f", or the criteria {', '.join(parts)}" if parts else "")
        raise UserError(f"{path}: needs a header with group or member (or both), and {values}")
    requests = []
    for row, of in rows:
        about = "/".join(part for part in (of.get("group", ""), of.get("member", "")) if part)
        why = of.get("reason") or reason
        cells = [f"{id}={of[id]}" for id in sorted(criteria) if of[id]]
        cells += [of.get("value", "")] if of.get("value") or kind in CODES else []
        wrong = f"{row.problem.what}; {row.problem.cure}" if row.problem else ""
        if cells and not about and not wrong:
            wrong = "has a value but neither a group nor a member"
        where = f"{path.name}:{row.line}"
        cells = cells or [""] if wrong else cells
        requests += [DecisionRequest(where, about, cell, why, wrong, of.get("reference", "")) for cell in cells]
    return requests, []


def _method(path: Path, header: Collection[str], kind: str, method: str | None) -> str:
    """The method that makes factors from a file of ratings.

    Raises:
        UserError: no method or an unknown one, another kind of decision, or a file without ratings.
    """
    if method is None:
        raise UserError(f"{path}: holds ratings: medmark decide ... peer_factor --method {' or '.join(METHODS)}")
    if kind != "peer_factor":
        raise UserError(f"--method is for peer_factor and a file of ratings, not for {kind}")
    if method not in METHODS:
        raise UserError(f'--method "{method}": {nearest(method, METHODS)}')
    if lacking := [name for name in ("from", "to", "rating") if name not in header]:
        raise UserError(f"{path}: needs a header with from, to and rating; it lacks {', '.join(lacking)}")
    return method


def _peers(
    path: Path,
    rows: list[tuple[int, dict[str, str]]],
    course: Course,
    reason: str,
    method: str,
    with_self: bool | None,
) -> tuple[list[DecisionRequest], list[str]]:
    """One factor a person, from the ratings; and notes on groups where not everyone rated."""
    requests, notes = [], []
    for factors in factors_of(path.name, rows, course.groups, method, with_self):
        for member, factor in factors.of.items():
            exact = Decimal(factor.numerator) / Decimal(factor.denominator)
            value = f"{exact.quantize(FACTOR_STEP).normalize():f}"
            why = f"{factors.method}: {reason}" if reason.strip() else ""
            requests.append(DecisionRequest(path.name, f"{factors.group}/{member}", value, why))
        if factors.silent:
            rated = f"{len(factors.of) - len(factors.silent)} of {len(factors.of)} rated"
            notes.append(f"{factors.group}: {rated}; no ratings from {', '.join(factors.silent)}")
    about = {request.about.partition("/")[0] for request in requests}
    if unrated := [group.name for group in course.groups if len(group.members) > 1 and group.name not in about]:
        whose = "its" if len(unrated) == 1 else "their"
        notes.append(f"no row rates {', '.join(unrated)}: {whose} factors do not change")
    return requests, notes
