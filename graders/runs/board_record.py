"""The use case of a module's board of examiners: the marks of all its assignments, without what a board may not read.

`reports.board.export` makes the pack of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from graders.course.course import Course
from graders.intake.owners import Record
from graders.marks.differences import differences_of
from graders.marks.module_mark import ModuleMark, module_mark, shares_of
from graders.marks.personal import PersonalMark
from graders.marks.results import Results
from graders.marks.visibility import visible_event
from graders.record.ledger import Event, Ledger, Observation
from graders.runs.marking import Change, settled
from graders.runs.on_record import PROGRAM, on_record
from graders.runs.trust import sandbox_of


@dataclass(frozen=True)
class AssignmentRecord:
    """One assignment of the module."""

    results: Results
    """Reasons and notes that are between a person and the staff were never read into them."""
    looks: Mapping[str, Sequence[Observation]]
    """By group: the commits seen, oldest first."""
    collected: bool = True
    """Whether anybody has looked for commits yet: before that, nobody has failed to hand in."""


@dataclass(frozen=True)
class ModuleRecord:
    """All marks of a module."""

    course: Course
    assignments: tuple[AssignmentRecord, ...]
    """In the order of course.toml."""
    marks: Mapping[str, ModuleMark]
    """By member of the roster."""
    course_digest: str = ""
    """SHA-256 of course.toml, which has the weights and policies."""


def module_record(
    course: Course,
    shown: Callable[[str], str],
    *,
    sandbox: str | None = None,
    command: str = PROGRAM,
    on_progress: Callable[[int, int, str], None] = lambda *_: None,
) -> ModuleRecord:
    """The marks of every assignment of a course, and each person's module mark; nothing runs.

    Args:
        shown: Takes names out of a text, for readers who must not know whose a mark is; `str` takes nothing out.
        on_progress: Called before each assignment: how many are read, of how many, and which comes now.

    Raises:
        UserError: an assignment or the sandbox is unknown, the secret is missing, or marks moved and were not applied
            (NotApplied).
    """
    chosen = sandbox_of(course, sandbox, trust_submissions=True)

    records = []
    for done, id in enumerate(course.assignments):
        on_progress(done, len(course.assignments), id)
        results = on_record(course, id, chosen, command=command, as_read=lambda event: board_event(event, shown))
        settled(Change(course, results, differences_of(results), sandbox=chosen.name, command=command))
        with Ledger.open_to_read(course.ledger) as ledger:
            seen = Record.of(course.groups, ledger.observations(id))
        records.append(AssignmentRecord(results, seen.looks, collected=bool(seen.looks or seen.unowned)))
    marks = module_marks(course, [record.results for record in records])
    digest = hashlib.sha256((course.folder / "course.toml").read_bytes()).hexdigest()
    return ModuleRecord(course, tuple(records), marks, digest)


def board_event(event: Event, shown: Callable[[str], str]) -> Event:
    """An event as a board reads it: nothing that is between a person and the staff, and no name in the rest."""
    public = visible_event(event)
    return replace(public, reason=shown(public.reason), reference=shown(public.reference))


def module_marks(course: Course, results: Sequence[Results]) -> dict[str, ModuleMark]:
    """By member of the roster: the module mark that follows from the results of all assignments."""
    shares = shares_of(course)
    marks: dict[str, list[PersonalMark]] = {}
    for each in results:
        for person in each.people:
            marks.setdefault(person.member, []).append(person)
    return {member: module_mark(own, shares, course.round) for member, own in marks.items()}
