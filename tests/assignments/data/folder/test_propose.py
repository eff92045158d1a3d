"""A table proposed from names: pairs, subjects, classes, channels, parts, and a question for each guess."""

import nibabel
import numpy as np
import pytest

from assignments.data.folder.file_roles import role_of
from assignments.data.folder.propose import as_csv, propose
from assignments.data.folder.subject_names import guessed_subjects
from assignments.data.folder.table import read_table
from assignments.errors import UserError
from tests.assignments.data.folder import layouts_made as made
from tests.assignments.data.folder.files import phantom, write_dicom_series, write_itk


def folder_of(folder, *files):
    """A folder with files of one byte at these paths: a proposal reads names alone."""
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"x")
    return folder


def asked(proposal):
    return "\n".join(proposal.questions)


@pytest.mark.parametrize(
    ("files", "subjects"),
    [
        (["P01_a.png", "P01_b.png", "P02_a.png"], ["P01", "P01", "P02"]),
        (["case_7_slice_3.png", "case_7_slice_4.png", "case_8_slice_1.png"], ["case_7", "case_7", "case_8"]),
        (["sub-01_ses-1_T1w.nii.gz", "sub-01_ses-2_T1w.nii.gz", "sub-02_T1w.nii.gz"], ["sub-01", "sub-01", "sub-02"]),
        (["P1a.png", "P1b.png", "P2a.png"], ["P1", "P1", "P2"]),
        (["P01_a.png", "P01_b.png"], ["P01", "P01"]),
        (["ISIC_0024306.jpg", "ISIC_0024307.jpg", "ISIC_0024308.jpg"], None),
        (["liver_0.nii.gz", "liver_10.nii.gz"], None),
        (["T2_001.png", "T2_002.png"], None),
        (["a.png"], None),
    ],
)
def test_subjects_are_guessed_from_the_beginnings_of_names(files, subjects):
    guess = guessed_subjects(files)
    assert (list(guess.subjects) if guess else None) == subjects


@pytest.mark.parametrize(
    ("file", "role", "case", "channel", "part"),
    [
        ("images/P01.png", "image", "P01", None, None),
        ("masks/P01.png", "label", "P01", None, None),
        ("P01_seg.nii.gz", "label", "P01", None, None),
        ("P01-label.nii.gz", "label", "P01", None, None),
        ("label_train00.npy", "label", "train00", None, None),
        ("P01/image.nii.gz", "image", "P01/", None, None),
        ("P01/label.nii.gz", "label", "P01/", None, None),
        ("BraTS_001/BraTS_001_t1ce.nii.gz", "image", "BraTS_001/BraTS_001", "t1ce", None),
        ("BraTS_001/BraTS_001_seg.nii.gz", "label", "BraTS_001/BraTS_001", None, None),
        ("imagesTr/a_0000.nii.gz", "image", "a", "0000", None),
        ("labelsTr/a.nii.gz", "label", "a", None, None),
        ("imagesTs/b_0000.nii.gz", "image", "b", "0000", "test"),
        ("train/images/c.png", "image", "c", None, "train"),
        ("validation/masks/c_mask.png", "label", "c", None, "val"),
    ],
)
def test_names_say_what_a_file_is(file, role, case, channel, part):
    found = role_of(file)
    assert (found.role, found.case, found.channel, found.part) == (role, case, channel, part)


def test_the_liver_slices_of_an_author_are_paired_and_their_patients_asked_about(tmp_path):
    names = [f"P{patient:02d}_{part}" for patient in range(1, 5) for part in "abc"]
    folder = folder_of(tmp_path, *(f"{kind}/{name}.png" for kind in ("images", "masks") for name in names))
    proposal = propose(folder)
    assert [(row.subject, dict(row.files)) for row in proposal.rows][:2] == [
        ("P01", {"image": "images/P01_a.png", "label": "masks/P01_a.png"}),
        ("P01", {"image": "images/P01_b.png", "label": "masks/P01_b.png"}),
    ]
    assert len(proposal.rows) == 12
    assert "is masks/P01_a.png the label of images/P01_a.png? 12 of 12 images have such a label" in asked(proposal)
    text = 'is `P01` in `P01_a.png` (the name before the first "_") the patient? 12 of 12 files agree, of 4 patients'
    assert text in asked(proposal)


def test_the_proposal_is_a_table_that_reads_back_as_it_was_proposed(tmp_path):
    folder = folder_of(tmp_path, *(f"{kind}/{n}.png" for kind in ("images", "masks") for n in ("P1_a", "P1_b", "P2_a")))
    proposal = propose(folder)
    text = as_csv(proposal)
    assert text == (
        "subject,image,label\n"
        "P1,images/P1_a.png,masks/P1_a.png\n"
        "P1,images/P1_b.png,masks/P1_b.png\n"
        "P2,images/P2_a.png,masks/P2_a.png\n"
    )
    assert not (folder / "cases.csv").exists()
    (folder / "cases.csv").write_text(text)
    table = read_table(folder)
    assert table.problems == ()
    assert [(row.subject, row.files) for row in table.rows] == [(row.subject, row.files) for row in proposal.rows]


