"""The source "folder": what a table or a layout lists becomes cases, and all that is wrong stands in one list."""

import nibabel
import numpy as np
import pytest
from PIL import Image as Pillow

from assignments.assignment import Assignment
from assignments.data.prepared import loaded, prepare
from assignments.data.source import Subject
from assignments.data.sources import source_of
from assignments.data.split import Split, new_split, write_split
from assignments.errors import UserError
from graders.authoring.shown_data import shown_data
from tests.assignments.data.folder import layouts_made
from tests.assignments.data.folder.files import (
    phantom,
    write_dicom_series,
    write_itk,
    write_nifti,
    write_npy,
    write_npz,
    write_picture,
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDMARK_HOME", str(tmp_path / "home"))


def assignment(tmp_path, task="segmentation", **data):
    home = tmp_path / "assignment"
    home.mkdir(exist_ok=True)
    return Assignment.model_validate(
        {
            "id": "own",
            "title": "Own",
            "task": task,
            "data": {"source": "folder", "path": tmp_path / "data", "test": 1, "split_seed": 1, **data},
            "run": {"mode": "retrain"},
            "criterion": [{"id": "report", "kind": "person", "points": 1}],
            "folder": home,
        }
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def table(folder, *rows):
    (folder / "cases.csv").write_text("\n".join(rows) + "\n")


def cases_of(tmp_path, subject, task="segmentation", **data):
    """The cases of one subject, checked against what the folder says it has."""
    of = assignment(tmp_path, task, **data)
    source = source_of(of)
    opened = source.open(of)
    assert source.problems(opened) == []
    return loaded(source, opened, subject, source.arrays(opened))


def refusal(tmp_path, task="segmentation", **data):
    """All that is wrong with the folder."""
    of = assignment(tmp_path, task, **data)
    source = source_of(of)
    try:
        subjects = source.subjects(source.open(of))
    except UserError as error:
        return str(error)
    spare = [Subject("spare 1"), Subject("spare 2")]  # a split needs two
    split, _ = new_split([*subjects, *spare], of.data)
    with pytest.raises(UserError) as caught:
        prepare(of, source, split=Split(tuple(row for row in split.rows if row.subject not in ("spare 1", "spare 2"))))
    return str(caught.value)


def label_of(volume):
    return (volume > volume.mean()).astype(np.uint8)


def volumes(folder, n=3, write=write_nifti, end=".nii.gz", **options):
    for i in range(n):
        write(folder / f"im{i}{end}", phantom() + i, **options)
        write(folder / f"seg{i}{end}", label_of(phantom()), **options)
    table(folder, "subject,image,label,site", *(f"P{i},im{i}{end},seg{i}{end},{'AB'[i % 2]}" for i in range(n)))


@pytest.mark.parametrize(("write", "end"), [(write_nifti, ".nii.gz"), (write_itk, ".mha"), (write_itk, ".nrrd")])
@pytest.mark.parametrize("code", ["RAS", "LPS", "PIR"])
def test_a_volume_and_its_label_are_in_ras_with_their_spacing_whatever_the_file(folder, tmp_path, write, end, code):
    volumes(folder, 1, write, end, code=code)
    (case,) = cases_of(tmp_path, "P0")
    assert np.array_equal(case["image"], phantom().astype(np.float32))
    assert np.array_equal(case["label"], label_of(phantom()))
    assert case["spacing"].tolist() == [3.0, 2.0, 1.0]
    assert (case["image"].dtype, case["label"].dtype) == (np.float32, np.uint8)


def test_a_label_in_another_orientation_than_its_image_still_lies_on_it(folder, tmp_path):
    write_nifti(folder / "im.nii.gz", phantom(), code="LPS")
    write_nifti(folder / "seg.nii.gz", label_of(phantom()), code="RAS")
    table(folder, "subject,image,label", "P0,im.nii.gz,seg.nii.gz")
    (case,) = cases_of(tmp_path, "P0")
    assert np.array_equal(case["label"], label_of(case["image"]))


def test_a_dicom_series_and_a_nifti_label_make_a_case(folder, tmp_path):
    write_dicom_series(folder / "ct", phantom())
    write_nifti(folder / "seg.nii.gz", label_of(phantom()))
    table(folder, "subject,image,label", "P0,ct,seg.nii.gz")
    (case,) = cases_of(tmp_path, "P0")
    assert np.array_equal(case["image"], phantom().astype(np.float32))


def test_a_flipped_label_is_refused_with_file_and_cure(folder, tmp_path):
    write_nifti(folder / "im.nii.gz", phantom())
    image = nibabel.load(folder / "im.nii.gz")
    flipped = image.affine.copy()
    flipped[0, 0] *= -1
    label = label_of(phantom()).transpose(2, 1, 0)
    nibabel.save(nibabel.Nifti1Image(label, flipped), folder / "seg.nii.gz")
    table(folder, "subject,image,label", "P0,im.nii.gz,seg.nii.gz", "P1,im.nii.gz,seg.nii.gz")
    text = refusal(tmp_path)
    assert "seg.nii.gz" in text
    assert "P0" in text
    assert "left and right are reversed" in text, text
    assert "resample it to the image, or export both again" in text


def test_channels_come_first_in_the_order_that_is_written(folder, tmp_path):
    write_nifti(folder / "t2.nii.gz", phantom())
    write_nifti(folder / "adc.nii.gz", phantom() + 7)
    write_nifti(folder / "seg.nii.gz", label_of(phantom()))
    table(folder, "subject,image:T2,image:ADC,label", "P0,t2.nii.gz,adc.nii.gz,seg.nii.gz")
    (case,) = cases_of(tmp_path, "P0", channels=["ADC", "T2"])
    assert case["image"].shape == (2, 3, 4, 5)
    assert np.array_equal(case["image"][1] + 7, case["image"][0])


def test_channels_that_lie_elsewhere_are_refused(folder, tmp_path):
    for i in range(2):
        write_nifti(folder / f"t2{i}.nii.gz", phantom())
        write_nifti(folder / f"adc{i}.nii.gz", phantom(), origin=(0.0, 0.0, 0.0))
        write_nifti(folder / f"seg{i}.nii.gz", label_of(phantom()))
    rows = [f"P{i},t2{i}.nii.gz,adc{i}.nii.gz,seg{i}.nii.gz" for i in range(2)]
    table(folder, "subject,image:T2,image:ADC,label", *rows)
    text = refusal(tmp_path)
    assert "adc0.nii.gz" in text
    assert "shifted by" in text


def test_a_window_scales_to_0_and_1(folder, tmp_path):
    volumes(folder, 1)
    (case,) = cases_of(tmp_path, "P0", window=[100, 200])
    assert np.allclose(case["image"], np.clip(phantom() / 200, 0, 1), atol=1e-6)


def test_size_crops_and_pads_after_resampling_and_scales_without_it(folder, tmp_path):
    volumes(folder, 1)
    (case,) = cases_of(tmp_path, "P0", resample_mm=[3.0, 2.0, 1.0], size=[3, 2, 7])
    assert case["image"].shape == case["label"].shape == (3, 2, 7)
    assert np.array_equal(case["image"][:, :, 1:6], phantom()[:, 1:3].astype(np.float32))
    assert case["spacing"].tolist() == [3.0, 2.0, 1.0]
    (scaled,) = cases_of(tmp_path, "P0", size=[3, 4, 10])
    assert scaled["spacing"].tolist() == [3.0, 2.0, 0.5]


def test_an_image_is_resampled_once(folder, tmp_path, monkeypatch):
    from assignments.data.folder import case_arrays as module

    volumes(folder, 1)
    of_label, original = [], module.resampled
    monkeypatch.setattr(
        module, "resampled", lambda image, mm, *, label: of_label.append(label) or original(image, mm, label=label)
    )
    cases_of(tmp_path, "P0", resample_mm=[3.0, 1.0, 1.0])
    assert sorted(of_label) == [False, True]


def test_several_rows_of_one_patient_are_several_cases(folder, tmp_path):
    for i in range(3):
        write_nifti(folder / f"im{i}.nii.gz", phantom((3, 4, 5 + i)))
        write_nifti(folder / f"seg{i}.nii.gz", label_of(phantom((3, 4, 5 + i))))
    table(folder, "subject,image,label", *(f"P0,im{i}.nii.gz,seg{i}.nii.gz" for i in range(3)))
    assert [case["image"].shape for case in cases_of(tmp_path, "P0")] == [(3, 4, 5), (3, 4, 6), (3, 4, 7)]


# Pictures and classes


def test_pictures_with_classes_and_features(folder, tmp_path):
    for i in range(3):
        write_picture(folder / f"{i}.png", np.full((6, 8, 3), 10 * i, np.uint8) + np.arange(3, dtype=np.uint8))
    table(
        folder,
        "subject,image,class,feature:age,feature:size",
        *(f"P{i},{i}.png,{name},{40 + i},1.5" for i, name in enumerate(("naevus", "melanoma", "naevus"))),
    )
    (case,) = cases_of(tmp_path, "P1", "classification", classes=["naevus", "melanoma"])
    assert case["image"].shape == (3, 6, 8)
    assert case["image"][:, 0, 0].tolist() == [10, 11, 12]
    assert (int(case["y"]), case["y"].dtype) == (1, np.uint8)
    assert case["features"].tolist() == [41.0, 1.5]
    assert "spacing" not in case


def test_pictures_of_different_sizes_are_scaled_to_one(folder, tmp_path):
    for i, size in enumerate(((6, 8), (12, 10))):
        write_picture(folder / f"{i}.png", np.full(size, 50 + i, np.uint8))
    table(folder, "subject,image,target", "P0,0.png,0.5", "P1,1.png,2")
    (case,) = cases_of(tmp_path, "P1", "regression", size=[4, 4])
    assert case["image"].shape == (4, 4)
    assert np.allclose(case["image"], 51)
    assert float(case["y"]) == 2.0


def test_a_black_and_white_mask_is_0_and_1(folder, tmp_path):
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 3:6] = 255
    write_picture(folder / "im.png", np.arange(48, dtype=np.uint8).reshape(6, 8))
    write_picture(folder / "mask.png", mask)
    table(folder, "subject,image,label", "P0,im.png,mask.png")
    (case,) = cases_of(tmp_path, "P0")
    assert np.array_equal(case["label"], mask // 255)


def test_a_mask_with_the_noise_of_jpeg_gets_the_threshold(folder, tmp_path):
    mask = np.zeros((32, 40), np.uint8)
    mask[9:21, 13:30] = 254
    write_picture(folder / "im.png", np.arange(1280, dtype=np.uint16).reshape(32, 40).astype(np.uint8))
    write_picture(folder / "mask.jpg", mask, quality=60)
    with Pillow.open(folder / "mask.jpg") as picture:
        low, high = picture.getextrema()  # not 0 and 254 alone, whatever the library
    table(folder, "subject,image,label", "P0,im.png,mask.jpg")
    text = refusal(tmp_path)
    assert "JPEG changes numbers at edges, so save the label as PNG" in text
    assert f"what lies above {(low + high) / 2:g} is the structure" in text


@pytest.mark.parametrize(
    ("task", "column", "values"), [("classification", "class", "ab"), ("regression", "target", "12")]
)
def test_a_mask_beside_another_truth_has_classes_of_its_own(folder, tmp_path, task, column, values):
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 3:6] = 255
    for i in range(2):
        write_picture(folder / f"{i}.png", np.arange(48, dtype=np.uint8).reshape(6, 8) + np.uint8(i))
        write_picture(folder / f"m{i}.png", mask)
    table(folder, f"subject,image,label,{column}", *(f"P{i},{i}.png,m{i}.png,{values[i]}" for i in range(2)))
    (case,) = cases_of(tmp_path, "P1", task)
    assert (case["label"] == mask // 255).all()
    write_npy(folder / "m1.npy", mask.astype(np.uint16) * 2)
    table(folder, f"subject,image,label,{column}", f"P0,0.png,m0.png,{values[0]}", f"P1,1.png,m1.npy,{values[1]}")
    assert (
        "m1.npy P1: holds 0, 510; the classes are 0 to 255; correct the label, or delete the column label"
        in refusal(tmp_path, task)
    )


def with_exif(path, array, orientation):
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return write_picture(path, array, exif=exif)


@pytest.mark.parametrize(("shape", "orientation"), [((8, 8), 6), ((6, 8), 3)])
def test_a_picture_that_exif_turns_beside_a_mask_that_it_does_not_is_a_problem(folder, tmp_path, shape, orientation):
    grey = np.arange(shape[0] * shape[1], dtype=np.uint8).reshape(shape)
    with_exif(folder / "im.png", grey, orientation)
    write_picture(folder / "mask.png", (grey > 40).astype(np.uint8))
    table(folder, "subject,image,label", "P0,im.png,mask.png")
    what = f"mask.png P0: was not turned, but the image was, as its EXIF orientation {orientation} says: do they fit?"
    assert what in refusal(tmp_path)
    assert "magick mogrify" in refusal(tmp_path)
    with_exif(folder / "mask.png", (grey > 40).astype(np.uint8), orientation)
    (case,) = cases_of(tmp_path, "P0")
    assert ((case["image"] > 40) == case["label"]).all()


def test_a_mask_of_the_shape_of_a_picture_after_a_quarter_turn_fits_it(folder, tmp_path):
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    with_exif(folder / "im.png", grey, 6)
    write_picture(folder / "mask.png", (np.rot90(grey, -1) > 20).astype(np.uint8))
    table(folder, "subject,image,label", "P0,im.png,mask.png")
    (case,) = cases_of(tmp_path, "P0")
    assert ((case["image"] > 20) == case["label"]).all()
    write_picture(folder / "mask.png", (grey > 20).astype(np.uint8))
    assert "mask.png P0: was not turned, but the image was" in refusal(tmp_path)


def test_labels_that_do_not_exclude_each_other(folder, tmp_path):
    write_picture(folder / "0.png", np.arange(48, dtype=np.uint8).reshape(6, 8))
    table(folder, "subject,image,class:oedema,class:mass", "P0,0.png,0,1")
    (case,) = cases_of(tmp_path, "P0", "multilabel")
    assert case["y"].tolist() == [0, 1]


def test_an_image_to_synthesise_lies_on_its_input(folder, tmp_path):
    write_nifti(folder / "t1.nii.gz", phantom())
    write_nifti(folder / "t2.nii.gz", 3 * phantom())
    table(folder, "subject,image,target_image", "P0,t1.nii.gz,t2.nii.gz")
    (case,) = cases_of(tmp_path, "P0", "synthesis")
    assert np.array_equal(case["target"], 3 * case["image"])


def test_a_registration_pair_names_both_patients_and_turns_landmarks_into_voxels(folder, tmp_path):
    for name in ("a", "b"):
        write_nifti(folder / f"{name}.nii.gz", phantom(), code="LPS")
        write_nifti(folder / f"{name}_seg.nii.gz", label_of(phantom()), code="LPS")
    # Voxel (d, h, w) = (2, 1, 3) lies at the origin (-40, 25, 7) plus 3 x 1 mm, 1 x 2 mm and 2 x 3 mm.
    (folder / "marks.csv").write_text(
        "fixed_x,fixed_y,fixed_z,moving_x,moving_y,moving_z\n-37,27,13,-40,25,7\n-40,25,7,,,\n"
    )
    table(
        folder,
        "subject,fixed,moving,label:fixed,label:moving,landmarks",
        "P1+P2,a.nii.gz,b.nii.gz,a_seg.nii.gz,b_seg.nii.gz,marks.csv",
    )
    (case,) = cases_of(tmp_path, "P1+P2", "registration")
    assert np.array_equal(case["fixed"], phantom().astype(np.float32))
    assert np.array_equal(case["labels"], np.stack([label_of(phantom())] * 2))
    assert np.allclose(
        case["landmarks"], [[[2, 1, 3], [0, 0, 0]], [[0, 0, 0], [np.nan] * 3]], equal_nan=True, atol=1e-5
    )
    of = assignment(tmp_path, "registration")
    (subject,) = source_of(of).subjects(source_of(of).open(of))
    assert subject.members == ("P1", "P2")


def test_a_registration_pair_with_landmarks_alone_has_labels_of_0(folder, tmp_path):
    for name in ("a", "b"):
        write_nifti(folder / f"{name}.nii.gz", phantom())
    (folder / "marks.csv").write_text("fixed_d,fixed_h,fixed_w,moving_d,moving_h,moving_w\n1,2,3,1,2,4\n")
    table(folder, "subject,fixed,moving,landmarks", "P1,a.nii.gz,b.nii.gz,marks.csv")
    (case,) = cases_of(tmp_path, "P1", "registration")
    assert np.array_equal(case["landmarks"], [[[1, 2, 3]], [[1, 2, 4]]])
    assert case["labels"].shape == (2, *phantom().shape)
    assert case["labels"].dtype == np.uint8
    assert not case["labels"].any()


MM = "fixed_x,fixed_y,fixed_z,moving_x,moving_y,moving_z\n"
VOXELS = "fixed_d,fixed_h,fixed_w,moving_d,moving_h,moving_w\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        # 5 voxels of 1 mm from -40: the edge of the last is at -35.5.
        (
            MM + "-40,25,7,-40,25,7\n-35.4,25,7,-40,25,7\n",
            "1 of 2 points lie outside fixed, the first in line 3: -35.4",
        ),
        (MM + "40,-25,7,37,-27,13\n", "1 of 1 points lie outside fixed"),
        (MM + "40,-25,7,37,-27,13\n", "they fit with the other sign of x and y, so they are LPS"),
        (VOXELS + "1,2,3,1,2,5\n", "1 of 1 points lie outside moving, the first in line 2: 1, 2, 5 voxels"),
        (VOXELS + "1,2,3,1,2,-1\n", "1 of 1 points lie outside moving"),
        (VOXELS + "1,2,3,1,,3\n", "line 2: moving has some of its 3 numbers"),
        (VOXELS + "1,2,3,,,\n,,,1,2,3\n", "has no point that is seen in both images"),
        (VOXELS + "1,2,3,1,2,inf\n", 'line 2: "inf" is not a finite number'),
    ],
)
def test_landmarks_that_can_be_of_no_pair_are_refused(folder, tmp_path, text, says):
    for name in ("a", "b"):
        write_nifti(folder / f"{name}.nii.gz", phantom())
    (folder / "marks.csv").write_text(text)
    table(folder, "subject,fixed,moving,landmarks", "P1,a.nii.gz,b.nii.gz,marks.csv")
    assert says in refusal(tmp_path, "registration")


