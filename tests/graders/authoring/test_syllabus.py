"""What a course teaches, by its assignments, and what of the catalogue it does not use."""

from assignments.folders import catalogue
from graders.authoring.syllabus import Syllabus, SyllabusEntry, syllabus_of
from graders.course.course import load_course
from tests.reports.hand_made import assignment
from tests.reports.site_made import own_course


def entry(*topics):
    return SyllabusEntry(assignment(syllabus=topics), None)


def test_topics_are_counted_once_and_those_of_others_are_uncovered():
    syllabus = Syllabus((entry("a", "b"), entry("b", "c")), (entry("c", "d"), entry("e", "d")))
    assert syllabus.covered == ("a", "b", "c")
    assert syllabus.uncovered == ("d", "e")


def test_a_courses_assignments_come_by_deadline_and_the_others_are_the_rest_of_the_catalogue(tmp_path):
    syllabus = syllabus_of(load_course(own_course(tmp_path)))
    assert [entry.assignment.id for entry in syllabus.course] == ["prostate_unet", "halves", "backprop"]
    assert {entry.assignment.id for entry in syllabus.others} == set(catalogue()) - {"prostate_unet", "backprop"}
    own = syllabus.course[1]
    assert own.status is not None
    assert own.status.rehearsed_at is None


def test_a_copy_of_a_catalogue_assignment_under_its_name_is_the_courses_own(tmp_path):
    folder = own_course(tmp_path)
    (folder / "course.toml").write_text(
        'title = "T"\nyear = "2027"\n[assignments.halves]\nsource = "halves"\ndeadline = 2027-01-01T12:00:00\n'
    )
    assert len(syllabus_of(load_course(folder)).others) == len(catalogue())
