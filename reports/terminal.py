"""Text on a terminal: what could move the cursor, set a title or reverse a line is taken out of students' text.

Use `terminal_text` together with `rich.text.Text` (or `markup=False`): square brackets are left alone here.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from typing import Final, TextIO

UNSAFE: Final = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters of both sets, ESC and the one-byte CSI among them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that change the direction of writing
    "\u200b\u2028\u2029\u2060-\u2065\ufeff\ufff9-\ufffb"  # invisible: line ends, joiners, annotations
    "\U000e0000-\U000e007f"  # tags: a whole hidden alphabet
    "\ud800-\udfff"  # half characters, which no file can hold
    "]"
)
"""Characters that no page, sheet or terminal of ours shows. Tab and line feed are not among them."""

_NARROW: Final = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200c\u200d\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters of no width, and blank ones: pages keep them, since names in Persian and Indic scripts need the joiners."""


def terminal_text(value: object) -> str:
    """One line that is safe to print: control, direction and invisible characters gone, line ends as spaces."""
    return _NARROW.sub("", UNSAFE.sub("", re.sub(r"[\t\r\n\u2028\u2029]+", " ", str(value))))


def wrapped(line: str, stream: TextIO, hanging: str = "  ") -> str:
    """A line as a terminal shows it best: broken between words, never within a path. A file gets it whole."""
    if not stream.isatty():
        return line
    indent = line[: len(line) - len(line.lstrip())] + hanging
    width = shutil.get_terminal_size().columns
    return textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