def test_a_point_that_size_crops_away_is_not_outside_its_image(folder, tmp_path):
    for name in ("a", "b"):
        write_nifti(folder / f"{name}.nii.gz", phantom())
    (folder / "marks.csv").write_text(MM + "-36,31,13,-40,25,7\n")  # the last voxel, and the first
    table(folder, "subject,fixed,moving,landmarks", "P1,a.nii.gz,b.nii.gz,marks.csv")
    (case,) = cases_of(tmp_path, "P1", "registration", resample_mm=[3, 2, 1], size=[1, 2, 3])
    assert case["fixed"].shape == (1, 2, 3)
    assert np.allclose(case["landmarks"], [[[1, 2, 3]], [[-1, -1, -1]]])


def test_a_pair_of_different_shapes_is_named_where_it_has_no_labels(folder, tmp_path):
    write_nifti(folder / "a.nii.gz", phantom())
    write_nifti(folder / "b.nii.gz", phantom()[1:])
    (folder / "marks.csv").write_text("fixed_d,fixed_h,fixed_w,moving_d,moving_h,moving_w\n1,2,3,1,2,4\n")
    table(folder, "subject,fixed,moving,landmarks", "P1,a.nii.gz,b.nii.gz,marks.csv")
    lines = refusal(tmp_path, "registration").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("  b.nii.gz P1: its shape is ")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("fixed_x,moving_x\n1,2\n", "needs the columns fixed_x, fixed_y, fixed_z (mm) or fixed_d"),
        ("fixed_d,fixed_h,fixed_w,moving_d,moving_h,moving_w\n1,2,left,1,2,3\n", 'line 2: "left" is not a number'),
        ("fixed_d,fixed_h,fixed_w,moving_d,moving_h,moving_w\n", "has no landmark"),
    ],
)
def test_landmarks_that_cannot_be_read_are_named_once(folder, tmp_path, text, what):
    for name in ("a", "b"):
        write_nifti(folder / f"{name}.nii.gz", phantom())
        write_nifti(folder / f"{name}_seg.nii.gz", label_of(phantom()))
    (folder / "marks.csv").write_text(text)
    columns = "subject,fixed,moving,label:fixed,label:moving,landmarks"
    table(folder, columns, "P1+P2,a.nii.gz,b.nii.gz,a_seg.nii.gz,b_seg.nii.gz,marks.csv")
    lines = refusal(tmp_path, "registration").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"  marks.csv P1+P2: {what}")


