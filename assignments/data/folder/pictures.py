"""PNG, JPEG, TIFF, BMP, GIF, by Pillow: a slice in greys (h, w) or colours (3, h, w); a TIFF of pages is a volume."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from assignments.data.folder.image import (
    AGAIN,
    Array,
    Facts,
    Image,
    ImageAxes,
    UnreadableImage,
    first_line,
    missing_package,
    native,
    refuse_absurd,
    unreadable,
)
from assignments.data.folder.location import Location

_FLAT = "save it without transparency (`magick IN -alpha off OUT`)"
_COLOUR_BITS = "save it with 8 bits a colour, or each colour as a grey 16-bit file (columns image:NAME)"
_NOT_TURNED = "save it as PNG, or with PhotometricInterpretation MINISBLACK"
_ALPHA = {"LA": "L", "La": "L", "PA": "P", "RGBA": "RGB", "RGBa": "RGB"}
"""Pillow's modes with alpha, and the same without."""
_ONE_PAGE = "save one picture a file"


def read_picture(where: Location, *, label: bool = False) -> Image:
    """A picture as it is meant to be seen: turned as EXIF says, 16-bit greys kept. It has no spacing.

    A palette is colours, but the numbers themselves where the picture is a label. A label in colours is refused, and
    so are transparency that hides anything, CMYK, 16-bit colours (Pillow would cut them to 8 bits), and animations.

    Raises:
        UnreadableImage: not a picture, damaged, too large, or one of the above.
    """
    try:
        from PIL import Image as Pillow
        from PIL import ImageFile, UnidentifiedImageError
    except ImportError as error:
        raise missing_package("pictures", "Pillow") from error
    where.refuse_part("a picture")
    # Whatever imports WeasyPrint lets Pillow read half a picture in this whole process, without a word.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; what matters is refused below
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            with Pillow.open(where.path, formats=("PNG", "JPEG", "TIFF", "BMP", "GIF")) as picture:
                return _image(where, picture, label)
    except (PermissionError, FileNotFoundError, UnreadableImage):
        raise
    except UnidentifiedImageError as error:
        what = "it is not a picture, or damaged: Pillow sees no PNG, JPEG, TIFF, BMP or GIF that it can read"
        raise unreadable(where, what, AGAIN) from error
    except (Pillow.DecompressionBombWarning, Pillow.DecompressionBombError) as error:
        what = f"it declares more than {Pillow.MAX_IMAGE_PIXELS:,} pixels"
        raise unreadable(where, what, "crop it, or save it at a lower resolution") from error
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        reason = first_line(error)
        raise unreadable(where, f"it is not a picture, or damaged ({reason})", AGAIN) from error


def _image(where: Location, picture: Any, label: bool) -> Image:
    kind = "JPEG" if picture.format == "MPO" else picture.format
    pages = getattr(picture, "n_frames", 1)
    notes = []
    if pages > 1 and picture.format == "MPO":  # phones and some cameras add a preview
        notes.append(f"The first of {pages} pictures in the file was read.")
        pages = 1
    if pages > 1 and kind != "TIFF":
        raise unreadable(where, f"it is an animation of {pages} pictures", _ONE_PAGE)
    refuse_absurd(where, (pages, picture.height, picture.width))
    if pages > 1:
        array = _pages(where, picture, pages, label)
        notes.append(f"The {pages} pages of the file were read as the slices of a volume.")
    else:
        array, turned = _page(where, picture, label)
        notes += turned
    if kind == "JPEG" and label:
        notes.append("JPEG changes numbers at edges: a label may hold classes that nobody drew.")
    notes.append("The file has no spacing and no orientation.")
    axes: ImageAxes = "h w" if array.ndim == 2 else "c h w" if pages == 1 else "d h w"
    return Image(array, axes, None, None, None, Facts(kind, tuple(notes), _orientation(picture)))


def _pages(where: Location, picture: Any, pages: int, label: bool) -> Array:
    """The pages of a TIFF as slices: grey, and all of one size."""
    slices: list[Array] = []
    for index in range(pages):
        picture.seek(index)
        page, _ = _page(where, picture, label)
        if page.ndim != 2 or (slices and (page.shape, page.dtype) != (slices[0].shape, slices[0].dtype)):
            what = f"its {pages} pages differ in size, or are in colours: they do not make a volume"
            raise unreadable(where, what, _ONE_PAGE)
        slices.append(page)
    return np.stack(slices)


