"""Reads a folder of downloaded submissions: whose each hand-in is, and its files. It reads names and sizes only.

    Ada Byron_90211_assignsubmission_file_/solution.py      Moodle, "Download all submissions", with folders
    Ada Byron_90211_assignsubmission_file_solution.py       the same without folders
    group-07/solution.py                                    a folder that has the name of a group or a member

Everything in it is hostile. No link is followed, only regular files with ordinary names count, archives stay closed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from assignments.errors import UserError
from graders.course.cells import composed
from graders.course.course import Course, Group, Member
from graders.intake.checkout import is_ordinary
from graders.intake.listing import first_of, printable
from graders.intake.source import SOLUTIONS

_MOODLE = re.compile(r"(?P<who>.+?)_(?P<number>\d+)_assignsubmission_(?P<plugin>[a-z]+)(?:_(?P<rest>.*))?", re.DOTALL)
_ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")
NAMED = 5
"""How many paths of one kind a line names."""
ENTRIES = 10
"""How many entries a hand-in may have for each file that the course allows."""


@dataclass(frozen=True)
class HandInFile:
    """A regular file of a hand-in."""

    path: str
    """In the hand-in."""
    source: Path
    size: int
    modified: float
    """Seconds since 1970, as the file says."""


@dataclass(frozen=True)
class FolderHandIn:
    """What one person or group handed in."""

    group: Group
    by: str
    """Who, as the folder and the roster say."""
    sources: tuple[str, ...]
    """Names in the folder of submissions."""
    files: tuple[HandInFile, ...]
    left_out: tuple[str, ...] = ()
    """What is not taken, and why."""

    @property
    def latest(self) -> datetime:
        """The newest time of its files: what the files say, which proves nothing."""
        newest = max((file.modified for file in self.files), default=0.0)
        return datetime.fromtimestamp(min(max(newest, 0.0), 4e9), UTC)


@dataclass
class HandInFolder:
    """A folder of submissions, read."""

    hand_ins: list[FolderHandIn] = field(default_factory=list)
    """One a person or group."""
    unmatched: list[str] = field(default_factory=list)
    """Entries that belong to no group, and why."""


def read_hand_ins(folder: Path, course: Course, assignment_id: str) -> HandInFolder:
    """The hand-ins in a folder, and what belongs to no group.

    Raises:
        UserError: there is no such folder, or it is an archive.
    """
    if folder.is_file():
        raise UserError(f"{folder}: is a file. Unpack it into a folder, then: --folder FOLDER")
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder")
    people, read = _People(course.groups), HandInFolder()
    parts: dict[tuple[str, str], list[tuple[str, os.DirEntry[str]]]] = {}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            match = _MOODLE.fullmatch(entry.name)
            if entry.is_symlink() or not (entry.is_dir(follow_symlinks=False) or match):
                why = "is a link" if entry.is_symlink() else "is neither a folder nor named as Moodle names a hand-in"
                read.unmatched.append(f"{printable(entry.name)}: {why}")
            elif match:
                parts.setdefault((match["who"], match["number"]), []).append((_prefix(match, entry), entry))
            else:
                parts.setdefault((entry.name, ""), []).append(("", entry))
    for (who, _), sources in parts.items():
        matches = people.named(who)
        if len({group.name for group, _ in matches}) != 1:
            named = " and ".join(sorted({member.id if member else group.name for group, member in matches}))
            why = f"may be {named}: rename it to the group or the member" if matches else "is not in the roster"
            read.unmatched.append(f"{printable(sources[0][1].name)}: {why}")
            continue
        members = {member.id: member for _, member in matches if member is not None}
        by = " and ".join(f"{member.name} ({id})" for id, member in members.items()) or matches[0][0].name
        hand_in = _hand_in(matches[0][0], by, sources, course, assignment_id)
        read.hand_ins.append(hand_in)
    return read


def _prefix(match: re.Match[str], entry: os.DirEntry[str]) -> str:
    """Where in the hand-in a part of Moodle's belongs: files at the root, others in a folder of their own."""
    home = "" if match["plugin"] == "file" else f"moodle_{match['plugin']}/"
    return home if entry.is_dir(follow_symlinks=False) else home + (match["rest"] or "")


