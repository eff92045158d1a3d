"""How Moodle reads an uploaded CSV: what PHP takes for another text than other readers do, and what its form asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from assignments.errors import UserError
from reports.exports.sheet import Sheet

ENDS_IN_BACKSLASH: Final = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")
"""In a backslash that no other escapes."""

SEPARATORS: Final[Mapping[str, str]] = {",": "Comma", ";": "Semicolon", "\t": "Tab"}


def check_backslashes(sheet: Sheet) -> None:
    """PHP takes a backslash and the quote after it for text, so that it may read this cell and others as one.

    A cell without quotes counts too: Moodle writes the file anew, with quotes, before it reads it.

    Raises:
        UserError: names the cell.
    """
    for line in sheet.lines if "\\" in sheet.text else ():
        for heading, cell in zip(sheet.header, line.cells, strict=True):
            if ENDS_IN_BACKSLASH.search(cell.text) or '\\""' in sheet.text[cell.start : cell.end]:
                raise UserError(
                    f"{sheet.name}:{line.number}: a backslash in the cell {heading!r} stands before a quote or at the "
                    "end, and Moodle would read this row together with the next. Remove it with a text editor."
                )


def upload_form(sheet: Sheet) -> Iterator[str]:
    """A sentence on what to choose in the form for the upload, where it is not what the form begins with."""
    chosen = []
    if sheet.encoding != "utf-8":
        chosen.append(f"the encoding {sheet.encoding.upper().replace('16-', '16')}")
    if sheet.delimiter != ",":
        chosen.append(f"the separator {SEPARATORS[sheet.delimiter]}")
    if chosen:
        yield f"In Moodle's form for the upload choose {' and '.join(chosen)}, as this sheet has."