def test_rows_of_archives(folder, tmp_path):
    images = np.arange(2 * 6 * 8, dtype=np.uint8).reshape(2, 6, 8)
    write_npz(folder / "set.npz", images=images)
    for i in range(2):
        write_npy(folder / f"mask{i}.npy", np.eye(6, 8, dtype=np.uint8))
    table(folder, "subject,image,label", *(f"P{i},set.npz:images[{i}],mask{i}.npy" for i in range(2)))
    (case,) = cases_of(tmp_path, "P1")
    assert np.array_equal(case["image"], images[1])


@pytest.mark.parametrize(
    ("write_layout", "task", "keys"),
    [
        (layouts_made.liver, "label_maps", {"image", "label", "spacing"}),
        (layouts_made.nnunet, "label_maps", {"image", "label", "spacing"}),
        (layouts_made.promise12, "segmentation", {"image", "label", "spacing"}),
        (layouts_made.medmnist, "classification", {"image", "y"}),
        (layouts_made.fetal, "classification", {"image", "y"}),
    ],
)
def test_every_layout_gives_its_cases_without_a_table(tmp_path, folder, write_layout, task, keys):
    write_layout(folder)
    of = assignment(tmp_path, task)
    source = source_of(of)
    opened = source.open(of)
    for subject in source.subjects(opened):
        for case in loaded(source, opened, subject.id, source.arrays(opened)):
            assert case.keys() == keys


