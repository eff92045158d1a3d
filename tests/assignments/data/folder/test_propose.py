"""A table proposed from names: pairs, subjects, classes, channels, parts, and a question for each guess."""

import nibabel
import numpy as np
import pytest
from PIL import Image as Pillow

from assignments.data.folder.file_roles import role_of
from assignments.data.folder.propose import as_csv, propose
from assignments.data.folder.subject_names import guessed_subjects
from assignments.data.folder.table import read_table
from assignments.errors import UserError
from tests.assignments.data.folder import layouts_made as made
from tests.assignments.data.folder.files import phantom, write_dicom_series, write_itk, write_picture


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
        ("scan_1.png", "image", "1", None, None),
        ("scan_1_mask.png", "label", "1", None, None),
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
    assert "1 images have no label and are left out: b.nii.gz" in asked(proposal)
    assert "1 cases have several labels, of which the first is taken: a_seg.nii.gz, a_seg2.nii.gz" in asked(proposal)
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
    for patient in ("sub-01", "sub-02"):
        made.nifti(tmp_path / f"{patient}/anat/{patient}_T1w.nii.gz")
        made.nifti(tmp_path / f"derivatives/manual/{patient}_lesions_mask.nii.gz")
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


@pytest.mark.parametrize(
    ("files", "pairs"),
    [
        pytest.param(  # ISIC 2018
            ["Task1-2_Training_Input/ISIC_1.jpg", "Task1_Training_GroundTruth/ISIC_1_segmentation.png"],
            {"Task1-2_Training_Input/ISIC_1.jpg": "Task1_Training_GroundTruth/ISIC_1_segmentation.png"},
            id="isic",
        ),
        pytest.param(  # DRIVE
            [
                "training/images/2_training.tif",
                "training/1st_manual/2_manual1.gif",
                "training/mask/2_training_mask.gif",
            ],
            {"training/images/2_training.tif": "training/1st_manual/2_manual1.gif"},
            id="drive",
        ),
        pytest.param(  # BUSI
            ["benign/benign (4).png", "benign/benign (4)_mask.png", "benign/benign (4)_mask_1.png"],
            {"benign/benign (4).png": "benign/benign (4)_mask.png"},
            id="busi",
        ),
        pytest.param(  # KiTS
            ["data/case_0/imaging.nii.gz", "data/case_0/segmentation.nii.gz"],
            {"data/case_0/imaging.nii.gz": "data/case_0/segmentation.nii.gz"},
            id="kits",
        ),
        pytest.param(  # REFUGE
            ["Training400/Glaucoma/g1.jpg", "Annotation-Training400/Disc_Cup_Masks/Glaucoma/g1.bmp"],
            {"Training400/Glaucoma/g1.jpg": "Annotation-Training400/Disc_Cup_Masks/Glaucoma/g1.bmp"},
            id="refuge",
        ),
        pytest.param(
            ["CXR_png/M_1.png", "ManualMask/leftMask/M_1.png"],
            {"CXR_png/M_1.png": "ManualMask/leftMask/M_1.png"},
            id="montgomery",
        ),
    ],
)  # fmt: skip
def test_labels_in_a_tree_of_their_own_are_paired(tmp_path, files, pairs):
    rows = propose(folder_of(tmp_path, *files)).rows
    assert {row.files["image"]: row.files["label"] for row in rows} == pairs


def test_labels_whose_names_say_nothing_are_asked_about(tmp_path):
    proposal = propose(folder_of(tmp_path, "images/a.png", "images/b.png", "masks/x.png", "masks/y.png"))
    assert proposal.columns == ("image",)
    assert "2 labels are of no image by their names" in asked(proposal)


def test_a_label_of_a_case_in_train_is_not_that_of_a_case_in_test(tmp_path):
    proposal = propose(folder_of(tmp_path, "train/images/1.png", "test/images/1.png", "test/masks/1.png"))
    assert [dict(row.files) for row in proposal.rows] == [{"image": "test/images/1.png", "label": "test/masks/1.png"}]


