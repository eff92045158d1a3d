"""What the command says of a board's pack. Its lines name people, and the pack has none of them."""

from __future__ import annotations

from collections.abc import Iterator

from reports.board.export import ExportedPack
from reports.board.read_me import ALLOWED, CHECK_SUMS, SUMS, VERIFY
from reports.terminal import people, quantity


def pack_lines(pack: ExportedPack) -> Iterator[str]:
    """Where the pack is and what is in it, who has no row, and how to check it."""
    size = f"{quantity(len(pack.files), 'file')}, {sum(pack.files.values()) / 1e6:.1f} MB"
    yield f"{pack.folder}: {size}" if pack.folder else f"The pack: {size}"
    names = "with names and ids" if pack.named else "under candidate numbers alone"
    yield f"  board.html        the page for the meeting: {people(pack.people)}, {names}"
    yield f"  marks.csv         {pack.marked} of {pack.people} have a module mark; the rest have the reason"
    yield "  explain/          how each person's marks follow, as text"
    yield "  read-me.txt       what each file is, and how to check it"
    if pack.no_pdf:
        yield pack.no_pdf
    yield from pack.left_out
    if pack.folder:
        yield f"To check that no file changed, in that folder: {CHECK_SUMS}"
    if pack.signed:
        yield f"To verify whose it is, from {SUMS}.sig: {ALLOWED}"
        yield f"  {VERIFY}"
