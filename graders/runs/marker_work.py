"""The use cases of parts that people mark by a rubric.

    planned_marking   who marks which paper under which code; nothing is written yet
    part_state        how far a part is marked, and how well two markers agree

`graders.runs.paper_copies` copies the papers of a planned marking, `reports.marker_folders` writes its folders, and
`graders.runs.entered_forms` reads the forms back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from assignments.assignment import Person
from assignments.errors import UserError, listed, nearest
from graders.course.course import Course
from graders.course.secret import read_secret
from graders.marks.agreement import LineAgreement, agreement
from graders.marks.allocation import (
    Allocated,
    MarkingKey,
    in_order,
    number_of,
    read_key,
    sample,
    with_first,
    with_papers,
    with_second,
)
from graders.marks.part_marks import PartMark, disputed_lines, part_mark
from graders.marks.staff import decider
from graders.record.decisions import Role
from graders.record.in_force import Decisions
from graders.runs.marking import Change


@dataclass(frozen=True)
class PlannedForm:
    """One form to write: whose it is, and its papers."""

    marker: str
    """For agreed marks `agreed`: they have no marker of their own."""
    role: Role
    papers: tuple[Allocated, ...]


@dataclass(frozen=True)
class PlannedMarking:
    """Who marks what of one part. Nothing is written yet."""

    change: Change
    criterion: Person
    key: MarkingKey
    forms: tuple[PlannedForm, ...]
    parts: Mapping[str, PartMark]
    """By group: what is on record."""
    notes: tuple[str, ...] = ()
    """Groups without a paper to mark, and why."""

    @property
    def papers(self) -> tuple[Allocated, ...]:
        """Every paper of a form, once."""
        return tuple(dict.fromkeys(paper for form in self.forms for paper in form.papers))


def rubric_of(change: Change, id: str) -> Person:
    """The criterion of this id, which people mark by a rubric.

    Raises:
        UserError: there is none.
    """
    assignment = change.results.assignment
    people = {item.id: item for item in assignment.criteria if isinstance(item, Person)}
    if id not in people:
        hint = nearest(id, people) or "no part of it is marked by people"
        raise UserError(f'{assignment.id}: people mark no part called "{id}"; {hint}')
    if not people[id].lines:
        raise UserError(
            f"{assignment.folder / 'assignment.toml'}: {id} has no rubric, which forms are made of. Add rubric = "
            f'"scientific_paper" or your own (docs/assignment.md), or enter points without one: medmark decide '
            f"{assignment.id} agreed_mark --from points.csv"
        )
    return people[id]


def parts_on_record(change: Change, criterion: Person) -> dict[str, PartMark]:
    """By group: what the record holds for a part."""
    decisions = Decisions.of(change.results.assignment.id, change.results.events)
    tolerance = change.course.second_marking.tolerance
    return {mark.group: part_mark(criterion, decisions, mark.group, tolerance) for mark in change.results.marks}


def planned_marking(
    change: Change,
    id: str,
    *,
    markers: Sequence[str] = (),
    second: str = "",
    sample_each: int = 0,
    classes: Sequence[Decimal] = (),
    agree: bool = False,
    seed: int = 1,
) -> PlannedMarking:
    """Who marks which paper of the part `id`: all papers that have no marker yet are dealt.

    Args:
        change: The marks on record.
        markers: Who marks; by default those of before, else the course's staff, else the user of this machine.
        second: How many papers a second person marks: `10`, `20%`.
        sample_each: Instead, the moderation sample: fails, borderlines, and so many of each class.
        classes: Where the classes above the fails begin, in per cent: for a sample.
        agree: Instead, the papers that need an agreed mark.
        seed: Another one draws in another order.

    Raises:
        UserError: an unknown part or marker, no paper to mark, or too few markers.
    """
    course, results = change.course, change.results
    criterion = rubric_of(change, id)
    secret, label = read_secret(course), f"{results.assignment.id}/{id}"
    key = read_key(course, secret, results.assignment.id, id)
    names = _markers(course, markers or key.markers)
    before = {paper.group: paper for paper in key.papers}
    commits = {each.group: each.commit for each in results.submissions if each.commit and not each.waits}
    key = with_first(with_papers(key, commits, secret, label), names, secret, label, seed)
    parts = parts_on_record(change, criterion)
    forms: tuple[PlannedForm, ...]
    if agree:
        tolerance = course.second_marking.tolerance
        papers = tuple(paper for paper in key.papers if disputed_lines(parts[paper.group], tolerance))
        forms = (PlannedForm("agreed", "agreed", papers),) if papers else ()
        nothing = "no paper needs an agreed mark"
    elif sample_each:
        drawn = _sample(parts, classes, sample_each, secret, f"{label}/{seed}")
        key = with_second(key, drawn, names, secret, f"{label}/{seed}")
        forms = _forms(key, "second", drawn)
        nothing = "no paper has a first mark for every line yet, and a sample is drawn from those"
    else:
        marked = [paper.group for paper in key.papers if paper.group in commits]
        reasons = {}
        if second:
            count = number_of(second, len(marked), "--second")
            doubly = {paper.group for paper in key.papers if paper.second}
            order = in_order(set(marked) - doubly, secret, f"{label}/{seed}/drawn")
            reasons = dict.fromkeys(order[: max(count - len(doubly), 0)], f"drawn with seed {seed}")
        key = with_second(key, reasons, names, secret, f"{label}/{seed}")
        forms = (*_forms(key, "first", commits), *(_forms(key, "second", commits) if second else ()))
        nothing = "no group has a commit that counts"
    if not forms:
        raise UserError(f"{results.assignment.id}, {id}: {nothing}")
    return PlannedMarking(change, criterion, key, forms, parts, (*_newer(before, commits), *_without_paper(change)))


def _markers(course: Course, names: Sequence[str]) -> list[str]:
    names = [name for name in (each.strip() for each in names) if name] or list(course.staff) or [""]
    markers = [decider(course, name) for name in names]
    for name in markers:
        if not re.fullmatch(r"[\w][\w.@ -]{0,63}", name) or name == "agreed":
            raise UserError(f'--markers "{name}": a folder has this name; use letters, digits, dot, dash, underscore')
    if twice := [name for name in markers if markers.count(name) > 1]:
        raise UserError(f"--markers: {twice[0]} is named twice")
    return markers


def _sample(
    parts: Mapping[str, PartMark], classes: Sequence[Decimal], each: int, secret: bytes, label: str
) -> dict[str, str]:
    totals = {group: part.total("first") for group, part in parts.items()}
    percents = {
        group: total * 100 / parts[group].criterion.points for group, total in totals.items() if total is not None
    }
    return sample(percents, classes, each, secret, label)


def _forms(key: MarkingKey, role: Role, groups: Mapping[str, object]) -> tuple[PlannedForm, ...]:
    papers: dict[str, list[Allocated]] = {}
    for paper in sorted(key.papers, key=lambda paper: paper.code):
        marker = paper.first if role == "first" else paper.second
        if marker and paper.group in groups:
            papers.setdefault(marker, []).append(paper)
    return tuple(PlannedForm(marker, role, tuple(own)) for marker, own in sorted(papers.items()))


def _newer(before: Mapping[str, Allocated], commits: Mapping[str, str]) -> Iterator[str]:
    codes = [paper.code for group, paper in before.items() if commits.get(group, paper.commit) != paper.commit]
    if codes:
        yield f"another commit counts now than when these were dealt, so send them again: {listed(codes, 10)}"


def _without_paper(change: Change) -> Iterator[str]:
    none = [each.group for each in change.results.submissions if not each.commit and not each.waits]
    waits = [each.group for each in change.results.submissions if each.waits]
    if none:
        yield f"without a commit, so in no form: {listed(none, 10)}"
    if waits:
        yield f"until it is settled which commit counts, in no form: {listed(waits, 10)}"


@dataclass(frozen=True)
class PartState:
    """How far a part is marked."""

    criterion: Person
    key: MarkingKey
    parts: Mapping[str, PartMark]
    agreement: tuple[LineAgreement, ...]
    tolerance: Decimal


def part_state(change: Change, id: str) -> PartState:
    """How far the part `id` is marked, by whom, and how well two markers agree.

    Raises:
        UserError: an unknown part, or one without a rubric.
    """
    criterion = rubric_of(change, id)
    course, results = change.course, change.results
    key = read_key(course, read_secret(course), results.assignment.id, id)
    parts = parts_on_record(change, criterion)
    return PartState(criterion, key, parts, tuple(agreement([*parts.values()])), course.second_marking.tolerance)