class _People:
    """The roster by what a folder may be called."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.by: dict[str, list[tuple[Group, Member | None]]] = {}
        for group in groups:
            self._add(group.name, group, None)
            for member in group.members:
                for word in (member.id, member.email, member.candidate or "", member.name):
                    self._add(word, group, member)
                for heading, cell in member.more:
                    self._add(cell, group, None if heading.casefold() == "shown_group" else member)

    def _add(self, word: str, group: Group, member: Member | None) -> None:
        both = (group, member)
        for key in {_exact(word), _loose(word)} - {""}:
            if both not in self.by.setdefault(key, []):
                self.by[key].append(both)

    def named(self, text: str) -> list[tuple[Group, Member | None]]:
        """Whom a folder's name may mean; Moodle puts the group's name and a dash before that of a person."""
        for key in (_exact(text), _loose(text)):
            if key in self.by:
                return self.by[key]
        pairs = [(text[:at], text[at + 1 :]) for at, letter in enumerate(text) if letter == "-"]
        return [
            (group, member)
            for before, after in pairs
            for group, member in self.by.get(_loose(after), ())
            if any(other == group for other, _ in self.by.get(_loose(before), ()))
        ]


def _exact(text: str) -> str:
    return f"={composed(text).casefold().strip()}" if text.strip() else ""


def _loose(text: str) -> str:
    """Letters and digits alone: Moodle leaves some signs of a name out of a file's name."""
    return "".join(letter for letter in composed(text).casefold() if letter.isalnum())


def _hand_in(
    group: Group, by: str, sources: Sequence[tuple[str, os.DirEntry[str]]], course: Course, assignment_id: str
) -> FolderHandIn:
    walk = FolderWalk(course.repositories.files * ENTRIES)
    for prefix, entry in sources:
        if entry.is_dir(follow_symlinks=False):
            walk.folder(entry.path, prefix)
        else:
            walk.file(entry, prefix)
    names = tuple(entry.name for _, entry in sources)
    total = sum(file.size for file in walk.files)
    if walk.overfull or total > course.repositories.size_mb * 1e6:
        limit = f"{walk.most} entries" if walk.overfull else f"{course.repositories.size_mb} MB"
        return FolderHandIn(group, by, names, (), (f"has more than {limit}: nothing of it is taken",))
    root = _root_of([file.path for file in walk.files], assignment_id)
    files = [
        HandInFile(file.path[len(root) :], file.source, file.size, file.modified)
        for file in walk.files
        if file.path.startswith(root)
    ]
    return FolderHandIn(group, by, names, tuple(files), tuple(walk.lines(root)))


def _root_of(paths: Sequence[str], assignment_id: str) -> str:
    """The folder of a hand-in that is the coursework: the assignment's own, the root, or the only one around them."""
    tops = {path.split("/", 1)[0] for path in paths if "/" in path and not path.startswith("moodle_")}
    only = f"{next(iter(tops))}/" if len(tops) == 1 else ""
    for root in (f"{assignment_id}/", "", f"{only}{assignment_id}/", only):
        if any(f"{root}{name}" in paths for name in SOLUTIONS):
            return root
    return ""


@dataclass
class FolderWalk:
    """The regular files below a folder, and what is left out."""

    most: int
    files: list[HandInFile] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    count: int = 0

    @property
    def overfull(self) -> bool:
        """Whether there is more than anybody hands in."""
        return self.count > self.most

    def folder(self, path: str, prefix: str) -> None:
        """Take everything below a folder; one whose name is not ordinary is left out as a whole."""
        try:
            with os.scandir(path) as entries:
                listed = sorted(entries, key=lambda each: each.name)
        except OSError:
            self.unreadable.append(prefix or path)
            return
        for entry in listed:
            self.count += 1
            if self.overfull:
                return
            name = prefix + entry.name
            if entry.is_symlink():
                self.links.append(name)
            elif not is_ordinary(name):
                self.odd.append(name)
            elif entry.is_dir(follow_symlinks=False):
                self.folder(entry.path, f"{name}/")
            else:
                self.file(entry, name)

    def file(self, entry: os.DirEntry[str], name: str) -> None:
        try:
            facts = entry.stat(follow_symlinks=False)
        except OSError:
            self.unreadable.append(name)
            return
        if not stat.S_ISREG(facts.st_mode):
            self.links.append(name)
        elif not is_ordinary(name):
            self.odd.append(name)
        else:
            self.files.append(HandInFile(name, Path(entry.path), facts.st_size, facts.st_mtime))

    def lines(self, root: str) -> Iterator[str]:
        """What of the hand-in is not taken, a line a kind."""
        outside = [file.path for file in self.files if not file.path.startswith(root)]
        closed = [file.path for file in self.files if file.path.casefold().endswith(_ARCHIVES)]
        kinds: Mapping[str, list[str]] = {
            "links and special files are not taken": self.links,
            "names that are not ordinary, such as .git, are not taken": self.odd,
            "cannot be read": self.unreadable,
            f"only {root} is taken, not": outside,
            "archives stay closed; unpack them into the folder if they hold the work": closed,
        }
        for what, paths in kinds.items():
            if paths:
                yield f"{what}: {first_of([printable(path) for path in paths], NAMED)}"
