"""Writes the files of one commit into a folder, without git's work tree, and never makes a link.

It writes regular files with ordinary names, within limits. Everything else is reported with its cure.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from graders.course.cells import JOINERS
from graders.intake.clone import is_commit
from graders.intake.hardened_git import GitFailed, Reach, run_git
from graders.intake.listing import first_of, printable
from graders.wall.modes import make_readable

LFS = b"version https://git-lfs.github.com/spec/"
LFS_CURE = "commit the file itself (git lfs uninstall; git rm --cached FILE; git add FILE)"
POINTER_BYTES = 1024
"""A Git LFS pointer is shorter than this."""
_ASCII = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.()[]@+,=&'!~#% -")
"""The ASCII characters that a name may hold: none with a meaning in a shell, a URL or Windows."""
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[1-9¹²³])( *\..*)?", re.IGNORECASE)
"""Names of devices on Windows, whatever follows the dot."""
_UNUSUAL = {
    "conftest.py", "pytest.ini", "tox.ini", "setup.cfg", "sitecustomize.py", "usercustomize.py",
    ".gitmodules", ".lfsconfig", ".gitattributes", "pytest.py", "numpy.py", "torch.py", "tensorflow.py", "keras.py",
    "json.py", "math.py", "os.py", "random.py", "struct.py", "sys.py", "time.py",
}  # fmt: skip
_CONFIGURES = re.compile(r".*\.pth|(ipython|jupyter|nbgrader)\w*_config\.(py|json)")
ORDINARY_NAMES = "use letters, digits, dots, dashes and underscores; con, aux and nul are names of devices"
NAMED = 10
"""How many files of one kind a problem or the flags name."""
LISTING_MB = 16
"""Limit of the list of a commit's files: about 150,000 files."""


@dataclass(frozen=True)
class Caps:
    """How much of a commit is written."""

    weights_mb: float = 100
    """All files below `weights/` together."""
    file_mb: float = 20
    """Any other file."""
    total_mb: float = 200
    """All other files together."""
    files: int = 5000
    """So many files, and so many folders."""


@dataclass(frozen=True)
class TreeEntry:
    """One line of a commit's tree."""

    mode: str
    blob: str
    size: int
    path: str
    """Bytes that are not UTF-8 are surrogates."""


@dataclass(frozen=True)
class CheckoutResult:
    """How many files of a commit were written, and the problems."""

    files: int
    problems: tuple[str, ...]
    """For the group, each with its cure."""
    flags: tuple[str, ...]
    """For staff."""


def tree_of(mirror: Path, commit: str, path: str, reach: Reach) -> tuple[TreeEntry, ...]:
    """Every file of a commit, or of a folder in it; `GitFailed` when the mirror has no such commit or folder."""
    if not is_commit(commit):
        raise GitFailed("this is not a commit id")
    try:
        # The roster validated the path: it cannot begin with a dash or hold a colon.
        listed = run_git(
            ["ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", f"{commit}:{path}"],
            reach=reach, git_dir=mirror, output_mb=LISTING_MB,
        )  # fmt: skip
    except GitFailed as failure:
        if not re.search("not a valid object name|not a tree object", str(failure), re.IGNORECASE):
            raise  # for example too long a list, which the group has to know
        where = f'no folder "{path}" in commit' if path else "no commit"
        raise GitFailed(f"there is {where} {commit[:12]}", str(failure)) from None
    entries = []
    for line in listed.split(b"\0")[:-1]:
        left, _, name = line.partition(b"\t")
        mode, _, blob, size = left.split()
        entries.append(TreeEntry(mode.decode(), blob.decode(), int(size) if size.isdigit() else 0, os.fsdecode(name)))
    return tuple(entries)


def write_files(mirror: Path, entries: Sequence[TreeEntry], target: Path, caps: Caps, reach: Reach) -> CheckoutResult:
    """Write the entries to `target`, which appears whole or not at all; one that exists is left as it is."""
    selected, problems, flags = _select(entries, caps)
    target.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    try:
        pointers, unwritten = _write(mirror, selected, making, reach)
        make_readable(making)
        try:
            os.rename(making, target)
        except OSError:
            # Another process was faster, and wrote the same files.
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    problems += _problems_with(pointers, "Git LFS pointer", LFS_CURE)
    problems += _problems_with(unwritten, "file with the same name as another file or folder", "rename it")
    return CheckoutResult(len(selected) - len(pointers) - len(unwritten), tuple(problems), tuple(flags))


def _select(entries: Sequence[TreeEntry], caps: Caps) -> tuple[list[TreeEntry], list[str], list[str]]:
    """The entries to write, the problems for the group, and the flags for staff."""
    links = [entry.path for entry in entries if entry.mode == "120000"]
    modules = [entry.path for entry in entries if entry.mode == "160000"]
    files = [
        entry
        for entry in entries
        # Python compiles its sources again; nobody reads these.
        if entry.mode.startswith("100") and "__pycache__" not in entry.path.split("/")
    ]
    odd = [entry.path for entry in files if not is_ordinary(entry.path)]
    files = [entry for entry in files if is_ordinary(entry.path)]
    unusual = _unusual(entries)
    flags = [f"holds {path}" for path in unusual[:NAMED]]
    if len(unusual) > NAMED:
        flags.append(f"holds {len(unusual) - NAMED} more like these")
    problems = [
        *_problems_with(links, "link", "links are not followed; commit the file itself"),
        *_problems_with(modules, "submodule", "submodules are not fetched; commit the files themselves"),
        *_problems_with(odd, "odd file name", ORDINARY_NAMES),
    ]
    weights = [entry for entry in files if entry.path.startswith("weights/")]
    rest = [entry for entry in files if not entry.path.startswith("weights/")]
    heavy = sum(entry.size for entry in weights) / 1e6
    if heavy > caps.weights_mb:
        problems.append(
            f"weights/ holds {heavy:.0f} MB, and {caps.weights_mb:g} MB are allowed: the marker takes none of it; "
            "save fewer or smaller weights (float16, no optimizer state)"
        )
        weights = []
    large = [entry.path for entry in rest if entry.size > caps.file_mb * 1e6]
    problems += _problems_with(large, f"file over {caps.file_mb:g} MB", "only weights/ may hold large files; remove it")
    rest = [entry for entry in rest if entry.size <= caps.file_mb * 1e6]
    selected = _within([*rest, *weights], caps)
    if len(selected) < len(rest) + len(weights):
        problems.append(
            f"more than {caps.files} files or folders, or {caps.total_mb:g} MB outside weights/: the marker takes the "
            "Python files and weights/, up to these limits; remove data and results from the folder"
        )
        selected = _within([*(entry for entry in rest if entry.path.endswith(".py")), *weights], caps)
    return selected, problems, flags


