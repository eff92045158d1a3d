"""From what a person wants to decide to events that can be recorded: everything is looked up and checked first.

Nothing is recorded here. All that is wrong with a file is told at once, with lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from assignments.assignment import Assignment, Person
from assignments.load import hidden_tests
from assignments.toml_errors import closest, nearest
from graders.course import Course, Group, read_secret
from graders.failures import UserError
from graders.intake.collect import clock
from graders.intake.counting import ON_TIME, counting, due_for_all, due_of_person, extension_problem
from graders.intake.owners import Record
from graders.ledger import Event, Ledger
from graders.manifest import case_ids
from graders.persons.decisions import ABOUT, CODES, KINDS, PASS_MARK, decimal_of, in_force, retracted
from graders.persons.differences import RETURNED
from graders.persons.moderation import scaling
from graders.persons.ratings import METHODS, factors_of
from graders.persons.results import Results
from graders.persons.whom import whom
from graders.tables import read_table

PLACES = Decimal("1e-9")


@dataclass(frozen=True)
class Wanted:
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


STAFF_DECIDED: Final = "decided by the course's staff"


@dataclass(frozen=True)
class Proposal:
    """Decisions that can be recorded, and what a person should know before they are."""

    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()

    def reason(self, moved: Iterable[str] = (), of_all: str = "") -> str:
        """Why marks move, for everyone whose mark does.

        Of several reasons each is for its own person to read, and so is that of one person where others are `moved`:
        their group's due time may follow from it. `of_all` is what was said of all decisions of a file.
        """
        reasons = {event.reason for event in self.events}
        about = {event.member for event in self.events if event.member}
        if about and set(moved) - about:
            return STAFF_DECIDED
        return reasons.pop() if len(reasons) == 1 else of_all or STAFF_DECIDED


@dataclass(frozen=True)
class Desk:
    """What decisions are checked against."""

    course: Course
    assignment: Assignment
    ledger: Ledger
    events: Sequence[Event]
    now: datetime
    cases: Callable[[], Sequence[str]]
    """Ids of the hidden cases; drawn only where they are asked for."""

    def propose(self, kind: str, wanted: Sequence[Wanted], by: str) -> list[Event]:
        """The events to record.

        Raises:
            UserError: with all that is wrong.
        """
        if kind not in KINDS:
            raise UserError(f'KIND "{kind}": {nearest(kind, KINDS)}')
        problems: list[str] = []
        made: dict[tuple[str, str], Event] = {}
        stand_already = 0
        for one in wanted:
            try:
                event = self._event(kind, one, by)
                if self._stands_already(event):
                    stand_already += 1
                    continue
                several = kind in ("void_test", "void_case", "retract", "dispute")
                criterion = event.value.partition("=")[0] if "=" in event.value else ""
                key = (event.about, event.value if several else criterion)
                if key in made:
                    raise ValueError(f"{one.about or one.value} is decided twice; keep one")
                made[key] = event
            except (ValueError, UserError) as error:
                problems.append(f"{one.where}: {error}" if one.where else str(error))
        if problems:
            raise UserError("\n".join(problems))
        if not made:
            why = "all of it stands already" if stand_already else "no row holds a value"
            raise UserError(f"there is nothing to decide: {why}")
        return list(made.values())

    def _event(self, kind: str, wanted: Wanted, by: str) -> Event:
        if wanted.problem:
            raise ValueError(wanted.problem)
        if not wanted.reason.strip():
            raise ValueError('a decision needs its reason: --reason "..."')
        about, group, member = self._about(kind, wanted)
        value = _CHECKS[kind](self, wanted.value.strip(), group, member)
        at = self.now.isoformat(timespec="milliseconds")
        reason, reference = (" ".join(text.split()) for text in (wanted.reason, wanted.reference))
        return Event(at, by, about, kind, value, reason, reference=reference)

    def _stands_already(self, event: Event) -> bool:
        """Whether the same person gave just this mark before.

        Raises:
            ValueError: they gave another one. Where a course names its staff, two marks are of two people.
        """
        if event.kind != "agreed_mark" or not self.course.staff:
            return False
        given = [e for e in in_force(self.events) if self._part(e) == self._part(event)]
        own = next((e for e in given if e.who == event.who), None)
        if own is None:
            return False
        if own is given[-1] and _points(own) == _points(event):
            return True
        raise ValueError(
            f"{event.who} gave {own.value} already (number {own.number}), and a second mark is another "
            f"person's: say --by, or retract the first: medmark decide {self.assignment.id} retract {own.number}"
        )

    def _part(self, event: Event) -> tuple[str, str, str]:
        """The part of whose work a mark is of. Who works alone is their group."""
        alone = {group.name: group.members[0].id for group in self.course.groups if len(group.members) == 1}
        about = event.member or alone.get(event.group) or event.about
        return event.kind, about, event.value.rpartition("=")[0]

    def _about(self, kind: str, wanted: Wanted) -> tuple[str, Group | None, str]:
        id = self.assignment.id
        if kind == "retract":
            return self._retracted(wanted.value).about, None, ""
        allowed = ABOUT[kind]
        if not wanted.about:
            if "all" not in allowed:
                raise ValueError(f"{kind} is about {' or '.join(f'a {w}' for w in allowed)}: say --for WHO")
            return id, None, ""
        group, member = whom(self.course, wanted.about)
        if not member and "group" not in allowed and "person" in allowed and len(group.members) == 1:
            member = group.members[0].id
        if ("person" if member else "group") not in allowed:
            raise ValueError(f"{kind} is about {' or '.join(allowed)}, not a {'person' if member else 'group'}")
        return "/".join(part for part in (id, group.name, member) if part), group, member

    def _retracted(self, value: str) -> Event:
        number = value.removeprefix("#")
        found = next((e for e in self.events if str(e.number) == number and e.kind in (*KINDS, RETURNED)), None)
        if found is None:
            raise ValueError(f'there is no decision number "{value}"; medmark decide {self.assignment.id} lists them')
        return found

    def _extension(self, value: str, group: Group | None, member: str) -> str:
        if problem := extension_problem(value, self.course, self.assignment.id):
            raise ValueError(problem)
        return value

    def _late_commit(self, value: str, group: Group | None, member: str) -> str:
        assert group is not None
        record = Record.of(self.course.groups, self.ledger.observations(self.assignment.id))
        looks = record.looks.get(group.name, ())
        seen = sorted({look.commit for look in looks if look.commit})
        fits = [commit for commit in seen if commit.startswith(value.lower())]
        if len(value) < 7 or len(fits) != 1:
            listed = ", ".join(commit[:10] for commit in seen) or "none"
            raise ValueError(f'"{value}" is not the commit of one tip that was seen of {group.name}; seen: {listed}')
        without = [e for e in in_force(self.events) if e.kind != "late_commit"]
        waits = counting(self.course, self.assignment.id, looks, without, group, self.now).state == "waits for a person"
        # Who could not push, or was not looked at, is not late.
        return f"{fits[0]} {ON_TIME}" if waits else fits[0]

    def _agreed_mark(self, value: str, group: Group | None, member: str) -> str:
        id, is_one, points = value.partition("=")
        if not is_one:
            return self._percent(value, group, member)
        parts = {c.id: c.points for c in self.assignment.criteria if isinstance(c, Person)}
        if id.strip() not in parts:
            raise ValueError(f'no criterion that a person marks is called "{id.strip()}"; {nearest(id, parts)}')
        number = decimal_of(points)
        if number is None or not 0 <= number <= parts[id.strip()]:
            raise ValueError(f'{id.strip()}: "{points}" is no number from 0 to {parts[id.strip()]}')
        return f"{id.strip()}={number}"

    def _percent(self, value: str, group: Group | None, member: str) -> str:
        number = decimal_of(value.removesuffix("%"))
        if number is None or not 0 <= number <= 100:
            raise ValueError(f'"{value}" is not a mark in per cent from 0 to 100')
        return str(number)

    def _factor(self, value: str, group: Group | None, member: str) -> str:
        number = decimal_of(value)
        if number is None or number < 0:
            raise ValueError(f'"{value}" is no factor of 0 or more, as 1.13')
        return str(number)

    def _cap(self, value: str, group: Group | None, member: str) -> str:
        try:
            return value if value == PASS_MARK else self._percent(value, group, member)
        except ValueError as error:
            raise ValueError(f"{error}, nor {PASS_MARK}") from None

    def _code(self, value: str, group: Group | None, member: str) -> str:
        if value:
            raise ValueError(f'takes no VALUE, and "{value}" is one: say whom it is about with --for')
        return value

    def _moderation(self, value: str, group: Group | None, member: str) -> str:
        scaling(value)
        return " ".join(value.split())

    def _void_test(self, value: str, group: Group | None, member: str) -> str:
        known = [test.id for test in hidden_tests(self.assignment)]
        fits = [id for id in known if id in (value, value.partition("/")[2]) or id.endswith(f"::{value}")]
        if len(fits) != 1:
            raise ValueError(f'no hidden test is called "{value}"; {_nearest_test(value, known)}')
        return fits[0]

    def _void_case(self, value: str, group: Group | None, member: str) -> str:
        known = self.cases()
        if value not in known:
            raise ValueError(f'no hidden case is called "{value}"; {nearest(value, known)}')
        return value

    def _text(self, value: str, group: Group | None, member: str) -> str:
        if not value:
            raise ValueError("say what is disputed, as VALUE")
        return " ".join(value.split())

    def _number(self, value: str, group: Group | None, member: str) -> str:
        found = self._retracted(value)
        if found.number in retracted(self.events):
            raise ValueError(f"event {found.number} is retracted already")
        return str(found.number)


def _nearest_test(value: str, known: Sequence[str]) -> str:
    """The nearest by the test's own name, where the value is not the name of a file and a test."""
    ends = {id.rpartition("::")[2]: id for id in known}
    close = closest(value.rpartition("::")[2], ends)
    return f'did you mean "{ends[close]}"?' if close else nearest(value, known)


