"""The settings of a handout are the course's: students check their work by them."""

import tomllib

import pytest

from assignments.assignment import Anchors, Cap, Unanchored
from assignments.course_settings import as_the_course_sets
from assignments.errors import UserError
from assignments.load import load
from tests.other_cases_made import APPLICATIONS, as_a_course_sets, write_assignment

SET = Anchors.model_validate(
    {"trivial": 0.0, "pass": 0.5, "merit": 0.6, "distinction": 0.7, "reference": 0.8, "ceiling": 0.9}
)


def text_of(assignment):
    return as_the_course_sets(assignment, (assignment.folder / "assignment.toml").read_text())


def test_an_assignment_as_it_is_written_keeps_its_text(tmp_path):
    folder = write_assignment(tmp_path, APPLICATIONS["synthesis"])
    assert text_of(load(folder)) == (folder / "assignment.toml").read_text()


def test_source_counts_run_and_missing_anchors_are_those_of_the_course(tmp_path):
    assignment = as_a_course_sets(
        tmp_path, APPLICATIONS["synthesis"], run={"mode": "retrain", "seeds": 3}, share="none", val=1, about="Of us."
    )
    text = text_of(assignment)
    values = tomllib.loads(text)
    assert values["data"] == {
        "source": "folder", "val": 1, "test": 2, "per_call": 4, "share": "none", "about": "Of us."
    }  # fmt: skip
    assert values["run"] == {"mode": "retrain", "seeds": 3}
    assert values["criterion"][1]["anchors"] == {"better": "lower"}
    assert "caps" not in values["criterion"][1]
    assert "Measured on phantoms" not in text
    assert values["criterion"][0] == {"id": "tests", "kind": "hidden_tests", "points": 4}


def test_anchors_and_caps_of_the_course_stand_in_it(tmp_path):
    caps = {"accuracy": (Cap(when="dice < 0.2", at=0.5),)}
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["segmentation"], anchors={"accuracy": SET}, caps=caps)
    criterion = tomllib.loads(text_of(assignment))["criterion"][1]
    assert criterion["anchors"]["distinction"] == 0.7
    assert criterion["caps"] == [{"when": "dice < 0.2", "at": 0.5}]


def test_values_that_share_a_line_are_refused(tmp_path):
    toml = APPLICATIONS["synthesis"].files()["assignment.toml"].replace('[run]\nmode = "weights"\n', "")
    toml = toml.replace("[data]", 'run = { mode = "weights" }\n[data]')
    write_assignment(tmp_path, APPLICATIONS["synthesis"], **{"assignment.toml": toml})
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["synthesis"], run={"mode": "retrain"}, share="none")
    with pytest.raises(UserError, match=r"run.mode: a course sets it, but it does not stand on a line of its own"):
        text_of(assignment)


def test_the_handed_out_settings_load_as_they_were_set(tmp_path):
    assignment = as_a_course_sets(tmp_path, APPLICATIONS["classification"])
    kit = tmp_path / "kit" / "own"
    kit.mkdir(parents=True)
    (kit / "assignment.toml").write_text(text_of(assignment))
    (kit / "handout.json").write_text("{}")
    loaded = load(kit, public=True)
    assert loaded.criterion("accuracy").anchors == Unanchored(better="higher")
    assert (loaded.data.source, loaded.data.test, loaded.data.per_call) == ("folder", 1, 8)
    assert loaded.data.classes == ("head", "abdomen", "heart", "other")
