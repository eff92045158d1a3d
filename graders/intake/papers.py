"""Whether a commit holds the papers that people mark: the files that `person` criteria name.

A missing paper is told with the receipt, while there is time to push it; it costs no point by itself. A student's PDF
is opened in a process of its own with little time and memory, and only to count its pages.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from assignments.assignment import Assignment, Person
from graders.intake.checkout import Caps, TreeEntry, write_files
from graders.intake.hardened_git import Reach
from graders.intake.listing import first_of, printable

PAGES_CPU_S, PAGES_MB = 10, 1024
"""What counting the pages of one paper may take."""
COUNT_PAGES = Path(__file__).with_name("count_pages.py")


def papers_of(assignment: Assignment) -> tuple[Person, ...]:
    """The criteria whose paper is a file of the repository."""
    return tuple(item for item in assignment.criteria if isinstance(item, Person) and item.file)


def paper_problems(
    assignment: Assignment, entries: Sequence[TreeEntry], repository: Path, caps: Caps, reach: Reach
) -> tuple[str, ...]:
    """The papers that a commit lacks, or that nobody could read, each with its cure.

    Args:
        entries: the commit's files; a paper lies beside solution.py in the assignment's folder, or at the root.
        repository: where Git has them.

    Raises:
        GitFailed: a paper cannot be read.
    """
    return tuple(
        f"{criterion.id}: {problem}"
        for criterion in papers_of(assignment)
        for problem in _problems(criterion, assignment.id, entries, repository, caps, reach)
    )


def _problems(
    criterion: Person, folder: str, entries: Sequence[TreeEntry], repository: Path, caps: Caps, reach: Reach
) -> Iterator[str]:
    assert criterion.file is not None
    there = {entry.path: entry for entry in entries if entry.mode.startswith("100")}
    paths = (f"{folder}/{criterion.file}", criterion.file)
    entry = next((there[path] for path in paths if path in there), None)
    if entry is None:
        yield _missing(criterion.file, folder, there)
        return
    name = printable(entry.path)
    if not entry.size:
        yield f"{name} is empty; write it again, commit and push"
        return
    with tempfile.TemporaryDirectory(prefix="medmark-paper-") as scratch:
        target = Path(scratch) / "paper"
        written = write_files(repository, [entry], target, caps, reach)
        file = target / entry.path
        if not file.is_file():
            yield from written.problems
            return
        with file.open("rb") as stream:
            start = stream.read(1024)
        if criterion.file.casefold().endswith(".pdf"):
            yield from _of_pdf(criterion, name, file, start)


def _missing(file: str, folder: str, there: Collection[str]) -> str:
    where = f"{file} is not in the commit: put it at {folder}/{file}, git add -f, commit and push"
    suffix = PurePosixPath(file).suffix
    last = PurePosixPath(file).name
    alike = [path for path in there if PurePosixPath(path).name.casefold() == last.casefold()]
    alike = alike or [path for path in there if suffix and path.casefold().endswith(suffix)]
    if not alike:
        return where
    return f"{where}. There is {first_of([printable(path) for path in sorted(alike)], 3)}: if that is it, git mv it"


def _of_pdf(criterion: Person, name: str, file: Path, start: bytes) -> Iterator[str]:
    if b"%PDF-" not in start:
        yield f"{name} is not a PDF; export it again, commit and push"
    elif criterion.max_pages is not None:
        pages = pages_of(file)
        if pages is None:
            yield f"{name}: its pages cannot be counted; open it, and export it again if it is damaged"
        elif pages > criterion.max_pages:
            allowed = "1 is" if criterion.max_pages == 1 else f"{criterion.max_pages} are"
            yield f"{name} has {pages} pages, and {allowed} allowed; shorten it"


def pages_of(file: Path) -> int | None:
    """The number of pages of a PDF; None if it cannot be counted."""
    command = [sys.executable, "-I", str(COUNT_PAGES), str(file), str(PAGES_CPU_S), str(PAGES_MB)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=4 * PAGES_CPU_S, check=True, text=True)
        return int(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
