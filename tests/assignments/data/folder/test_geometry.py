"""Canonical form: against nibabel and SimpleITK in all 48 orders, positions in mm, and labels that do not fit."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from assignments.data.folder.affines import codes_of, from_xyz
from assignments.data.folder.geometry import canonical, resampled, same_geometry, sized, windowed
from assignments.data.folder.image import Facts, Image
from assignments.errors import UserError
from tests.assignments.data.folder.files import (
    CODES,
    ORIGIN,
    phantom,
    read_image,
    stored,
    write_itk,
    write_nifti,
    write_nifti_as_stored,
    write_npy,
)

FACTS = Facts("NIfTI")


def image_of(array, affine=None, spacing=None):
    axes = {2: "h w", 3: "d h w"}[array.ndim]
    affine = None if affine is None else np.asarray(affine, float)
    if affine is not None:
        spacing = tuple(np.linalg.norm(affine[:3, 3 - array.ndim : 3], axis=0).tolist())
    return Image(array, axes, affine, spacing, None if affine is None else codes_of(affine), FACTS)


def in_order(code, volume=None):
    """A volume in RAS as a file of this code has it, without a file."""
    array, affine = stored(phantom() if volume is None else volume, code)
    return image_of(array.T, from_xyz(affine))


def mm_of(image, index):
    return (image.affine @ [*index, 1])[:3]


def test_there_are_48_orders():
    assert len(set(CODES)) == 48


@pytest.mark.parametrize("code", CODES)
def test_every_order_becomes_the_same_volume_and_its_corners_lie_where_they_lay(code):
    image = canonical(in_order(code), "RAS")
    assert (image.array == phantom()).all()
    # By hand: 5 columns of 1 mm to the right, 4 rows of 2 mm to the front, 3 slices of 3 mm upwards, from ORIGIN.
    assert mm_of(image, (0, 0, 0)) == pytest.approx([-40, 25, 7])
    assert mm_of(image, (2, 3, 4)) == pytest.approx([-40 + 4, 25 + 6, 7 + 6])
    assert image.array[0, 0, 4] == 4  # right
    assert image.array[0, 3, 0] == 30  # front
    assert image.array[2, 0, 0] == 200  # top
    assert image.spacing_mm == (3.0, 2.0, 1.0)
    assert image.orientation == code  # of the file, for the report


@pytest.mark.parametrize("code", CODES)
def test_nibabel_makes_the_same_of_the_same_file(code, tmp_path):
    path = write_nifti(tmp_path / "a.nii", phantom(), code)
    image = canonical(read_image(path), "RAS")
    peer = nibabel.as_closest_canonical(nibabel.load(path))
    assert (image.array == np.asanyarray(peer.dataobj).T).all()
    assert image.affine == pytest.approx(from_xyz(peer.affine))
    assert "".join(nibabel.aff2axcodes(nibabel.load(path).affine)) == code == image.orientation


@pytest.mark.parametrize("orient", ["RAS", "LPS"])
@pytest.mark.parametrize("code", CODES)
def test_simpleitk_makes_the_same_of_the_same_file(code, orient, tmp_path):
    path = write_itk(tmp_path / "a.mha", phantom(), code)
    image = canonical(read_image(path), orient)
    peer = sitk.DICOMOrient(sitk.ReadImage(str(path)), orient)
    assert (image.array == sitk.GetArrayFromImage(peer)).all()
    for index in ((0, 0, 0), (2, 3, 4), (1, 0, 2)):
        left, posterior, superior = peer.TransformIndexToPhysicalPoint(index[::-1])
        assert mm_of(image, index) == pytest.approx([-left, -posterior, superior])


def test_lps_rises_to_the_left_and_the_back_and_upwards():
    image = canonical(in_order("RAS"), "LPS")
    assert (image.array == phantom()[:, ::-1, ::-1]).all()
    assert codes_of(image.affine) == "LPS"


def test_a_file_as_it_is_stays_as_it_is():
    image = in_order("AIL")
    assert canonical(image, "file") is image


def test_an_oblique_volume_gets_the_nearest_directions_and_keeps_its_mm():
    turn = np.eye(4)
    c, s = np.cos(np.radians(30)), np.sin(np.radians(30))
    turn[:3, :3] = [[c, -s, 0], [s, c, 0], [0, 0, 1]]
    array, affine = stored(phantom(), "PSL")
    oblique = image_of(array.T, from_xyz(turn @ affine))
    image = canonical(oblique, "RAS")
    assert (image.array == phantom()).all()
    assert mm_of(image, (2, 3, 4)) == pytest.approx((turn @ [-36, 31, 13, 1])[:3])


def test_what_gives_no_orientation_is_not_turned():
    image = image_of(phantom())
    assert canonical(image, "RAS") is image


# Resampling


@pytest.mark.parametrize("spacing", [(1.5, 1.0, 0.5), (3.0, 2.0, 2.0), (4.0, 3.0, 1.7), (6.0, 1.1, 5.0)])
def test_a_number_keeps_its_mm_when_the_grid_changes(spacing):
    """Each voxel holds mm of its own position: interpolated on any grid, it must hold those of its new position."""
    mm = np.array([7.0, -3.0, 0.5])
    image = in_order("RAS", np.zeros((30, 40, 60), np.float32))
    indices = np.moveaxis(np.indices(image.array.shape), 0, -1)
    ramp = ((indices @ image.affine[:3, :3].T + image.affine[:3, 3]) @ mm).astype(np.float32)
    grid = resampled(image_of(ramp, image.affine), spacing)
    assert grid.spacing_mm == pytest.approx(spacing)
    inner = (slice(5, -5),) * 3  # the smoothing sees the edge before
    there = np.moveaxis(np.indices(grid.array.shape), 0, -1)[inner]
    expected = (there @ grid.affine[:3, :3].T + grid.affine[:3, 3]) @ mm
    assert grid.array[inner].size
    assert grid.array[inner] == pytest.approx(expected, abs=1e-2)


def test_half_the_spacing_gives_quarters_and_three_quarters_between_old_voxels():
    grid = resampled(image_of(np.array([[0, 4]], np.int16), spacing=(1.0, 1.0)), (1.0, 0.5))
    # New centres at -0.25, 0.25, 0.75, 1.25 of old voxels; beyond the edge it stays as at the edge.
    assert grid.array.tolist() == [[0.0, 1.0, 3.0, 4.0]]
    assert grid.array.dtype == np.float32


def test_the_middle_of_the_field_of_view_stays():
    image = in_order("RAS", np.zeros((9, 20, 30), np.float32))
    grid = resampled(image, (2.0, 0.7, 1.3))
    middles = [mm_of(i, (np.array(i.array.shape) - 1) / 2) for i in (image, grid)]
    assert middles[0] == pytest.approx(middles[1])


def test_simpleitk_interpolates_the_same_on_the_same_grid():
    volume = np.random.default_rng(5).normal(size=(6, 8, 10)).astype(np.float32)
    grid = resampled(in_order("RAS", volume), (1.5, 1.0, 0.5))  # finer: nothing is smoothed
    still = sitk.GetImageFromArray(volume)
    still.SetSpacing((1.0, 2.0, 3.0))
    reference = sitk.GetImageFromArray(grid.array)
    reference.SetSpacing((0.5, 1.0, 1.5))
    reference.SetOrigin((-0.25, -0.5, -0.75))
    peer = sitk.GetArrayFromImage(sitk.Resample(still, reference, sitk.Transform(), sitk.sitkLinear))
    inner = (slice(1, -1),) * 3  # at the edge SimpleITK goes on in another manner
    assert grid.array[inner] == pytest.approx(peer[inner], abs=1e-5)


def test_stripes_finer_than_the_new_spacing_become_grey_and_not_other_stripes():
    stripes = np.tile(np.array([0.0, 1.0], np.float32), (64, 32))
    image = image_of(stripes, spacing=(1.0, 1.0))
    coarse = resampled(image, (1.0, 4.0)).array[:, 2:-2]
    assert np.abs(coarse - 0.5).max() < 0.05


def test_a_label_takes_the_class_with_the_largest_share():
    label = image_of(np.array([[0, 0, 0, 0, 0, 2, 2, 1, 2, 2, 2, 2]], np.uint8), spacing=(1.0, 1.0))
    coarse = resampled(label, (1.0, 3.0), label=True)
    assert coarse.array.tolist() == [[0, 0, 2, 2]]
    assert coarse.array.dtype == np.uint8


def test_no_class_is_made_up_between_two_others():
    label = image_of(np.array([[0, 0, 4, 4]], np.uint8), spacing=(1.0, 1.0))
    assert set(np.unique(resampled(label, (1.0, 0.3), label=True).array)) == {0, 4}


def test_instances_keep_their_numbers():
    label = image_of(np.arange(1000, 1040, dtype=np.int32)[None], spacing=(1.0, 1.0))
    fine = resampled(label, (1.0, 0.5), label=True)
    assert fine.array.tolist() == [[n for n in range(1000, 1040) for _ in (0, 1)]]
    assert fine.array.dtype == np.int32


@pytest.mark.parametrize(
    ("spacing", "words"), [((1.0, 1.0), "3 axes"), ((1.0, 0.0, 1.0), "above 0"), ((float("nan"), 1, 1), "above 0")]
)
def test_a_spacing_that_does_not_fit_is_refused(spacing, words):
    with pytest.raises(UserError, match=words):
        resampled(in_order("RAS"), spacing)


def test_a_grid_that_is_already_as_wished_keeps_every_number():
    image = in_order("RAS")
    same = resampled(image, (3.0, 2.0, 1.0))
    assert (same.array == image.array).all()
    assert same.array.dtype == np.float32
    assert resampled(image, (3.0, 2.0, 1.0), label=True).array.dtype == np.int16


def test_what_has_no_spacing_cannot_be_resampled():
    with pytest.raises(UserError, match="size"):
        resampled(image_of(phantom()), (1.0, 1.0, 1.0))


# Intensities and sizes


def test_a_window_of_400_about_40_runs_from_minus_160_to_240():
    values = windowed(np.array([-1000, -160, 40, 240, 3000], np.int16), 40, 400)
    assert values.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert values.dtype == np.float32


@pytest.mark.parametrize("width", [0, -1, float("nan")])
def test_a_window_without_a_width_is_refused(width):
    with pytest.raises(UserError, match="above 0"):
        windowed(phantom(), 40, width)


def test_cropping_and_padding_about_the_middle_keep_the_mm():
    image = in_order("RAS", phantom((3, 4, 6)) + np.int16(7))
    small = sized(image, (5, 2, 6), crop=True)
    assert small.array.shape == (5, 2, 6)
    assert (small.array[1:4] == image.array[:, 1:3]).all()
    assert (small.array[[0, 4]] == 7).all()  # the lowest number of the image
    assert mm_of(small, (1, 0, 0)) == pytest.approx(mm_of(image, (0, 1, 0)))
    assert small.spacing_mm == image.spacing_mm


def test_a_label_is_padded_with_the_background():
    label = in_order("RAS", np.full((1, 2, 2), 3, np.uint8))
    assert sized(label, (3, 2, 2), crop=True, label=True).array[:, 0, 0].tolist() == [0, 3, 0]


def test_an_odd_voxel_is_cut_or_added_at_the_end():
    row = image_of(np.array([[1, 2, 3, 4, 5]]), spacing=(1.0, 1.0))
    assert sized(row, (1, 4), crop=True).array.tolist() == [[1, 2, 3, 4]]
    assert sized(row, (1, 6), crop=True, label=True).array.tolist() == [[1, 2, 3, 4, 5, 0]]


def test_scaling_keeps_the_whole_field_of_view():
    image = in_order("RAS", np.zeros((4, 4, 6), np.float32))
    scaled = sized(image, (4, 8, 3), crop=False)
    assert scaled.array.shape == (4, 8, 3)
    assert scaled.spacing_mm == pytest.approx((3.0, 1.0, 2.0))
    # The edge of the field of view is half a voxel before the first centre.
    assert mm_of(scaled, (-0.5, -0.5, -0.5)) == pytest.approx(mm_of(image, (-0.5, -0.5, -0.5)))


def test_colours_are_scaled_one_by_one():
    picture = Image(np.stack([np.full((4, 4), c, np.uint8) for c in (10, 20, 30)]), "c h w", None, None, None, FACTS)
    assert sized(picture, (2, 2), crop=False).array[:, 0, 0].tolist() == [10, 20, 30]
    assert sized(picture, (2, 6), crop=True).array.shape == (3, 2, 6)


@pytest.mark.parametrize("size", [(4, 4), (0, 4, 4), (4, 4, -1)])
def test_a_size_that_does_not_fit_is_refused(size):
    with pytest.raises(UserError):
        sized(in_order("RAS"), size, crop=True)


# Image and label


def both(tmp_path, image_code, label_code, orient="RAS", **label):
    image = write_nifti(tmp_path / "image.nii", phantom(), image_code)
    mask = write_nifti(tmp_path / "label.nii", phantom(), label_code, **label)
    return same_geometry(canonical(read_image(image), orient), canonical(read_image(mask), orient))


def test_a_label_stored_in_another_order_fits_once_both_are_canonical(tmp_path):
    assert both(tmp_path, "LPS", "RAS") is None
    assert both(tmp_path, "LPS", "RAS", orient="file") == (
        "it runs RAS, and the image LPS: left and right and front and back are reversed"
    )


def test_a_label_whose_header_has_left_and_right_reversed_is_named(tmp_path):
    """Its array is that of the image, but its affine says that x falls to the left: a mirrored label."""
    array, affine = stored(phantom(), "RAS")
    image = write_nifti_as_stored(tmp_path / "image.nii", array, affine)
    label = write_nifti_as_stored(tmp_path / "label.nii", array, affine * [[-1], [1], [1], [1]])
    pair = [canonical(read_image(path), "RAS") for path in (image, label)]
    assert "left and right are reversed" in same_geometry(*pair)
    assert "its file runs LAS, that of the image RAS" in same_geometry(*pair)


def test_a_shift_is_said_in_mm(tmp_path):
    x, y, z = ORIGIN
    differs = both(tmp_path, "RAS", "RAS", origin=(x + 2.5, y, z - 1))
    assert differs == "it is shifted by 2.5 mm to the right, 0 mm forward and -1 mm up"


def test_a_shift_below_a_thousandth_of_a_mm_is_rounding(tmp_path):
    x, y, z = ORIGIN
    assert both(tmp_path, "RAS", "RAS", origin=(x + 5e-4, y, z)) is None


def test_a_spacing_with_four_decimals_is_rounding():
    """512 voxels of 0.703125 or 0.7031 mm: the last lies 511 x 0.000025 = 0.0128 mm away, 0.018 of a voxel."""
    array = np.zeros((1, 1, 512), np.uint8)
    images = [
        Image(array, "d h w", np.diag([1.0, 1, 1, 1])[[2, 1, 0, 3]] * [1, 1, mm, 1], (1, 1, mm), "RAS", Facts("NIfTI"))
        for mm in (0.703125, 0.7031, 0.7030)
    ]
    assert same_geometry(images[0], images[1]) is None
    assert same_geometry(images[0], images[2]) is not None


def test_another_spacing_is_said(tmp_path):
    assert both(tmp_path, "RAS", "RAS", spacing=(3.0, 2.0, 1.5)) == (
        "its spacing is 3 x 2 x 1.5 mm, and that of the image 3 x 2 x 1 mm"
    )


def test_another_shape_is_said(tmp_path):
    image, label = in_order("RAS"), in_order("RAS", phantom((5, 4, 3)))
    assert same_geometry(image, label) == (
        "its shape is 5 x 4 x 3, and that of the image 3 x 4 x 5 (its axes are in another order)"
    )


def test_a_rotation_is_said():
    image = in_order("RAS")
    turn = np.eye(4)
    c, s = np.cos(0.1), np.sin(0.1)
    turn[:2, :2] = [[c, -s], [s, c]]
    assert "rotated" in same_geometry(image, image_of(image.array, turn @ image.affine))


def test_a_label_without_orientation_fits_only_an_image_that_was_not_turned(tmp_path):
    image = read_image(write_nifti(tmp_path / "image.nii", phantom(), "LPS"))
    label = read_image(write_npy(tmp_path / "label.npy", stored(phantom(), "LPS")[0].T))
    assert same_geometry(image, label) is None
    differs = same_geometry(canonical(image, "RAS"), label)
    assert differs.startswith("its file gives no orientation, and the image was turned from LPS")


def test_pictures_are_compared_by_their_sizes():
    a, b = image_of(np.zeros((4, 5))), image_of(np.zeros((4, 5)))
    assert same_geometry(a, b) is None
    assert same_geometry(a, image_of(np.zeros((5, 5)))) == "its shape is 5 x 5, and that of the image 4 x 5"


def test_slices_with_a_position_are_compared_in_their_plane():
    affine = np.diag([1.0, 1.0, 1.0, 1.0])[:, [2, 1, 0, 3]]
    a, b = image_of(np.zeros((4, 5)), affine), image_of(np.zeros((4, 5)), affine)
    assert same_geometry(a, b) is None
    moved = affine.copy()
    moved[0, 3] += 3
    assert same_geometry(a, image_of(np.zeros((4, 5)), moved)) == (
        "it is shifted by 3 mm to the right, 0 mm forward and 0 mm up"
    )
