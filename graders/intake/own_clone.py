"""A person's clone on their own machine, read through a bare repository of ours, so that no setting of it holds.

A folder's `.git/config` and what it includes can name programs that git runs: filters, monitors, helpers, hooks,
transports. git is never run on it, but to list settings. Ours is made anew each time: it borrows the objects, has
copies of the index and of the lists of what is ignored and how text is stored, and knows where HEAD and the remote's
branch stand, which are read as text, as are address and upstream.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assignments.errors import UserError
from graders.intake.clone import is_commit
from graders.intake.hardened_git import GitFailed, Reach, run_git
from graders.intake.own_settings import OF_THE_DISK, PATTERNS, own_settings

HERE = Reach(timeout_s=20)
"""No host is asked."""
GIT_TEXT_BYTES = 1 << 20
"""What is read of a file of theirs that should be a line, or some lines."""
_INERT = re.compile(
    r"core\.(repositoryformatversion|bare|logallrefupdates|symlinks|quotepath|untrackedcache)|remote\..+\.(url|pushurl|fetch|tagopt|prune)|"
    r"index\.(sparse|version)|lfs\.repositoryformatversion|branch\..+|submodule\..+\.(url|active)|user\.(name|email)|(pull|push|init|color|gui|advice)\..+"
)


@dataclass(frozen=True)
class OwnClone:
    """What is known of a clone without running anything of it."""

    root: Path
    """The folder around `.git`, whatever core.worktree says."""
    theirs: Path
    """The folder that all work trees of the clone share, `.git` in most."""
    ours: Path
    """The bare repository to run git on."""
    settings: Mapping[str, str]
    """As text; the last of several is the one that holds."""
    branch: str | None
    head: str | None

    @property
    def left_out(self) -> tuple[str, ...]:
        """Settings of the folder that do not hold here, and may matter to whoever made them."""
        return tuple(sorted(key for key in self.settings if key not in OF_THE_DISK and not _INERT.fullmatch(key)))

    def git(self, *arguments: str) -> str:
        """What a command of git prints.

        Raises:
            GitFailed: it did not do it.
        """
        lists = [f"core.{name}={self.ours / name}" for name in PATTERNS]
        told = run_git(
            [f"--work-tree={self.root}", *(part for one in lists for part in ("-c", one)), *arguments],
            reach=HERE, git_dir=self.ours,
        )  # fmt: skip
        return told.decode("utf-8", "surrogateescape")

    def commit(self, ref: str) -> str | None:
        """The commit that a ref of theirs names, if it is there."""
        found = _resolved(self.theirs, ref)
        if found is None:
            return None
        try:
            self.git("cat-file", "-e", f"{found}^{{commit}}")
        except GitFailed:
            return None
        return found


@contextmanager
def own_clone(folder: Path) -> Iterator[OwnClone | None]:
    """The clone around a folder; None where it lies in none.

    Raises:
        UserError: git is not installed, or the clone cannot be read.
    """
    found = _around(folder)
    if found is None:
        yield None
        return
    root, git_dir = found
    shared = _text(git_dir / "commondir")
    theirs = (git_dir / shared).resolve() if shared else git_dir
    with tempfile.TemporaryDirectory(prefix="medmark-clone-") as scratch:
        ours = Path(scratch) / "git"
        try:
            settings = _settings(theirs / "config")
            written = _text(git_dir / "HEAD") or ""
            ref = written.removeprefix("ref: ") if written.startswith("ref: ") else None
            head = _resolved(theirs, ref) if ref else written
            head = head if head and is_commit(head) else None
            _make(ours, root, git_dir, theirs, head)
            branch = ref.removeprefix("refs/heads/") if ref else None
        except GitFailed as failure:
            raise UserError(f"{root}: git cannot read the repository: {failure}") from None
        except OSError as error:
            raise UserError(f"{error.filename}: cannot be read ({error.strerror}); set its permissions right") from None
        yield OwnClone(root, theirs, ours, settings, branch, head)


def _around(folder: Path) -> tuple[Path, Path] | None:
    """The nearest folder with a `.git`, and the repository that it is or names."""
    for place in (folder, *folder.parents):
        dot = place / ".git"
        named = _text(dot)
        if named is not None and named.startswith("gitdir: "):
            return place, (place / named.removeprefix("gitdir: ")).resolve()
        if (dot / "HEAD").is_file():
            return place, dot
    return None


def _settings(config: Path) -> dict[str, str]:
    if not config.is_file():
        return {}
    told = run_git(["config", "--file", str(config), "--no-includes", "-z", "--list"], reach=HERE)
    pairs = (item.partition("\n") for item in told.decode("utf-8", "surrogateescape").split("\0") if item)
    return {key: value for key, _, value in pairs}


def _make(ours: Path, root: Path, git_dir: Path, theirs: Path, head: str | None) -> None:
    objects = theirs / "objects"
    if "\n" in str(objects):
        raise UserError(f"{str(theirs)!r}: git cannot borrow from a folder with a line end in its name; rename it")
    run_git(["init", "--quiet", "--bare", "--template=", "--initial-branch=here"], reach=HERE, git_dir=ours)
    (ours / "objects/info/alternates").write_text(f"{objects}\n", encoding="utf-8", errors="surrogateescape")
    if head:
        (ours / "refs/heads/here").write_text(f"{head}\n", encoding="ascii")
    own = own_settings(git_dir, root, HERE)
    lines = ["[core]", "\tbare = false", "\tuntrackedCache = false"]
    lines += [f"\t{name} = {value}" for name, value in own.switches.items()]
    for name in PATTERNS:
        (ours / name).write_bytes(own.patterns.get(name, b""))
    with (ours / "config").open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    for index in (git_dir / "index", *git_dir.glob("sharedindex.*")):
        if index.is_file():
            shutil.copy2(index, ours / index.name)  # with its time, which says what git has to look at again
    shallow = [line for line in (_text(theirs / "shallow") or "").split("\n") if is_commit(line)]
    if shallow:
        (ours / "shallow").write_text("".join(f"{line}\n" for line in shallow), encoding="ascii")
    (ours / "info").mkdir(exist_ok=True)
    for list_ in (theirs / "info/exclude", theirs / "info/attributes", git_dir / "info/sparse-checkout"):
        text = _text(list_)
        if text:
            (ours / "info" / list_.name).write_text(text + "\n", encoding="utf-8", errors="surrogateescape")


def _resolved(theirs: Path, ref: str, hops: int = 5) -> str | None:
    """Where a ref stands, as git stores it: in a file of its own, or in a line of packed-refs."""
    text = _text(theirs / ref)
    if text is not None:
        if text.startswith("ref: ") and hops:
            return _resolved(theirs, text.removeprefix("ref: "), hops - 1)
        return text if is_commit(text) else None
    packed = theirs / "packed-refs"
    if packed.is_file():
        with packed.open(encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                commit, _, name = line.rstrip("\n").partition(" ")
                if name == ref and is_commit(commit):
                    return commit
    return None


def _text(path: Path) -> str | None:
    """A small file's text without its last line end; None where there is no such file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(GIT_TEXT_BYTES).decode("utf-8", "surrogateescape").rstrip("\r\n")
