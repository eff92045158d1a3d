"""How many lines each commit of a group changes: for staff, as evidence of who worked on what, and never a rule.

Git counts them in our own bare mirror, where no attribute, driver or setting of the group's applies. No commit chooses
how much that costs: one that touches too many files is left out before a file is opened, a large or binary file counts
by its size, and both passes end at limits of time, memory and output. A commit at which Git ends takes no other with
it. What was not counted is absent, not zero.

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
from itertools import islice
from pathlib import Path
from typing import IO, Final

from graders.intake.hardened_git import GitFailed, Reach, run_git

FILES: Final = 500
"""A commit that touches more is not counted: a data set or an environment, not what somebody wrote. A move is two."""
FILE_BYTES: Final = 200_000
"""The lines of a larger file are not counted."""
COUNT_S: Final = 10.0
OUTPUT_MB: Final = 64.0
"""That Git may print in one pass, into a file."""
_NOTHING: Final = b"0" * 40
"""The id of a file that is not there."""


@dataclass(frozen=True)
class Changed:
    """What commits change. A file that only moves changes nothing; neither does a merge."""

    added: int = 0
    """Lines."""
    removed: int = 0
    by_size: int = 0
    """Files that are binary or large, whose lines are not counted."""
    bytes: int = 0
    """Of those files, as the commits leave them."""

    def __add__(self, other: Changed) -> Changed:
        """Of both together."""
        return Changed(
            self.added + other.added,
            self.removed + other.removed,
            self.by_size + other.by_size,
            self.bytes + other.bytes,
        )


@dataclass(frozen=True)
class Counts:
    """The changes of commits by id. A commit in neither could not be counted within the limits."""

    changed: Mapping[str, Changed]
    crowded: AbstractSet[str] = frozenset()
    """Commits that touch more than `FILES` files."""


def changed_lines(mirror: Path, commits: Sequence[str], count_s: float = COUNT_S) -> Counts:
    """What each of these commits of a mirror changes against its first parent."""
    latest = time.monotonic() + count_s
    blobs: dict[str, dict[bytes, bytes]] = {}
    for commit, files in _diffs(mirror, commits, ("--raw", "--no-renames"), latest):
        blobs[commit] = {name: head.split(b" ")[3] for head, name in files}
    # Those with the fewest files first: one that takes all the time takes it from few others.
    few = [commit for commit in sorted(blobs, key=lambda commit: len(blobs[commit])) if len(blobs[commit]) <= FILES]
    lines: dict[str, Changed] = {}
    by_size: dict[str, list[bytes]] = {}
    # A move is found by its id alone, and among few files: no content is compared.
    for commit, files in _diffs(mirror, few, ("--numstat", "-M100%"), latest):
        counts = [head.split(b"\t")[:2] for head, _ in files]
        text = [(int(added), int(removed)) for added, removed in counts if added != b"-"]
        by_size[commit] = [blobs[commit][name] for head, name in files if head.startswith(b"-")]
        lines[commit] = Changed(sum(added for added, _ in text), sum(removed for _, removed in text))
    sizes = _sizes(mirror, sorted({blob for of in by_size.values() for blob in of} - {_NOTHING}), latest)
    changed = {
        commit: lines[commit] + Changed(by_size=len(of), bytes=sum(sizes.get(blob, 0) for blob in of))
        for commit, of in by_size.items()
        if sizes.keys() >= set(of) - {_NOTHING}
    }
    return Counts(changed, blobs.keys() - set(few))


def _diffs(
    mirror: Path, commits: Sequence[str], form: Sequence[str], latest: float
) -> Iterator[tuple[str, list[tuple[bytes, bytes]]]]:
    """Each commit with what Git says of each file, and the file's name; a commit at which Git ends is left out."""
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
    """Whether Git came to the end of the commits; what it printed until then holds."""
    arguments = [
        "-c", f"core.bigFileThreshold={FILE_BYTES}",  # what is larger is binary to Git, and it opens none of that
        "diff-tree", "--stdin", "-r", "--root", "--always", "-z", "--no-ext-diff", "--no-textconv", *form,
    ]  # fmt: skip
    try:
        run_git(
            arguments,
            reach=Reach(timeout_s=latest - time.monotonic()),
            git_dir=mirror,
            # At an empty line it writes out what it has, and the line too: so each commit is known to be whole.
            stdin_data="".join(f"{commit}\n\n" for commit in commits).encode(),
            output=output,
            output_mb=OUTPUT_MB,
        )
    except GitFailed:
        return False
    return True


def _commits(output: IO[bytes]) -> Iterator[tuple[str, list[tuple[bytes, bytes]]]]:
    """The commits that Git printed whole."""
    output.seek(0)
    fields = _fields(output)
    commit = ""
    files: list[tuple[bytes, bytes]] = []
    for field in fields:
        paths = _paths_after(field)
        if paths is None:  # the next commit begins, or the end of all
            if commit:
                yield commit, files
            commit, files = field.decode("ascii").strip(), []
            continue
        named = list(islice(fields, paths))
        if len(named) < paths:  # it was cut off here
            return
        if len(files) <= FILES:  # more are a crowd, however many
            head, path = (field, named[-1]) if named else _parted(field)
            files.append((head, _name(path)))


def _parted(field: bytes) -> tuple[bytes, bytes]:
    """The numbers of a file, and its path behind them."""
    added, removed, path = field.split(b"\t", 2)
    return added + b"\t" + removed, path


def _name(path: bytes) -> bytes:
    """What a path is found again by: the path may have megabytes."""
    return hashlib.blake2b(path, digest_size=16).digest()


def _fields(output: IO[bytes]) -> Iterator[bytes]:
    """What Git printed, cut at NULs; what stands behind the last NUL only if it is the line that ends a commit."""
    rest, end = b"", int(OUTPUT_MB * 1e6)  # it may print more before it is stopped
    while part := output.read(min(1 << 20, end - output.tell())):
        *fields, rest = (rest + part).split(b"\0")
        yield from fields
    if rest and not rest.strip(b"\n"):
        yield rest


def _paths_after(field: bytes) -> int | None:
    """How many paths follow what Git says of a file; None where the field is a commit's id."""
    if field.startswith(b":"):
        return 2 if field.rsplit(b" ", 1)[1].startswith(b"R") else 1
    if b"\t" in field:  # with its path at its end, unless it moved
        return 0 if field.split(b"\t", 2)[2] else 2
    return None


def _sizes(mirror: Path, blobs: Sequence[bytes], latest: float) -> dict[bytes, int]:
    """The sizes of files by id; of none where it takes too long."""
    if not blobs:
        return {}
    reach = Reach(timeout_s=latest - time.monotonic())
    try:
        told = run_git(
            ["cat-file", "--batch-check=%(objectname) %(objectsize)"],
            reach=reach,
            git_dir=mirror,
            stdin_data=b"\n".join(blobs) + b"\n",
        )
    except GitFailed:
        return {}
    return {blob: int(size) for blob, size in (line.split() for line in told.splitlines()) if size.isdigit()}
