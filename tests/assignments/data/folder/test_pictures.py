"""PNG, JPEG and TIFF: greys, colours, palettes, and what Pillow would change without a word."""

import zlib
from itertools import product

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from PIL import ImageFile

from assignments.data.folder.image import UnreadableImage
from tests.assignments.data.folder.files import (
    cut,
    edit,
    read_image,
    write_palette,
    write_picture,
    write_png_bytes,
    write_tiff_pages,
)

GREYS = np.array([[0, 10, 20], [30, 40, 255]], np.uint8)
COLOURS = np.random.default_rng(0).integers(0, 255, (4, 5, 3)).astype(np.uint8)


def faults(path, **settings):
    with pytest.raises(UnreadableImage) as caught:
        read_image(path, **settings)
    assert all(fault.cure for fault in caught.value.faults)
    return " | ".join(fault.what for fault in caught.value.faults)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.tiff"])
@pytest.mark.parametrize("array", [GREYS, GREYS.astype(np.uint16) * 257])
def test_greys_keep_their_numbers_of_8_or_16_bits(name, array, tmp_path):
    image = read_image(write_picture(tmp_path / name, array))
    assert image.axes == "h w"
    assert (image.array == array).all()
    assert image.array.dtype == array.dtype
    assert (image.affine, image.spacing_mm, image.orientation) == (None, None, None)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_colours_go_first(name, tmp_path):
    image = read_image(write_picture(tmp_path / name, COLOURS))
    assert image.axes == "c h w"
    assert (np.moveaxis(image.array, 0, 2) == COLOURS).all()


def test_a_jpeg_is_near_its_original(tmp_path):
    smooth = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
    image = read_image(write_picture(tmp_path / "a.jpg", smooth, quality=95))
    assert np.abs(image.array.astype(int) - smooth).max() < 8
    assert "holds classes" not in str(image.facts)
    label = read_image(write_picture(tmp_path / "a.jpg", smooth, quality=95), label=True)
    assert "JPEG changes numbers at edges" in label.facts.notes[0]


def test_a_palette_is_colours_and_the_classes_where_it_is_a_label(tmp_path):
    path = write_palette(tmp_path / "a.png", [[0, 1], [2, 1]], [(0, 0, 0), (255, 0, 0), (0, 255, 0)])
    assert read_image(path, label=True).array.tolist() == [[0, 1], [2, 1]]
    assert read_image(path).array.tolist() == [[[0, 255], [0, 255]], [[0, 0], [255, 0]], [[0, 0], [0, 0]]]


def test_a_palette_of_greys_is_greys(tmp_path):
    path = write_palette(tmp_path / "a.png", [[0, 1]], [(9, 9, 9), (200, 200, 200)])
    assert read_image(path).array.tolist() == [[9, 200]]


def test_a_label_in_colours_is_refused(tmp_path):
    assert "a label must be numbers" in faults(write_picture(tmp_path / "a.png", COLOURS), label=True)


@pytest.mark.parametrize(
    ("bits", "row", "numbers"),
    [(1, 0b10100000, [1, 0, 1]), (2, 0b00011011, [0, 1, 2, 3]), (4, 0x1F, [1, 15])],
)
def test_few_bits_are_the_numbers_that_were_stored(bits, row, numbers, tmp_path):
    """Pillow stretches 2 and 4 bits to 0..255: classes 1 and 2 would become 17 and 34."""
    path = write_png_bytes(tmp_path / "a.png", [bytes([row])], len(numbers), bits, 0)
    assert read_image(path, label=True).array.tolist() == [numbers]


def test_a_picture_is_turned_as_its_exif_says(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6  # the first row of the file is the right side
    image = read_image(write_picture(tmp_path / "a.png", GREYS, exif=exif))
    assert image.array.tolist() == [[30, 0], [40, 10], [255, 20]]
    assert "EXIF" in image.facts.notes[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_an_alpha_channel_is_left_out_only_if_it_hides_nothing(channels, tmp_path):
    colours = np.repeat(GREYS[..., None], channels, 2)
    opaque = np.concatenate([colours, np.full((2, 3, 1), 255, np.uint8)], axis=2)
    image = read_image(write_picture(tmp_path / "a.png", opaque))
    assert (image.array == (GREYS if channels == 1 else np.moveaxis(colours, 2, 0))).all()
    assert "alpha" in image.facts.notes[0]
    opaque[0, 1, -1] = 128
    assert faults(write_picture(tmp_path / "b.png", opaque)) == "1 of 6 pixels are transparent"


def test_cmyk_is_refused(tmp_path):
    path = write_picture(tmp_path / "a.jpg", np.zeros((8, 8, 4), np.uint8), mode="CMYK")
    assert faults(path) == "its colours are CMYK"


def test_colours_of_16_bits_are_refused_since_8_would_be_lost(tmp_path):
    path = write_png_bytes(tmp_path / "a.png", [bytes(range(6))], 1, 16, 2)
    assert "16 bits a colour, of which Pillow would keep 8" in faults(path)
    path = write_png_bytes(tmp_path / "b.png", [bytes(range(4))], 1, 16, 4)
    assert "16 bits a colour" in faults(path)
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 5, 3), 1000, np.uint16), photometric="rgb")
    assert "16 bits a colour" in faults(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("number", "byteorder"),
    [
        *product([np.int8(-3), np.int16(-3), np.int32(-3), np.float32(1.5), np.uint16(65535)], "<>"),
        (np.uint32(2**31 + 5), "<"),  # the other order Pillow does not read, and says so
    ],
)
def test_the_numbers_of_a_tiff_keep_their_sign(number, byteorder, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 5), number), byteorder=byteorder)
    image = read_image(tmp_path / "a.tif")
    assert image.array[0, 0] == number
    assert image.array.dtype.isnative


