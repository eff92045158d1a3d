"""Writes a folder for each marker: the form, the papers under their codes, and each paper's page without names.

The key of the codes stays with the course. A form that exists is never written again: it may hold somebody's work.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from markupsafe import escape

from assignments.assignment import Person
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.rubric import RubricLine
from graders.marks.diagnosis import known_mistakes
from graders.marks.mark import Mark, MarkedLine, Verdict, added_up
from graders.marks.marker_forms import FACTS
from graders.marks.part_marks import PartMark
from graders.runs.marker_work import PlannedForm, PlannedMarking
from graders.runs.paper_copies import PaperCopy, paper_copies
from reports.feedback import HandIn, feedback_page
from reports.file_names import file_name
from reports.marker_form import FormPaper, marker_form
from reports.names import REMOVED, telling
from reports.next_step import next_step
from reports.terminal import quantity

KEPT_PROVENANCE: Final = ("framework", "mode", "python")
"""The rest of a provenance could name the group: by its commit, its flags or a digest."""


@dataclass(frozen=True)
class WrittenFolder:
    """What one marker gets."""

    folder: Path
    form: Path
    role: str
    papers: int


@dataclass(frozen=True)
class WrittenMarking:
    """Everything that was written, and what staff should look at first."""

    key: Path
    folders: tuple[WrittenFolder, ...]
    notes: tuple[str, ...]
    """Papers that are missing or too long, and names in their text."""


def write_marking(
    planned: PlannedMarking, out: Path, on_progress: Callable[[int, int, str], None] = lambda *_: None
) -> WrittenMarking:
    """Write the key, then the folders of all markers below `out`.

    Args:
        on_progress: Called after each paper: how many are done, of how many, and its code.

    Raises:
        UserError: a form is there already. Nothing was written.
    """
    forms = {form: _form_path(planned, form, out) for form in planned.forms}
    if there := [path for path in forms.values() if path.exists()]:
        raise UserError(
            f"{there[0]}: is there already, and may hold a marker's work. Choose another folder with --out, or move it"
        )
    planned.key.write()
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="medmark-papers-") as scratch:
        copies: dict[str, PaperCopy] = {}
        if planned.criterion.file is not None:
            for number, copy in enumerate(paper_copies(planned, Path(scratch)), 1):
                copies[copy.code] = copy
                on_progress(number, len(planned.papers), copy.code)
            notes += _paper_notes(planned, copies)
        answers = {code: copy.answers for code, copy in copies.items()}
        pages = dict(_pages(planned, answers))
        folders = [_write_form(planned, form, path, copies, pages) for form, path in forms.items()]
    return WrittenMarking(planned.key.path, tuple(folders), tuple(notes))


def _form_path(planned: PlannedMarking, form: PlannedForm, out: Path) -> Path:
    return out / file_name(form.marker) / f"{planned.criterion.id}-{form.role}.xlsx"


def _write_form(
    planned: PlannedMarking, form: PlannedForm, path: Path, copies: Mapping[str, PaperCopy], pages: Mapping[str, str]
) -> WrittenFolder:
    folder = path.parent
    facts = (planned.key.form, planned.change.results.assignment.id, planned.criterion.id, form.marker, form.role)
    papers = []
    for paper in form.papers:
        part, copy = planned.parts[paper.group], copies.get(paper.code)
        name = file_name(paper.code.replace(" ", "-"))
        if copy is not None and copy.file is not None:
            with copy.file.open("rb") as source:
                replace_file(folder / "papers" / f"{name}{copy.file.suffix or '.pdf'}", source)
        replace_file(folder / "pages" / f"{name}.html", pages[paper.code])
        earlier = dict(_both(part)) if form.role == "agreed" else {}
        papers.append(FormPaper(paper.code, _facts(copy), part.marks(form.role), earlier))
    replace_file(path, marker_form(planned.criterion, dict(zip(FACTS, facts, strict=True)), papers))
    return WrittenFolder(folder, path, form.role, len(papers))


def _both(part: PartMark) -> Iterator[tuple[str, str]]:
    """By line: what both markers gave."""
    lines = [*(line.id for line in part.criterion.lines), ""]
    for line in lines:
        marks = [(role, part.marks(role).get(line)) for role in ("first", "second")]
        texts = [
            f"{role}: {mark.points if line else ''} {mark.comment}".strip() for role, mark in marks if mark is not None
        ]
        if texts:
            yield line, "\n".join(texts)


def _facts(copy: PaperCopy | None) -> str:
    """`4 pages, 3120 words; 120 too many`, for the marker."""
    if copy is None:
        return ""
    facts = copy.facts
    counted = [] if facts is None else [(facts.pages, "page"), (facts.words, "word")]
    parts = [quantity(count, noun) for count, noun in counted if count is not None]
    return "; ".join([", ".join(parts), *copy.problems] if parts else copy.problems)


def _paper_notes(planned: PlannedMarking, copies: Mapping[str, PaperCopy]) -> Iterator[str]:
    for paper in planned.papers:
        copy = copies[paper.code]
        for problem in copy.problems:
            yield f"{paper.code} ({paper.group}): {problem}"
        if copy.names:
            yield f"{paper.code} ({paper.group}): its text holds {', '.join(copy.names)}"


def _pages(planned: PlannedMarking, answers: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """By code: the staff page of a paper's group, without names and without other markers' work.

    Args:
        answers: By code, what the group wrote for the lines of the criterion's rubric.
    """
    results, course = planned.change.results, planned.change.course
    marks = {mark.group: mark for mark in results.marks}
    mistakes = known_mistakes(results.assignment)
    names = sorted({name for group in course.groups for name in telling(group) if name}, key=len, reverse=True)
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(str(escape(name)))}(?!\w)" for name in names), re.IGNORECASE)
    for paper in planned.papers:
        mark = _unmarked(marks[paper.group], planned, answers.get(paper.code, {}))
        step = next_step(mark, results.assignment, mistakes)
        page = feedback_page(mark, results.assignment, HandIn(paper.code), audience="staff", step=step)
        yield paper.code, _without(pattern, page)


def _without(names: re.Pattern[str], page: str) -> str:
    """The page without names in its text; a group may have the name of a tag, so markup and styles stay as they are."""
    parts = re.split(r"(<style>.*?</style>|<[^>]*>)", page, flags=re.DOTALL)
    return "".join(part if number % 2 else names.sub(REMOVED, part) for number, part in enumerate(parts))


def _unmarked(mark: Mark, planned: PlannedMarking, answers: Mapping[str, str]) -> Mark:
    """The group's mark without its commit, and without what people gave: a second marker does not read the first."""
    people = {item.id: item for item in planned.change.results.assignment.criteria if isinstance(item, Person)}
    own = planned.criterion.id

    def line_of(criterion: str, line: RubricLine) -> MarkedLine:
        return MarkedLine(line, answer=answers.get(line.id, "") if criterion == own else "")

    findings = tuple(
        replace(
            finding,
            verdict=Verdict.UNKNOWN,
            points=None,
            exact=None,
            note="",
            waits_for="",
            rubric=tuple(line_of(finding.criterion, line) for line in people[finding.criterion].lines),
        )
        if finding.kind == "person"
        else finding
        for finding in mark.findings
    )
    provenance = {key: value for key, value in mark.provenance.items() if key in KEPT_PROVENANCE}
    return added_up(replace(mark, group="", commit=None, findings=findings, provenance=provenance))
