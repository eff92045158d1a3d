"""Copies of the written pages in other formats, beside each page: PDF to print and archive, Markdown for a message."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from reports.as_markdown import as_markdown
from reports.pdf import NoPdfError, as_pdf, check_pdf, is_pdf_of, was_written_here
from reports.write import write

if TYPE_CHECKING:
    from reports.write import WrittenReports

Format = Literal["pdf", "markdown"]
SUFFIXES: Final[Mapping[Format, str]] = {"pdf": ".pdf", "markdown": ".md"}
OnCopy = Callable[[int, int, str], None]
"""(copies done, copies in all, the page)"""


def check_formats(formats: Collection[Format]) -> None:
    """Refuse before any report is written.

    Raises:
        UserError: what a format needs is not installed.
    """
    if "pdf" in formats:
        check_pdf()


def write_copies(
    written: WrittenReports, formats: Collection[Format], on_copy: OnCopy = lambda *_: None
) -> dict[Path, str]:
    """Write the pages of groups and people in these formats too. A PDF that is right already is not written again.

    Returns:
        The pages that WeasyPrint failed on, and how; they have no PDF.
    """
    failed = {}
    planned = [(format, page) for format in formats for page in pages_of(written, format)]
    for number, (format, page) in enumerate(planned):
        on_copy(number, len(planned), page.name)
        copy, html = page.with_suffix(SUFFIXES[format]), page.read_text(encoding="utf-8")
        if format == "markdown":
            write(copy, as_markdown(html))
        elif not (copy.is_file() and is_pdf_of(copy.read_bytes(), html)):
            try:
                write(copy, as_pdf(html))
            except NoPdfError as error:
                copy.unlink(missing_ok=True)  # of an earlier page
                failed[page] = str(error)
    return failed


def outdated_copies(written: WrittenReports) -> list[Path]:
    """Copies of an earlier time that no longer say what their page says."""
    outdated = []
    for format, suffix in SUFFIXES.items():
        for page in pages_of(written, format):
            copy = page.with_suffix(suffix)
            if not copy.is_file():
                continue
            data, html = copy.read_bytes(), page.read_text(encoding="utf-8")
            if format == "pdf":
                is_right = is_pdf_of(data, html) or not was_written_here(data)
            else:
                is_right = data == as_markdown(html).encode()
            if not is_right:
                outdated.append(copy)
    return outdated


def pages_of(written: WrittenReports, format: Format) -> Sequence[Path]:
    """The pages that are copied in a format: as Markdown only those to hand out, for staff's are not sent."""
    handed_out = [*written.personal.values(), *written.feedback.values()]
    return [*handed_out, *written.staff.values()] if format == "pdf" else handed_out