def _page(where: Location, picture: Any, label: bool) -> tuple[Array, list[str]]:
    """The numbers of the current page, (h, w) or (3, h, w), and what was done to it."""
    from PIL import ImageOps

    _refuse_cut_colours(where, picture)
    bits, whole = _narrow_greys(picture), _tiff_dtype(picture)  # known until the pixels are read
    if label and picture.format == "TIFF" and picture.tag_v2.get(262) == 0:
        raise unreadable(where, "its numbers run from white to black, so that classes are turned round", _NOT_TURNED)
    notes = []
    if _orientation(picture) != 1:
        notes.append("It was turned as its EXIF orientation says.")
        picture = ImageOps.exif_transpose(picture)
    indices = label and picture.mode == "P"
    if indices and picture.format in ("BMP", "GIF") and _is_grey(picture):
        picture, indices = picture.convert("L"), False  # these formats have no greys but by a palette
    if not indices and (picture.mode in _ALPHA or "transparency" in picture.info):
        picture = _without_alpha(where, picture)
        notes.append("Its alpha channel, which hides nothing, was left out.")
    if picture.mode == "P" and not indices:
        picture = picture.convert("L" if _is_grey(picture) else "RGB")
    if picture.mode == "RGB":
        colours = np.asarray(picture)
        if label and (colours == colours[..., :1]).all():
            return colours[..., 0], [*notes, "Its three colours are equal, and were read as greys."]
        if label:
            cure = "save the number of the class in each pixel (grey or palette), not a colour"
            raise unreadable(where, "a label must be numbers, and this is a picture in colours", cure)
        return np.moveaxis(np.asarray(picture), 2, 0), notes
    if picture.mode not in ("1", "L", "P", "I", "F") and not picture.mode.startswith("I;16"):
        cure = "convert it to greys or RGB (`magick IN -colorspace sRGB OUT`)"
        raise unreadable(where, f"its colours are {picture.mode}", cure)
    array = native(np.asarray(picture))
    if bits is not None:
        array = array // np.uint8(255 // (2**bits - 1))  # Pillow stretches 2 and 4 bits to 0..255
    return array if whole is None else array.astype(whole), notes


def _orientation(picture: Any) -> int:
    """EXIF's number from 1 to 8; others turn nothing. Of a PNG it reads the pixels."""
    number = picture.getexif().get(0x0112, 1)
    return number if number in range(2, 9) else 1


def turned_by_exif(path: Path) -> bool:
    """Whether a picture is turned when it is read; its pixels are not. False for what is not a picture."""
    try:
        from PIL import Image as Pillow

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(path, formats=("PNG", "JPEG", "TIFF")) as picture:
                return _orientation(picture) != 1
    except Exception:  # noqa: BLE001 - what is wrong with it is said when it is read
        return False


def _is_grey(picture: Any) -> bool:
    """Whether all colours of a palette are greys."""
    return bool(np.ptp(np.reshape(picture.getpalette("RGB"), (-1, 3)), axis=1).max() == 0)


def _without_alpha(where: Location, picture: Any) -> Any:
    """The picture without an alpha channel that hides nothing.

    Raises:
        UnreadableImage: some pixels are transparent: what is seen there depends on the program.
    """
    alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    if hidden := int(np.count_nonzero(alpha < 255)):
        raise unreadable(where, f"{hidden} of {alpha.size} pixels are transparent", _FLAT)
    return picture.convert(_ALPHA[picture.mode]) if picture.mode in _ALPHA else picture


def _refuse_cut_colours(where: Location, picture: Any) -> None:
    """Refuse colours, or greys with alpha, of more than 8 bits: Pillow would keep 8 without a word."""
    if picture.format == "PNG":
        with where.path.open("rb") as file:
            header = file.read(26)  # signature, length, IHDR, width, height, then the two bytes
        bits, colour = header[24], header[25]
        wide = bits > 8 and colour != 0
    elif picture.format == "TIFF":
        bits = max(picture.tag_v2.get(258, (1,)))
        wide = bits > 8 and len(picture.tag_v2.get(258, (1,))) > 1
    else:
        return
    if wide:
        raise unreadable(where, f"it has {bits} bits a colour, of which Pillow would keep 8", _COLOUR_BITS)


def _narrow_greys(picture: Any) -> int | None:
    """2 or 4 where a PNG stores greys in so few bits, else None."""
    tile = picture.tile[0] if getattr(picture, "tile", None) else None
    raw = getattr(tile, "args", tile[3] if tile else None)
    raw = raw[0] if isinstance(raw, tuple) and raw else raw
    return {"L;2": 2, "L;4": 4}.get(raw) if isinstance(raw, str) else None


def _tiff_dtype(picture: Any) -> str | None:
    """The integers of a TIFF where Pillow takes them for others of the same size: -1 in 8 bits becomes 255."""
    if picture.format != "TIFF":
        return None
    bits, of_format = picture.tag_v2.get(258, (1,))[0], picture.tag_v2.get(339, (1,))[0]
    return {(8, 2): "int8", (16, 2): "int16", (32, 1): "uint32"}.get((bits, of_format))
