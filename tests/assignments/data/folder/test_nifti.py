"""NIfTI files, sound and damaged."""

import gzip

import nibabel
import numpy as np
import pytest

from assignments.data.folder import nifti
from assignments.data.folder.arrays import Members
from assignments.data.folder.image import UnreadableImage
from tests.assignments.data.folder.files import cut, edit, phantom, read_image, write_nifti, write_nifti_as_stored

PIXDIM_X, QFORM_CODE, DIM, UNITS = 80, 252, 40, 123
"""Offsets of fields in the header."""


def faults(path):
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert all(fault.cure for fault in caught.value.faults)
    return " | ".join(fault.what for fault in caught.value.faults)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_volume_is_slice_row_column_as_it_is_stored(name, tmp_path):
    image = read_image(write_nifti(tmp_path / name, phantom(), "RAS", spacing=(3.0, 0.8, 0.7)))
    assert image.axes == "d h w"
    assert (image.array == phantom()).all()
    assert image.array.dtype == np.int16
    assert image.spacing_mm == (3.0, 0.8, 0.7)
    assert image.orientation == "RAS"
    assert (image.facts.format, image.facts.notes) == ("NIfTI", ())
    # x is the column: the array's last axis moves it to the right by 0.7 mm
    assert image.affine[:3, 2] == pytest.approx([0.7, 0, 0])


def test_numbers_are_rescaled_by_slope_and_intercept(tmp_path):
    image = read_image(write_nifti(tmp_path / "a.nii", phantom(), scale=(2.0, -1000.0)))
    assert image.array[0, 0, :3].tolist() == [-1000.0, -998.0, -996.0]
    assert image.array.dtype == np.float32


def test_what_nibabel_corrects_is_not_printed_by_it(tmp_path, caplog):
    faults(edit(write_nifti(tmp_path / "a.nii", phantom()), PIXDIM_X, "<f", 0.0))
    read_image(edit(write_nifti(tmp_path / "b.nii", phantom()), QFORM_CODE, "<h", 77))  # the sform is used
    assert not caplog.records


def test_the_volumes_of_a_compressed_file_are_decompressed_once(tmp_path, monkeypatch):
    series = np.stack([phantom().T + np.int16(1000 * i) for i in range(4)], axis=3)
    path = write_nifti_as_stored(tmp_path / "BRATS_001.nii.gz", series, np.eye(4))
    other = write_nifti_as_stored(tmp_path / "BRATS_002.nii.gz", series + np.int16(7), np.eye(4))
    whole, content = [], nifti._whole
    monkeypatch.setattr(nifti, "_whole", lambda where, stored: whole.append(where.path) or content(where, stored))
    members = Members()
    for file, more in ((path, 0), (other, 7)):
        for i in range(4):
            read = read_image(f"{file}[{i}]", members=members)
            assert (read.array == phantom() + 1000 * i + more).all()
    assert whole == [path, other]


def test_big_endian_numbers_are_native(tmp_path):
    header = nibabel.Nifti1Header(endianness=">")
    image = nibabel.Nifti1Image(phantom().astype(">i2"), np.eye(4), header)
    image.to_filename(tmp_path / "a.nii")
    read = read_image(tmp_path / "a.nii").array
    assert read.dtype.isnative
    assert (read == phantom().T).all()


def test_a_slice_has_two_axes(tmp_path):
    image = read_image(write_nifti_as_stored(tmp_path / "a.nii", np.arange(6, dtype=np.int16).reshape(2, 3), np.eye(4)))
    assert image.axes == "h w"
    assert image.array.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert image.spacing_mm == (1.0, 1.0)