def test_a_folder_may_have_a_name_that_looks_like_a_key(tmp_path):
    inside = tmp_path / "set.npz:old"
    inside.mkdir()
    volumes(inside, 1)
    (case,) = cases_of(tmp_path, "P0", path=inside)
    assert np.array_equal(case["image"], phantom().astype(np.float32))


# What is wrong


def test_all_bad_files_stand_in_one_list_with_those_of_the_table(folder, tmp_path):
    volumes(folder, 6)
    (folder / "im1.nii.gz").write_bytes((folder / "im1.nii.gz").read_bytes()[:60])
    write_nifti(folder / "seg2.nii.gz", 2 * label_of(phantom()))
    write_nifti(folder / "seg3.nii.gz", label_of(phantom((3, 4, 6))))
    (folder / "seg4.nii.gz").write_text("no image")
    with (folder / "cases.csv").open("a") as file:
        file.write("P9,im9.nii.gz,seg0.nii.gz,A\n")
    text = refusal(tmp_path)
    for file, what in (
        ("cases.csv:8", "im9.nii.gz is missing"),
        ("im1.nii.gz P1: ", ""),
        ("seg2.nii.gz P2: ", "holds 0, 2; the classes are 0 to 1"),
        ("seg3.nii.gz P3: ", "its shape is 3 x 4 x 6, and that of the image 3 x 4 x 5"),
        ("seg4.nii.gz P4: ", "not a gzip file"),
    ):
        assert any(file in line and what in line for line in text.splitlines()), (file, text)
    assert "5 problems" in text


