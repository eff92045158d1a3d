"""DICOM series: order, position, decompression, and what does not make one volume."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import (
    DigitalXRayImageStorageForPresentation,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    RTStructureSetStorage,
    UltrasoundImageStorage,
)

from assignments.data.folder import decoding, series
from assignments.data.folder.geometry import canonical
from assignments.data.folder.image import UnreadableImage
from tests.assignments.data.folder.files import cut, phantom, read_image, write_dicom, write_dicom_series


def faults(path):
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert all(fault.cure for fault in caught.value.faults)
    return " | ".join(fault.what for fault in caught.value.faults)


@pytest.fixture
def volume():
    return np.random.default_rng(1).integers(-1000, 2000, (4, 16, 24)).astype(np.int16)


def test_a_series_is_a_volume_whatever_its_files_are_called(volume, tmp_path):
    names = ["IM9", "IM1", "IM5.dcm", "0"]  # in no order, with and without a suffix
    image = read_image(write_dicom_series(tmp_path / "ct", volume, names=names))
    assert (image.axes, image.orientation, image.spacing_mm) == ("d h w", "LPS", (3.0, 2.0, 1.0))
    assert (canonical(image, "RAS").array == volume).all()
    assert canonical(image, "RAS").affine[:3, 3] == pytest.approx([-40, 25, 7])
    assert image.facts.format == "DICOM"


def test_simpleitk_puts_the_same_series_in_the_same_space(volume, tmp_path):
    folder = write_dicom_series(tmp_path / "ct", volume)
    image = read_image(folder)
    peer = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    assert (image.array == sitk.GetArrayFromImage(peer)).all()
    for index in ((0, 0, 0), (3, 15, 23)):
        left, posterior, superior = peer.TransformIndexToPhysicalPoint(index[::-1])
        assert (image.affine @ [*index, 1])[:3] == pytest.approx([-left, -posterior, superior])


def test_a_sagittal_series_is_ordered_along_its_own_normal(tmp_path):
    for z in (2, 0, 1):
        write_dicom(
            tmp_path / f"{z}.dcm",
            np.full((4, 5), z, np.int16),
            position=(10.0 + 4 * z, 0, 0),
            ImageOrientationPatient=[0, 1, 0, 0, 0, -1],
        )
    image = read_image(tmp_path)
    # x runs to the back, y downwards; their cross product points to the right, where the third slice lies last in LPS.
    assert image.orientation == "PIR"
    assert image.array[:, 0, 0].tolist() == [2, 1, 0]
    assert image.spacing_mm == (4.0, 2.0, 1.0)


@pytest.mark.parametrize("compression", ["RLE", "JPEG", "JPEG2000"])
def test_compressed_slices_hold_the_same_numbers(compression, volume, tmp_path):
    folder = write_dicom_series(tmp_path / "ct", volume, compression=compression)
    header = pydicom.dcmread(folder / "000.dcm", stop_before_pixels=True)
    assert header.file_meta.TransferSyntaxUID.is_compressed
    image = canonical(read_image(folder), "RAS")
    assert (image.array == volume).all()
    assert image.spacing_mm == (3.0, 2.0, 1.0)


@pytest.mark.parametrize("sop", [MRImageStorage, PositronEmissionTomographyImageStorage])
def test_each_slice_is_rescaled_by_its_own_slope(sop, tmp_path):
    for z, slope in enumerate((0.5, 2)):
        numbers = np.full((4, 5), 3, np.uint16)
        settings = {"RescaleSlope": slope, "RescaleIntercept": -1, "Modality": "PT"}
        write_dicom(tmp_path / f"{z}.dcm", numbers, position=(0, 0, z), sop=sop, **settings)
    assert read_image(tmp_path).array[:, 0, 0].tolist() == [0.5, 5.0]


def test_one_file_is_a_slice_and_its_neighbours_are_not_read(volume, tmp_path):
    folder = write_dicom_series(tmp_path / "ct", volume)
    (folder / "001.dcm").write_bytes(b"damaged")
    image = read_image(folder / "002.dcm")
    assert (image.axes, image.spacing_mm) == ("h w", (2.0, 1.0))
    assert (image.array == volume[2, ::-1, ::-1]).all()
    assert "001.dcm is not a DICOM file" in faults(folder)


def test_inverted_greys_are_made_bright_and_that_is_said(tmp_path):
    numbers = np.array([[0, 1], [2, 4095]], np.uint16)
    settings = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    image = read_image(write_dicom(tmp_path / "a.dcm", numbers, **settings))
    assert image.array.tolist() == [[4095, 4094], [4093, 0]]
    assert "MONOCHROME1" in image.facts.notes[0]


def test_colours_go_first(tmp_path):
    picture = np.random.default_rng(2).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    image = read_image(write_dicom(tmp_path / "a.dcm", picture, sop=UltrasoundImageStorage))
    assert image.axes == "c h w"
    assert (np.moveaxis(image.array, 0, 2) == picture).all()


def test_a_radiograph_has_the_spacing_of_its_detector_and_that_is_said(tmp_path):
    fields = {"PixelSpacing": None, "ImagePositionPatient": None, "ImageOrientationPatient": None}
    image = read_image(
        write_dicom(
            tmp_path / "a.dcm",
            np.zeros((4, 5), np.uint16),
            sop=DigitalXRayImageStorageForPresentation,
            ImagerPixelSpacing=[0.2, 0.1],
            Modality="DX",
            **fields,
        )
    )
    assert (image.spacing_mm, image.affine) == ((0.2, 0.1), None)
    assert "detector" in image.facts.notes[0]


def test_several_series_are_listed_and_can_be_named(volume, tmp_path):
    write_dicom_series(tmp_path, volume, names=list("abcd"))
    write_dicom(tmp_path / "scout", volume[0], series="1.2.3.4", SeriesDescription="SCOUT")
    what = faults(tmp_path)
    assert "it holds 2 series: AX THIN (4 files, 1.2.826.0.1.3680043.8.498.1); SCOUT (1 files, 1.2.3.4)" in what
    assert (read_image(f"{tmp_path}:1.2.3.4").array == volume[0]).all()
    assert read_image(tmp_path, key="1.2.826.0.1.3680043.8.498.1").array.shape == (4, 16, 24)
    assert "it has no series 9.9.9.9" in faults(f"{tmp_path}:9.9.9.9")


def test_files_that_are_not_dicom_are_passed_over_and_counted(volume, tmp_path):
    folder = write_dicom_series(tmp_path, volume)
    for name in ("notes.txt", "DICOMDIR", ".DS_Store"):
        (folder / name).write_text("a text")
    assert read_image(folder).facts.notes == ("1 files of the folder that are not DICOM were passed over.",)


def test_missing_slices_are_counted_and_located(volume, tmp_path):
    folder = write_dicom_series(tmp_path, np.repeat(volume, 2, 0))
    for name in ("003.dcm", "004.dcm"):
        (folder / name).unlink()
    # Slices lie at 7, 10, 13, ... mm.
    assert faults(folder) == "2 slices are missing, such as between 13 and 22 mm"


@pytest.mark.parametrize(
    ("heights", "words"),
    [
        ((0, 3, 7.4, 9), "not evenly: the widest step is between 3 and 7.4 mm"),
        ((0, 3, 3, 6), "two slices lie at the same position (3 mm)"),
    ],
)
def test_slices_at_odd_distances_are_refused(heights, words, tmp_path):
    for z, height in enumerate(heights):
        write_dicom(tmp_path / f"{z}.dcm", np.zeros((4, 5), np.int16), position=(0, 0, height))
    assert words in faults(tmp_path)


def test_distances_may_differ_by_rounding(tmp_path):
    for z, height in enumerate((0, 0.667, 1.333, 2)):
        write_dicom(tmp_path / f"{z}.dcm", np.zeros((4, 5), np.int16), position=(0, 0, height))
    assert read_image(tmp_path).spacing_mm[0] == pytest.approx(2 / 3, abs=1e-6)


def test_a_tilted_gantry_is_refused(tmp_path):
    for z in range(4):
        write_dicom(tmp_path / f"{z}.dcm", np.zeros((4, 5), np.int16), position=(0, z * np.tan(np.radians(15)), z))
    assert faults(tmp_path) == "its gantry was tilted: the stack leans by 15 degrees"


@pytest.mark.parametrize(
    ("field", "value"),
    [("PixelSpacing", [1.0, 1.0]), ("ImageOrientationPatient", [0, 1, 0, 0, 0, -1]), ("Rows", None)],
)
def test_slices_that_differ_are_named(field, value, volume, tmp_path):
    folder = write_dicom_series(tmp_path, volume)
    odd = volume[0, :8] if field == "Rows" else volume[0]
    write_dicom(folder / "odd.dcm", odd, position=(0, 0, 99), **({} if field == "Rows" else {field: value}))
    assert f"its slices differ in {field}: 000.dcm and odd.dcm" in faults(folder)


def test_slices_without_a_position_cannot_be_ordered(volume, tmp_path):
    folder = write_dicom_series(tmp_path, volume, ImageOrientationPatient=None)
    assert "cannot be put in order" in faults(folder)
    write_dicom(folder / "odd.dcm", volume[0], ImagePositionPatient=None, ImageOrientationPatient=None)
    assert "some have no PixelSpacing, ImageOrientationPatient or ImagePositionPatient" in faults(folder)


@pytest.mark.parametrize("spacing", [["nan", "1"], ["0", "1"], ["-1", "1"]])
def test_a_spacing_that_cannot_be_is_refused(spacing, tmp_path):
    path = write_dicom(tmp_path / "a.dcm", np.zeros((4, 5), np.int16), PixelSpacing=spacing)
    assert f"its spacing is {spacing[0]} x 1 mm" in faults(path)


def test_what_has_no_picture_is_said(tmp_path):
    path = write_dicom(tmp_path / "plan.dcm", np.zeros((4, 5), np.int16), sop=RTStructureSetStorage)
    dataset = pydicom.dcmread(path)
    del dataset.PixelData, dataset.Rows, dataset.Columns
    dataset.save_as(path)
    assert faults(path) == "plan.dcm has no picture in it (RT Structure Set Storage)"


@pytest.mark.parametrize("shape", [(4, 5), (64, 64)])
def test_an_image_without_its_pixels_is_said(shape, tmp_path):
    path = write_dicom(tmp_path / "a.dcm", np.zeros(shape, np.int16))
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)
    what = faults(path)
    assert "cut off" in what or "cannot be read" in what


def test_a_file_that_is_cut_off_is_said(volume, tmp_path):
    path = cut(write_dicom(tmp_path / "a.dcm", volume[0]), 600)
    what = faults(path)
    assert "cut off" in what or "cannot be read" in what


def test_a_damaged_compressed_file_names_its_compression_and_how_to_undo_it(volume, tmp_path):
    path = write_dicom(tmp_path / "a.dcm", volume[0], compression="JPEG2000")
    data = path.read_bytes()
    start = data.index(b"\xff\x4f\xff\x51")  # the start of a JPEG 2000 codestream
    path.write_bytes(data[:start] + b"\0" * 40 + data[start + 40 :])
    with pytest.raises(UnreadableImage, match=r"gdcmconv --raw a\.dcm"):
        read_image(path)
    assert "JPEG 2000 Image Compression (Lossless Only) cannot be decompressed" in faults(path)


@pytest.mark.parametrize(
    ("end", "seconds", "words"),
    [
        ("np.save(out, x); os.kill(os.getpid(), signal.SIGSEGV)", 20.0, "001.dcm: RLE Lossless cannot be decompressed"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", 20.0, "ended with -11"),
        ("time.sleep(60)", 0.1, "it took too long"),
    ],
)
def test_a_decompressor_that_crashes_or_hangs_is_a_fault_of_the_slice(
    end, seconds, words, volume, tmp_path, monkeypatch
):
    """GDCM does crash on some damaged files: medmark goes on, and names the first slice that it could not read."""
    folder = write_dicom_series(tmp_path / "ct", volume, compression="RLE")
    program = tmp_path / "program.py"
    program.write_text(
        "import os, signal, sys, time\nimport numpy as np\n"
        f"out, x = sys.argv[1] + '/0.npy', np.zeros((16, 24), np.float32)\n{end}"
    )
    monkeypatch.setattr(decoding, "__file__", str(program))
    monkeypatch.setattr(series, "_SECONDS", seconds)
    assert words in faults(folder)


def test_several_frames_and_a_table_of_numbers_are_refused(tmp_path):
    frames = write_dicom(tmp_path / "cine.dcm", np.zeros((4, 5), np.uint8), NumberOfFrames=40)
    assert faults(frames) == "cine.dcm holds 40 frames"
    table = write_dicom(tmp_path / "lut.dcm", np.zeros((4, 5), np.uint16), ModalityLUTSequence=[Dataset()])
    assert "Modality LUT" in faults(table)


def test_a_text_under_the_name_of_dicom_is_not_one(tmp_path):
    (tmp_path / "a.dcm").write_text("This is a text. " * 20)
    assert faults(tmp_path / "a.dcm") == "it is not a DICOM file, or damaged"


def test_slices_of_two_patients_in_one_series_are_refused(volume, tmp_path):
    """Some programs that remove names give all patients the same series."""
    folder = write_dicom_series(tmp_path / "a", volume)
    header = pydicom.dcmread(folder / "002.dcm")
    header.PatientID = "4712"
    header.save_as(folder / "002.dcm")
    said = faults(folder)
    assert "two patients: PatientID differs in 000.dcm and 002.dcm" in said
    assert "471" not in said


@pytest.mark.parametrize("kept", [0, 200])
def test_a_slice_without_suffix_that_is_cut_off_is_not_passed_over(kept, tmp_path):
    """The last slice of a stack: without it, the rest is a volume that looks sound."""
    folder = write_dicom_series(tmp_path / "a", phantom(), names=["IM1", "IM2", "1.2.840.3"])
    last = folder / "1.2.840.3"
    last.write_bytes(last.read_bytes()[:kept])
    assert "1.2.840.3 is not a DICOM file, or damaged" in faults(folder)


def test_a_folder_without_dicom_is_said(tmp_path):
    assert faults(tmp_path) == "it is a folder without a DICOM file"
