"""The files of a board's pack, as bytes by path: a pure function of the module's record, equal for equal records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from assignments.errors import UserError
from graders.version import medmark_version
from reports.audit_page import audit_of, audit_page
from reports.board.explanations import explained_candidate
from reports.board.pack import Pack
from reports.board.page import board_page
from reports.board.read_me import SUMS, read_me
from reports.board.statistics import second_marking_table, statistics_table
from reports.board.tables import marks_table, provenance_table, trace_table
from reports.file_names import file_names
from reports.pdf import NoPdfError, as_pdf
from reports.workbook import table_file, workbook

if TYPE_CHECKING:  # it takes 0.3 s
    import pandas

MANIFEST: Final = "MANIFEST.json"
WRITTEN_BY: Final = "medmark export board"

OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class PackFiles:
    """The files by path, the sums last."""

    files: Mapping[str, bytes]
    no_pdf: str = ""
    """Why there is no board.pdf, and what to do; empty if there is one."""


def pack_files(pack: Pack, on_progress: OnProgress = lambda *_: None) -> PackFiles:
    """Every file of a pack.

    Args:
        on_progress: Called before each step: how many are done, of how many, and which comes now.
    """
    steps = len(pack.candidates.rows) + 4
    on_progress(0, steps, "tables")
    tables = {
        "marks": marks_table(pack),
        "statistics": statistics_table(pack),
        "second marking": second_marking_table(pack),
        "trace": trace_table(pack),
        "provenance": provenance_table(pack),
    }
    files = {f"{name.replace(' ', '-')}.csv": table_file(table, ".csv") for name, table in tables.items()}
    on_progress(1, steps, "workbook")
    at = pack.at.replace(tzinfo=None, microsecond=0)
    files["board.xlsx"] = workbook({**tables, "read-me": _read_me_table(pack)}, title=pack.course.title, at=at)
    files["read-me.txt"] = "".join(f"{topic}: {text}\n" for topic, text in read_me(pack)).encode()
    on_progress(2, steps, "pages")
    page = board_page(pack)
    files |= {"board.html": page.encode(), "audit.html": _audit(pack).encode()}
    on_progress(3, steps, "PDF")
    pdf, no_pdf = _pdf(page)
    if pdf:
        files["board.pdf"] = pdf
    names = file_names([candidate.key for candidate in pack.candidates.rows])
    for done, candidate in enumerate(pack.candidates.rows, 4):
        on_progress(done, steps, candidate.key)
        files[f"explain/{names[candidate.key]}.txt"] = explained_candidate(pack, candidate).encode()
    files[MANIFEST] = _manifest(pack, files)
    files[SUMS] = "".join(f"{digest(data)}  {path}\n" for path, data in sorted(files.items())).encode()
    return PackFiles(files, no_pdf)


def digest(data: bytes) -> str:
    """The SHA-256 of a file, in the hexadecimal digits that `sha256sum` prints."""
    return hashlib.sha256(data).hexdigest()


def _read_me_table(pack: Pack) -> pandas.DataFrame:
    import pandas

    return pandas.DataFrame(read_me(pack), columns=["about", "text"], dtype=object)


def _audit(pack: Pack) -> str:
    people = pack.candidates
    records = (each.results for each in pack.record.assignments)
    logs = [audit_of(each.assignment, each.events, people.about, people.hidden) for each in records]
    note = "" if people.named else "Candidates stand under their numbers, and groups under those of their members."
    return audit_page(logs, course=pack.course.title, note=note)


def _pdf(page: str) -> tuple[bytes | None, str]:
    """The page as PDF, or why there is none."""
    try:
        return as_pdf(page), ""
    except UserError as error:  # the extra is not installed
        return None, f"there is no board.pdf: {error}"
    except NoPdfError as error:
        return None, f"there is no board.pdf: WeasyPrint failed ({error}). Print board.html from a browser instead."


def _manifest(pack: Pack, files: Mapping[str, bytes]) -> bytes:
    last = pack.last_event
    document = {
        "written_by": WRITTEN_BY,
        "medmark": medmark_version(),
        "course": pack.course.title,
        "year": pack.course.year,
        "assignments": [packed.assignment.id for packed in pack.assignments],
        "names": pack.candidates.named,
        "people": len(pack.candidates.rows),
        "left_out": pack.candidates.left_out,
        "record": None if last is None else {"event": last.number, "at": last.at},
        "course_toml": pack.record.course_digest,
        "files": {path: {"sha256": digest(data), "bytes": len(data)} for path, data in sorted(files.items())},
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