def test_half_a_label_is_no_class(folder, tmp_path):
    volumes(folder, 2)
    write_nifti(folder / "seg0.nii.gz", 0.5 * label_of(phantom()).astype(np.float32))
    assert "has numbers that are not whole, such as 0.5" in refusal(tmp_path)


def test_a_label_that_its_file_rescales_is_whole(folder, tmp_path):
    """float32 of 1 / 3 is 0.33333334, and three times that 1.0000001 in some programs."""
    volumes(folder, 2)
    label = label_of(phantom())
    write_nifti(folder / "seg0.nii.gz", label * np.float32(1.0000001))
    (case,) = cases_of(tmp_path, "P0")
    assert (case["label"] == label).all()
    write_nifti(folder / "seg0.nii.gz", label * np.float32(0.9999))
    assert "not whole, such as 0.9999;" in refusal(tmp_path)


def test_a_colour_picture_among_grey_ones_is_named(folder, tmp_path):
    for i in range(3):
        write_picture(folder / f"{i}.png", np.full((6, 8, 3) if i == 2 else (6, 8), i, np.uint8))
    table(folder, "subject,image,target", *(f"P{i},{i}.png,{i}" for i in range(3)))
    assert "2.png P2: gives image with the axes 3 x 6 x 8, and other cases have h w" in refusal(tmp_path, "regression")


