"""Text on a terminal: removes from students' text what could move the cursor, set a title or reverse a line.

Use `terminal_text` together with `rich.text.Text` (or `markup=False`): square brackets stay as they are.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import sys
from typing import Final, TextIO

from rich.cells import cell_len, set_cell_size

from assignments.letters import NARROW

UNSAFE: Final = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters of both sets, ESC and the one-byte CSI among them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that change the direction of writing
    "\u200b\u2028\u2029\u2060-\u2065\ufeff\ufff9-\ufffb"  # invisible: line ends, joiners, annotations
    "\U000e0000-\U000e007f"  # tags: a whole hidden alphabet
    "\ud800-\udfff"  # half characters, which no file can hold
    "]"
)
"""Characters that no page, sheet or terminal output shows. Tab and line feed are not among them."""


def one_line(value: object) -> str:
    """One line of a file: control, direction and invisible characters gone, line ends as spaces; joiners stay."""
    return UNSAFE.sub("", re.sub(r"[\t\r\n\u2028\u2029]+", " ", str(value)))


def terminal_text(value: object) -> str:
    """One line that is safe to print: letters of no width are gone too."""
    return NARROW.sub("", one_line(value))


def quantity(number: int, noun: str) -> str:
    """`1 commit`, `2 commits`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def people(count: int) -> str:
    """`1 person`, `2 people`."""
    return "1 person" if count == 1 else f"{count} people"


def fitted(text: str, cells: int) -> str:
    """A text in exactly so many columns of a terminal: wide letters take two, combining marks none."""
    return set_cell_size(text, cells)


def wrapped(line: str, stream: TextIO, hanging: str = "  ") -> str:
    """A line wrapped for a terminal between words, never within a path. A file gets it unwrapped."""
    if not stream.isatty():
        return line
    first = line[: len(line) - len(line.lstrip())]
    width = shutil.get_terminal_size().columns
    lines, at = [first], cell_len(first)
    for word in re.findall(r"\S+\s*", line.lstrip()):
        if at + cell_len(word.rstrip()) > width and lines[-1].strip():
            lines.append(first + hanging)
            at = cell_len(lines[-1])
        lines[-1] += word
        at += cell_len(word)
    return "\n".join(line.rstrip() for line in lines)


UNWRITABLE = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO}
"""Failures of the reader of the output, or of the disk that it goes to."""
REFUSED = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
    errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP,
}  # fmt: skip
"""Reasons outside medmark why a named file cannot be read or written."""


def give_up_stdout_if_unwritable() -> None:
    """Print the remaining output; if that fails, discard it, so that the program's end does not try again."""
    try:
        if sys.stdout is not None:  # as it is where a shell says >&-
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class Notices(logging.Handler):
    """Prints log messages of the rooms below on stderr, such as that a ledger was migrated."""

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is not None:
            print(wrapped(terminal_text(record.getMessage()), sys.stderr), file=sys.stderr)
