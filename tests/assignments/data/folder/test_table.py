"""The table of cases: what is a case, what is a stratum, and every problem in one list with line and column."""

import codecs
import unicodedata

import pytest

from assignments.data.folder.headings import heading_problem
from assignments.data.folder.table import read_table


def folder_of(tmp_path, table, *files, encoding="utf-8"):
    """A folder with this table and files of one byte."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "cases.csv").write_bytes(table.encode(encoding) if isinstance(table, str) else table)
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(file.encode())
    return tmp_path


def problems_of(folder, **settings):
    """(line, column, what and cure) of each problem."""
    return [(p.line, p.key, f"{p.what}; {p.cure}") for p in read_table(folder, **settings).problems]


LIVER = """subject,image,label,site,part
P01,images/P01_a.png,labels/P01_a.png,A,train
P01,images/P01_b.png,labels/P01_b.png,A,training
P02,images/P02_a.png,labels/P02_a.png,B,test
"""
LIVER_FILES = [f"{kind}s/{name}.png" for kind in ("image", "label") for name in ("P01_a", "P01_b", "P02_a")]


def test_each_row_is_a_case_with_its_subject_files_strata_and_part(tmp_path):
    table = read_table(folder_of(tmp_path, LIVER, *LIVER_FILES))
    assert table.problems == ()
    assert table.columns == ("image", "label")
    assert table.strata == ("site",)
    assert [(row.id, row.subject, dict(row.strata), row.part, row.line) for row in table.rows] == [
        ("images/P01_a.png", "P01", {"site": "A"}, "train", 2),
        ("images/P01_b.png", "P01", {"site": "A"}, "train", 3),
        ("images/P02_a.png", "P02", {"site": "B"}, "test", 4),
    ]
    assert table.rows[2].files == {"image": "images/P02_a.png", "label": "labels/P02_a.png"}
    assert 'part "training" is read as train' in table.doubts
    assert any("strata" in doubt and "site" in doubt for doubt in table.doubts)


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + LIVER.encode(),
        LIVER.replace(",", ";").encode(),
        LIVER.replace(",", "\t").encode("utf-16"),
        LIVER.replace("/", "\\").replace("\n", "\r\n").encode(),
    ],
    ids=["byte order mark", "semicolons", "tabs in UTF-16", "Windows"],
)
def test_a_table_of_any_program_gives_the_same_cases(tmp_path, data):
    plain = read_table(folder_of(tmp_path, LIVER, *LIVER_FILES))
    other = read_table(folder_of(tmp_path, data))
    assert other.problems == ()
    assert other.rows == plain.rows


def test_another_encoding_is_named_with_the_cell(tmp_path):
    folder = folder_of(tmp_path, "subject,image,label,site\nP01,a.png,b.png,Köln\n", encoding="cp1252")
    [(_, _, text)] = problems_of(folder)
    assert "not UTF-8" in text
    assert "Köln" in text


def test_a_missing_table_says_what_to_write(tmp_path):
    [(_, _, text)] = problems_of(tmp_path)
    assert "is missing" in text
    assert f"medmark new ID --data {tmp_path}" in text


@pytest.mark.parametrize(
    ("heading", "meant"),
    [
        ("Image", "image"),
        ("IMAGE ", "image"),
        ("Target Image", "target_image"),
        ("labels", "label"),
        ("lable", "label"),
        ("patient", "subject"),
        ("Patient ID", "subject"),
        ("subject_id", "subject"),
        ("sujbect", "subject"),
        ("split", "part"),
        ("mask", "label"),
        ("file_name", "image"),
        ("diagnosis", "class"),
        ("landmark", "landmarks"),
    ],
)
def test_a_heading_that_looks_like_a_reserved_one_is_a_problem(heading, meant):
    what, cure = heading_problem(heading, [heading])
    assert f'"{meant}"' in what
    assert f"name it {meant};" in cure


@pytest.mark.parametrize(
    "heading", ["site", "scanner", "age", "sex", "grade", "stage", "vendor", "slice", "lesion", "centre"]
)
def test_other_headings_are_strata(heading):
    assert heading_problem(heading, [heading]) is None


def test_a_synonym_is_a_stratum_where_the_reserved_column_is_there():
    assert heading_problem("diagnosis", ["subject", "image", "class", "diagnosis"]) is None
    assert heading_problem("diagnosis", ["subject", "image", "diagnosis"]) is not None


@pytest.mark.parametrize(
    ("heading", "cure"),
    [
        ("Image: T1", "write image:T1"),
        ("image:", "write image:NAME"),
        ("Features: age", "write feature:age"),
        ("site:city", "name a stratum without a colon"),
        ("label:mask", "write label:fixed and label:moving, or label"),
        ("subject:id", "write subject, without a colon"),
        ("image:T1", None),
        ("feature:age at scan", None),
        ("class:oedema", None),
    ],
)
def test_a_heading_with_a_colon_is_a_family_and_a_name(heading, cure):
    problem = heading_problem(heading, [heading])
    assert problem is None if cure is None else problem[1] == cure


def test_without_a_subject_the_table_says_what_a_subject_is(tmp_path):
    [(line, key, text)] = problems_of(folder_of(tmp_path, "image,class\na.png,x\n", "a.png"))
    assert (line, key) == (1, "subject")
    assert "a subject is a patient" in text
    assert "write the file's name" in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("40 y", '"40 y" is not a number; write 40; the unit may stand in the heading'),
        ("10%", '"10%" is not a number; write 10; the unit'),
        ("1,234", '"1,234" is not a number; write 1.234, or 1234 if the comma parts thousands'),
        ("4_1", '"4_1" is not a number'),
        ("1e39", '"1e39" is too large for float32'),
        ("NA", 'is "NA", which stands for a missing value; write a number, or delete the row'),
        ("M", '"M" is not a number; write a number, such as 1.5; for categories a column of 0 and 1 each'),
    ],
)
@pytest.mark.parametrize("column", ["feature:age", "target"])
def test_a_text_that_is_no_number_gets_the_cure_of_its_kind(tmp_path, column, text, says):
    other = "target" if column != "target" else "feature:age"
    folder = folder_of(tmp_path, f'subject,{column},{other}\nP1,"{text}",1\nP2,4.1e1,-2\n')
    ((line, key, problem),) = problems_of(folder)
    assert (line, key) == (2, column)
    assert problem.startswith(says)


def test_all_problems_of_cells_are_in_one_list_with_line_and_column(tmp_path):
    table = """subject,image,class,target_image,feature:age,part
