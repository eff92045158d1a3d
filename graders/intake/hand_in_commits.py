"""Makes a commit of each hand-in of a folder, in a local repository of its group that `collect` reads like any other.

A group's repository is `handins/GROUP.git` in the course's folder. A commit holds the hand-ins of all assignments, each
in the folder of its id. Its author is whoever handed in, its date what the files say: both are evidence, as of every
commit.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BufferedReader, StringIO
from pathlib import Path
from urllib.parse import unquote

from assignments.errors import UserError
from assignments.files import replace_file
from assignments.tables import guarded
from graders.course.course import Course, Group
from graders.intake.clone import is_commit
from graders.intake.collect import Receipt, reach_of
from graders.intake.hand_in_folders import FolderHandIn, read_hand_ins
from graders.intake.hardened_git import GitFailed, Reach, run_git

FOLDER = "handins"
BRANCH = "main"
_PIECE = 1 << 20
_INCOMING = "refs/medmark/incoming"


@dataclass(frozen=True)
class TakenHandIn:
    """A hand-in that is a commit now."""

    hand_in: FolderHandIn
    commit: str
    new: bool
    """False if the same files were taken before."""


@dataclass(frozen=True)
class TakenFolder:
    """What became of a folder of submissions."""

    commits: tuple[TakenHandIn, ...]
    refused: tuple[str, ...]
    """Hand-ins of groups that are not taken, each with the reason."""
    unmatched: tuple[str, ...]
    """Entries that belong to no group."""
    without: tuple[str, ...]
    """Groups of whom the folder has nothing."""


def hand_in_address(course: Course, group: str) -> str:
    """What the roster has as the repository of a group whose hand-ins are collected from folders."""
    return f"file://{course.folder / FOLDER / group}.git"


def take_hand_ins(course: Course, assignment_id: str, folder: Path) -> TakenFolder:
    """Commit every hand-in of a folder to its group's local repository. The same folder twice commits nothing anew.

    Raises:
        UserError: no such folder, or the roster names no such repository: what to write into course.toml.
    """
    course.assignment(assignment_id)
    local = {group.name: group for group in course.groups if _is_local(course, group)}
    if not local:
        raise UserError(
            f"{course.folder / 'course.toml'}: hand-ins from a folder lie in repositories on this machine, and the "
            f"roster names none. Set allow_file = true under [access], set repository = "
            f'"{hand_in_address(course, "{group}")}" under [roster], fill in the roster with medmark roster import '
            "or by hand, and run the same command again."
        )
    read = read_hand_ins(folder, course, assignment_id)
    reach = replace(reach_of(course), allow_file=False)
    for name in local:
        _make(course.folder / FOLDER / f"{name}.git", reach)
    commits, refused = [], []
    by_group: dict[str, list[FolderHandIn]] = {}
    for hand_in in read.hand_ins:
        by_group.setdefault(hand_in.group.name, []).append(hand_in)
    for name, hand_ins in by_group.items():
        chosen = _chosen(hand_ins)
        if name not in local:
            refused.append(
                f"{name}: the roster has another repository for this group; {_sources(hand_ins)} is not taken"
            )
        elif isinstance(chosen, str):
            refused.append(f"{name}: {chosen}")
        else:
            try:
                commits.append(_committed(course.folder / FOLDER / f"{name}.git", chosen, assignment_id, reach))
            except (GitFailed, OSError) as error:
                refused.append(f"{name}: {error}")
    without = tuple(name for name in local if name not in by_group)
    return TakenFolder(tuple(commits), tuple(refused), tuple(read.unmatched), without)


def write_waiting(course: Course, assignment_id: str, folder: TakenFolder, receipts: Iterable[Receipt]) -> Path | None:
    """Write a table of the commits that wait for a person, as `decide late_commit --from` reads it; None without any.

    When a hand-in came in, Moodle knows and medmark does not: what the files say stands beside each commit.
    """
    waiting = {receipt.group for receipt in receipts if receipt.counting.state == "waits for a person"}
    rows = [each for each in folder.commits if each.hand_in.group.name in waiting]
    if not rows:
        return None
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["group", "value", "handed_in_by", "files_say"])
    for each in rows:
        who, when = each.hand_in.by, each.hand_in.latest.astimezone(course.zone)
        writer.writerow(map(guarded, (each.hand_in.group.name, each.commit, who, f"{when:%Y-%m-%d %H:%M}")))
    path = course.folder / FOLDER / f"{assignment_id}-waiting.csv"
    replace_file(path, out.getvalue())
    return path


def _is_local(course: Course, group: Group) -> bool:
    return bool(group.repository) and unquote(group.repository) == unquote(hand_in_address(course, group.name))


def _sources(hand_ins: Iterable[FolderHandIn]) -> str:
    return ", ".join(ascii(source)[1:-1] for hand_in in hand_ins for source in hand_in.sources)


def _chosen(hand_ins: Sequence[FolderHandIn]) -> FolderHandIn | str:
    """The hand-in of a group, or why there is none: nobody guesses which of two counts."""
    full = [hand_in for hand_in in hand_ins if any(not file.path.startswith("moodle_") for file in hand_in.files)]
    if not full:
        return "; ".join(line for hand_in in hand_ins for line in hand_in.left_out) or (
            f"no file was handed in ({_sources(hand_ins)}). An online text may name a repository: medmark roster import"
        )
    if len(full) > 1 and len({_digest(hand_in) for hand_in in full}) > 1:
        each = "; ".join(f"{hand_in.by}, files of {hand_in.latest:%Y-%m-%d %H:%M} UTC" for hand_in in full)
        return f"{len(full)} hand-ins that differ ({each}): leave the one that counts in the folder. None is taken"
    return replace(full[0], by=" and ".join(dict.fromkeys(hand_in.by for hand_in in full)))


def _digest(hand_in: FolderHandIn) -> str:
    """Equal for hand-ins of the same files."""
    total = hashlib.sha256()
    for file in sorted(hand_in.files, key=lambda each: each.path):
        with _opened(file.source) as content:
            total.update(f"{file.path}\0{hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def _make(repository: Path, reach: Reach) -> None:
    """A bare repository, empty so far: a group that handed in nothing has one too, so that a look sees so."""
    if not (repository / "HEAD").is_file():
        repository.mkdir(parents=True, exist_ok=True)
        initial = ["init", "--quiet", "--bare", "--template=", f"--initial-branch={BRANCH}"]
        run_git(initial, reach=reach, git_dir=repository)


def _committed(repository: Path, hand_in: FolderHandIn, assignment_id: str, reach: Reach) -> TakenHandIn:
    """The hand-in as a commit on the branch, on top of what is there."""
    tip = _ref(repository, f"refs/heads/{BRANCH}")
    with tempfile.TemporaryFile(dir=repository) as stream:
        for piece in _stream(hand_in, assignment_id, tip):
            stream.write(piece)
        stream.seek(0)
        run_git(["fast-import", "--quiet", "--force"], reach=reach, git_dir=repository, stdin=stream)
    new = _ref(repository, _INCOMING)
    assert new is not None
    try:
        if tip is not None and _tree(repository, tip, reach) == _tree(repository, new, reach):
            return TakenHandIn(hand_in, tip, new=False)
        run_git(["update-ref", f"refs/heads/{BRANCH}", new, tip or "0" * 40], reach=reach, git_dir=repository)
    finally:
        run_git(["update-ref", "-d", _INCOMING], reach=reach, git_dir=repository)
    return TakenHandIn(hand_in, new, new=True)


def _stream(hand_in: FolderHandIn, assignment_id: str, tip: str | None) -> Iterator[bytes]:
    """The commit in the language of git fast-import; whatever a person wrote has its length before it, or is quoted."""
    date = f"{int(hand_in.latest.timestamp())} +0000"
    author = re.sub(r"[<>\x00-\x1f\x7f]", " ", hand_in.by).strip() or "unknown"
    message = f"{assignment_id}: {', '.join(hand_in.sources)}".encode("utf-8", "replace")
    yield f"commit {_INCOMING}\nauthor {author} <> {date}\ncommitter medmark <> {date}\n".encode("utf-8", "replace")
    yield b"data %d\n%s\n" % (len(message), message)
    if tip is not None:
        yield f"from {tip}\nD {assignment_id}\n".encode()
    for file in hand_in.files:
        yield f"M 100644 inline {_quoted(f'{assignment_id}/{file.path}')}\ndata {file.size}\n".encode()
        left = file.size
        with _opened(file.source) as content:
            while left > 0:
                piece = content.read(min(left, _PIECE))
                if not piece:
                    raise OSError(f"{file.path}: became shorter while it was read")
                left -= len(piece)
                yield piece
        yield b"\n"


def _quoted(path: str) -> str:
    """A path as fast-import reads it whatever its letters."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\' else f"\\{byte:03o}" for byte in os.fsencode(path)
    )
    return f'"{plain}"'


def _opened(path: Path) -> BufferedReader:
    """A regular file, opened without following a link that may lie there by now."""
    return os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)), "rb")


def _tree(repository: Path, commit: str, reach: Reach) -> bytes:
    return run_git(["rev-parse", "--verify", f"{commit}^{{tree}}"], reach=reach, git_dir=repository)


def _ref(repository: Path, ref: str) -> str | None:
    path = repository / ref
    text = path.read_text(encoding="ascii", errors="replace").strip() if path.is_file() else ""
    return text if is_commit(text) else None
