"""What a course sets in place of an assignment's own values, and what does not hold any more then."""

import pytest

from assignments.assignment import Anchors, Cap, Unanchored
from assignments.errors import UserError
from assignments.load import AssignmentError, load, overridden
from tests.other_cases_made import APPLICATIONS, as_a_course_sets, write_assignment

SET = Anchors.model_validate(
    {"trivial": 0.0, "pass": 0.5, "merit": 0.6, "distinction": 0.7, "reference": 0.8, "ceiling": 0.9}
)


@pytest.mark.parametrize(("name", "better"), [("segmentation", "higher"), ("synthesis", "lower")])
def test_other_cases_have_no_anchors_and_no_caps_of_the_assignment(tmp_path, name, better):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS[name])
    criterion = assignment.criterion("accuracy")
    assert criterion.anchors == Unanchored(better=better)
    assert criterion.caps == ()


def test_other_cases_have_the_anchors_and_caps_that_the_course_sets(tmp_path):
    caps = {"accuracy": (Cap(when="dice < 0.2", at=0.5),)}
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["segmentation"], anchors={"accuracy": SET}, caps=caps)
    assert assignment.criterion("accuracy").anchors == SET
    assert assignment.criterion("accuracy").caps == caps["accuracy"]


@pytest.mark.parametrize("data", [{"train": 6, "test": 3}, {"source": "drawn.py"}, {"per_call": 2}])
def test_more_or_fewer_of_its_own_cases_keep_its_anchors(tmp_path, data):
    own = load(write_assignment(tmp_path, APPLICATIONS["segmentation"]))
    changed = overridden(own, data=data, file=tmp_path / "course.toml")
    assert changed.own_data is None
    assert changed.criteria == own.criteria


def test_the_assignment_as_written_is_found_again(tmp_path):
    own = load(write_assignment(tmp_path, APPLICATIONS["segmentation"]))
    changed = as_a_course_sets(tmp_path, APPLICATIONS["segmentation"], val=1)
    assert changed.as_written.data == own.data
    assert own.as_written is own


def test_other_subjects_are_not_drawn_anew_for_each_repeat(tmp_path):
    toml = APPLICATIONS["segmentation"].files()["assignment.toml"].replace("test = 6\n", "test = 6\nredraw = true\n")
    write_assignment(tmp_path, APPLICATIONS["segmentation"], **{"assignment.toml": toml})
    assert not as_a_course_sets(tmp_path, APPLICATIONS["segmentation"]).data.redraw


def test_caps_of_a_criterion_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(AssignmentError, match=r'assignments.own.caps.acuracy: .*; did you mean "accuracy"\?'):
        as_a_course_sets(tmp_path, APPLICATIONS["segmentation"], caps={"acuracy": ()})


def test_a_file_cannot_say_what_only_a_course_can(tmp_path):
    toml = 'own_data = { source = "drawn.py" }\n' + APPLICATIONS["segmentation"].files()["assignment.toml"]
    folder = write_assignment(tmp_path, APPLICATIONS["segmentation"], **{"assignment.toml": toml})
    with pytest.raises(UserError, match="own_data: may not be set here"):
        load(folder)