def _points(event: Event) -> Decimal:
    return Decimal(event.value.rpartition("=")[2])


_Check = Callable[[Desk, str, Group | None, str], str]
_CHECKS: Mapping[str, _Check] = {
    "extension": Desk._extension,
    "late_commit": Desk._late_commit,
    "agreed_mark": Desk._agreed_mark,
    "override": Desk._percent,
    "peer_factor": Desk._factor,
    "moderation": Desk._moderation,
    "cap": Desk._cap,
    **dict.fromkeys(CODES, Desk._code),
    "void_test": Desk._void_test,
    "void_case": Desk._void_case,
    "dispute": Desk._text,
    "retract": Desk._number,
}


def propose(
    course: Course,
    results: Results,
    kind: str,
    wanted: Wanted,
    *,
    by: str,
    file: Path | None = None,
    method: str | None = None,
    with_self: bool | None = None,
) -> Proposal:
    """The events of a decision, checked and not recorded yet: of the one `wanted`, or of every row of `file`.

    Raises:
        UserError: anything about it that cannot be, with what to do.
    """
    asked = results.assignment
    if file is not None and (wanted.value or wanted.about):
        raise UserError("--from FILE holds what is decided and for whom: leave VALUE and --for out")
    if with_self is not None and method is None:
        raise UserError("--with-self and --without-self go with --method and a file of ratings")
    notes: list[str] = []
    if file is None:
        rows = [wanted]
    else:
        rows, notes = from_csv(file, kind, asked, course, wanted.reason, method, with_self)
    rows = [replace(row, reference=row.reference or wanted.reference) for row in rows]
    with Ledger.open(course.ledger) as ledger:
        desk = Desk(course, asked, ledger, results.events, clock(), lambda: case_ids(asked, read_secret(course)))
        events = desk.propose(kind, rows, by)
    return Proposal(tuple(events), (*notes, *_due_times(course, asked.id, [*results.events, *events], events)))


