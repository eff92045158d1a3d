"""Whether a commit holds the papers that people mark: the files that `person` criteria name.

A missing paper is told with the receipt, while there is time to push it; it costs no point by itself. A student's PDF
is opened in a process of its own with little time, memory and disk: to count its pages and words, to look for names in
its text, and to write a copy without metadata.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from assignments.assignment import Assignment, Person
from assignments.files import replace_file
from assignments.notebook import NOTEBOOK_BYTES, UNANSWERED, NotANotebook, answers_in, read_notebook
from graders.intake.checkout import Caps, TreeEntry, write_files
from graders.intake.hardened_git import Reach
from graders.intake.listing import first_of, printable
from graders.intake.source import ONE_PARSES

READ_CPU_S, READ_MB = 10, 1024
"""What reading one paper may take."""
RESULT_BYTES = 16_000_000
"""The largest result of reading a paper that is accepted."""
PAPER_READER = Path(__file__).with_name("paper_reader.py")


@dataclass(frozen=True)
class PaperFacts:
    """What a program can say of a paper. No point depends on it."""

    pages: int | None
    """None where they cannot be counted, or the paper is not a PDF."""
    words: int | None
    """Words of all text, references and captions among them; None where no text was read."""
    text: str = ""
    """Written by students: to be searched, never shown."""
    cleaned: bool = False
    """Whether the copy without metadata was written."""

    @property
    def readable(self) -> bool:
        """Whether a program, such as a screen reader, reads text in it."""
        return bool(self.words)


@dataclass(frozen=True)
class Paper:
    """A criterion's paper in a commit, copied to a file that nobody has opened."""

    path: str
    """In the repository; printable."""
    file: Path | None
    """None where there is no such file, or it may not be copied: then `problems` say why."""
    problems: tuple[str, ...] = ()
    """For the group, with its cure."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Of a notebook, by the line's id: what the group wrote in the cell of this id. Its file then holds these alone."""


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
    with tempfile.TemporaryDirectory(prefix="medmark-paper-") as scratch:
        paper = paper_at(criterion, folder, entries, repository, Path(scratch) / "paper", caps, reach)
        yield from paper.problems
        if paper.file is not None and is_pdf(criterion):
            yield from length_problems(criterion, paper.path, paper_facts(paper.file))


def is_pdf(criterion: Person) -> bool:
    """Whether the criterion's paper is a PDF."""
    return (criterion.file or "").casefold().endswith(".pdf")


def paper_at(
    criterion: Person,
    folder: str,
    entries: Sequence[TreeEntry],
    repository: Path,
    target: Path,
    caps: Caps,
    reach: Reach,
) -> Paper:
    """The criterion's paper, copied below `target`: a new folder.

    Args:
        folder: the assignment's folder in the group's repository.
        entries: the commit's files.

    Raises:
        GitFailed: the paper cannot be read.
    """
    assert criterion.file is not None
    there = {entry.path: entry for entry in entries if entry.mode.startswith("100")}
    paths = (f"{folder}/{criterion.file}", criterion.file)
    entry = next((there[path] for path in paths if path in there), None)
    if entry is None:
        return Paper(criterion.file, None, (_missing(criterion.file, folder, there),))
    name = printable(entry.path)
    if not entry.size:
        return Paper(name, None, (f"{name} is empty; write it again, commit and push",))
    written = write_files(repository, [entry], target, caps, reach)
    file = target / entry.path
    if not file.is_file():
        return Paper(name, None, written.problems)
    with file.open("rb") as stream:
        start = stream.read(1024)
    if is_pdf(criterion) and b"%PDF-" not in start:
        return Paper(name, None, (f"{name} is not a PDF; export it again, commit and push",))
    return _answered(criterion, name, file) if criterion.is_in_notebook else Paper(name, file)


