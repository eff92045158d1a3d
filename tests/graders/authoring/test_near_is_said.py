"""Nearly equal cases in two parts are said wherever cases are handed out or marked on, with the command to see them."""

import numpy as np
import pytest

from assignments.data.split import Split, SplitRow, write_split
from graders.authoring.handing_out import planned_handout
from graders.authoring.rehearse import rehearse_folder
from graders.course.new_course import init_course
from graders.runs.doctor import examine
from reports.leaving import leaving_lines
from tests.assignments.data.scans_folder import write_folder


@pytest.fixture
def home(tmp_path):
    """Three patients, of whom the hidden one's only slice is the first one's with noise."""
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(2, 1, 20, 20)).astype(np.float32)
    folder = write_folder(tmp_path, subjects=0)
    for name, image in {"P000": first, "P001": second, "P002": first + 0.05 * second}.items():
        np.savez(tmp_path / "patients" / f"{name}.npz", image=image, label=(image > 0).astype(np.uint8))
    write_split(
        folder / "split.csv", Split((SplitRow("P000", "train"), SplitRow("P001", "train"), SplitRow("P002", "test")))
    )
    return folder


def sentence(home):
    return f"1 pair of cases in two parts is nearly equal, and may be of one patient. To see them: medmark data {home}"


def test_a_handout_says_it_before_it_asks(home):
    assert next(leaving_lines(planned_handout(str(home)))) == sentence(home)


def test_a_rehearsal_notes_it(home):
    assert sentence(home) in rehearse_folder(home).notes


def test_the_doctor_says_it(home, tmp_path):
    init_course(tmp_path / "course", title="C", year="2026-27")
    toml = tmp_path / "course" / "course.toml"
    toml.write_text(f'{toml.read_text()}\n[assignments.slices]\nsource = "{home}"\ndeadline = 2027-01-01T12:00:00\n')
    with (tmp_path / "course" / "roster.csv").open("a") as roster:
        roster.write("g1,m1,Ann,ann@example.org,https://example.org/g1.git\n")
    facts = [fact for fact in examine(tmp_path / "course") if "nearly equal" in fact.text]
    assert [(fact.well, fact.optional, fact.text) for fact in facts] == [
        (False, True, f"assignment slices: {sentence(home)}")
    ]


def test_where_no_case_is_near_nothing_is_said(home):
    image = np.random.default_rng(9).normal(size=(1, 20, 20)).astype(np.float32)
    np.savez(home.parent / "patients" / "P002.npz", image=image, label=(image > 0).astype(np.uint8))
    assert planned_handout(str(home)).near == ""
