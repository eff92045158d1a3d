"""Counts the lines that each commit of a group changes: evidence for staff, on which no mark depends.

Git counts them in medmark's bare mirror, where no attribute, driver or setting of the group applies. No commit decides
what that costs: one with too many files is left out before a file is opened, a large or binary file counts by its size,
and both passes have limits of time, memory and output. If Git fails at a commit, the others still count. A commit that
was not counted is absent, not zero.

GitPython reads the authors in `history`, but its `Commit.stats` is not used: it starts a git for every commit, and none
of them has a limit of time, memory or output.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Final

from graders.intake.clone import object_sizes
from graders.intake.hardened_git import GitFailed, Reach, run_git

FILES: Final = 500
"""A commit with more files is not counted: it is a data set or an environment. A moved file counts as two."""
FILE_BYTES: Final = 200_000
"""The lines of a larger file are not counted."""
COUNT_S: Final = 10.0
OUTPUT_MB: Final = 64.0
"""How much Git may print in one pass, into a file."""
_NOTHING: Final = b"0" * 40
"""The id of a missing file."""


@dataclass(frozen=True)
class Changed:
    """What commits change. A file that only moves changes no line; neither does a merge."""

    added: int = 0
    """Lines."""
    removed: int = 0
    by_size: int = 0
    """Files that are binary or large: their lines are not counted."""
    bytes: int = 0
    """Size of those files after the commits."""

    def __add__(self, other: Changed) -> Changed:
        """The sum of both."""
        return Changed(
            self.added + other.added,
            self.removed + other.removed,
            self.by_size + other.by_size,
            self.bytes + other.bytes,
        )


@dataclass(frozen=True)
class LineCounts:
    """The changes of commits by id. A commit in neither field could not be counted within the limits."""

    changed: Mapping[str, Changed]
    crowded: AbstractSet[str] = frozenset()
    """Commits that touch more than `FILES` files."""


def changed_lines(mirror: Path, commits: Sequence[str], count_s: float = COUNT_S) -> LineCounts:
    """What each of these commits of a mirror changes against its first parent."""
    latest = time.monotonic() + count_s
    blobs: dict[str, dict[bytes, bytes]] = {}
    for commit, files in _diffs(mirror, commits, ("--raw", "--no-renames"), latest):
        blobs[commit] = {name: head.split(b" ")[3] for head, name in files}
    # Commits with few files first, so that one which takes all the time costs only few others.
    few = [commit for commit in sorted(blobs, key=lambda commit: len(blobs[commit])) if len(blobs[commit]) <= FILES]
    lines: dict[str, Changed] = {}
    by_size: dict[str, list[bytes]] = {}
    # Git finds a moved file by its id, among few files: it compares no content.
    for commit, files in _diffs(mirror, few, ("--numstat", "-M100%"), latest):
        counts = [head.split(b"\t")[:2] for head, _ in files]
        text = [(int(added), int(removed)) for added, removed in counts if added != b"-"]
        by_size[commit] = [blobs[commit][name] for head, name in files if head.startswith(b"-")]
        lines[commit] = Changed(sum(added for added, _ in text), sum(removed for _, removed in text))
    sizes = _sizes(mirror, sorted(set(chain.from_iterable(by_size.values())) - {_NOTHING}), latest)
    changed = {
        commit: lines[commit] + Changed(by_size=len(files), bytes=sum(sizes.get(blob, 0) for blob in files))
        for commit, files in by_size.items()
        if sizes.keys() >= set(files) - {_NOTHING}
    }
    return LineCounts(changed, blobs.keys() - set(few))


def _diffs(
    mirror: Path, commits: Sequence[str], form: Sequence[str], latest: float
) -> Iterator[tuple[str, list[tuple[bytes, bytes]]]]:
    """Each commit with Git's record of each file and the file's name; a commit at which Git fails is left out."""
    left = list(commits)
    while left and time.monotonic() < latest:
        last = ""
        with tempfile.TemporaryFile() as output:
            whole = _printed(mirror, left, form, latest, output)
            for last, files in _commits(output):
                yield last, files
        if whole:
            return
        left = left[left.index(last) + 2 if last else 1 :]


def _printed(mirror: Path, commits: Sequence[str], form: Sequence[str], latest: float, output: IO[bytes]) -> bool:
    """Whether Git printed all commits; what it printed before a failure is valid."""
    arguments = [
        "-c", f"core.bigFileThreshold={FILE_BYTES}",  # Git treats a larger file as binary, and does not open it
        "diff-tree", "--stdin", "-r", "--root", "--always", "-z", "--no-ext-diff", "--no-textconv", *form,
    ]  # fmt: skip
    try:
        run_git(
            arguments,
            reach=Reach(timeout_s=latest - time.monotonic()),
            git_dir=mirror,
            # At an empty line Git flushes its output and prints the line, which shows that the commit is complete.
            stdin_data="".join(f"{commit}\n\n" for commit in commits).encode(),
            output=output,
            output_mb=OUTPUT_MB,
        )
    except GitFailed:
        return False
    return True


def _commits(output: IO[bytes]) -> Iterator[tuple[str, list[tuple[bytes, bytes]]]]:
    """The commits that Git printed completely."""
    output.seek(0)
    fields = _fields(output)
    commit = ""
    files: list[tuple[bytes, bytes]] = []
    for field in fields:
        paths = _paths_after(field)
        if paths is None:  # the next commit begins, or the output ends
            if commit:
                yield commit, files
            commit, files = field.decode("ascii").strip(), []
            continue
        named = list(islice(fields, paths))
        if len(named) < paths:  # the output was cut off here
            return
        if len(files) <= FILES:  # above the limit, the number does not matter
            head, path = (field, named[-1]) if named else _parted(field)
            files.append((head, _name(path)))


def _parted(field: bytes) -> tuple[bytes, bytes]:
    """The numbers of a file, and its path behind them."""
    added, removed, path = field.split(b"\t", 2)
    return added + b"\t" + removed, path


def _name(path: bytes) -> bytes:
    """A digest that stands for a path, which may have megabytes."""
    return hashlib.blake2b(path, digest_size=16).digest()


def _fields(output: IO[bytes]) -> Iterator[bytes]:
    """Git's output, split at NULs; the rest after the last NUL only if it is the line that ends a commit."""
    rest, end = b"", int(OUTPUT_MB * 1e6)  # Git may print more before it is stopped
    while part := output.read(min(1 << 20, end - output.tell())):
        *fields, rest = (rest + part).split(b"\0")
        yield from fields
    if rest and not rest.strip(b"\n"):
        yield rest


def _paths_after(field: bytes) -> int | None:
    """How many paths follow Git's record of a file; None where the field is a commit's id."""
    if field.startswith(b":"):
        return 2 if field.rsplit(b" ", 1)[1].startswith(b"R") else 1
    if b"\t" in field:  # the path is at its end, unless the file moved
        return 0 if field.split(b"\t", 2)[2] else 2
    return None


def _sizes(mirror: Path, blobs: Sequence[bytes], latest: float) -> dict[bytes, int]:
    """The sizes of files by id; empty if Git takes too long."""
    if not blobs:
        return {}
    try:
        return object_sizes(mirror, blobs, Reach(timeout_s=latest - time.monotonic()))
    except GitFailed:
        return {}