def _within(entries: Sequence[TreeEntry], caps: Caps) -> list[TreeEntry]:
    """The first entries that are together within the limits.

    Sizes are those of the written files: a repository of kilobytes can hold one file under ten thousand names.
    """
    within: list[TreeEntry] = []
    folders: set[PurePosixPath] = set()
    size = 0
    for entry in entries:
        folders.update(PurePosixPath(entry.path).parents)
        size += 0 if entry.path.startswith("weights/") else entry.size
        if len(within) == caps.files or len(folders) > caps.files or size > caps.total_mb * 1e6:
            break
        within.append(entry)
    return within


def is_ordinary(path: str) -> bool:
    """Whether a path is short and each of its names ordinary, so that it may be written."""
    return len(os.fsencode(path)) <= 400 and all(map(_is_name, path.split("/")))


def _is_name(part: str) -> bool:
    """Whether a file or folder may have this name: letters of any script with their marks, digits, common signs.

    A name is never changed: in the sandbox, an import looks for exactly its bytes.
    """
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", part) if unicodedata.category(letter) != "Cf")
    return (
        0 < len(os.fsencode(part)) <= 200
        and part not in (".", "..")
        and not part.startswith("-")
        and not _DEVICE.fullmatch(part)
        # Also as Windows and macOS may spell the folder with git's settings.
        and seen.casefold().rstrip(". ") not in (".git", "git~1")
        and all(_is_sign(letter, before) for before, letter in zip(" " + part, part, strict=False))
    )


def _is_sign(letter: str, before: str) -> bool:
    if letter.isascii():
        return letter in _ASCII
    if letter in JOINERS:
        return not before.isascii() and unicodedata.category(before)[0] in "LMS"
    kind = unicodedata.category(letter)
    return kind[0] in "LMNPS" or kind == "Zs"


def _unusual(entries: Sequence[TreeEntry]) -> list[str]:
    """Files that change how tools behave, and folders that look like a repository in the repository."""
    paths = {entry.path for entry in entries if len(entry.path) <= 400}
    names = {path: path.rsplit("/", 1)[-1].casefold() for path in paths}
    named = [path for path, name in names.items() if name in _UNUSUAL or _CONFIGURES.fullmatch(name)]
    heads = {path.rsplit("/", 1)[0] for path in paths if path.endswith("/HEAD")}
    around = {path[: inside.start()] for path in paths for inside in re.finditer(r"/(?=(?:hooks|objects)/)", path)}
    return sorted(printable(path) for path in [*named, *(f"{folder}/ (a Git repository)" for folder in heads & around)])


def _write(mirror: Path, entries: Sequence[TreeEntry], folder: Path, reach: Reach) -> tuple[list[str], list[str]]:
    """Write the blobs; returns the paths of LFS pointers, and those that clash with another file or folder."""
    pointers = []
    unwritten = []
    total_mb = sum(entry.size + 100 for entry in entries) / 1e6
    # Beside the target, since /tmp is often in memory.
    with tempfile.TemporaryFile(dir=folder.parent) as blobs:
        ids = "".join(f"{entry.blob}\n" for entry in entries).encode()
        run_git(
            ["cat-file", "--batch"], reach=reach, git_dir=mirror, stdin_data=ids, output=blobs, output_mb=total_mb + 1
        )
        blobs.seek(0)
        for entry in entries:
            header = blobs.readline().split()
            if len(header) != 3 or header[1] != b"blob" or int(header[2]) != entry.size:
                evidence = f"cat-file answered {header!r} for {entry.blob}"
                raise GitFailed("the repository's history is malformed", evidence)
            after = blobs.tell() + entry.size + 1
            start = blobs.read(min(entry.size, POINTER_BYTES))
            if entry.size < POINTER_BYTES and start.startswith(LFS):
                pointers.append(entry.path)
            elif not _write_one(folder / entry.path, start, blobs, entry.size):
                unwritten.append(entry.path)
            blobs.seek(after)
    return pointers, unwritten


def _write_one(path: Path, start: bytes, blobs: IO[bytes], size: int) -> bool:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # O_EXCL and O_NOFOLLOW: the folder is new, so an existing file means a clash of names.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o644)
    except (FileExistsError, NotADirectoryError):
        return False
    with open(descriptor, "wb") as file:
        file.write(start)
        left = size - len(start)
        while left > 0:
            chunk = blobs.read(min(left, 1 << 20))
            file.write(chunk)
            left -= len(chunk)
    return True


def _problems_with(paths: Sequence[str], what: str, cure: str) -> list[str]:
    """One problem for all of these paths; none without a path."""
    return [f"{what}: {first_of([printable(path) for path in paths], NAMED)}; {cure}"] if paths else []