P01,a.png,benign,t.png,41,train
P02,gone.png,benin,t2.png,"41,5",train
,b.png,benign,,nan,holdout
P04,../c.png,benign,t3.png,x,
"""
    folder = folder_of(tmp_path / "data", table, "a.png", "b.png", "t.png", "t2.png", "t3.png")
    (tmp_path / "c.png").write_bytes(b"x")
    found = problems_of(folder, classes=("benign", "malignant"))
    assert [(line, key) for line, key, _ in found] == [
        (3, "class"),
        (3, "feature:age"),
        (3, "image"),
        (4, "subject"),
        (4, "target_image"),
        (4, "feature:age"),
        (4, "part"),
        (5, "feature:age"),
        (5, "image"),
    ]
    texts = [text for _, _, text in found]
    assert texts[0] == 'there is no class "benin"; did you mean "benign"?'
    assert texts[1] == '"41,5" is not a number; write 41.5'
    assert "gone.png is missing" in texts[2]
    assert "a subject is a patient" in texts[3]
    assert texts[4] == "is empty; fill it in, or delete the row"
    assert "not a finite number" in texts[5]
    assert "train, val or test" in texts[6]
    assert "leads outside the folder" in texts[8]


def test_rows_without_problems_are_read_although_others_have_some(tmp_path):
    folder = folder_of(tmp_path, "subject,image,class\nP01,a.png,0\nP02,b.png,1\n", "a.png")
    table = read_table(folder)
    assert [row.subject for row in table.rows] == ["P01"]
    assert [problem.line for problem in table.problems] == [3]


def test_an_image_without_label_and_a_label_without_image_are_problems(tmp_path):
    table = "subject,image,label\nP01,a.png,\nP02,,b.png\nP03,c.png,c.png\n"
    assert [(line, key) for line, key, _ in problems_of(folder_of(tmp_path, table, *["a.png", "b.png", "c.png"]))] == [
        (2, "label"),
        (3, "image"),
    ]


@pytest.mark.parametrize(
    ("header", "column", "says"),
    [
        ("subject,image,image:T1,label", "image", "beside image:NAME"),
        ("subject,image,fixed,moving", "image", "beside fixed"),
        ("subject,image,class,class:a", "class", "beside class:NAME"),
        ("subject,image,class,target", "class", "beside target"),
        ("subject,fixed,label:fixed,label:moving", "fixed", "needs the column moving"),
        ("subject,fixed,moving,label:fixed", "label:fixed", "needs the column label:moving"),
        ("subject,label", "label", "needs the column image"),
        ("subject,class", "", "no column says what a case is"),
    ],
)
def test_columns_that_do_not_go_together_are_a_problem(tmp_path, header, column, says):
    row = ",".join(
        "0" if name.startswith(("class", "target")) else f"{n}.png" for n, name in enumerate(header.split(","))
    )
    folder = folder_of(tmp_path, f"{header}\n{row}\n", *(f"{n}.png" for n in range(1, 6)))
    assert [(key, says in text) for _, key, text in problems_of(folder)] == [(column, True)]


def test_a_column_without_content_is_said_once(tmp_path):
    table = "subject,image,class,part\nP01,a.png,0,\nP02,b.png,1,\n"
    [(line, key, text)] = problems_of(folder_of(tmp_path, table, "a.png", "b.png"))
    assert (line, key) == (1, "part")
    assert "empty in every row" in text


def test_a_file_of_two_subjects_is_a_problem_by_whatever_path(tmp_path):
    table = "subject,image,class\nP01,a.png,0\nP02,sub/../a.png,1\nP03,link.png,1\n"
    folder = folder_of(tmp_path, table, "a.png", "sub/x.png")
    (folder / "link.png").symlink_to(folder / "a.png")
    found = problems_of(folder)
    assert [line for line, _, _ in found] == [3, 4]
    assert all("P01 on line 2" in text for _, _, text in found)


def test_the_same_row_twice_and_one_image_with_two_truths_are_problems(tmp_path):
    table = "subject,image,class\nP01,a.png,0\nP01,a.png,0\nP01,a.png,1\n"
    found = problems_of(folder_of(tmp_path, table, "a.png"))
    assert found[0][2] == "is the same case as on line 2; delete one of them"
    assert "another truth" in found[1][2]


def test_a_subject_in_two_published_parts_is_a_problem(tmp_path):
    table = "subject,image,class,part\nP01,a.png,0,train\nP02,b.png,1,test\nP01,c.png,0,test\nP02,d.png,1,\n"
    found = problems_of(folder_of(tmp_path, table, "a.png", "b.png", "c.png", "d.png"))
    assert [(line, text.split(";")[0]) for line, _, text in found] == [
        (4, "P01 is in test, but in train on line 2"),
        (5, "P02 is in no part, but in test on line 3"),
    ]


def test_both_patients_of_a_pair_are_members_and_must_be_in_one_part(tmp_path):
    table = "subject,fixed,moving,part\nP01+P02,1.nii,2.nii,train\nP02 + P03,2.nii,3.nii,test\n"
    result = read_table(folder_of(tmp_path, table, "1.nii", "2.nii", "3.nii"))
    assert [row.members for row in result.rows] == [("P01", "P02"), ("P02", "P03")]
    assert [problem.what for problem in result.problems] == ["P02 is in test, but in train on line 2"]


def test_a_file_that_pairs_share_is_allowed_where_they_share_its_patient(tmp_path):
    table = "subject,fixed,moving\nP01+P02,1.nii,2.nii\nP02+P03,2.nii,3.nii\nP04,1.nii,4.nii\n"
    folder = folder_of(tmp_path, table, "1.nii", "2.nii", "3.nii", "4.nii")
    assert [(line, key) for line, key, _ in problems_of(folder)] == [(4, "fixed")]


def test_an_atlas_is_allowed_and_said(tmp_path):
    table = "subject,fixed,moving\nP01,atlas.nii,1.nii\nP02,atlas.nii,2.nii\n"
    result = read_table(folder_of(tmp_path, table, "atlas.nii", "1.nii", "2.nii"))
    assert result.problems == ()
    assert any("atlas" in doubt for doubt in result.doubts)


def test_channels_have_the_order_of_the_settings(tmp_path):
    table = "subject,image:T1,image:T2,label\nP01,a.nii,b.nii,c.nii\n"
    folder = folder_of(tmp_path, table, "a.nii", "b.nii", "c.nii")
    assert read_table(folder, channels=("T2", "T1")).channels == ("T2", "T1")
    assert list(read_table(folder, channels=("T2", "T1")).rows[0].files) == ["image:T2", "image:T1", "label"]
    assert any('channels = ["T1", "T2"]' in doubt for doubt in read_table(folder).doubts)
    assert any("image:T2: not used" in doubt for doubt in read_table(folder, channels=("T1",)).doubts)
    [problem] = read_table(folder, channels=("T1", "ADC")).problems
    assert problem.key == "image:ADC"


def test_classes_are_the_tables_own_where_the_settings_name_none(tmp_path):
    names = read_table(
        folder_of(tmp_path, "subject,image,class\nP1,a.png,malignant\nP2,b.png,benign\n", "a.png", "b.png")
    )
    assert names.classes == ("benign", "malignant")
    assert any("benign = 0, malignant = 1" in doubt for doubt in names.doubts)
    assert names.class_number("malignant") == 1
    numbers = read_table(folder_of(tmp_path, "subject,image,class\nP1,a.png,1\nP2,b.png,3\n"))
    assert numbers.classes == ("0", "1", "2", "3")
    assert any("class 0, 2 has no case" in doubt for doubt in numbers.doubts)


def test_labels_that_do_not_exclude_each_other_are_0_or_1_and_agree_with_the_classes(tmp_path):
    table = "subject,image,class:oedema,class:effusion\nP1,a.png,0,1\nP2,b.png,yes,0\n"
    folder = folder_of(tmp_path, table, "a.png", "b.png")
    assert read_table(folder).classes == ("oedema", "effusion")
    assert [(line, key) for line, key, _ in problems_of(folder)] == [(3, "class:oedema")]
    wrong = problems_of(folder, classes=("oedema", "nodule"))
    assert [(line, key) for line, key, _ in wrong] == [(1, "class:nodule"), (1, "class:effusion"), (3, "class:oedema")]


def doubts_of(tmp_path, table, *files):
    result = read_table(folder_of(tmp_path, table, *files))
    assert result.problems == ()
    return " | ".join(result.doubts)


def test_a_patient_in_two_classes_is_allowed_and_said(tmp_path):
    table = "subject,image,class\nP01,P01_a.png,0\nP01,P01_b.png,1\n"
    assert "subject P01 is in 2 classes (0, 1): is this meant?" in doubts_of(tmp_path, table, "P01_a.png", "P01_b.png")


def test_slices_that_are_subjects_of_their_own_are_doubted(tmp_path):
    """Half of the hidden slices of an author's folder were of patients in the training cases, and nothing said so."""
    names = [f"P0{patient}_{part}.png" for patient in (1, 2) for part in "ab"]
    table = "subject,image,class\n" + "".join(f"s{n},{name},{n % 2}\n" for n, name in enumerate(names))
    text = doubts_of(tmp_path, table, *names)
    assert "2 files are named after P01, such as P01_a.png" in text


