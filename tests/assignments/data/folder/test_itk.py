"""MHA, MHD and NRRD, sound and damaged."""

import bz2
import gzip

import numpy as np
import pytest
import SimpleITK as sitk

from assignments.data.folder.image import UnreadableImage
from tests.assignments.data.folder.files import cut, phantom, read_image, write_itk


def faults(path):
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert all(fault.cure for fault in caught.value.faults)
    return " | ".join(fault.what for fault in caught.value.faults)


def changed(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    return path


@pytest.mark.parametrize(("name", "kind"), [("a.mha", "MetaImage"), ("a.mhd", "MetaImage"), ("a.nrrd", "NRRD")])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_volume_is_slice_row_column_in_ras_mm(name, kind, compressed, tmp_path):
    image = read_image(write_itk(tmp_path / name, phantom(), "LPS", origin=(-40, 25, 7), compressed=compressed))
    assert (image.array == phantom()[:, ::-1, ::-1]).all()  # left is at the end, and the back
    assert (image.axes, image.orientation, image.spacing_mm) == ("d h w", "LPS", (3.0, 2.0, 1.0))
    # Stored voxel (0, 0, 0) is the one farthest right (4 x 1 mm) and to the front (3 x 2 mm).
    assert image.affine[:3, 3] == pytest.approx([-36, 31, 7])
    assert image.affine[:3, 2] == pytest.approx([-1, 0, 0])
    assert image.array.dtype == phantom().dtype
    assert (image.facts.format, image.facts.notes) == (kind, ())


def test_a_slice_has_two_axes(tmp_path):
    still = sitk.GetImageFromArray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    still.SetSpacing((0.5, 0.7))
    sitk.WriteImage(still, str(tmp_path / "a.mha"))
    image = read_image(tmp_path / "a.mha")
    assert (image.axes, image.spacing_mm) == ("h w", (0.7, 0.5))
    assert image.array.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_header_without_an_orientation_leaves_it_unknown(tmp_path):
    path = changed(write_itk(tmp_path / "a.mha", phantom()), b"TransformMatrix", b"IgnoredWordHere")
    image = read_image(path)
    assert (image.affine, image.spacing_mm) == (None, (3.0, 2.0, 1.0))
    assert "no orientation" in image.facts.notes[0]
    plain = b"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 1 1\nspacings: 1 2 3\nencoding: raw\n\n\x07\x08"
    (tmp_path / "a.nrrd").write_bytes(plain)
    image = read_image(tmp_path / "a.nrrd")
    assert (image.array.tolist(), image.affine, image.spacing_mm) == ([[[7, 8]]], None, (3.0, 2.0, 1.0))


@pytest.mark.parametrize(
    ("spacing", "words"), [(b"nan 2 3", "nan x 2 x 3 mm"), (b"0 2 3", "0 x 2 x 3 mm"), (b"-1 2 3", "-1 x 2 x 3 mm")]
)
def test_a_spacing_that_cannot_be_is_refused_whatever_itk_makes_of_it(spacing, words, tmp_path):
    path = write_itk(tmp_path / "a.mha", phantom())
    assert words in faults(changed(path, b"ElementSpacing = 1 2 3", b"ElementSpacing = " + spacing))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_a_truncated_file_is_said_to_be_unreadable(name, compressed, tmp_path):
    assert "cannot be read" in faults(cut(write_itk(tmp_path / name, phantom(), compressed=compressed), 20))


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd"])
def test_a_damaged_byte_of_compressed_voxels_is_seen(name, tmp_path):
    """ITK ignores the checksum: half the bytes of a file could be wrong numbers without a word."""
    noise = np.random.default_rng(0).integers(0, 999, (4, 8, 9)).astype(np.int16)
    path = write_itk(tmp_path / name, noise, compressed=True)
    voxels = tmp_path / "a.zraw" if name == "a.mhd" else path
    data = voxels.read_bytes()
    for at in range(len(data) - 120, len(data), 17):
        voxels.write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
        assert "cannot be read" in faults(path)
    voxels.write_bytes(data)
    assert (read_image(path).array == noise).all()


def test_what_the_library_of_metaimage_prints_is_not_shown(tmp_path, capfd):
    faults(cut(write_itk(tmp_path / "a.mha", phantom())))
    faults(changed(write_itk(tmp_path / "b.mha", phantom()), b"NDims = 3", b"NDims = 7"))
    assert capfd.readouterr() == ("", "")


def test_a_header_without_its_file_of_voxels_is_said(tmp_path):
    path = write_itk(tmp_path / "a.mhd", phantom())
    cut(tmp_path / "a.raw", 20)
    assert "cannot be read" in faults(path)
    (tmp_path / "a.raw").unlink()
    assert faults(path) == "the file of its voxels is missing: a.raw"


VOXELS = phantom().tobytes()


def nrrd(path, fields, voxels=VOXELS):
    """A NRRD by hand of the phantom, 5 x 4 x 3."""
    head = f"NRRD0004\ntype: short\ndimension: 3\nsizes: 5 4 3\nendian: little\n{fields}\n"
    head += "\n" if voxels else ""  # else the list of files would name an empty one
    path.write_bytes(head.encode() + voxels)
    return path


DIRECTIONS = "space directions: (1,0,0) (0,2,0) (0,0,3)"


def test_a_segmentation_whose_header_is_long_is_read(tmp_path):
    """3D Slicer describes each segment: a hundred organs are more than 64 KiB, before what says where they lie."""
    segments = "\n".join(f"Segment{number}_Tags:={'t' * 900}" for number in range(100))
    fields = f"{segments}\nspace: LPS\n{DIRECTIONS}\nencoding: gzip"
    image = read_image(nrrd(tmp_path / "a.seg.nrrd", fields, gzip.compress(phantom().tobytes())), label=True)
    assert (image.array == phantom()).all()
    assert (image.orientation, image.spacing_mm) == ("LPS", (3.0, 2.0, 1.0))


def test_segments_that_overlap_are_refused_with_the_cure(tmp_path):
    head = (
        "NRRD0004\ntype: uchar\ndimension: 4\nspace: LPS\nsizes: 2 5 4 3\nkinds: list domain domain domain\n"
        "space directions: none (1,0,0) (0,2,0) (0,0,3)\nencoding: raw\nSegment0_Layer:=0\nSegment1_Layer:=1\n\n"
    )
    (tmp_path / "a.seg.nrrd").write_bytes(head.encode() + bytes(120))
    with pytest.raises(UnreadableImage, match=r"2 numbers a voxel.*one label map"):
        read_image(tmp_path / "a.seg.nrrd")


@pytest.mark.parametrize("spacing", ["nan 2 3", "-1 2 3"])
def test_a_nrrds_spacing_that_cannot_be_is_refused_whatever_itk_makes_of_it(spacing, tmp_path):
    path = nrrd(tmp_path / "a.nrrd", f"spacings: {spacing}\nencoding: raw")
    assert faults(path) == f"its spacing is {spacing.replace(' ', ' x ')} mm"


@pytest.mark.parametrize("space", ["scanner-xyz", "3D-right-handed"])
def test_a_space_that_is_not_the_patients_gives_no_orientation(space, tmp_path):
    """ITK takes every space that it does not know for left, posterior, superior."""
    image = read_image(nrrd(tmp_path / "a.nrrd", f"space: {space}\n{DIRECTIONS}\nencoding: raw"))
    assert (image.affine, image.orientation) == (None, None)


@pytest.mark.parametrize("space", ["RAS", "right-anterior-superior"])
def test_a_nrrd_in_ras_is_not_one_in_lps(space, tmp_path):
    image = read_image(nrrd(tmp_path / "a.nrrd", f"space: {space}\n{DIRECTIONS}\nencoding: raw"))
    assert image.orientation == "RAS"


def test_a_compression_that_is_not_read_is_named(tmp_path):
    assert "compressed by bzip2" in faults(nrrd(tmp_path / "a.nrrd", "encoding: bzip2", bz2.compress(bytes(120))))


@pytest.mark.parametrize("named", ["LIST\ns0.raw\ns1.raw\ns2.raw", "s%d.raw 0 2 1"])
def test_a_slice_of_several_files_that_is_missing_is_named(named, tmp_path):
    """MHD and NRRD name the file of each slice alike."""
    for z, piece in enumerate(phantom()):
        (tmp_path / f"s{z}.raw").write_bytes(piece.tobytes())
    meta = write_itk(tmp_path / "a.mhd", phantom())
    changed(meta, b"a.raw", named.encode())
    header = nrrd(tmp_path / "a.nhdr", f"encoding: raw\ndata file: {named}", b"")
    for path in (meta, header):
        assert (read_image(path).array == phantom()).all()
    (tmp_path / "s1.raw").unlink()
    for path in (meta, header):
        assert faults(path) == "the file of its voxels is missing: s1.raw"


@pytest.mark.parametrize("absolute", [False, True])
def test_voxels_outside_the_folder_of_their_header_are_refused(absolute, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.raw").write_bytes(phantom().tobytes())
    path = write_itk(tmp_path / "in/a.mhd", phantom())
    named = str(tmp_path / "secret.raw") if absolute else "../secret.raw"
    assert "lies outside its folder" in faults(changed(path, b"a.raw", named.encode()))


def test_more_than_three_axes_and_several_numbers_a_voxel_are_refused(tmp_path):
    series = sitk.JoinSeries([sitk.GetImageFromArray(phantom())] * 2)
    sitk.WriteImage(series, str(tmp_path / "a.mha"))
    assert "it has 4 axes (5 x 4 x 3 x 2)" in faults(tmp_path / "a.mha")
    field = sitk.GetImageFromArray(np.zeros((2, 2, 2, 3)), isVector=True)
    sitk.WriteImage(field, str(tmp_path / "b.nrrd"))
    assert "it has 3 numbers a voxel" in faults(tmp_path / "b.nrrd")


def test_an_absurd_size_is_refused_before_it_is_read(tmp_path):
    path = changed(write_itk(tmp_path / "a.mha", phantom()), b"DimSize = 5 4 3", b"DimSize = 500000 4000 3000")
    assert "it declares 500000 x 4000 x 3000 voxels" in faults(path)


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd"])
def test_a_text_under_the_name_of_an_image_is_not_one(name, tmp_path):
    (tmp_path / name).write_text("This is a text.\n" * 20)
    assert "it is not a" in faults(tmp_path / name)


def test_a_part_of_a_file_with_one_image_is_refused(tmp_path):
    path = write_itk(tmp_path / "a.mha", phantom())
    assert "there is no part [1]" in faults(f"{path}[1]")
