"""The use case of filled forms: the change that they make to the marks, and what they would replace."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assignments.errors import UserError, listed
from graders.course.secret import read_secret
from graders.marks.allocation import MarkingKey, read_key
from graders.marks.deciding import proposal_of
from graders.marks.marker_forms import Entry, FilledForm, read_forms
from graders.marks.part_marks import PartMark
from graders.marks.requests import DecisionRequest
from graders.marks.staff import decider
from graders.marks.versions import returned_marks
from graders.record.decisions import LineMark, Role, line_value
from graders.runs.marker_work import parts_on_record, rubric_of
from graders.runs.marking import Change, settled, with_proposal


@dataclass(frozen=True)
class Replaced:
    """A mark on record that a form replaces."""

    entry: Entry
    role: Role
    before: LineMark
    marker: str

    @property
    def text(self) -> str:
        """`Amber Avocet (group-03), method, first: 7 -> 6; the comment changes`."""
        entry, before = self.entry, self.before
        moves = "" if entry.points == before.points else f": {before.points} -> {entry.points}"
        comment = "; the comment changes" if entry.comment != before.comment else ""
        who = f"; {before.event.who} gave it before" if before.event.who != self.marker else ""
        return f"{entry.code} ({entry.group}), {entry.line or 'the whole'}, {self.role}{moves}{comment}{who}"


@dataclass(frozen=True)
class EnteredForms:
    """What filled forms hold, and what they change."""

    forms: tuple[FilledForm, ...]
    change: Change | None
    """None where all of it is on record already."""
    new: int
    """Marks of lines that are recorded for the first time."""
    replaced: tuple[Replaced, ...]
    notes: tuple[str, ...]


def entered(before: Change, id: str, files: Sequence[Path], *, by: str | None = None, reason: str = "") -> EnteredForms:
    """The change that forms of the part `id` make to the marks `before` it; `applied` records it.

    Args:
        by: Who enters them; each mark keeps its own marker.
        reason: Why returned marks move, for students to read.

    Raises:
        UserError: every problem of all files, or marks moved `before` it unapplied.
    """
    course, results = before.course, before.results
    settled(before)
    criterion = rubric_of(before, id)
    reader = decider(course, by)
    key = read_key(course, read_secret(course), results.assignment.id, id)
    forms, problems = read_forms(files, criterion, results.assignment.id, key, reader)
    for form in forms:
        try:
            decider(course, form.marker)
        except UserError as error:
            problems.append(f"{form.path}: {error}")
    if problems:
        raise UserError("\n".join(problems))
    parts = parts_on_record(before, criterion)
    requests: dict[tuple[str, Role, str], DecisionRequest] = {}
    replaced: dict[tuple[str, Role, str], Replaced] = {}
    notes = list(dict.fromkeys(note for form in forms for note in form.notes))
    for form in forms:
        for entry in form.entries:
            recorded = parts[entry.group].marks(form.role).get(entry.line)
            if recorded is not None and _same(recorded, entry, form.marker):
                continue
            line = (entry.group, form.role, entry.line)
            if recorded is not None:
                replaced[line] = Replaced(entry, form.role, recorded, form.marker)
            value = line_value(form.role, id, entry.line, entry.points)
            origin = f"entered by {reader} from {form.path.name}"
            requests[line] = DecisionRequest(entry.where, entry.group, value, entry.comment, "", origin, form.marker)
    notes += _blank_but_recorded(forms, parts, key)
    notes += [
        f"{code_of(key, group)} ({group}): {part.whole.points} were agreed for the part as a whole (number "
        f"{part.whole.number}), which stands; retract that for its lines to count"
        for group, part in parts.items()
        if part.whole is not None and any(request.about == group for request in requests.values())
    ]
    change = None
    if requests:
        proposal = proposal_of(course, results, "line_mark", list(requests.values()), by=reader)
        change = with_proposal(before, proposal, reason)
        notes += _rewritten(change, {group for group, _, _ in requests})
    new = len(requests) - len(replaced)
    return EnteredForms(tuple(forms), change, new, tuple(replaced.values()), tuple(notes))


def _rewritten(change: Change, groups: Collection[str]) -> Iterator[str]:
    """Returned pages whose text changes although no mark moves: no correction, so no new version says so."""
    returned, moved = returned_marks(change.results.events), {move.member for move in change.differences.moves}
    people = [person for person in change.results.people if person.group in groups and person.member in returned]
    if names := list(dict.fromkeys(person.group for person in people if person.member not in moved)):
        yield f"returned already, and only words or lines change, so no new version says it: {listed(names, 10)}"


def _same(recorded: LineMark, entry: Entry, marker: str) -> bool:
    return (recorded.points, recorded.comment, recorded.event.who) == (entry.points, entry.comment, marker)


def code_of(key: MarkingKey, group: str) -> str:
    """The code of a group's paper, else its name."""
    paper = key.of_group(group)
    return paper.code if paper else group


def _blank_but_recorded(forms: Sequence[FilledForm], parts: Mapping[str, PartMark], key: MarkingKey) -> Iterator[str]:
    for form in forms:
        filled = {(entry.group, entry.line) for entry in form.entries}
        for code in form.codes:
            paper = key.of_code(code)
            recorded = parts[paper.group].marks(form.role) if paper else {}
            blank = [line for line in recorded if paper and line and (paper.group, line) not in filled]
            if blank:
                yield f"{code}: {listed(blank)} blank in {form.path.name}, and on record; the record stays"
