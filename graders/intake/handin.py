"""What a student would hand in, told before the deadline: read from the clone on their own machine, no network.

The commit is taken as the marker takes it (`graders.intake.checkout`): what is told here is what it would tell.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from assignments.assignment import Assignment
from assignments.errors import UserError
from graders.intake.checkout import Caps, tree_of, write_files
from graders.intake.hardened_git import GitFailed
from graders.intake.imports import modules_of
from graders.intake.listing import first_of, printable
from graders.intake.own_clone import HERE, OwnClone, own_clone
from graders.intake.source import SOLUTION
from graders.intake.static_checks import missing_solution, static_checks
from graders.intake.submission import find_solution, is_untouched, solution_entries

NOISE = {
    "__pycache__", ".venv", "venv", ".ipynb_checkpoints", ".DS_Store", ".pytest_cache", ".mypy_cache",
    ".ruff_cache", ".idea", ".vscode",
}  # fmt: skip


@dataclass(frozen=True)
class Handin:
    """What the marker would see of a student's repository, as far as this machine knows."""

    root: Path
    """The repository; the folder itself where it is in none."""
    assignment: Assignment
    repository: str | None
    """Address of the remote, without credentials."""
    branch: str | None
    """The local branch; None when HEAD is detached."""
    tracked: str | None
    """The remote branch that the marker looks at, as `origin/main`; None when the branch has none."""
    commit: str | None
    """The commit that the marker would take: the tip of that remote branch at the last push or fetch."""
    as_of: datetime | None
    """When this machine last heard of that branch."""
    unpushed: int = 0
    """Commits that only this machine has."""
    uncommitted: tuple[str, ...] = ()
    """Changed or new files of the solution that no commit holds."""
    ignored: tuple[str, ...] = ()
    """Files of the solution that ignore rules keep out, the repository's or the student's own."""
    problems: tuple[str, ...] = ()
    """Of the commit, each with its cure, as the marker would tell them."""
    in_git: bool = True
    left_out: tuple[str, ...] = ()
    """Settings of the repository that did not hold while it was looked at."""

    @property
    def ready(self) -> bool:
        """Whether the marker would see this work, all of it, and be able to start on it."""
        weights = any("weights" in name.split("/") for name in self.ignored if not _of_an_editor(name))
        lacking = self.unpushed or self.uncommitted or self.problems or weights
        return self.commit is not None and not lacking

    def lines(self) -> tuple[str, ...]:
        """The findings, a line each; `:)` is in order, `:(` is not, `:|` is for you to judge."""
        if not self.in_git:
            return (f":( {self.root} is in no Git repository: clone your group's repository and work there",)
        lines = [
            f"repository  {self.repository or 'none: git remote add origin ADDRESS'}",
            f"branch      {self.branch or 'none (detached HEAD): git switch main'}",
        ]
        if self.commit is None:
            return (*lines, ":( nothing is pushed: git push -u origin HEAD")
        when = f"{self.as_of:%Y-%m-%d %H:%M}" if self.as_of else "an unknown time"
        lines += [
            f"commit      {self.commit} is what the marker sees of {self.tracked},",
            f"            as of your last push or fetch ({when})",
        ]
        lines.append(
            f":( {_number(self.unpushed, 'commit')} not pushed: git push"
            if self.unpushed
            else ":) every commit is pushed"
        )
        lines.append(
            f":( not committed: {_list(self.uncommitted)}; git add, git commit, git push"
            if self.uncommitted
            else ":) everything is committed"
        )
        if self.ignored:
            lines.append(f":| left out by your ignore rules: {_list(self.ignored)}; git add -f FILE hands one in")
        if self.left_out:
            lines.append(f":| not heeded, since a folder's own Git settings can run programs: {_list(self.left_out)}")
        lines += [f":( {problem}" for problem in self.problems]
        if not self.problems:
            lines.append(":) the marker can read all of it, and has what it imports")
        return tuple(lines)


def inspect_handin(
    folder: Path, assignment: Assignment, *, modules: Collection[str] | None = None, caps: Caps | None = None
) -> Handin:
    """What the marker would see of the repository around `folder`; nothing is changed and no host is asked.

    `modules` are those a solution can import; left out, those of the runtime image or its lock.

    Raises:
        UserError: git is not installed, or cannot read the repository.
    """
    folder = folder.resolve()
    with own_clone(folder) as clone:
        if clone is None:
            return Handin(folder, assignment, None, None, None, None, None, in_git=False)
        try:
            return _inspected(clone, assignment, modules, caps or _caps(assignment))
        except GitFailed as failure:
            raise UserError(f"{clone.root}: git cannot read the repository: {failure}") from None


def _inspected(
    clone: OwnClone, assignment: Assignment, modules: Collection[str] | None, caps: Caps
) -> Handin:
    changed, ignored = _status(clone)
    remote, merged = _upstream(clone.settings, clone.branch)
    tracked = f"{remote}/{merged}" if remote and merged else None
    commit = clone.commit(f"refs/remotes/{tracked}") if tracked else None
    solution = find_solution(clone.root, assignment.id)
    prefix = f"{assignment.id}/" if solution is not None and solution != clone.root else ""
    problems: tuple[str, ...] = ()
    if commit:
        with tempfile.TemporaryDirectory(prefix="medmark-handin-") as scratch:
            target = Path(scratch) / "clone"
            problems = _as_the_marker(clone.ours, commit, target, assignment, modules, caps)
    return Handin(
        root=clone.root,
        assignment=assignment,
        repository=_shown_address(clone.settings.get(f"remote.{remote}.url")),
        branch=clone.branch,
        tracked=tracked,
        commit=commit,
        as_of=_heard_of(clone.theirs, tracked),
        unpushed=int(clone.git("rev-list", "--count", f"{commit}..{clone.head}")) if commit and clone.head else 0,
        uncommitted=_below(prefix, changed),
        ignored=_below(prefix, ignored),
        problems=problems,
        left_out=clone.left_out,
    )