def test_a_folder_without_labels_says_what_the_task_needs(folder, tmp_path):
    write_nifti(folder / "im.nii.gz", phantom())
    table(folder, "subject,image", "P0,im.nii.gz")
    assert 'task = "segmentation" needs label' in refusal(tmp_path)


def test_a_folder_with_nothing_known_in_it_says_what_to_do(folder, tmp_path):
    (folder / "notes.txt").write_text("?")
    assert "medmark new ID --data" in refusal(tmp_path)


def test_only_a_changed_patient_is_read_again(folder, tmp_path, monkeypatch):
    volumes(folder, 4)
    of = assignment(tmp_path)
    source = source_of(of)
    write_split(of.split_file, new_split(source.subjects(source.open(of)), of.data)[0])
    first = prepare(of, source)
    read = []
    from assignments.data.folder import source as module

    original = module.load
    monkeypatch.setattr(module, "load", lambda opened, subject: read.append(subject) or original(opened, subject))
    assert prepare(of, source) == first
    assert read == []
    write_nifti(folder / "seg2.nii.gz", 1 - label_of(phantom()))
    changed = prepare(of, source)
    assert read == ["P2"]
    assert [a.id for a, b in zip(first.subjects, changed.subjects, strict=True) if a != b] == ["P2"]


@pytest.mark.parametrize(("name", "voxels"), [("P.mhd", "P.raw"), ("P.nhdr", "P.raw"), ("P.hdr", "P.img")])
def test_a_correction_of_voxels_that_lie_beside_their_header_is_read(folder, tmp_path, name, voxels):
    if name == "P.hdr":
        nibabel.save(nibabel.Nifti1Pair(phantom(), np.eye(4)), folder / "P.hdr")
    else:
        write_itk(folder / name, phantom())
    table(folder, "subject,image,class", f"P,{name},a")
    of = assignment(tmp_path, "classification")
    source = source_of(of)
    opened = source.open(of)
    before = source.stamp(opened, "P")
    assert source.stamp(opened, "P") == before
    data = (folder / voxels).read_bytes()
    (folder / voxels).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert source.stamp(opened, "P") != before