def _answered(criterion: Person, name: str, file: Path) -> Paper:
    """The answers in a notebook: nothing else of it goes to a marker, since its other cells could name the group."""
    with file.open("rb") as stream:
        data = stream.read(NOTEBOOK_BYTES + 1)
    try:
        with ONE_PARSES:
            notebook = read_notebook(data, name)
    except NotANotebook as error:
        return Paper(name, None, (str(error),))
    answers = answers_in(notebook, [line.id for line in criterion.lines])
    written = {id: text for id, text in answers.items() if text and text != UNANSWERED}
    lacking = [line.id for line in criterion.lines if line.id not in answers]
    open_cells = [id for id in answers if id not in written]
    problems = []
    if lacking:
        which = ", ".join(lacking)
        problems.append(f"{name} has no cell with the id {which}; take the notebook of the handout, and answer there")
    if open_cells:
        problems.append(f"{name}: nothing is written in {', '.join(open_cells)}; answer there, commit and push")
    text = "\n\n".join(f"## {line.title}\n\n{written.get(line.id, '(no answer)')}" for line in criterion.lines)
    copy = file.with_name("answers.md")
    replace_file(copy, f"{text}\n")
    return Paper(name, copy, tuple(problems), written)


def _missing(file: str, folder: str, there: Collection[str]) -> str:
    where = f"{file} is not in the commit: put it at {folder}/{file}, git add -f, commit and push"
    suffix = PurePosixPath(file).suffix
    last = PurePosixPath(file).name
    alike = [path for path in there if PurePosixPath(path).name.casefold() == last.casefold()]
    alike = alike or [path for path in there if suffix and path.casefold().endswith(suffix)]
    if not alike:
        return where
    return f"{where}. There is {first_of([printable(path) for path in sorted(alike)], 3)}: if that is it, git mv it"


def length_problems(criterion: Person, name: str, facts: PaperFacts) -> Iterator[str]:
    """How far a paper exceeds its limits, and whether a program can read it."""
    if facts.pages is None:
        yield f"{name}: its pages cannot be counted; open it, and export it again if it is damaged"
        return
    for count, limit, noun in (
        (facts.pages, criterion.max_pages, "page"),
        (facts.words, criterion.max_words, "word"),
    ):
        if count is not None and limit is not None and count > limit:
            allowed = "1 is" if limit == 1 else f"{limit} are"
            yield f"{name} has {count} {noun}{'s' * (count > 1)}, and {allowed} allowed; shorten it"
    if not facts.readable:
        cure = "export it as text, for readers who cannot see" if facts.pages else "export it again"
        yield f"{name}: no text can be read in it, as in a scan; {cure}"


def paper_facts(file: Path, clean: Path | None = None) -> PaperFacts:
    """What a program reads in a PDF; nothing where it cannot be read within the limits.

    Args:
        clean: where a copy without metadata is written.
    """
    with tempfile.TemporaryDirectory(prefix="medmark-paper-") as scratch:
        result = Path(scratch) / "result.json"
        command = [sys.executable, "-I", str(PAPER_READER), str(file), str(result), str(clean or "-")]
        limits = [str(READ_CPU_S), str(READ_MB)]
        quiet = subprocess.DEVNULL
        try:
            done = subprocess.run(
                [*command, *limits], stdin=quiet, stdout=quiet, stderr=quiet, timeout=4 * READ_CPU_S, check=False
            )
            facts = _read_result(result)
        except (OSError, ValueError, subprocess.SubprocessError):
            return PaperFacts(None, None)
    if done.returncode != 0 and clean is not None:
        clean.unlink(missing_ok=True)
    return PaperFacts(*facts, cleaned=done.returncode == 0 and clean is not None and clean.is_file())


def _read_result(path: Path) -> tuple[int | None, int | None, str]:
    """Pages, words and text, each of its type.

    Raises:
        ValueError: it is not a result.
    """
    if path.stat().st_size > RESULT_BYTES:
        raise ValueError("too large")
    facts = json.loads(path.read_bytes())
    pages, words, text = facts.get("pages"), facts.get("words"), facts.get("text", "")
    if type(pages) is not int or not isinstance(words, int | None) or not isinstance(text, str):
        raise ValueError("not a result")
    return pages, words, text