@pytest.mark.parametrize(
    ("files", "subjects"),
    [
        (["cju0qkwl35piu.jpg", "cju0ue769mxii.jpg"], None),
        (["NORMAL/IM-0115-0001.jpeg", "NORMAL/IM-0115-0002.jpeg"], ["IM-0115", "IM-0115"]),
        (["benign/benign (1).png", "benign/benign (2).png", "normal/normal (1).png"], None),
        (["BraTS20_1_a.nii", "BraTS20_1_b.nii", "BraTS20_2_a.nii"], ["BraTS20_1", "BraTS20_1", "BraTS20_2"]),
    ],
)  # fmt: skip
def test_random_names_classes_and_collections_are_not_patients(files, subjects):
    guess = guessed_subjects(files)
    assert (list(guess.subjects) if guess else None) == subjects


def test_folders_that_say_how_images_were_taken_are_channels_and_not_classes(tmp_path):
    proposal = propose(folder_of(tmp_path, *(f"IXI-{c}/IXI{n}-{c}.nii.gz" for c in ("T1", "T2") for n in (2, 3))))
    assert proposal.columns == ("image:T1", "image:T2")
    assert proposal.layout is None


def test_folders_of_groups_are_a_stratum_and_not_patients(tmp_path):
    files = [f"{c}/{k}{n}{m}.png" for c, k in (("benign", "b"), ("normal", "n")) for n in (1, 2) for m in ("", "_mask")]
    proposal = propose(folder_of(tmp_path, *files))
    assert [(row.subject, row.strata["group"]) for row in proposal.rows] == [
        ("b1", "benign"), ("b2", "benign"), ("n1", "normal"), ("n2", "normal"),
    ]  # fmt: skip
    assert "are the folders benign, normal patients?" in asked(proposal)


def test_folders_with_first_names_are_patients_to_confirm(tmp_path):
    files = [f"{who}/scan_{n}{m}.png" for who in ("Anna", "Bob", "Carla") for n in (1, 2) for m in ("", "_mask")]
    proposal = propose(folder_of(tmp_path, *files))
    assert [row.subject for row in proposal.rows] == ["Anna", "Anna", "Bob", "Bob", "Carla", "Carla"]
    assert proposal.strata == ()
    assert "is the folder Anna of Anna/scan_1.png the patient? 6 of 6 files agree, of 3 patients" in asked(proposal)


def test_bids_derivatives_are_the_labels_of_their_images_and_participants_their_strata(tmp_path):
    subjects = [f"sub-{n:02d}" for n in (1, 2, 3)]
    ends = {"a": "space-T1w_desc-lesion_mask", "b": "label-lesion_desc-manual_mask", "c": "dseg"}
    for name, end in ends.items():
        folder = folder_of(
            tmp_path / name,
            *(f"{s}/anat/{s}_T1w.nii.gz" for s in subjects),
            *(f"derivatives/manual/{s}/anat/{s}_{end}.nii.gz" for s in subjects),
            *(f"derivatives/prep/{s}/anat/{s}_desc-preproc_T1w.nii.gz" for s in subjects),
        )
        rows = "".join(f"{s}\t{40 + n}\t{'MF'[n % 2]}\n" for n, s in enumerate(subjects))
        (folder / "participants.tsv").write_text("participant_id\tage\tsex\n" + rows)
        proposal = propose(folder)
        assert [(row.subject, dict(row.files), row.strata["sex"]) for row in proposal.rows] == [
            (s, {"image": f"{s}/anat/{s}_T1w.nii.gz", "label": f"derivatives/manual/{s}/anat/{s}_{end}.nii.gz"}, sex)
            for s, sex in zip(subjects, "MFM", strict=True)
        ]
        assert "3 images in derivatives/ were made of others, and are left out" in asked(proposal)
        assert "columns of participants.tsv that become strata" in asked(proposal)


def test_a_picture_that_exif_turns_beside_a_mask_that_it_does_not_is_asked_about(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6
    for n in (1, 2):
        write_picture(tmp_path / f"P{n}.jpg", np.eye(8, dtype=np.uint8), **({"exif": exif} if n == 2 else {}))
        write_picture(tmp_path / f"P{n}_mask.png", np.eye(8, dtype=np.uint8))
    assert "do images and labels fit? EXIF turns one of the two in 1 of 2 cases: P2.jpg" in asked(propose(tmp_path))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (("P1/fixed.nii", "P1/moving.nii", "P1/fixed_seg.nii", "P1/moving_seg.nii"), "columns subject, fixed, moving"),
        (
            ("P1/baseline.nii", "P1/followup.nii", "P2/baseline.nii", "P2/followup.nii"),
            "columns subject, fixed, moving",
        ),
        (("input/P1.nii", "input/P2.nii", "target/P1.nii", "target/P2.nii"), "columns subject, image and target_image"),
    ],
)
def test_names_of_pairs_are_asked_about_with_the_columns_of_a_pair(tmp_path, files, says):
    assert says in asked(propose(folder_of(tmp_path, *files)))