def test_after_a_refusal_only_what_was_corrected_is_read(folder, tmp_path, monkeypatch):
    volumes(folder, 4)
    write_nifti(folder / "seg2.nii.gz", 2 * label_of(phantom()))
    of = assignment(tmp_path)
    source = source_of(of)
    write_split(of.split_file, new_split(source.subjects(source.open(of)), of.data)[0])
    with pytest.raises(UserError, match="holds 0, 2"):
        prepare(of, source)
    read = []
    from assignments.data.folder import source as module

    original = module.load
    monkeypatch.setattr(module, "load", lambda opened, subject: read.append(subject) or original(opened, subject))
    write_nifti(folder / "seg2.nii.gz", label_of(phantom()))
    assert len(prepare(of, source).subjects) == 4
    assert read == ["P2"]


def test_how_a_volume_was_turned_is_kept_and_said(folder, tmp_path):
    """Two patients in LPS and one in RAS, read once: the second time from the stored cases."""
    for i, code in enumerate(("LPS", "RAS", "LPS")):
        write_nifti(folder / f"im{i}.nii.gz", phantom() + i, code=code)
        write_nifti(folder / f"seg{i}.nii.gz", label_of(phantom()), code=code)
    table(folder, "subject,image,label", *(f"P{i},im{i}.nii.gz,seg{i}.nii.gz" for i in range(3)))
    for _ in range(2):
        remarks = shown_data(assignment(tmp_path)).remarks
        assert "image: NIfTI, LPS, turned to RAS (2 of 3 subjects)" in remarks
        assert "image: NIfTI, RAS, as it is (1 of 3 subjects)" in remarks


def test_a_file_that_goes_away_while_the_folder_is_read_is_named(folder, tmp_path):
    volumes(folder, 3)
    of = assignment(tmp_path)
    source = source_of(of)
    opened = source.open(of)
    (folder / "im1.nii.gz").unlink()
    for read in (source.load, source.stamp):
        with pytest.raises(UserError, match=r"im1\.nii\.gz"):
            read(opened, "P1")