def _due_times(course: Course, id: str, events: Sequence[Event], proposed: Sequence[Event]) -> Iterator[str]:
    """What each extension makes of a due time, in the course's own time."""
    for event in proposed:
        if event.kind != "extension":
            continue
        if event.group:
            due = due_of_person(course, id, events, course.group(event.group), event.member)
        else:
            due = due_for_all(course, id, events)
        yield f"{event.member or event.group or 'all'}: due {due.astimezone(course.zone):%d %b %Y, %H:%M %Z}"


def from_csv(
    path: Path,
    kind: str,
    assignment: Assignment,
    course: Course,
    reason: str,
    method: str | None = None,
    with_self: bool | None = None,
) -> tuple[list[Wanted], list[str]]:
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
        if odd := [str(row.problem) for row, _ in rows if row.problem]:
            raise UserError("\n".join(odd))
        return _peers(path, [(row.line, cells) for row, cells in rows], kind, course, reason, method, with_self)
    criteria = {c.id for c in assignment.criteria if isinstance(c, Person)} & header if kind == "agreed_mark" else set()
    if not header & {"group", "member"} or not (criteria or "value" in header or kind in CODES):
        parts = [c.id for c in assignment.criteria if isinstance(c, Person)]
        wanted = "value" + (f", or the criteria {', '.join(parts)}" if kind == "agreed_mark" and parts else "")
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
        wanted_rows += [Wanted(where, about, cell, why, wrong, of.get("reference", "")) for cell in cells]
    return wanted_rows, []


def _peers(
    path: Path,
    rows: list[tuple[int, dict[str, str]]],
    kind: str,
    course: Course,
    reason: str,
    method: str | None,
    with_self: bool | None,
) -> tuple[list[Wanted], list[str]]:
    """One factor a person, from who gave whom how much; and whose factors rest on the ratings of some members only."""
    if kind != "peer_factor" or method is None or method not in METHODS:
        raise UserError(f"{path}: holds ratings: medmark decide ... peer_factor --method {' or '.join(METHODS)}")
    wanted, notes = [], []
    for made in factors_of(path.name, rows, course.groups, method, with_self):
        for member, factor in made.of.items():
            exact = Decimal(factor.numerator) / Decimal(factor.denominator)
            value = f"{exact.quantize(PLACES).normalize():f}"
            why = f"{made.method}: {reason}" if reason.strip() else ""
            wanted.append(Wanted(path.name, f"{made.group}/{member}", value, why))
        if made.silent:
            rated = f"{len(made.of) - len(made.silent)} of {len(made.of)} rated"
            notes.append(f"{made.group}: {rated}; nothing came from {', '.join(made.silent)}")
    about = {one.about.partition("/")[0] for one in wanted}
    if unrated := [group.name for group in course.groups if len(group.members) > 1 and group.name not in about]:
        whose = "its" if len(unrated) == 1 else "their"
        notes.append(f"no row is about {', '.join(unrated)}: {whose} factors stay as they are")
    return wanted, notes