def test_what_has_no_partner_is_left_out_and_said(tmp_path):
    folder = folder_of(tmp_path, "a.nii.gz", "a_seg.nii.gz", "b.nii.gz", "c_seg.nii.gz", "a_seg2.nii.gz")
    proposal = propose(folder)
    assert [row.files["image"] for row in proposal.rows] == ["a.nii.gz"]
    assert "2 images have no label and are left out: a_seg2.nii.gz, b.nii.gz" in asked(proposal)
    assert "1 labels have no image and are left out: c_seg.nii.gz" in asked(proposal)


def test_two_labels_of_one_image_are_asked_about(tmp_path):
    folder = folder_of(tmp_path, "images/a.png", "masks/a.png", "gt/a.png")
    assert "1 cases have several labels, of which the first is taken: gt/a.png, masks/a.png" in asked(propose(folder))


def test_modalities_in_a_patients_folder_are_channels(tmp_path):
    files = [f"B{n}/B{n}_{kind}.nii.gz" for n in (1, 2) for kind in ("t1", "t2", "flair", "seg")]
    proposal = propose(folder_of(tmp_path, *files))
    assert proposal.columns == ("image:flair", "image:t1", "image:t2", "label")
    assert [(row.subject, row.files["image:t2"], row.files["label"]) for row in proposal.rows] == [
        ("B1", "B1/B1_t2.nii.gz", "B1/B1_seg.nii.gz"),
        ("B2", "B2/B2_t2.nii.gz", "B2/B2_seg.nii.gz"),
    ]
    assert "are flair, t1, t2 channels of one image" in asked(proposal)
    assert "fixed and moving" in asked(proposal)


def test_channels_that_some_patients_lack_are_cases_of_their_own(tmp_path):
    proposal = propose(folder_of(tmp_path, "B1/B1_t1.nii.gz", "B1/B1_t2.nii.gz", "B2/B2_t1.nii.gz"))
    assert proposal.columns == ("image",)
    assert [row.subject for row in proposal.rows] == ["B1", "B1", "B2"]


def test_folders_of_patients_within_classes_are_classes_and_subjects(tmp_path):
    files = ["benign/P01/1.png", "benign/P01/2.png", "malignant/P02/1.png", "malignant/P03/1.png"]
    proposal = propose(folder_of(tmp_path, *files))
    assert [(row.subject, row.values["class"]) for row in proposal.rows] == [
        ("P01", "benign"), ("P01", "benign"), ("P02", "malignant"), ("P03", "malignant"),
    ]  # fmt: skip
    assert "are the folders classes? benign: 2 images, malignant: 2 images" in asked(proposal)
    assert as_csv(proposal).splitlines()[0] == "subject,image,class"


def test_a_table_beside_the_images_gives_classes_subjects_and_strata(tmp_path):
    """HAM10000 names lesions, of which several images may exist, and no patients."""
    folder = folder_of(tmp_path, *(f"skin/ISIC_{n}.jpg" for n in range(4)))
    (folder / "metadata.csv").write_text(
        "lesion_id,image_id,dx,sex,comment\n"
        "H1,ISIC_0,nv,male,a\nH1,ISIC_1,nv,male,b\nH2,ISIC_2,mel,female,c\nH3,ISIC_3,nv,male,d\nH4,ISIC_9,mel,male,e\n"
    )
    proposal = propose(folder)
    assert [(row.subject, row.values["class"], row.strata["sex"]) for row in proposal.rows] == [
        ("H1", "nv", "male"), ("H1", "nv", "male"), ("H2", "mel", "female"), ("H3", "nv", "male"),
    ]  # fmt: skip
    text = asked(proposal)
    assert "metadata.csv: its column image_id names the images" in text
    assert "metadata.csv has 1 rows without an image here" in text
    assert "is dx the class?" in text
    assert "is lesion_id the patient? 5 rows have 4 of them" in text


def test_a_table_beside_that_is_broken_or_names_an_image_twice_is_said(tmp_path):
    folder = folder_of(tmp_path, "a.jpg", "b.jpg")
    (folder / "broken.csv").write_bytes(b"\xff\xfe\x00")
    (folder / "truth.csv").write_text("image,class\na,x\nb,y,more\na,z\n")
    text = asked(propose(folder))
    assert "broken.csv is not used: it begins with the byte order mark of utf-16" in text
    assert "truth.csv has several rows for a: the last is taken" in text
    assert "truth.csv: line 3 has 3 cells under 2 columns" in text


