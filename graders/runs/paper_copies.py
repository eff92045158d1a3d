"""Copies papers for their markers: without metadata, and with what a program reads in them.

Names in a paper's text are listed for staff and never removed: nobody could trust a text that a program has changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from assignments.assignment import Person
from graders.course.course import Group
from graders.intake.checkout import Caps, tree_of
from graders.intake.collect import mirror_of, reach_of
from graders.intake.hardened_git import GitFailed
from graders.intake.owners import Record
from graders.intake.papers import PaperFacts, is_pdf, length_problems, paper_at, paper_facts
from graders.marks.allocation import Allocated
from graders.record.ledger import Ledger
from graders.runs.marker_work import PlannedMarking

JOBS: Final = 4
"""Papers that are read at once, each in a process of its own."""
PLAIN: Final = (".md", ".txt", ".tex", ".rst")
"""Papers of plain text have no metadata."""


@dataclass(frozen=True)
class PaperCopy:
    """A paper as its markers get it."""

    code: str
    file: Path | None
    """A copy without metadata; None where there is none, then `problems` say why."""
    facts: PaperFacts | None = None
    problems: tuple[str, ...] = ()
    """For staff and markers: its length, and whether it can be read; no name stands in them."""
    names: tuple[str, ...] = ()
    """Names of the group's people that its text holds; for staff alone."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """By the id of a line: what the group wrote in the notebook's cell of this id."""


def paper_copies(planned: PlannedMarking, folder: Path) -> Iterator[PaperCopy]:
    """Each paper of a planned marking, and its copy below `folder`."""
    course, id = planned.change.course, planned.change.results.assignment.id
    limits = course.repositories
    weights = planned.change.results.assignment.limits.weights_mb
    caps = Caps(weights, limits.file_mb, limits.total_mb, limits.files)
    with Ledger.open_to_read(course.ledger) as ledger:
        record = Record.of(course.groups, ledger.observations(id))

    def copy_of(numbered: tuple[int, Allocated]) -> PaperCopy:
        number, paper = numbered
        group = course.group(paper.group)
        try:
            mirror, reach = mirror_of(course, group, record, paper.commit), reach_of(course)
            entries = tree_of(mirror, paper.commit, group.path, reach)
            copied = paper_at(planned.criterion, id, entries, mirror, folder / f"raw-{number}", caps, reach)
        except GitFailed as failure:
            return PaperCopy(paper.code, None, problems=(f"its commit cannot be read: {failure.feedback}",))
        if copied.file is None:
            return PaperCopy(paper.code, None, problems=("the commit holds no paper that can be opened",))
        clean = _cleaned(planned.criterion, paper.code, group, copied.file, folder / f"clean-{number}")
        lacking = tuple(line.partition("; ")[0] for line in copied.problems)
        return replace(clean, problems=(*lacking, *clean.problems), answers=copied.answers)

    with ThreadPoolExecutor(max_workers=JOBS) as pool:
        yield from pool.map(copy_of, enumerate(planned.papers))


def _cleaned(criterion: Person, code: str, group: Group, file: Path, clean: Path) -> PaperCopy:
    suffix = file.suffix.casefold()
    if not is_pdf(criterion):
        if suffix not in PLAIN:
            why = "only the metadata of a PDF can be removed, and this may name its authors: copy it by hand"
            return PaperCopy(code, None, problems=(why,))
        text = file.read_text(encoding="utf-8", errors="replace")
        facts = PaperFacts(None, len(text.split()), text)
        return PaperCopy(code, file, facts, (), tuple(names_in(text, group)))
    facts = paper_facts(file, clean)
    # Markers need what is wrong, not the cure for the group.
    problems = tuple(line.partition("; ")[0] for line in length_problems(criterion, "the paper", facts))
    if not facts.cleaned:
        return PaperCopy(code, None, facts, (*problems, "its metadata cannot be removed: look at it by hand"))
    return PaperCopy(code, clean, facts, problems, tuple(names_in(facts.text, group)))


def names_in(text: str, group: Group) -> Iterator[str]:
    """Names by which a text tells whose it is: of the group, of its members, their family names and addresses."""
    folded = " ".join(text.split()).casefold()
    names = [
        group.name,
        *(name for member in group.members for name in _names_of(member.name, member.id, member.email)),
    ]
    for name in dict.fromkeys(names):
        if re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", folded):
            yield name


def _names_of(name: str, id: str, email: str) -> Iterator[str]:
    yield from (" ".join(name.split()), id, email)
    *_, family = name.split()
    if len(family) > 3:
        yield family
