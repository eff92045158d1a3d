"""ZIP files whose bytes follow from their contents alone: none holds the time at which it was written."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

EARLIEST: Final = datetime(1980, 1, 1)
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
            info = zipfile.ZipInfo(name, EARLIEST.timetuple()[:6])
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, _UNIX
            info.external_attr = (0o755 if name in runnable else 0o644) << 16
            zipped.writestr(info, data)
    return out.getvalue()


def timeless(workbook: bytes, at: datetime = EARLIEST) -> bytes:
    """The same workbook (.xlsx) without the time at which it was written: its properties say `at`, in UTC."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as zipped:
        files = {info.filename: zipped.read(info) for info in zipped.infolist()}
    return archive(files | {_PROPERTIES: _TIME.sub(f"{at:%Y-%m-%dT%H:%M:%SZ}".encode(), files[_PROPERTIES])})