def test_a_label_from_white_to_black_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 5), 1, np.uint8), photometric="miniswhite")
    assert "from white to black" in faults(tmp_path / "a.tif", label=True)


def test_the_pages_of_a_tiff_are_the_slices_of_a_volume(tmp_path):
    pages = [np.full((4, 5), z, np.uint8) for z in (7, 8, 9)]
    image = read_image(write_tiff_pages(tmp_path / "a.tif", pages))
    assert image.axes == "d h w"
    assert image.array[:, 0, 0].tolist() == [7, 8, 9]
    assert "3 pages" in image.facts.notes[0]


def test_pages_that_differ_are_refused(tmp_path):
    path = write_tiff_pages(tmp_path / "a.tif", [np.zeros((4, 5), np.uint8), np.zeros((2, 5), np.uint8)])
    assert "its 2 pages differ in size" in faults(path)
    assert "in colours" in faults(write_tiff_pages(tmp_path / "b.tif", [COLOURS, COLOURS]))


def test_an_animation_is_refused(tmp_path):
    first, second = Pillow.fromarray(GREYS), Pillow.fromarray(255 - GREYS)
    first.save(tmp_path / "a.png", save_all=True, append_images=[second])
    assert faults(tmp_path / "a.png") == "it is an animation of 2 pictures"


def test_of_a_jpeg_with_a_preview_the_first_picture_is_read(tmp_path):
    first, preview = Pillow.fromarray(np.full((16, 16), 200, np.uint8)), Pillow.fromarray(np.zeros((8, 8), np.uint8))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[preview])
    image = read_image(tmp_path / "a.jpg")
    assert image.array.shape == (16, 16)
    assert "The first of 2 pictures" in image.facts.notes[0]


def test_an_absurd_size_is_refused_before_it_is_read(tmp_path):
    path = write_png_bytes(tmp_path / "a.png", [b"\0"], 1, 8, 0)
    data = bytearray(path.read_bytes())
    data[16:24] = (100000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(data)
    assert "it declares more than" in faults(path)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_damaged_pictures_and_texts_are_a_sentence(name, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    path = write_picture(tmp_path / name, noise)
    assert "damaged" in faults(cut(path, 2000))
    path.write_text("This is a text. " * 20)
    assert "it is not a picture, or damaged" in faults(path)


def test_a_wrong_checksum_of_a_png_is_seen(tmp_path):
    path = write_picture(tmp_path / "a.png", np.zeros((16, 16), np.uint8))
    at = path.read_bytes().index(b"IDAT") + 6
    assert "damaged" in faults(edit(path, at, "B", 255))


def test_half_a_picture_is_refused_even_if_another_library_told_pillow_to_read_it(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as WeasyPrint does when it is imported
    path = write_picture(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    path.write_bytes(path.read_bytes()[:-200])
    assert "damaged" in faults(path)


@pytest.mark.parametrize("suffix", ["bmp", "gif"])
def test_a_black_and_white_mask_is_0_and_255_in_formats_without_greys(suffix, tmp_path):
    """As in DRIVE and REFUGE."""
    array = np.zeros((6, 5), np.uint8)
    array[2:4, 1:3] = 255
    Pillow.fromarray(array).save(tmp_path / f"mask.{suffix}")
    assert (read_image(tmp_path / f"mask.{suffix}", label=True).array == array).all()


def test_a_label_whose_colours_are_equal_is_grey(tmp_path):
    array = np.zeros((6, 5, 3), np.uint8)
    array[2:4, 1:3] = 1
    Pillow.fromarray(array).save(tmp_path / "mask.png")
    assert (read_image(tmp_path / "mask.png", label=True).array == array[..., 0]).all()
