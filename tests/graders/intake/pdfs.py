"""PDFs as word processors write them: pages of text, with an author in the metadata, or scans without any text."""

from __future__ import annotations

import io

from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, TextStringObject


def pdf(pages: int = 1, text: str = "Some words on a page", *, author: str = "", script: str = "") -> bytes:
    """A PDF of so many A4 pages with the same text each; without text it is like a scan."""
    writer, stream = PdfWriter(), io.BytesIO()
    for _ in range(pages):
        page = writer.add_blank_page(595, 842)
        if text:
            page[NameObject("/Resources")] = _helvetica()
            page[NameObject("/Contents")] = writer._add_object(_content(text))
    if author:
        writer.add_metadata({"/Author": author, "/Title": f"By {author}"})
    if script:
        action = {"/S": NameObject("/JavaScript"), "/JS": TextStringObject(script)}
        action = DictionaryObject({NameObject(key): value for key, value in action.items()})
        writer._root_object[NameObject("/OpenAction")] = action
    writer.write(stream)
    return stream.getvalue()


def _content(text: str) -> DecodedStreamObject:
    lines = "\n".join(f"({line}) Tj 0 -14 Td" for line in text.split("\n"))
    content = DecodedStreamObject()
    content.set_data(f"BT /F1 11 Tf 50 780 Td {lines} ET".encode("latin-1"))
    return content


def _helvetica() -> DictionaryObject:
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica", "/Encoding": "/WinAnsiEncoding"}
    names = DictionaryObject({NameObject(key): NameObject(value) for key, value in font.items()})
    fonts = DictionaryObject({NameObject("/F1"): names})
    return DictionaryObject({NameObject("/Font"): fonts})
