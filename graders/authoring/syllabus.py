"""What a course teaches: its assignments with the topics of each, and those of the catalogue that it does not use."""

from __future__ import annotations

from dataclasses import dataclass

from assignments.assignment import Assignment
from assignments.folders import CATALOGUE, catalogue, in_catalogue, lacks_staff_files
from assignments.load import load
from graders.course.course import Course, assignment_of
from graders.record.proof_status import ProofStatus, proof_status
from graders.tasks import TASKS


@dataclass(frozen=True)
class SyllabusEntry:
    """An assignment with the status of its proof."""

    assignment: Assignment
    status: ProofStatus | None
    """None: the files that a proof rests on are not installed here (medmark-staff)."""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of the syllabus that it teaches."""
        return self.assignment.syllabus


@dataclass(frozen=True)
class Syllabus:
    """The topics of a course, by its assignments."""

    course: tuple[SyllabusEntry, ...]
    """As the course sets them, by deadline."""
    others: tuple[SyllabusEntry, ...]
    """Assignments of the catalogue that the course does not use."""

    @property
    def covered(self) -> tuple[str, ...]:
        """The topics that the course teaches, each once."""
        return tuple(dict.fromkeys(topic for entry in self.course for topic in entry.topics))

    @property
    def uncovered(self) -> tuple[str, ...]:
        """The topics that only other assignments of the catalogue teach, each once."""
        others = dict.fromkeys(topic for entry in self.others for topic in entry.topics)
        return tuple(topic for topic in others if topic not in self.covered)


def syllabus_of(course: Course) -> Syllabus:
    """What a course teaches, and what else there is.

    Raises:
        UserError: an assignment has problems; all of it are named.
    """
    by_deadline = sorted(course.assignments, key=course.deadline)
    own = tuple(_entry(assignment_of(course, id)) for id in by_deadline)
    used = {entry.assignment.folder.name for entry in own if in_catalogue(entry.assignment.folder)}
    others = tuple(_entry(load(CATALOGUE / id, tasks=TASKS)) for id in catalogue() if id not in used)
    return Syllabus(own, others)


def _entry(assignment: Assignment) -> SyllabusEntry:
    return SyllabusEntry(assignment, None if lacks_staff_files(assignment.folder) else proof_status(assignment))