def clean_clone(found: Handin, target: Path) -> Path:
    """Write the commit that the marker would take to `target`, as the marker does, and return `target`.

    Raises:
        UserError: there is no such commit, or it holds no solution.py.
    """
    with own_clone(found.root) as clone:
        if found.commit is None or clone is None:
            raise UserError(f"{found.root}: nothing is pushed. Push first: git push -u origin HEAD")
        try:
            inside = solution_entries(tree_of(clone.ours, found.commit, "", HERE), found.assignment.id)
            if inside is not None:
                write_files(clone.ours, inside, target, _caps(found.assignment), HERE)
        except GitFailed as failure:
            raise UserError(f"{found.root}: git cannot read commit {found.commit}: {failure}") from None
    if not (target / SOLUTION).is_file():
        where = f"{found.assignment.id}/solution.py"
        raise UserError(f"{found.root}: commit {found.commit[:12]} holds no {where}. Commit it and push.")
    return target


def _as_the_marker(
    git_dir: Path,
    commit: str,
    target: Path,
    assignment: Assignment,
    modules: Collection[str] | None,
    caps: Caps,
) -> tuple[str, ...]:
    """The problems of a commit."""
    try:
        entries = tree_of(git_dir, commit, "", HERE)
        inside = solution_entries(entries, assignment.id)
        if inside is None:
            return (missing_solution((entry.path for entry in entries), assignment.id),)
        written = write_files(git_dir, inside, target, caps, HERE)
    except GitFailed as failure:
        return (f"the commit cannot be read: {failure.feedback}",)
    solution = target / SOLUTION
    if not solution.is_file():
        return written.problems
    found = static_checks(target, assignment, modules_of if modules is None else lambda _: modules)
    untouched = ("solution.py is the unchanged starter; commit and push your work",)
    return (*written.problems, *found.problems, *(untouched if is_untouched(solution, assignment) else ()))


def _caps(assignment: Assignment) -> Caps:
    return Caps(weights_mb=assignment.limits.weights_mb)


def _status(clone: OwnClone) -> tuple[list[str], list[str]]:
    """Files that no commit holds as they are, and files that are ignored."""
    # Of a submodule git would ask a git of its own, which heeds the submodule's settings.
    told = clone.git(
        "status", "--porcelain=v2", "-z", "--untracked-files=normal", "--ignored=traditional",
        "--ignore-submodules=all",
    )  # fmt: skip
    changed: list[str] = []
    ignored: list[str] = []
    records = iter(told.split("\0"))
    for record in records:
        kind, _, rest = record.partition(" ")
        if kind in ("1", "2", "u"):
            changed.append(rest.split(" ", {"1": 7, "2": 8, "u": 9}[kind])[-1])
            if kind == "2":
                next(records, None)  # the name before it was moved
        elif kind == "?":
            changed.append(rest)
        elif kind == "!":
            ignored.append(rest)
    return changed, ignored


def _upstream(settings: Mapping[str, str], branch: str | None) -> tuple[str | None, str | None]:
    """The remote and its branch that a push goes to: as set, else the same name on the only remote, or origin."""
    remotes = [key[len("remote.") : -len(".url")] for key in settings if re.fullmatch(r"remote\..+\.url", key)]
    first = "origin" if "origin" in remotes or not remotes else remotes[0]
    remote = settings.get(f"branch.{branch}.remote", first if remotes else None)
    merged = settings.get(f"branch.{branch}.merge", "").removeprefix("refs/heads/") or branch
    return (remote if remote in remotes else None), merged


def _heard_of(git_dir: Path, tracked: str | None) -> datetime | None:
    """When the remote branch was last pushed or fetched: git touches one of these files then."""
    places = [git_dir / "FETCH_HEAD", git_dir / "logs/refs/remotes" / (tracked or ""), git_dir / "packed-refs"]
    times = [path.stat().st_mtime for path in places[:2] if path.is_file()]
    times = times or [path.stat().st_mtime for path in places[2:] if path.is_file()]
    return datetime.fromtimestamp(max(times)).astimezone() if times else None


def _shown_address(address: str | None) -> str | None:
    return re.sub(r"//[^/@]*@", "//", address) if address else None


def _below(prefix: str, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the names that belong to the solution, without what tools leave behind."""
    return tuple(
        printable(name)
        for name in names
        if (name.startswith(prefix) or prefix.startswith(name)) and not NOISE & set(name.rstrip("/").split("/"))
    )


def _of_an_editor(name: str) -> bool:
    last = name.rstrip("/").rpartition("/")[2]
    return last.startswith(".") or last.endswith(("~", ".swp", ".tmp", ".bak"))


def _list(names: Sequence[str]) -> str:
    return first_of(names, 8)


def _number(count: int, noun: str) -> str:
    return f"1 {noun} is" if count == 1 else f"{count} {noun}s are"