def test_images_of_different_patients_are_not_doubted(tmp_path):
    names = [f"ISIC_00{n}.png" for n in range(4)]
    table = "subject,image,class\n" + "".join(f"s{n},{name},{n % 2}\n" for n, name in enumerate(names))
    assert "named after" not in doubts_of(tmp_path, table, *names)


def test_subjects_that_differ_in_spelling_are_doubted(tmp_path):
    table = "subject,image,class\nP01,a.png,0\np-1,b.png,1\nP10,c.png,1\n"
    text = doubts_of(tmp_path, table, "a.png", "b.png", "c.png")
    assert "P01 and p-1 differ only in spelling" in text
    assert "P10" not in text


def test_subjects_that_differ_in_the_form_of_a_letter_are_doubted(tmp_path):
    """macOS writes a name's letters decomposed: two equal names on the screen."""
    composed, decomposed = (unicodedata.normalize(form, "José") for form in ("NFC", "NFD"))
    table = f"subject,image,class\n{composed},a.png,0\n{decomposed},b.png,1\n"
    assert "differ only in spelling" in doubts_of(tmp_path, table, "a.png", "b.png")


def test_strata_that_name_a_patient_or_vary_within_one_are_doubted(tmp_path):
    table = "subject,image,class,MRN,slice\nP01,a.png,0,77,1\nP01,b.png,1,77,2\n"
    text = doubts_of(tmp_path, table, "a.png", "b.png")
    assert "MRN looks like what names a patient" in text
    assert "slice differs within subject P01" in text


