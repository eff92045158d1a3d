"""Makes the demonstration: a course with six groups as real Git repositories. It marks nothing.

The groups' code is medmark's own (reference solutions, one with a misconception from its assignment's list, one that
crashes, one that tries to cheat), so it may run without a sandbox if there is none.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from assignments.derived.starter import starter_texts
from assignments.errors import UserError
from assignments.folders import CATALOGUE, reference_path
from assignments.load import load
from graders.authoring.misconceptions import misconceptions
from graders.course.new_course import init_course
from graders.runs.doctor import docker_trouble, missing_images

ASSIGNMENT = "mlp_classifier"
MISCONCEPTION = "no_scaling"
WITHOUT_REPORT = "crashes"
"""The group that hands in no report."""
GROUPS = Path(__file__).parent / "groups"


@dataclass(frozen=True)
class DemoGroup:
    """One group of the demonstration."""

    name: str
    what: str
    """A description of its solution."""


@dataclass(frozen=True)
class Demo:
    """A course that was made."""

    folder: Path
    assignment: str
    groups: tuple[DemoGroup, ...]


def make_demo(folder: Path, sandbox: str = "docker") -> Demo:
    """Write the course and its repositories into a new folder.

    It has three hidden splits instead of the assignment's five, to take less than a minute. With one split, a sound
    solution would miss the distinction anchor about once in a hundred demonstrations: a run has an SD of 0.8 points.

    Raises:
        UserError: the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder}: is not empty. Remove it, or name another: medmark demo FOLDER")
    deadline = datetime.now().replace(second=0, microsecond=0) + timedelta(days=7)
    init_course(
        folder,
        title="Demonstration course",
        timezone="UTC",
        sandbox=sandbox,
        allow_file=True,
        assignments={ASSIGNMENT: deadline},
    )
    with (folder / "course.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[assignments.{ASSIGNMENT}.run]\nseeds = 3\n")
    groups = tuple(_groups(folder / "repositories"))
    with (folder / "roster.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["group", "member", "name", "email", "repository"])
        for number, group in enumerate(groups, 1):
            address = (folder / "repositories" / group.name).resolve().as_uri()
            rows.writerow([group.name, f"zc{number:04}", f"Student {number}", f"zc{number:04}@example.org", address])
    return Demo(folder, ASSIGNMENT, groups)


def docker_trouble_here() -> str | None:
    """Why the demonstration cannot run in containers; None when it can."""
    missing = missing_images(load(CATALOGUE / ASSIGNMENT).frameworks)
    return docker_trouble() or (missing[0] if missing else None)


def _groups(repositories: Path) -> Iterator[DemoGroup]:
    assignment = load(CATALOGUE / ASSIGNMENT)
    pytorch = reference_path(assignment.folder, "pytorch")
    mistake = next(item for item in misconceptions(assignment) if item.id == MISCONCEPTION)
    texts = {
        "sound-pytorch": ("a sound solution in PyTorch", pytorch.read_text(encoding="utf-8")),
        "sound-tensorflow": ("a sound solution in TensorFlow", _reference(assignment.folder, "tensorflow")),
        "numpy-logistic": ("logistic regression in NumPy, no network", _reference(assignment.folder, "numpy")),
        "misconception": (f"PyTorch with a misconception: {mistake.title}", mistake.applied("pytorch", _text(pytorch))),
        "crashes": ("PyTorch that crashes while it trains", _text(GROUPS / "crashes.py")),
        "cheats": ("no solution, but an attempt to win without one", _text(GROUPS / "cheats.py")),
    }
    starter = starter_texts(assignment)["solution.py"]
    for name, (what, text) in texts.items():
        _repository(repositories / name, starter, text)
        yield DemoGroup(name, what)


def _repository(folder: Path, starter: str, solution: str) -> None:
    """Make a repository of two commits: the starter as handed out, and the group's work with its report."""
    import git

    path = folder / ASSIGNMENT / "solution.py"
    path.parent.mkdir(parents=True)
    author = git.Actor("A student", "student@example.org")
    with git.Repo.init(folder, initial_branch="main") as repository:
        for text, message in ((starter, "Start from the handout"), (solution, "Hand in")):
            path.write_text(text, encoding="utf-8")
            if text == solution and folder.name != WITHOUT_REPORT:
                _write_report(path.with_name("report.pdf"), folder.name)
            repository.index.add([f"{ASSIGNMENT}/{each.name}" for each in path.parent.iterdir()])
            repository.index.commit(message, author=author, committer=author)


def _write_report(path: Path, group: str) -> None:
    """A report of one A4 page, which has a title and a line of text."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    def named(**entries: str) -> DictionaryObject:
        return DictionaryObject({NameObject(f"/{key}"): NameObject(f"/{value}") for key, value in entries.items()})

    writer, text = PdfWriter(), DecodedStreamObject()
    text.set_data(f"BT /F1 12 Tf 60 770 Td (Report of {group}) Tj ET".encode("ascii"))
    page = writer.add_blank_page(595, 842)
    page[NameObject("/Contents")] = writer._add_object(text)
    font = named(Type="Font", Subtype="Type1", BaseFont="Helvetica")
    fonts = DictionaryObject({NameObject("/F1"): font})
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    writer.add_metadata({"/Title": f"Report of {group}"})
    writer.write(path)


def _reference(folder: Path, framework: str) -> str:
    return _text(reference_path(folder, framework))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
