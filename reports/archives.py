"""ZIP files whose bytes follow from their contents alone: none holds the time at which it was written."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Mapping
from typing import Final

EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The first time that a ZIP can have."""
_UNIX: Final = 3
_PROPERTIES: Final = "docProps/core.xml"
_TIME: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def archive(files: Mapping[str, bytes], runnable: Collection[str] = ()) -> bytes:
    """A ZIP of these files in this order.

    Args:
        files: By their names in the archive, with `/` between folders.
        runnable: The names of those that are programs.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, mode="w") as zipped:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, EARLIEST)
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, _UNIX
            info.external_attr = (0o755 if name in runnable else 0o644) << 16
            zipped.writestr(info, data)
    return out.getvalue()


def timeless(workbook: bytes) -> bytes:
    """The same workbook (.xlsx) without the time at which it was written."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as zipped:
        files = {info.filename: zipped.read(info) for info in zipped.infolist()}
    first = "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*EARLIEST).encode()
    return archive(files | {_PROPERTIES: _TIME.sub(first, files[_PROPERTIES])})
