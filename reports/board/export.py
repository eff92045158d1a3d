"""The use case of a board's pack: from a course's record to a folder that is there as a whole, or as it was before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assignments.errors import UserError
from assignments.files import replace_file
from graders.course.course import Course
from graders.runs.board_record import module_record
from graders.runs.on_record import PROGRAM
from reports.board.candidates import candidates_of
from reports.board.files import MANIFEST, WRITTEN_BY, OnProgress, digest, pack_files
from reports.board.pack import Pack
from reports.board.read_me import SUMS
from reports.board.signature import check_key, sign


@dataclass(frozen=True)
class ExportedPack:
    """What was written, or would be."""

    folder: Path | None
    """None where nothing was written."""
    files: Mapping[str, int]
    """By path: bytes. A signature comes on top."""
    people: int
    marked: int
    """How many have a module mark."""
    named: bool
    left_out: tuple[str, ...]
    """People without a row, and why. This names them: for the terminal alone."""
    no_pdf: str
    signed: bool
    unmatched: tuple[str, ...]
    """Decisions that are about nobody and nothing, for the terminal alone too."""


def export_board(
    course: Course,
    out: Path | None = None,
    *,
    names: bool = False,
    key: Path | None = None,
    sandbox: str | None = None,
    command: str = PROGRAM,
    on_reading: OnProgress = lambda *_: None,
    on_progress: OnProgress = lambda *_: None,
) -> ExportedPack:
    """Write the pack for a board of examiners about all assignments of a course.

    Args:
        out: The folder; an earlier pack there is replaced. Without it nothing is written: the result is what would be.
        names: Whether the pack has the candidates' names and ids.
        key: A private SSH key that signs the sums.
        on_reading: Called before each assignment, as `module_record` does.
        on_progress: Called before each step of the writing, as `pack_files` does.

    Raises:
        UserError: marks moved and were not applied; the folder holds something else than an unchanged pack; or the key
            does not sign. The folder is then as it was before.
    """
    folder = out and out.resolve()
    if folder is not None:
        _check_free(folder)
    if key is not None:
        check_key(key)
    people = candidates_of(course.groups, names=names)
    record = module_record(course, people.hidden, sandbox=sandbox, command=command, on_progress=on_reading)
    pack = Pack(record, people)
    files = pack_files(pack, on_progress)
    if folder is not None:
        _write(folder, files.files, key)
    return ExportedPack(
        folder=folder,
        files={path: len(data) for path, data in files.files.items()},
        people=len(people.rows),
        marked=sum(pack.module_mark(candidate).percent is not None for candidate in people.rows),
        named=names,
        left_out=people.problems,
        no_pdf=files.no_pdf,
        signed=folder is not None and key is not None,
        unmatched=tuple(line for each in record.assignments for line in each.results.unmatched),
    )


def _write(folder: Path, files: Mapping[str, bytes], key: Path | None) -> None:
    """Write beside the folder first, then put it in its place: no reader finds files of two packs."""
    part, before = (folder.with_name(f".{folder.name}.{word}") for word in ("part", "before"))
    try:
        shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
        for path, data in files.items():
            replace_file(part / path, data)
        if key is not None:
            sign(part / SUMS, key)
        _check_free(folder)
        if folder.exists():
            folder.rename(before)
        part.rename(folder)
        shutil.rmtree(before, ignore_errors=True)
    except OSError as error:
        if before.exists() and not folder.exists():
            before.rename(folder)
        raise UserError(
            f"{error.filename}: could not be written ({error.strerror}); make room, or name another --out"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _check_free(folder: Path) -> None:
    """Refuse a folder that holds anything but a pack as it was written.

    Raises:
        UserError: says which file it is.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder. Name one with --out")
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    digests = _digests(folder) if there else {}
    for name, path in sorted(there.items()):
        own = name in (MANIFEST, SUMS, f"{SUMS}.sig") and bool(digests)
        if path.is_symlink() or not (own or digest(path.read_bytes()) == digests.get(name)):
            raise UserError(
                f"{path} is not part of a pack as medmark wrote it, and a new pack would replace it. Move it away, or "
                "name another folder with --out"
            )


def _digests(folder: Path) -> dict[str, str]:
    """By path: the digest of each file of the pack that lies there; none if there is no pack."""
    try:
        document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = document["files"] if document["written_by"] == WRITTEN_BY else {}
        return {str(path): str(file["sha256"]) for path, file in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # not a manifest of medmark's
        return {}
