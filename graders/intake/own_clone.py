"""Reads a person's clone on their own machine through a bare repository, so that no setting of the clone holds.

A folder's `.git/config` and what it includes can name programs that git runs: filters, monitors, helpers, hooks,
transports. So git never runs on the clone, except to list settings. The bare repository is made anew each time. It
borrows the clone's objects, has copies of its index and of its lists of ignored files and text attributes, and knows
the commit of HEAD. HEAD, the remote's branch, its address and the upstream are read as text.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from assignments.errors import UserError
from graders.intake.clone import is_commit
from graders.intake.hardened_git import GitFailed, Reach, run_git
from graders.intake.own_settings import OF_THE_DISK, PATTERNS, own_settings

HERE = Reach(timeout_s=20)
"""No host is contacted."""
GIT_TEXT_BYTES = 1 << 20
"""How much is read of a file that should have few lines."""
_INERT = re.compile(
    r"core\.(repositoryformatversion|bare|logallrefupdates|symlinks|quotepath|untrackedcache)|remote\..+\.(url|pushurl|fetch|tagopt|prune)|"
    r"index\.(sparse|version)|lfs\.repositoryformatversion|branch\..+|submodule\..+\.(url|active)|user\.(name|email)|(pull|push|init|color|gui|advice)\..+"
)


@dataclass(frozen=True)
class OwnClone:
    """A clone, described without running anything of it."""

    root: Path
    """The folder around `.git`, whatever core.worktree says."""
    common_dir: Path
    """The folder that all work trees of the clone share, usually `.git`."""
    bare: Path
    """The bare repository to run git on."""
    settings: Mapping[str, str]
    """As text; of several values, the last holds."""
    branch: str | None
    head: str | None

    @property
    def left_out(self) -> tuple[str, ...]:
        """Settings of the clone that medmark ignores, and that its owner may expect to hold."""
        return tuple(sorted(key for key in self.settings if key not in OF_THE_DISK and not _INERT.fullmatch(key)))

    def git(self, *arguments: str) -> str:
        """The output of a git command.

        Raises:
            GitFailed: git failed.
        """
        lists = [f"core.{name}={self.bare / name}" for name in PATTERNS]
        settings = chain.from_iterable(("-c", setting) for setting in lists)
        output = run_git([f"--work-tree={self.root}", *settings, *arguments], reach=HERE, git_dir=self.bare)
        return output.decode("utf-8", "surrogateescape")

    def commit(self, ref: str) -> str | None:
        """The commit that a ref of the clone names, if the clone has it."""
        commit = _resolved(self.common_dir, ref)
        if commit is None:
            return None
        try:
            self.git("cat-file", "-e", f"{commit}^{{commit}}")
        except GitFailed:
            return None
        return commit


@contextmanager
def own_clone(folder: Path) -> Iterator[OwnClone | None]:
    """The clone around a folder; None if the folder is in no clone.

    Raises:
        UserError: git is not installed, or the clone cannot be read.
    """
    around = _around(folder)
    if around is None:
        yield None
        return
    root, git_dir = around
    shared = _text(git_dir / "commondir")
    common_dir = (git_dir / shared).resolve() if shared else git_dir
    with tempfile.TemporaryDirectory(prefix="medmark-clone-") as scratch:
        bare = Path(scratch) / "git"
        try:
            settings = _settings(common_dir / "config")
            text = _text(git_dir / "HEAD") or ""
            ref = text.removeprefix("ref: ") if text.startswith("ref: ") else None
            head = _resolved(common_dir, ref) if ref else text
            head = head if head and is_commit(head) else None
            _make(bare, root, git_dir, common_dir, head)
            branch = ref.removeprefix("refs/heads/") if ref else None
        except GitFailed as failure:
            raise UserError(f"{root}: git cannot read the repository: {failure}") from None
        except OSError as error:
            raise UserError(f"{error.filename}: cannot be read ({error.strerror}); check its permissions") from None
        yield OwnClone(root, common_dir, bare, settings, branch, head)


def _around(folder: Path) -> tuple[Path, Path] | None:
    """The nearest folder with a `.git`, and the repository that this is or names."""
    for parent in (folder, *folder.parents):
        dot = parent / ".git"
        named = _text(dot)
        if named is not None and named.startswith("gitdir: "):
            return parent, (parent / named.removeprefix("gitdir: ")).resolve()
        if (dot / "HEAD").is_file():
            return parent, dot
    return None


def _settings(config: Path) -> dict[str, str]:
    if not config.is_file():
        return {}
    listed = run_git(["config", "--file", str(config), "--no-includes", "-z", "--list"], reach=HERE)
    pairs = (item.partition("\n") for item in listed.decode("utf-8", "surrogateescape").split("\0") if item)
    return {key: value for key, _, value in pairs}


def _make(bare: Path, root: Path, git_dir: Path, common_dir: Path, head: str | None) -> None:
    objects = common_dir / "objects"
    if "\n" in str(objects):
        raise UserError(f"{str(common_dir)!r}: git cannot borrow from a folder whose name has a line break; rename it")
    run_git(["init", "--quiet", "--bare", "--template=", "--initial-branch=here"], reach=HERE, git_dir=bare)
    (bare / "objects/info/alternates").write_text(f"{objects}\n", encoding="utf-8", errors="surrogateescape")
    if head:
        (bare / "refs/heads/here").write_text(f"{head}\n", encoding="ascii")
    own = own_settings(git_dir, root, HERE)
    lines = ["[core]", "\tbare = false", "\tuntrackedCache = false"]
    lines += [f"\t{name} = {value}" for name, value in own.switches.items()]
    for name in PATTERNS:
        (bare / name).write_bytes(own.patterns.get(name, b""))
    with (bare / "config").open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    for index in (git_dir / "index", *git_dir.glob("sharedindex.*")):
        if index.is_file():
            shutil.copy2(index, bare / index.name)  # with its time, from which git sees what it has to read again
    shallow = [line for line in (_text(common_dir / "shallow") or "").split("\n") if is_commit(line)]
    if shallow:
        (bare / "shallow").write_text("".join(f"{line}\n" for line in shallow), encoding="ascii")
    (bare / "info").mkdir(exist_ok=True)
    for list_ in (common_dir / "info/exclude", common_dir / "info/attributes", git_dir / "info/sparse-checkout"):
        text = _text(list_)
        if text:
            (bare / "info" / list_.name).write_text(text + "\n", encoding="utf-8", errors="surrogateescape")


def _resolved(common_dir: Path, ref: str, hops: int = 5) -> str | None:
    """The commit of a ref, as git stores it: in a file of its own, or in a line of packed-refs."""
    text = _text(common_dir / ref)
    if text is not None:
        if text.startswith("ref: ") and hops:
            return _resolved(common_dir, text.removeprefix("ref: "), hops - 1)
        return text if is_commit(text) else None
    packed = common_dir / "packed-refs"
    if packed.is_file():
        with packed.open(encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                commit, _, name = line.rstrip("\n").partition(" ")
                if name == ref and is_commit(commit):
                    return commit
    return None


def _text(path: Path) -> str | None:
    """A small file's text without its last line end; None if there is no such file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(GIT_TEXT_BYTES).decode("utf-8", "surrogateescape").rstrip("\r\n")
