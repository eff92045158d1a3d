"""Known layouts, on small folders of the true format: their cases, and what is wrong or assumed."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from assignments.data.folder.layouts import LAYOUTS, recognised, table_of, unrecognised
from assignments.errors import UserError
from tests.assignments.data.folder import layouts_made as made
from tests.assignments.data.folder.files import read_image


def read(folder):
    """The table of the layout that the folder looks like."""
    return table_of(folder, recognised(folder))


def files(table):
    return [dict(row.files) for row in table.rows]


def text_of(table):
    """Problems and doubts as one text."""
    return "\n".join([*(f"{p.key}: {p.what}; {p.cure}" for p in table.problems), *table.doubts])


# Medical Segmentation Decathlon


def test_a_decathlon_lists_its_training_cases(tmp_path):
    made.liver(tmp_path)
    assert recognised(tmp_path) == "decathlon"
    table = read(tmp_path)
    assert table.problems == ()
    assert files(table) == [
        {"image": "imagesTr/liver_0.nii.gz", "label": "labelsTr/liver_0.nii.gz"},
        {"image": "imagesTr/liver_10.nii.gz", "label": "labelsTr/liver_10.nii.gz"},
    ]
    assert [row.subject for row in table.rows] == ["liver_0", "liver_10"]
    assert table.classes == ("background", "liver", "cancer")
    assert "imagesTs: 1 images without labels are not used" in text_of(table)
    assert "each image is a subject of its own" in text_of(table)


def test_a_decathlons_modalities_are_the_volumes_of_one_file(tmp_path):
    made.brain_tumour(tmp_path)
    table = read(tmp_path)
    assert table.problems == ()
    assert table.channels == ("FLAIR", "T1w", "t1gd", "T2w")
    assert files(table)[0] == {
        "image:FLAIR": "imagesTr/BRATS_001.nii.gz[0]",
        "image:T1w": "imagesTr/BRATS_001.nii.gz[1]",
        "image:t1gd": "imagesTr/BRATS_001.nii.gz[2]",
        "image:T2w": "imagesTr/BRATS_001.nii.gz[3]",
        "label": "labelsTr/BRATS_001.nii.gz",
    }
    assert [row.subject for row in table.rows] == ["BRATS_001", "BRATS_002"]


def test_files_of_nnunet_v1_are_found_under_a_decathlons_names(tmp_path):
    made.brain_tumour(tmp_path, ["BRATS_001"])
    (tmp_path / "imagesTr" / "BRATS_001.nii.gz").unlink()
    for channel in range(4):
        made.nifti(tmp_path / "imagesTr" / f"BRATS_001_{channel:04d}.nii.gz")
    table = read(tmp_path)
    assert table.problems == ()
    assert table.rows[0].files["image:T2w"] == "imagesTr/BRATS_001_0003.nii.gz"
    assert table.rows[0].subject == "BRATS_001"


def test_missing_and_unlisted_files_of_a_decathlon_are_said(tmp_path):
    made.liver(tmp_path)
    (tmp_path / "labelsTr" / "liver_10.nii.gz").unlink()
    made.nifti(tmp_path / "imagesTr" / "liver_99.nii.gz")
    table = read(tmp_path)
    assert [row.subject for row in table.rows] == ["liver_0"]
    assert "labelsTr/liver_10.nii.gz is missing" in text_of(table)
    assert "1 images are not listed in dataset.json, such as liver_99.nii.gz" in text_of(table)


def test_an_entry_without_label_and_a_wrong_value_are_problems(tmp_path):
    made.liver(tmp_path)
    text = json.loads((tmp_path / "dataset.json").read_text())
    del text["training"][1]["label"]
    made.described(tmp_path, **text)
    assert "liver_10: has no label" in text_of(read(tmp_path))
    made.described(tmp_path, **(text | {"labels": ["background", "liver"]}))
    assert [problem.key for problem in read(tmp_path).problems] == ["labels"]


def test_a_path_out_of_the_folder_is_refused(tmp_path):
    made.liver(tmp_path / "data", ["liver_0"])
    made.nifti(tmp_path / "other.nii.gz")
    text = json.loads((tmp_path / "data" / "dataset.json").read_text())
    text["training"][0]["label"] = "../other.nii.gz"
    made.described(tmp_path / "data", **text)
    assert "leads outside the folder" in text_of(read(tmp_path / "data"))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"training": [{"image": None, "label": "a"}]}, "training.0.image"),
        ({"training": [{"image": [], "label": "a"}]}, "training.0.image"),
        ({"labels": {"999999999": "liver"}}, "labels.999999999"),
        ({"labels": {"-1": "liver"}}, "labels.-1"),
    ],
)
def test_values_that_no_description_has_are_a_problem_with_their_key(tmp_path, changes, key):
    """A number of a file must not decide how much memory a list of names takes."""
    made.liver(tmp_path)
    made.described(tmp_path, **(json.loads((tmp_path / "dataset.json").read_text()) | changes))
    assert [problem.key for problem in table_of(tmp_path, "decathlon").problems] == [key]


# nnU-Net


def test_nnunet_has_a_file_for_each_channel(tmp_path):
    made.nnunet(tmp_path)
    assert recognised(tmp_path) == "nnunet"
    table = read(tmp_path)
    assert table.problems == ()
    assert table.channels == ("T2", "ADC")
    assert files(table)[1] == {
        "image:T2": "imagesTr/prostate_01_0000.nii.gz",
        "image:ADC": "imagesTr/prostate_01_0001.nii.gz",
        "label": "labelsTr/prostate_01.nii.gz",
    }
    assert table.classes == ("background", "PZ", "TZ")
    assert [row.part for row in table.rows] == [None, None]


def test_labels_of_imagests_make_it_the_published_test_part(tmp_path):
    made.nnunet(tmp_path, test=["prostate_02"], channels=["T2"])
    table = read(tmp_path)
    assert [(row.subject, row.part) for row in table.rows] == [
        ("prostate_00", "train"),
        ("prostate_01", "train"),
        ("prostate_02", "test"),
    ]
    assert table.columns == ("image", "label")
    (tmp_path / "labelsTs" / "prostate_02.nii.gz").unlink()
    table = read(tmp_path)
    assert [row.part for row in table.rows] == [None, None]
    assert "imagesTs: 1 cases without labels are not used" in text_of(table)


def test_a_channel_a_label_and_an_image_that_are_missing_are_problems(tmp_path):
    made.nnunet(tmp_path, cases=["a", "b", "c", "d"])
    (tmp_path / "imagesTr" / "b_0001.nii.gz").unlink()
    (tmp_path / "labelsTr" / "c.nii.gz").unlink()
    for number in (0, 1):
        (tmp_path / "imagesTr" / f"d_000{number}.nii.gz").unlink()
    table = read(tmp_path)
    assert [row.subject for row in table.rows] == ["a"]
    assert [(problem.key, problem.what) for problem in table.problems] == [
        ("b", "lacks b_0001"),
        ("c", "has an image, but no label"),
        ("d", "has a label, but no image"),
    ]


def test_a_file_ending_that_no_file_has_is_a_problem(tmp_path):
    made.nnunet(tmp_path, ["a", "b"])
    text = (tmp_path / "dataset.json").read_text()
    (tmp_path / "dataset.json").write_text(text.replace(".nii.gz", ".nrrd"))
    (problem,) = table_of(tmp_path, "nnunet").problems
    assert (problem.key, "a_0000.nii.gz" in problem.what) == ("file_ending", True)


def test_regions_and_an_ignored_label_are_said(tmp_path):
    labels = {"background": 0, "kidney": [1, 2, 3], "masses": [2, 3], "tumor": 2, "ignore": 4}
    made.nnunet(tmp_path, channels=["CT"], labels=labels)
    table = read(tmp_path)
    assert table.classes == ("background", "1", "tumor", "3", "ignore")
    assert "kidney, masses: regions" in text_of(table)
    assert 'label 4 is "ignore"' in text_of(table)


def test_the_colours_of_a_picture_are_one_file(tmp_path):
    made.nnunet(tmp_path, channels=["R"], ending=".png")
    text = json.loads((tmp_path / "dataset.json").read_text())
    made.described(tmp_path, **(text | {"channel_names": {"0": "R", "1": "G", "2": "B"}}))
    table = read(tmp_path)
    assert table.problems == ()
    assert table.columns == ("image", "label")


def test_a_description_may_name_its_files_itself(tmp_path):
    made.nnunet(tmp_path, cases=["a"])
    listed = {"a": {"images": ["imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz"], "label": "./labelsTr/a.nii.gz"}}
    text = json.loads((tmp_path / "dataset.json").read_text())
    made.described(tmp_path, **(text | {"dataset": listed}))
    table = read(tmp_path)
    assert table.problems == ()
    assert table.rows[0].files["label"] == "labelsTr/a.nii.gz"


# Classes as folders


def test_folders_are_classes_and_the_beginning_of_a_name_is_the_subject(tmp_path):
    names = ["benign/P02_a.png", "benign/P03_a.png", "malignant/P01_a.png", "malignant/P01_b.png"]
    made.class_folders(tmp_path, names)
    assert recognised(tmp_path) == "class_folders"
    table = read(tmp_path)
    assert table.problems == ()
    assert [(row.subject, row.files["image"], row.values["class"]) for row in table.rows] == [
        ("P02", "benign/P02_a.png", "benign"),
        ("P03", "benign/P03_a.png", "benign"),
        ("P01", "malignant/P01_a.png", "malignant"),
        ("P01", "malignant/P01_b.png", "malignant"),
    ]
    assert table.classes == ("benign", "malignant")
    assert 'subject: the name before the first "_", such as P02 of benign/P02_a.png; 4 images of 3 subjects' in text_of(
        table
    )


def test_folders_of_parts_are_a_published_split(tmp_path):
    made.class_folders(tmp_path, ["train/0/A1_x.png", "train/1/A2_x.png", "test/0/A3_x.png", "test/1/A4_x.png"])
    table = read(tmp_path)
    assert [(row.part, row.values["class"]) for row in table.rows] == [
        ("test", "0"), ("test", "1"), ("train", "0"), ("train", "1"),
    ]  # fmt: skip
    assert "published split" in text_of(table)


def test_a_patient_in_train_and_test_is_a_problem(tmp_path):
    made.class_folders(tmp_path, ["train/a/P1_x.png", "train/b/P2_x.png", "test/a/P1_y.png", "test/b/P4_x.png"])
    assert "P1 is in train, but in test" in text_of(read(tmp_path))


def test_names_with_one_number_are_subjects_of_their_own(tmp_path):
    names = [f"{kind}/ISIC_00{number}.jpg" for number, kind in enumerate(["nevus", "melanoma"] * 3)]
    made.class_folders(tmp_path, names)
    table = read(tmp_path)
    assert len({row.subject for row in table.rows}) == 6
    assert "each of 6 images is a patient of its own" in text_of(table)


@pytest.mark.parametrize(
    "names",
    [
        ["P01/a.png", "P01/b.png", "P02/a.png"],
        ["images/a.png", "masks/a.png"],
        ["a.png", "b.png"],
        ["only/a.png", "only/b.png"],
    ],
    ids=["patients", "images and masks", "no folders", "one folder"],
)
def test_other_folders_are_not_taken_for_classes(tmp_path, names):
    made.class_folders(tmp_path, names)
    assert recognised(tmp_path) is None


# MedMNIST


def test_medmnist_has_a_row_for_each_image_of_its_published_parts(tmp_path):
    arrays = made.medmnist(tmp_path)
    assert recognised(tmp_path) == "medmnist"
    table = read(tmp_path)
    assert table.problems == ()
    assert [row.part for row in table.rows] == ["train"] * 5 + ["val"] * 2 + ["test"] * 3
    assert table.rows[3].files == {"image": "bloodmnist.npz:train_images[3]"}
    assert [int(row.values["class"]) for row in table.rows[:5]] == arrays["train_labels"].ravel().tolist()
    assert len({row.subject for row in table.rows}) == 10
    assert "does not say which images are of one patient" in text_of(table)


def test_labels_of_several_columns_are_labels_that_do_not_exclude_each_other(tmp_path):
    arrays = made.medmnist(tmp_path, "chestmnist.npz", width=3, shape=(4, 4))
    table = read(tmp_path)
    assert table.columns == ("image", "class:0", "class:1", "class:2")
    expected = [list(map(str, row)) for row in arrays["val_labels"].tolist()]
    assert [list(row.values.values()) for row in table.rows if row.part == "val"] == expected


def test_an_archive_with_objects_or_too_few_labels_is_a_problem(tmp_path):
    arrays = made.medmnist(tmp_path)
    objects = np.array([{"class": 1}, None], dtype=object)
    np.savez(
        tmp_path / "bloodmnist.npz", **(arrays | {"val_labels": objects, "test_labels": arrays["test_labels"][1:]})
    )
    table = read(tmp_path)
    assert [problem.key for problem in table.problems] == ["val_labels", "test_labels"]
    assert "allow_pickle" in text_of(table)
    assert "has 2 rows for 3 images" in text_of(table)
    np.savez(tmp_path / "bloodmnist.npz", **(arrays | {"train_images": np.array([None] * 5, dtype=object)}))
    assert "train_images.npy holds objects" in text_of(read(tmp_path))


def test_labels_that_are_not_numbers_of_classes_are_a_problem(tmp_path):
    arrays = made.medmnist(tmp_path)
    wrong = {"train_labels": np.full((5, 1), np.nan), "val_labels": np.array(3), "test_images": np.array(5)}
    np.savez(tmp_path / "bloodmnist.npz", **(arrays | wrong))
    table = read(tmp_path)
    assert [problem.key for problem in table.problems] == ["train_labels", "val_labels", "test_labels"]


def test_two_archives_in_one_folder_are_a_problem(tmp_path):
    made.medmnist(tmp_path)
    made.medmnist(tmp_path, "pathmnist.npz")
    assert "several sets: bloodmnist.npz, pathmnist.npz" in text_of(read(tmp_path))


# The tutorials' HDF5


def test_the_classification_tutorial_has_a_class_for_each_frame(tmp_path):
    made.fetal(tmp_path)
    assert recognised(tmp_path) == "ucl_frames"
    table = read(tmp_path)
    assert table.problems == ()
    assert [(row.subject, row.files["image"], row.values["class"]) for row in table.rows] == [
        ("subject000000", "fetal.h5:/subject000000_frame00000000", "0"),
        ("subject000000", "fetal.h5:/subject000000_frame00000001", "1"),
        ("subject000001", "fetal.h5:/subject000001_frame00000000", "1"),
        ("subject000001", "fetal.h5:/subject000001_frame00000001", "2"),
        ("subject000001", "fetal.h5:/subject000001_frame00000002", "3"),
    ]
    assert table.classes == ("0", "1", "2", "3")
    assert "stored as (column, row) (8, 6)" in text_of(table)


def test_a_broken_copy_of_the_tutorials_file_is_found_by_its_counts(tmp_path):
    made.fetal(tmp_path, classes=3)
    with h5py.File(tmp_path / "fetal.h5", "a") as file:
        del file["subject000001_frame00000002"]
        del file["subject000000_label00000001"]
        file["num_subjects"][...] = 3
        file["num_classes"][...] = 1
    text = text_of(read(tmp_path))
    assert "num_subjects: is 3, but there are 2 subjects" in text
    assert "subject000001_num_frames: is 3, but there are 2 frames" in text
    assert "subject000000_frame00000001: has no label" in text
    assert "num_classes: is 1, but some labels are 1, 2" in text


def test_classes_of_a_whole_subject_are_read_too(tmp_path):
    with h5py.File(tmp_path / "protocol.h5", "w") as file:
        for frame in range(3):
            file[f"subject000000_frame{frame:08d}"] = np.zeros((4, 5), np.uint8)
        file["subject000000_class"] = np.array([[2, 0, 1]], np.uint32)
    table = read(tmp_path)
    assert [row.values["class"] for row in table.rows] == ["2", "0", "1"]


def test_a_label_of_the_frames_size_is_a_mask(tmp_path):
    with h5py.File(tmp_path / "masks.h5", "w") as file:
        file["subject000000_frame00000000"] = np.zeros((4, 5), np.uint8)
        file["subject000000_label00000000"] = np.zeros((4, 5), np.uint8)
    table = read(tmp_path)
    assert table.columns == ("image", "label")
    assert table.rows[0].files["label"] == "masks.h5:/subject000000_label00000000"


def test_labels_and_counts_that_are_not_numbers_are_problems(tmp_path):
    labels = [np.array([[np.nan]]), np.array([[-1]]), np.zeros((0,)), "text", np.array([[1e300]]), np.array([[2]])]
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        for subject, label in enumerate(labels):
            file[f"subject{subject:06d}_frame00000000"] = np.zeros((3, 4), np.uint8)
            file[f"subject{subject:06d}_label00000000"] = label
        file["num_subjects"] = np.array([[np.nan]])
        file["num_classes"] = np.array([[1e300]])
        file["frame_size"] = "text"
    table = read(tmp_path)
    assert [row.subject for row in table.rows] == ["subject000005"]
    assert [problem.key[:13] for problem in table.problems] == [f"subject{subject:06d}" for subject in range(5)]


def test_a_link_to_another_file_is_not_followed(tmp_path):
    made.fetal(tmp_path / "data")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros((8, 6), np.uint8)
    with h5py.File(tmp_path / "data" / "fetal.h5", "a") as file:
        file["subject000009_frame00000000"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
    table = read(tmp_path / "data")
    assert "subject000009_frame00000000: is a link, or lies in another file" in text_of(table)
    assert all(row.subject != "subject000009" for row in table.rows)


def test_the_coursework_has_three_raters_of_whom_the_first_is_taken(tmp_path):
    made.transrectal(tmp_path)
    table = read(tmp_path)
    assert table.problems == ()
    assert [row.subject for row in table.rows] == ["subject0000", "subject0000", "subject0001"]
    assert table.rows[1].files == {
        "image": "dataset70-200.h5:/frame_0000_001",
        "label": "dataset70-200.h5:/label_0000_001_00",
    }
    assert "raters 00, 01, 02: the first is the truth" in text_of(table)


# PROMISE12


def test_promise12_pairs_volumes_and_segmentations(tmp_path):
    made.promise12(tmp_path)
    assert recognised(tmp_path) == "promise12"
    table = read(tmp_path)
    assert table.problems == ()
    assert [row.subject for row in table.rows] == ["Case00", "Case01"]
    assert files(table)[0] == {
        "image": "TrainingData_Part1/Case00.mhd",
        "label": "TrainingData_Part1/Case00_segmentation.mhd",
    }
    assert "1 images of folders without labels" in text_of(table)


def test_a_volume_without_segmentation_and_a_segmentation_without_volume_are_problems(tmp_path):
    made.promise12(tmp_path, cases=(0, 1, 2), test=())
    (tmp_path / "TrainingData_Part1" / "Case01_segmentation.mhd").unlink()
    (tmp_path / "TrainingData_Part1" / "Case02.mhd").unlink()
    table = read(tmp_path)
    assert [row.subject for row in table.rows] == ["Case00"]
    assert [(problem.key, problem.what) for problem in table.problems] == [
        ("Case01", "has no label"),
        ("Case02_segmentation", "is a label without image"),
    ]


def test_a_segmentation_without_volume_is_a_problem_as_mha_too(tmp_path):
    for name in ("Case00.mha", "Case00_segmentation.mha", "Case01_segmentation.mha"):
        (tmp_path / name).write_bytes(b"NDims = 3")
    (problem,) = table_of(tmp_path, "promise12").problems
    assert (problem.key, problem.what) == ("Case01_segmentation", "is a label without image")


def test_the_tutorials_arrays_have_an_assumed_spacing(tmp_path):
    made.promise12_npy(tmp_path)
    assert recognised(tmp_path) == "promise12_npy"
    table = read(tmp_path)
    assert table.problems == ()
    assert files(table) == [
        {"image": "image_train00.npy", "label": "label_train00.npy"},
        {"image": "image_train01.npy", "label": "label_train01.npy"},
    ]
    assert table.spacing_mm == (2.2, 1.1, 1.1)
    assert "2.2 x 1.1 x 1.1 mm" in text_of(table)
    assert "image_test: 1 images" in text_of(table)
    (tmp_path / "label_train01.npy").unlink()
    assert "train01: has no label" in text_of(read(tmp_path))


# Which layout


@pytest.mark.parametrize(
    "make",
    [
        made.liver,
        made.brain_tumour,
        made.nnunet,
        made.medmnist,
        made.fetal,
        made.transrectal,
        made.promise12,
        made.promise12_npy,
    ],
)
def test_every_file_of_a_layout_is_read_as_an_image_and_a_label_as_large(tmp_path, make):
    make(tmp_path)
    for row in read(tmp_path).rows:
        images = {
            column: read_image(f"{tmp_path}/{file}", label=column == "label") for column, file in row.files.items()
        }
        assert len({image.spatial for image in images.values()}) == 1


def test_a_folder_that_fits_two_layouts_is_refused_with_both(tmp_path):
    made.nnunet(tmp_path, channels=["T2"])
    text = json.loads((tmp_path / "dataset.json").read_text())
    made.described(
        tmp_path, **(text | {"training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}]})
    )
    with pytest.raises(UserError, match='layout = "decathlon" or layout = "nnunet"'):
        recognised(tmp_path)
    assert len(table_of(tmp_path, "nnunet").rows) == 2


def test_a_folder_that_fits_none_says_what_it_has_and_what_to_write(tmp_path):
    made.class_folders(tmp_path, ["images/a.png", "masks/a.png"])
    assert recognised(tmp_path) is None
    text = str(unrecognised(tmp_path))
    assert "2 folders (images, masks)" in text
    assert f"medmark new ID --data {tmp_path}" in text
    assert all(name in text for name in LAYOUTS)
    assert "there is no folder" in str(unrecognised(Path("nowhere")))


def test_a_damaged_archive_is_named(tmp_path):
    made.medmnist(tmp_path)
    made.fetal(tmp_path)
    for name in ("bloodmnist.npz", "fetal.h5"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
    assert recognised(tmp_path) is None
    assert "bloodmnist.npz, which is damaged" in str(unrecognised(tmp_path))
    assert "fetal.h5, which is damaged" in str(unrecognised(tmp_path))


def test_a_layout_one_folder_below_is_named(tmp_path):
    made.promise12_npy(tmp_path / "promise12-data")
    made.png(tmp_path / "cover.png")
    assert f'path = "{tmp_path / "promise12-data"}"' in str(unrecognised(tmp_path))


def test_a_wrong_name_of_a_layout_is_refused(tmp_path):
    made.liver(tmp_path)
    with pytest.raises(UserError, match='did you mean "decathlon"'):
        table_of(tmp_path, "decatlon")
    with pytest.raises(UserError, match='does not look like layout = "nnunet"'):
        table_of(tmp_path, "nnunet")


def test_a_broken_description_is_refused_with_its_line(tmp_path):
    (tmp_path / "dataset.json").write_text('{\n "training": [\n')
    with pytest.raises(UserError, match=r"dataset\.json:3: is not JSON"):
        recognised(tmp_path)
