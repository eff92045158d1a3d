"""A brief shows published cases of the data that are set, and never a patient whom nobody may have."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from assignments.data.published import published_cases
from assignments.data.sources import source_of
from assignments.data.split import new_split, write_split
from assignments.derived.brief import brief_text, shows_picture
from assignments.drawing import brief_picture as home
from assignments.drawing.brief_picture import PICTURE, STAY, brief_picture
from assignments.folders import CATALOGUE
from assignments.handout import write_handout
from assignments.load import load
from graders.tasks import TASKS
from tests.assignments.data.scans_folder import write_folder
from tests.assignments.data.test_sharing import PERMITTED


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))


@pytest.fixture
def drawn(monkeypatch):
    """The cases of which pictures are drawn."""
    seen = []
    draw = home.data_picture
    monkeypatch.setattr(home, "data_picture", lambda *of: (seen.append(of[2]), draw(*of))[1])
    return seen


def patients(tmp_path, data=""):
    folder = write_folder(tmp_path, data=data)
    (folder / "brief.md").write_text("# Slices\n\n{{ picture }}\n\nSegment.\n")
    assignment = load(folder, tasks=TASKS)
    source = source_of(assignment)
    write_split(assignment.split_file, new_split(source.subjects(source.open(assignment)), assignment.data)[0])
    return assignment


def test_a_picture_is_of_the_cases_in_the_handout(tmp_path, drawn):
    assignment = load(CATALOGUE / "prostate_unet", tasks=TASKS)
    cases = published_cases(assignment)
    written = {path.name: path for path in write_handout(assignment, tmp_path, cases=cases)}
    assert drawn == [cases.train]
    assert Image.open(io.BytesIO(written[PICTURE].read_bytes())).format == "PNG"
    brief = written["brief.md"].read_text()
    assert brief.startswith("# Prostate segmentation in T2 MRI\n\n![4 volumes to train on, side by side: subject ")
    assert f"]({PICTURE})\n\n*4 of 32 volumes to train on;" in brief


def test_a_brief_without_the_picture_has_none_and_draws_none(tmp_path, drawn):
    folder = tmp_path / "own"
    shutil.copytree(CATALOGUE / "prostate_unet", folder)
    (folder / "brief.md").write_text("# Prostate\n\n{{ data }}\n")
    assignment = load(folder, tasks=TASKS)
    assert not shows_picture(assignment)
    assert PICTURE not in {path.name for path in write_handout(assignment, tmp_path / "out")}
    assert drawn == []


def test_a_brief_that_shows_it_for_other_data_alone_has_no_file(tmp_path):
    folder = tmp_path / "own"
    shutil.copytree(CATALOGUE / "prostate_unet", folder)
    (folder / "brief.md").write_text("# Prostate\n\n{% if false %}{{ picture }}{% endif %}\n")
    assert PICTURE not in {path.name for path in write_handout(load(folder, tasks=TASKS), tmp_path / "out")}


@pytest.mark.parametrize(
    "template", ["{{ picture }}", "{{picture}}", "{{- picture -}}", "{% if true %}{{ picture }}{% endif %}"]
)
def test_whether_a_brief_shows_it_is_read_from_the_template(tmp_path, template):
    assignment = patients(tmp_path)
    (assignment.folder / "brief.md").write_text(template)
    assert shows_picture(assignment)


def test_patients_who_stay_are_not_drawn_and_the_brief_says_why(tmp_path, drawn):
    assignment = patients(tmp_path)
    written = {path.name: path for path in write_handout(assignment, tmp_path / "out")}
    assert PICTURE not in written
    assert written["brief.md"].read_text() == f"# Slices\n\n{STAY}\n\nSegment.\n"
    assert drawn == []


def test_patients_who_are_shared_are_drawn_from_the_training_part_alone(tmp_path, drawn):
    assignment = patients(tmp_path, PERMITTED)
    cases = published_cases(assignment)
    shown = brief_picture(assignment, cases)
    assert shown.png
    assert drawn == [cases.train]
    assert not any(subject.id in shown.markdown for subject in cases.prepared.subjects)


def test_rows_and_assignments_without_data_have_nothing(tmp_path):
    for name in ("mlp_classifier", "classic_methods", "backprop", "conv_blocks"):
        assignment = load(CATALOGUE / name, tasks=TASKS)
        assert brief_picture(assignment, published_cases(assignment)).markdown == ""
        assert "{{" not in brief_text(assignment)


def test_the_names_of_classes_are_text_and_no_markup():
    assert home._plain("a](x) *b* `c_d` <i>\n_e_") == r"a\](x) \*b\* `c_d` \<i\> \_e\_"


def test_a_course_that_sets_other_data_gets_their_picture(tmp_path):
    assignment = load(CATALOGUE / "prostate_unet", tasks=TASKS)
    other = assignment.model_copy(update={"data": assignment.data.model_copy(update={"train": 6, "val": 0})})
    first, second = (brief_picture(each, published_cases(each)) for each in (assignment, other))
    pixels = [np.asarray(Image.open(io.BytesIO(each.png)).convert("L")) for each in (first, second)]
    assert not np.array_equal(*pixels)
    assert "4 of 5 volumes" in second.markdown  # a fifth is set aside for validation