def test_names_without_a_pair_are_not(tmp_path):
    proposal = propose(folder_of(tmp_path, *(f"{k}/P{n}.png" for k in ("images", "masks") for n in (1, 2))))
    assert "the names say" not in asked(proposal)


def test_a_table_without_images_gets_the_columns_of_features(tmp_path):
    (tmp_path / "data.csv").write_text("patient,age,outcome\nP1,40,1\n")
    with pytest.raises(UserError, match="with the columns subject, feature:NAME"):
        propose(tmp_path)


def test_a_folder_without_labels_says_so_and_what_to_do(tmp_path):
    proposal = propose(folder_of(tmp_path, "p1.png", "p2.png"))
    assert not proposal.has_truth
    assert "No labels were recognised. Name each like its image with _seg" in asked(proposal)
    (tmp_path / "cases.csv").write_text(as_csv(proposal))
    assert "No labels were recognised" in asked(propose(tmp_path))


def test_a_folder_train_alone_is_not_a_split(tmp_path):
    proposal = propose(folder_of(tmp_path, *(f"train/{k}/{n}.png" for k in ("images", "masks") for n in "ab")))
    assert [row.part for row in proposal.rows] == [None, None]
    assert "which is not a split" in asked(proposal)


def test_findings_in_one_cell_are_labels_that_do_not_exclude_each_other(tmp_path):
    """ChestX-ray14."""
    folder = folder_of(tmp_path, "images/1_0.png", "images/1_1.png", "images/2_0.png")
    (folder / "Data_Entry.csv").write_text(
        "Image Index,Finding Labels,Patient ID,Patient Age\n"
        "1_0.png,Mass|Effusion,1,58\n1_1.png,No Finding,1,59\n2_0.png,Mass,2,60\n"
    )
    proposal = propose(folder)
    assert as_csv(proposal).splitlines() == [
        "subject,image,class:Effusion,class:Mass,Patient Age",
        "1,images/1_0.png,1,1,58", "1,images/1_1.png,0,0,59", "2,images/2_0.png,0,1,60",
    ]  # fmt: skip


def test_a_table_in_another_folder_says_classes_patients_and_the_split(tmp_path):
    """FETAL_PLANES_DB."""
    folder = folder_of(tmp_path, *(f"Images/P{n}_a_{n}.png" for n in range(4)))
    rows = "".join(f"P{n}_a_{n};{n};{'Brain' if n % 2 else 'Thorax'};{int(n < 2)}\n" for n in range(4))
    (folder / "tables").mkdir()
    (folder / "tables" / "planes.csv").write_text("Image_name;Patient_num;Plane;Train \n" + rows)
    (folder / "other.csv").write_text("a,b\n1,2\n")
    proposal = propose(folder)
    assert [(row.subject, row.values["class"], row.part) for row in proposal.rows] == [
        ("0", "Thorax", "train"), ("1", "Brain", "train"), ("2", "Thorax", "test"), ("3", "Brain", "test"),
    ]  # fmt: skip
    assert "other.csv is not used" in asked(proposal)


def test_images_of_whom_the_table_has_no_class_and_unknown_files_are_said(tmp_path):
    folder = folder_of(tmp_path, "train_images/a.png", "train_images/b.png", "test_images/c.png", "train_images/d.webp")
    (folder / "train.csv").write_text("id_code,diagnosis\na,0\nb,1\n")
    proposal = propose(folder)
    assert [row.values["class"] for row in proposal.rows] == ["0", "1"]
    assert "1 images have no class in the table and are left out: test_images/c.png" in asked(proposal)
    assert "not read, since they are not images that medmark knows: 1 .webp" in asked(proposal)
