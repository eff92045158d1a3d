"""A folder's cases by its table or its layout, with the settings of `[data]`."""

import pytest

from assignments.assignment import Data
from assignments.data.folder.listing import cases_of
from assignments.errors import UserError
from tests.assignments.data.folder import layouts_made as made


def cases(folder, **settings):
    return cases_of(Data(source="folder", path=folder, train=1, test=1, **settings))


def test_a_table_comes_before_a_layout(tmp_path):
    made.class_folders(tmp_path, ["a/P1_x.png", "b/P2_x.png"])
    (tmp_path / "cases.csv").write_text("subject,image,class\nP1,a/P1_x.png,a\n")
    assert len(cases(tmp_path).rows) == 1
    assert len(cases(tmp_path, layout="class_folders").rows) == 2


def test_a_layout_is_recognised_and_said(tmp_path):
    made.class_folders(tmp_path, ["a/P1_x.png", "b/P2_x.png"])
    table = cases(tmp_path)
    assert table.doubts[0] == 'there is no cases.csv: the folder is read as layout = "class_folders"'
    assert table.classes == ("a", "b")
    assert any("classes = [...]" in doubt for doubt in table.doubts)


def test_the_settings_name_and_number_the_classes(tmp_path):
    made.class_folders(tmp_path, ["a/P1_x.png", "b/P2_x.png"])
    table = cases(tmp_path, classes=("b", "a"))
    assert [table.class_number(row.values["class"]) for row in table.rows] == [1, 0]
    assert not any("classes = [...]" in doubt for doubt in table.doubts)
    [problem] = cases(tmp_path, classes=("a", "c")).problems
    assert problem.what == 'there is no class "b"'


def test_too_few_names_for_the_classes_of_label_files_are_a_problem(tmp_path):
    made.liver(tmp_path)
    assert cases(tmp_path, classes=("nothing", "liver", "tumour")).classes == ("nothing", "liver", "tumour")
    [problem] = cases(tmp_path, classes=("nothing", "liver")).problems
    assert "has 3 classes (background, liver, cancer)" in problem.what


def test_the_settings_order_the_channels_of_a_layout(tmp_path):
    made.nnunet(tmp_path)
    assert cases(tmp_path, channels=("ADC", "T2")).channels == ("ADC", "T2")
    table = cases(tmp_path, channels=("ADC",))
    assert table.channels == ("ADC",)
    assert list(table.rows[0].files) == ["image:ADC", "label"]  # as in a table: what is not used is not read
    assert "image:T2: not used, since channels does not name it" in table.doubts


def test_columns_of_labels_are_in_the_order_of_the_classes(tmp_path):
    made.png(tmp_path / "a.png")
    (tmp_path / "cases.csv").write_text("subject,image,class:x,class:y\nP1,a.png,0,1\n")
    assert cases(tmp_path, classes=("y", "x")).columns == ("image", "class:y", "class:x")


def test_a_folder_without_cases_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="needs path"):
        cases(None)
    with pytest.raises(UserError, match="there is no folder"):
        cases(tmp_path / "gone")
    with pytest.raises(UserError, match="is empty"):
        cases(tmp_path)
    (tmp_path / "notes.txt").write_text("?")
    with pytest.raises(UserError, match="medmark new ID --data"):
        cases(tmp_path)