def test_four_axes_are_refused_unless_the_fourth_has_one_volume_or_one_is_named(tmp_path):
    series = np.stack([phantom().T, phantom().T + np.int16(1000)], axis=3)
    path = write_nifti_as_stored(tmp_path / "bold.nii.gz", series, np.eye(4))
    assert faults(path) == "it has 4 axes (5 x 4 x 3 x 2): a series of volumes, not one"
    assert (read_image(f"{path}[1]").array == phantom() + 1000).all()
    assert "2 volumes" in faults(f"{path}[2]")
    single = write_nifti_as_stored(tmp_path / "one.nii", series[..., :1], np.eye(4))
    assert (read_image(single).array == phantom()).all()
    assert "no volumes to name" in faults(f"{write_nifti(tmp_path / 'a.nii', phantom())}[0]")
    five = write_nifti_as_stored(tmp_path / "five.nii", series[..., None, :], np.eye(4))
    assert "5 axes" in faults(five)


def test_without_an_orientation_it_is_unknown_and_said(tmp_path):
    path = edit(write_nifti(tmp_path / "a.nii", phantom()), QFORM_CODE, "<hh", 0, 0)
    image = read_image(path)
    assert (image.affine, image.orientation, image.spacing_mm) == (None, None, (3.0, 2.0, 1.0))
    assert "no orientation" in image.facts.notes[0]


def test_a_spacing_that_differs_between_pixdim_and_sform_is_said(tmp_path):
    image = read_image(edit(write_nifti(tmp_path / "a.nii", phantom()), PIXDIM_X, "<f", 1.5))
    assert image.spacing_mm == (3.0, 2.0, 1.0)
    assert image.facts.notes == ("pixdim says 3 x 2 x 1.5 mm, the sform 3 x 2 x 1 mm, which is used.",)


@pytest.mark.parametrize(("number", "words"), [(float("nan"), "x nan mm"), (0.0, "x 0 mm"), (-1.0, "x -1 mm")])
@pytest.mark.parametrize("codes", [(1, 0), (0, 2)])
def test_a_spacing_that_cannot_be_is_refused_whatever_nibabel_makes_of_it(number, words, codes, tmp_path):
    path = edit(write_nifti(tmp_path / "a.nii", phantom()), PIXDIM_X, "<f", number)
    assert words in faults(edit(path, QFORM_CODE, "<hh", *codes))


def test_another_unit_is_refused(tmp_path):
    assert "micron" in faults(write_nifti(tmp_path / "a.nii", phantom(), units="micron"))
    assert "no unit" in read_image(write_nifti(tmp_path / "b.nii", phantom(), units="unknown")).facts.notes[0]


@pytest.mark.parametrize(("units", "words"), [(7, "not one that NIfTI has"), (255, "not one that NIfTI has")])
def test_a_unit_that_does_not_exist_is_a_sentence(units, words, tmp_path):
    assert words in faults(edit(write_nifti(tmp_path / "a.nii", phantom()), UNITS, "<B", units))


def test_a_unit_of_time_that_does_not_exist_changes_nothing(tmp_path):
    """mm are 2, and the bits of the time are 8, 16 and 32: all of them together are not a unit."""
    image = read_image(edit(write_nifti(tmp_path / "a.nii", phantom()), UNITS, "<B", 2 + 56))
    assert (image.spacing_mm, image.facts.notes) == ((3.0, 2.0, 1.0), ())


def test_a_qform_that_is_not_a_rotation_is_said_and_the_sform_used(tmp_path):
    """The squares of b, c and d of a quaternion are 1 together at most; here 3."""
    path = edit(write_nifti(tmp_path / "a.nii", phantom()), QFORM_CODE, "<hhfff", 1, 1, 1.0, 1.0, 1.0)
    image = read_image(path)
    assert (image.orientation, image.facts.notes) == ("RAS", ("sform and qform differ: the sform is used.",))


def test_voxels_that_begin_within_the_header_are_refused(tmp_path):
    """Else the header's first number, 348, would be an intensity."""
    assert "at byte 0, within the header" in faults(edit(write_nifti(tmp_path / "a.nii", phantom()), 108, "<f", 0.0))


