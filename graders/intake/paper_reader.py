"""Reads one PDF that a student wrote, as a process of its own: FILE, RESULT, CLEAN or -, CPU seconds, MiB of memory.

RESULT becomes a JSON file: how many pages, how many words, and the text. CLEAN becomes the same paper without its
metadata and without all that a viewer would run or open. This process can take no more CPU, memory or disk than its
limits; it runs nothing of the PDF.
"""

from __future__ import annotations

import json
import resource
import sys
from contextlib import suppress
from typing import Any

from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject

TEXT_CHARACTERS = 1_000_000
"""The most text that is read of a paper: a book of 400 pages has as many."""
WRITTEN_MB = 64
OF_PAGE = ("/Metadata", "/PieceInfo", "/AA", "/AF", "/B")
OF_IMAGE = ("/Metadata", "/PieceInfo")
OF_NOTE = ("/T", "/AA", "/Popup", "/IRT", "/NM", "/M", "/CreationDate", "/RC")
"""Entries of an annotation that name who wrote it, and when."""
SAFE_NOTES = ("/Link", "/Highlight", "/Underline", "/Text", "/FreeText")
"""Annotations that stay: the others play, run or carry something."""
SAFE_ACTIONS = ("/GoTo", "/URI")


def main() -> None:
    """Read a PDF within limits."""
    file, result, clean, cpu_s, memory_mb = sys.argv[1:]
    _limit(int(cpu_s), int(memory_mb))
    reader = PdfReader(file, strict=False)
    pages = sum(1 for _ in reader.pages)
    _write(result, {"pages": pages})  # at least, where the text is too much to read
    text = _text(reader)
    _write(result, {"pages": pages, "words": len(text.split()), "text": text})
    if clean != "-":
        _cleaned(reader).write(clean)


def _limit(cpu_s: int, memory_mb: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN_MB << 20, WRITTEN_MB << 20))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))


def _write(path: str, facts: dict[str, Any]) -> None:
    with open(path, "w", encoding="ascii") as file:
        json.dump(facts, file)


def _text(reader: PdfReader) -> str:
    """The text of all pages; of a page that cannot be read, none."""
    texts: list[str] = []
    left = TEXT_CHARACTERS
    for page in reader.pages:
        with suppress(Exception):  # a page's own defect: pypdf raises what it meets
            texts.append(page.extract_text()[:left])
            left -= len(texts[-1])
        if left <= 0:
            break
    return "\n".join(texts)


def _cleaned(reader: PdfReader) -> PdfWriter:
    """The pages in a new document: what names an author, runs or carries files stays behind in the old one."""
    writer = PdfWriter()
    writer.metadata = None
    for source in reader.pages:
        page = writer.add_page(source, excluded_keys=OF_PAGE)
        _clean_notes(page)
        for image in _dictionary(_dictionary(page.get("/Resources")).get("/XObject")).values():
            _drop(_dictionary(image), OF_IMAGE)
    return writer


def _clean_notes(page: DictionaryObject) -> None:
    """Leave the harmless annotations of a page, without their authors."""
    notes = page.get("/Annots")
    notes = notes.get_object() if notes is not None else None
    if not isinstance(notes, ArrayObject):
        page.pop("/Annots", None)
        return
    left = ArrayObject()
    for note in notes:
        of_note = _dictionary(note)
        _drop(of_note, OF_NOTE)
        action = of_note.get("/A")
        safe = action is None or _dictionary(action).get("/S") in SAFE_ACTIONS
        if safe and of_note.get("/Subtype") in SAFE_NOTES:
            left.append(note)
    page[NameObject("/Annots")] = left


def _dictionary(value: Any) -> DictionaryObject:
    """A dictionary of the PDF; an empty one where it holds something else."""
    inner = value.get_object() if value is not None else None
    return inner if isinstance(inner, DictionaryObject) else DictionaryObject()


def _drop(of: DictionaryObject, keys: tuple[str, ...]) -> None:
    for key in keys:
        of.pop(key, None)


if __name__ == "__main__":
    main()
