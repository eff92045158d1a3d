"""Writes what students get of an assignment: brief with its picture, starter, interface, public tests, published cases.

Hidden tests, misconceptions, references and hidden cases stay behind, and what names or places patients. The caller
decides whether an assignment may be handed out (`graders.authoring.handing_out`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from assignments.assignment import Assignment
from assignments.cases_archive import write_archive
from assignments.course_settings import as_the_course_sets
from assignments.data.case_files import refuse_leftovers, write_cases
from assignments.data.published import PublishedCases, published_cases
from assignments.derived.brief import BRIEF, brief_text, shows_picture
from assignments.derived.interface import interface_text
from assignments.derived.starter import starter_texts
from assignments.drawing.brief_picture import PICTURE, BriefPicture, brief_picture
from assignments.errors import UserError, shell_word
from assignments.files import replace_file
from assignments.folders import HANDOUT
from assignments.handout_note import HandoutNote, RuntimeFacts
from assignments.load import folder_digest
from assignments.public_settings import public_settings
from assignments.rubric_files import own_rubrics

_FILES = ("doubles.py", "AGENTS.md")


def write_handout(
    assignment: Assignment,
    out: Path,
    runtimes: Mapping[str, RuntimeFacts] | None = None,
    medmark: str = "",
    texts: Mapping[str, str] | None = None,
    cases: PublishedCases | None = None,
    further: Sequence[Path] = (),
) -> tuple[Path, ...]:
    """Write the handout to `out / <assignment id>`, the folder that a group's repository has too.

    Its cases, if it has any, are in `out / <assignment id>-data.zip` too: they are too large for a repository.

    Args:
        runtimes: what solutions may use, by framework.
        medmark: its version.
        texts: further files by name, such as the kit's `README.md` and `limits.md`.
        cases: the published cases; without them they are made now.
        further: files of the handout that lie in its folder already.

    Returns:
        The files written.

    Raises:
        UserError: there is a solution.py already, or there are cases of an earlier handout; or the cases may not be
            handed out.
    """
    folder = out / assignment.id
    refuse_work(assignment, out)
    cases = cases or published_cases(assignment)
    settings = _settings(assignment)
    folder.mkdir(parents=True, exist_ok=True)
    written = [_written(folder / "assignment.toml", settings)]
    picture = shown_picture(assignment, cases)
    brief = brief_text(assignment, picture.markdown)
    written.append(_written(folder / BRIEF, brief.encode()))
    if png := picture.file(brief):
        written.append(_written(folder / PICTURE, png))
    if interface := interface_text(assignment):
        written.append(_written(folder / "interface.py", interface.encode()))
    texts_of_author = [assignment.folder / name for name in _FILES]
    for path in [*texts_of_author, *own_rubrics(assignment)]:
        if path.is_file():
            written.append(_written(folder / path.name, path.read_bytes()))
    for name, content in starters(assignment).items():
        written.append(_written(folder / name, content))
    for path in sorted((assignment.folder / "public_tests").glob("test_*.py")):
        written.append(_written(folder / "public_tests" / path.name, path.read_bytes()))
    written += [_written(folder / name, text) for name, text in (texts or {}).items()]
    for name, part in (("train", cases.train), ("val", cases.val)):
        if part:
            written += write_cases(folder / "data", name, part)
    if cases.readme:
        written.append(_written(folder / "data" / "README.md", cases.readme))
    archives = [out / f"{assignment.id}-data.zip"] if cases.train else []
    digest = "".join(write_archive(folder, written, archive) for archive in archives)
    written += further
    files = {path.relative_to(folder).as_posix(): file_digest(path) for path in sorted(written)}
    own = folder_digest(assignment)
    names = tuple(starters(assignment))
    note = HandoutNote(assignment.id, medmark, own, runtimes or {}, cases.kind, digest, files, names)
    return (*written, _written(folder / HANDOUT, note.text()), *archives)


def shown_picture(assignment: Assignment, cases: PublishedCases) -> BriefPicture:
    """The picture of the cases that leave, where the brief shows one."""
    return brief_picture(assignment, cases) if shows_picture(assignment) else BriefPicture()


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, as a handout's note has it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refuse_work(assignment: Assignment, out: Path) -> None:
    """Refuse a folder that holds a group's work or an earlier handout's cases, before anything is written.

    Raises:
        UserError: it does.
    """
    folder = out / assignment.id
    for name in starters(assignment):
        if (folder / name).exists():
            raise UserError(
                f"{folder / name} is there already; choose an empty folder, or bring the handout there up to date: "
                f"medmark handout {assignment.id} {shell_word(out)} --update"
            )
    for name in ("train", "val"):
        refuse_leftovers(folder / "data", name)


def starters(assignment: Assignment) -> dict[str, bytes]:
    """What a group starts from, by the file's name: the folder's own files, else what is cut from a reference."""
    own = assignment.folder / "starter"
    if own.is_dir():
        return {path.name: path.read_bytes() for path in sorted(own.glob("*")) if path.is_file()}
    return {name: text.encode() for name, text in starter_texts(assignment).items()}


def _settings(assignment: Assignment) -> bytes:
    """The text of assignment.toml for students, as the course sets it; as it is where nothing is private or changed."""
    content = (assignment.folder / "assignment.toml").read_bytes()
    text = content.decode("utf-8-sig").replace("\r\n", "\n")
    public = public_settings(as_the_course_sets(assignment, text))
    return content if public == text else public.encode()


def _written(path: Path, content: str | bytes) -> Path:
    replace_file(path, content)
    return path