def test_a_sheared_grid_is_refused(tmp_path):
    affine = np.eye(4)
    affine[1, 2] = np.tan(np.radians(10))
    assert "sheared by 10 degrees" in faults(write_nifti_as_stored(tmp_path / "a.nii", phantom(), affine))


def test_an_axis_without_length_and_a_position_that_is_not_a_number_are_refused(tmp_path):
    flat = edit(write_nifti(tmp_path / "a.nii", phantom()), 280, "<4f", 0, 0, 0, 0)
    assert "spacing is 3 x 2 x 0 mm" in faults(flat)
    lost = edit(write_nifti(tmp_path / "b.nii", phantom()), 292, "<f", float("inf"))
    assert "position or orientation is not a number" in faults(lost)


def test_voxels_that_are_not_numbers_are_counted(tmp_path):
    volume = phantom().astype(np.float32)
    volume[1, 2, 3] = np.nan
    volume[2, 0, 0] = np.inf
    path = write_nifti(tmp_path / "a.nii", volume)
    assert faults(path) == "2 of 60 voxels are NaN or infinite, the first at d h w (1, 2, 3)"


def test_several_faults_of_a_file_are_said_at_once(tmp_path):
    volume = np.full((3, 4, 5), np.nan, np.float32)
    affine = np.eye(4)
    affine[1, 2] = 1.0
    path = write_nifti_as_stored(tmp_path / "a.nii", volume, affine)
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert len(caught.value.problems("P01")) == 2
    assert str(caught.value.problems("P01")[0]).startswith(f"{path} P01: its axes are not at right angles")


@pytest.mark.parametrize("by", [10, 30, 80])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_voxels_of_a_truncated_file_cannot_be_read(name, by, tmp_path):
    noise = np.random.default_rng(0).integers(0, 999, (8, 9, 10)).astype(np.int16)
    what = faults(cut(write_nifti(tmp_path / name, noise), by))
    assert "its voxels cannot be read" in what


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.nii", b"This is a text. " * 60),
        ("a.nii", b"short"),
        ("a.nii.gz", b"not compressed" * 50),
        ("a.nii.gz", gzip.compress(b"a text " * 100, mtime=0)),
    ],
)
def test_a_text_under_the_name_of_an_image_is_not_one(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert "it is not a NIfTI file, or damaged" in faults(tmp_path / name)


def test_a_damaged_byte_in_the_middle_is_a_sentence(tmp_path):
    noise = np.random.default_rng(0).integers(0, 999, (8, 9, 10)).astype(np.int16)
    path = write_nifti(tmp_path / "a.nii.gz", noise)
    data = bytearray(path.read_bytes())
    for at in (len(data) // 2, len(data) - 20, len(data) - 6):  # the last is of the checksum
        path.write_bytes(bytes(data[:at]) + bytes([data[at] ^ 255]) + bytes(data[at + 1 :]))
        assert "cannot be read" in faults(path)


@pytest.mark.parametrize("shape", [(32000, 32000, 3), (0, 4, 5), (-5, 4, 5)])
def test_an_absurd_size_is_refused_before_it_is_read(shape, tmp_path):
    path = edit(write_nifti(tmp_path / "a.nii", phantom()), DIM + 2, "<3h", *shape)
    assert f"it declares {shape[0]} x {shape[1]} x {shape[2]} voxels" in faults(path)


def test_analyze_is_refused_and_a_pair_of_nifti_is_read(tmp_path):
    nibabel.AnalyzeImage(phantom(), np.eye(4)).to_filename(tmp_path / "old.hdr")
    assert "whose left and right are uncertain" in faults(tmp_path / "old.hdr")
    nibabel.Nifti1Pair(phantom().T, np.eye(4)).to_filename(tmp_path / "pair.hdr")
    assert (read_image(tmp_path / "pair.hdr").array == phantom()).all()


def test_colours_are_refused(tmp_path):
    colours = np.zeros((2, 3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.Nifti1Image(colours, np.eye(4)).to_filename(tmp_path / "a.nii")
    assert "not plain numbers" in faults(tmp_path / "a.nii")
