"""The site of a course for its students: a page of all assignments with the map of the syllabus, and a page for each.

It shows what a handout does in words, and no patient: a page on the web cannot tell who reads it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from assignments.assignment import Accuracy, Assignment
from assignments.data.prepared import Progress
from assignments.data.published import published_cases
from assignments.data.sharing import sharing_of, shows_patients
from assignments.derived.brief import brief_text, shows_picture
from assignments.drawing.brief_picture import PICTURE, STAY, BriefPicture, brief_picture
from assignments.task_forms import TASK_FORMS
from graders.authoring.syllabus import Syllabus, SyllabusEntry, syllabus_of
from graders.course.course import Course
from graders.version import medmark_version
from reports.brief_markup import brief_markup
from reports.page import policy, render
from reports.sentences import FRAMEWORK_TITLES

INDEX = "index.html"
BRIEFS = "briefs"
IN_HANDOUT = "The handout has a picture of the data. They are of patients, so no page shows them."


@dataclass(frozen=True)
class ShownAssignment:
    """An assignment as the page of the course lists it."""

    title: str
    page: str
    """Its page from that of the course; empty for an assignment that the course does not use."""
    due: str
    predicts: str
    """What a model does; empty where none is scored."""
    marks: tuple[tuple[str, int], ...]
    """Each criterion and its points."""
    frameworks: tuple[str, ...]
    topics: tuple[str, ...]
    proof: str
    state: str
    """Of the proof, in a word: `proven`, `changed`, `gaps`, `open`."""


def course_site(course: Course, on_progress: Progress = lambda *_: None) -> Mapping[str, str]:
    """The pages of a course's site, by their paths within it.

    Raises:
        UserError: an assignment or its brief has problems, or cases of which a picture is drawn cannot be read.
    """
    syllabus = syllabus_of(course)
    shown = [_shown(entry, course) for entry in syllabus.course]
    pages = {INDEX: _index(course, syllabus, shown)}
    for number, entry in enumerate(syllabus.course):
        on_progress(number, len(shown), entry.assignment.id)
        neighbours = [shown[at] if 0 <= at < len(shown) else None for at in (number - 1, number + 1)]
        pages[shown[number].page] = _brief_page(course, entry.assignment, shown[number], neighbours, on_progress)
    return pages


def _index(course: Course, syllabus: Syllabus, shown: Sequence[ShownAssignment]) -> str:
    return render(
        "site_index.html",
        csp=policy(),
        course=course,
        shown=shown,
        others=[_shown(entry) for entry in syllabus.others],
        covered=len(syllabus.covered),
        uncovered=syllabus.uncovered,
        version=medmark_version(),
    )


def _brief_page(
    course: Course,
    assignment: Assignment,
    shown: ShownAssignment,
    neighbours: Sequence[ShownAssignment | None],
    on_progress: Progress,
) -> str:
    picture = _picture(assignment, on_progress)
    uri = f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"
    brief = brief_markup(brief_text(assignment, picture.markdown), {PICTURE: uri} if picture.png else {})
    before, after = neighbours
    return render(
        "site_brief.html",
        csp=policy(),
        course=course,
        shown=shown,
        brief=brief,
        before=before,
        after=after,
        version=medmark_version(),
    )


def _picture(assignment: Assignment, on_progress: Progress) -> BriefPicture:
    """The picture for a page that anybody may open; of patients there are words alone."""
    if not (assignment.has_cases and shows_picture(assignment)):
        return BriefPicture()
    if shows_patients(assignment):
        return BriefPicture(STAY if sharing_of(assignment) == "none" else IN_HANDOUT)
    return brief_picture(assignment, published_cases(assignment, on_progress))


def _shown(entry: SyllabusEntry, course: Course | None = None) -> ShownAssignment:
    assignment = entry.assignment
    scored = any(isinstance(criterion, Accuracy) for criterion in assignment.criteria)
    predicts = TASK_FORMS[assignment.task].says(len(assignment.data.classes)) if scored else ""
    state, proof = _proof(entry)
    return ShownAssignment(
        title=assignment.title,
        page=f"{BRIEFS}/{assignment.id}.html" if course else "",
        due=course.deadline_words(assignment.id) if course else "",
        predicts=predicts[:1].lower() + predicts[1:],
        marks=tuple((criterion.id, criterion.points) for criterion in assignment.criteria),
        frameworks=tuple(FRAMEWORK_TITLES.get(name, name) for name in assignment.frameworks),
        topics=entry.topics,
        proof=proof,
        state=state,
    )


def _proof(entry: SyllabusEntry) -> tuple[str, str]:
    """The state of an assignment's proof in a word and in a sentence; it names no file, which could be hidden."""
    status = entry.status
    if status is None:
        return "open", "not known here"
    if status.rehearsed_at is None:
        return "open", "not rehearsed"
    day = datetime.fromisoformat(status.rehearsed_at)
    on = f"{day.day} {day:%b %Y}"
    if not status.fresh:
        return "changed", f"changed since it was rehearsed on {on}"
    return ("proven", f"proven on {on}") if status.passed else ("gaps", f"rehearsed on {on}, with gaps")