def test_files_in_no_row_are_said(tmp_path):
    table = "subject,image,class\nP01,images/a.png,0\n"
    text = doubts_of(tmp_path, table, "images/a.png", "images/b.png", "images/notes.txt", "images/.c.png")
    assert f"{tmp_path / 'images'}: 1 files are in no row: b.png" in text


def test_the_table_itself_is_in_no_row_and_is_not_said(tmp_path):
    table = "subject,fixed,moving,landmarks\nP01,a.png,b.png,marks.csv\n"
    assert "in no row" not in doubts_of(tmp_path, table, "a.png", "b.png", "marks.csv")


def test_a_workbook_is_a_table_too(tmp_path):
    import pandas

    (tmp_path / "a.png").write_bytes(b"x")
    pandas.DataFrame({"subject": ["007"], "image": ["a.png"], "class": ["0"]}).to_excel(
        tmp_path / "cases.xlsx", index=False
    )
    table = read_table(tmp_path, "cases.xlsx")
    assert table.problems == ()
    assert table.rows[0].subject == "007"


def test_a_missing_value_that_a_program_wrote_is_not_a_patient_nor_a_class(tmp_path):
    """pandas writes NaN: two such rows would be one patient, and "NaN" a class."""
    table = "subject,image,class\nP1,a.png,x\nnan,b.png,y\nP3,c.png,NaN\n"
    found = problems_of(folder_of(tmp_path, table, "a.png", "b.png", "c.png"))
    assert [(line, key, text.partition(";")[0]) for line, key, text in found] == [
        (3, "subject", 'is "nan", which stands for a missing value'),
        (4, "class", 'is "NaN", which stands for a missing value'),
    ]


def test_headings_that_stand_in_the_table_once_more_are_named_as_that(tmp_path):
    """As of two files that were joined with `cat`."""
    table = "subject,image,class\nP1,a.png,x\nSubject,image,class\nP2,b.png,y\n"
    assert problems_of(folder_of(tmp_path, table, "a.png", "b.png")) == [
        (3, "", "has the headings once more; delete this line")
    ]