def test_columns_of_0_and_1_are_the_class_where_each_row_has_one(tmp_path):
    folder = folder_of(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    (folder / "truth.csv").write_text("image,MEL,NV\na,1.0,0.0\nb,0.0,1.0\nc,0.0,1.0\n")
    proposal = propose(folder)
    assert [row.values["class"] for row in proposal.rows] == ["MEL", "NV", "NV"]
    (folder / "truth.csv").write_text("image,oedema,effusion\na,1,1\nb,0,0\nc,0,1\n")
    proposal = propose(folder)
    assert proposal.columns == ("image", "class:oedema", "class:effusion")
    assert "labels that do not exclude each other" in asked(proposal)


def test_folders_of_parts_are_a_published_split_to_confirm(tmp_path):
    names = {"train": ("A1", "A2"), "test": ("A3", "A4")}
    files = [f"{part}/{kind}/{name}.png" for part in names for kind in ("images", "masks") for name in names[part]]
    proposal = propose(folder_of(tmp_path, *files))
    assert [row.part for row in proposal.rows] == ["test", "test", "train", "train"]
    assert "is this a published split? test: 2, train: 2" in asked(proposal)


def test_a_patient_in_two_parts_is_named_before_anything_is_written(tmp_path):
    proposal = propose(folder_of(tmp_path, "train/P1_a.png", "train/P2_a.png", "test/P1_b.png"))
    assert "P1 is in train, but in test" in asked(proposal)


def test_equal_names_in_two_parts_are_two_cases_whose_subjects_are_asked_about(tmp_path):
    files = [f"{part}/{kind}/{n}.png" for part in ("train", "test") for kind in ("images", "masks") for n in (1, 2)]
    proposal = propose(folder_of(tmp_path, *files))
    assert [(row.files["image"], row.files["label"]) for row in proposal.rows] == [
        ("test/images/1.png", "test/masks/1.png"),
        ("test/images/2.png", "test/masks/2.png"),
        ("train/images/1.png", "train/masks/1.png"),
        ("train/images/2.png", "train/masks/2.png"),
    ]
    assert "1 is in train, but in test" in asked(proposal)


def test_a_known_layout_needs_no_table(tmp_path):
    made.liver(tmp_path)
    proposal = propose(tmp_path)
    assert proposal.layout == "decathlon"
    assert "needs no cases.csv" in asked(proposal)
    assert as_csv(proposal).splitlines()[1] == "liver_0,imagesTr/liver_0.nii.gz,labelsTr/liver_0.nii.gz"


def test_a_folder_of_dicom_files_is_one_image(tmp_path):
    files = [f"P{n}/T2/{k}.dcm" for n in (1, 2) for k in range(3)]
    proposal = propose(folder_of(tmp_path, *files))
    assert [(row.subject, row.files["image"]) for row in proposal.rows] == [("P1", "P1/T2"), ("P2", "P2/T2")]
    assert "what is the ground truth?" in asked(proposal)


@pytest.mark.parametrize("names", [["a.IMA", "b.IMA", "c.IMA"], ["IM1", "IM2", "IM3"]])
def test_slices_of_any_name_are_one_image(tmp_path, names):
    for patient in ("P0", "P1"):
        write_dicom_series(tmp_path / patient, phantom(), names=names)
        (tmp_path / patient / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    assert [row.id for row in propose(tmp_path).rows] == ["P0", "P1"]


def test_whatever_is_read_is_proposed_and_a_pair_of_files_once(tmp_path):
    for patient in ("P0", "P1"):
        nibabel.save(nibabel.Nifti1Pair(phantom(), np.eye(4)), tmp_path / f"{patient}.hdr")
    write_itk(tmp_path / "P2.nhdr", phantom())
    assert [(row.id, row.subject) for row in propose(tmp_path).rows] == [
        ("P0.hdr", "P0"),
        ("P1.hdr", "P1"),
        ("P2.nhdr", "P2"),
    ]


def test_labels_that_fit_no_image_are_said_and_the_images_proposed(tmp_path):
    """BIDS has labels among the derivatives, under other names than the images."""
    for patient in ("sub-01", "sub-02"):
        made.nifti(tmp_path / f"{patient}/anat/{patient}_T1w.nii.gz")
        made.nifti(tmp_path / f"derivatives/manual/{patient}/anat/{patient}_label-lesion_mask.nii.gz")
    table = propose(tmp_path)
    assert [row.subject for row in table.rows] == ["sub-01", "sub-02"]
    assert any("2 labels are of no image by their names" in question for question in table.questions)


def test_two_files_of_one_name_are_asked_about(tmp_path):
    for name in ("P0.nii", "P0.nii.gz", "P1.nii.gz"):
        made.nifti(tmp_path / name)
    table = propose(tmp_path)
    assert [row.id for row in table.rows] == ["P0.nii", "P1.nii.gz"]
    assert any("1 images have the name of another and are left out: P0.nii.gz" in text for text in table.questions)


def test_a_name_that_a_spreadsheet_would_run_is_written_as_text_and_read_back(tmp_path):
    folder = folder_of(tmp_path, "=1+1.png", "b.png")
    proposal = propose(folder)
    assert "'=1+1.png" in as_csv(proposal)
    (folder / "cases.csv").write_text(as_csv(proposal))
    assert read_table(folder).rows[0].files["image"] == "=1+1.png"


def test_a_folder_without_images_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        propose(tmp_path / "gone")
    with pytest.raises(UserError, match="no image that medmark reads"):
        propose(folder_of(tmp_path, "notes.txt"))
    with pytest.raises(UserError, match=r"all\.npz:KEY\[0\]"):
        propose(folder_of(tmp_path, "all.npz"))
