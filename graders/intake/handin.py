"""Shows students before the deadline what the marker would see: reads their own clone, without the network.

It checks out the commit as the marker does (`graders.intake.checkout`), so it reports the same problems.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from assignments.assignment import Assignment
from assignments.errors import UserError
from graders.intake.checkout import Caps, tree_of, write_files
from graders.intake.hardened_git import GitFailed
from graders.intake.imports import RuntimeLookup, runtime_in_handout
from graders.intake.likeness import is_starter, left_for_a_notebook
from graders.intake.listing import first_of, printable
from graders.intake.own_clone import HERE, OwnClone, own_clone
from graders.intake.own_versions import versions_differ
from graders.intake.papers import paper_problems
from graders.intake.source import SOLUTION, read_source, solution_file
from graders.intake.static_checks import missing_solution, static_checks
from graders.intake.submission import STARTER_BESIDE_NOTEBOOK, UNTOUCHED_PROBLEM, find_solution, solution_entries

NOISE = {
    "__pycache__", ".venv", "venv", ".ipynb_checkpoints", ".DS_Store", ".pytest_cache", ".mypy_cache",
    ".ruff_cache", ".idea", ".vscode", "Thumbs.db", "desktop.ini",
}  # fmt: skip
"""Files and folders that tools leave behind; macOS leaves `._NAME` too."""
OF_THE_KIT = {"data", "curve.png", "cases.png"}
"""What a kit's own .gitignore keeps out."""


@dataclass(frozen=True)
class Handin:
    """What the marker would see of a student's repository, as far as this machine can tell."""

    root: Path
    """The repository; the folder itself if it is in no repository."""
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
    """When this machine last pushed or fetched that branch."""
    unpushed: int = 0
    """Number of commits that only this machine has."""
    uncommitted: tuple[str, ...] = ()
    """Changed or new files of the solution that no commit holds."""
    ignored: tuple[str, ...] = ()
    """Files of the solution that ignore rules keep out, the repository's or the student's own."""
    problems: tuple[str, ...] = ()
    """Problems of the commit with cures, as the marker would report them."""
    notes: tuple[str, ...] = ()
    """What the marker leaves out of a notebook, and nobody need cure."""
    in_git: bool = True
    left_out: tuple[str, ...] = ()
    """Settings of the repository that medmark ignored."""
    versions: str = ""
    """What this machine has in another version than the marker."""

    @property
    def ready(self) -> bool:
        """Whether the marker would see all of this work, and could start on it."""
        weights = any("weights" in name.split("/") for name in self.ignored if not _of_an_editor(name))
        incomplete = self.unpushed or self.uncommitted or self.problems or weights
        return self.commit is not None and not incomplete

    def lines(self) -> tuple[str, ...]:
        """One line per check: `:)` is in order, `:(` is not, `:|` is for the student to judge."""
        if not self.in_git:
            return (f":( {self.root} is not in a Git repository: clone your group's repository and work there",)
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
            lines.append(f":| left out by your ignore rules: {_list(self.ignored)}; to hand one in: git add -f FILE")
        if self.left_out:
            ignored = _list(self.left_out)
            lines.append(f":| medmark ignores these Git settings, since such settings can run programs: {ignored}")
        if self.versions:
            lines.append(f":| {self.versions}")
        lines += [f":( {problem}" for problem in self.problems]
        lines += [f":| {note}" for note in self.notes]
        if not self.problems:
            lines.append(":) the marker can read all of it, and has everything that it imports")
        return tuple(lines)


def inspect_handin(
    folder: Path, assignment: Assignment, *, runtime: RuntimeLookup | None = None, caps: Caps | None = None
) -> Handin:
    """What the marker would see of the repository around `folder`; it changes nothing and contacts no host.

    Without `runtime`, what a framework's runtime offers is as the handout says, or as on this machine.

    Raises:
        UserError: git is not installed, or cannot read the repository.
    """
    folder = folder.resolve()
    with own_clone(folder) as clone:
        if clone is None:
            return Handin(folder, assignment, None, None, None, None, None, in_git=False)
        try:
            return _inspected(clone, assignment, runtime or runtime_in_handout(assignment), caps or _caps(assignment))
        except GitFailed as failure:
            raise UserError(f"{clone.root}: git cannot read the repository: {failure}") from None


def _inspected(clone: OwnClone, assignment: Assignment, runtime: RuntimeLookup, caps: Caps) -> Handin:
    changed, ignored = _status(clone)
    remote, merged = _upstream(clone.settings, clone.branch)
    tracked = f"{remote}/{merged}" if remote and merged else None
    commit = clone.commit(f"refs/remotes/{tracked}") if tracked else None
    solution = find_solution(clone.root, assignment.id)
    prefix = f"{assignment.id}/" if solution is not None and solution != clone.root else ""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    if commit:
        with tempfile.TemporaryDirectory(prefix="medmark-handin-") as scratch:
            target = Path(scratch) / "clone"
            problems, notes = _seen_in(clone.bare, commit, target, assignment, runtime, caps)
    return Handin(
        root=clone.root,
        assignment=assignment,
        repository=_shown_address(clone.settings.get(f"remote.{remote}.url")),
        branch=clone.branch,
        tracked=tracked,
        commit=commit,
        as_of=_last_contact(clone.common_dir, tracked),
        unpushed=int(clone.git("rev-list", "--count", f"{commit}..{clone.head}")) if commit and clone.head else 0,
        uncommitted=_below(prefix, changed),
        ignored=tuple(name for name in _below(prefix, ignored) if _last(name) not in OF_THE_KIT),
        problems=problems,
        notes=notes,
        left_out=clone.left_out,
        versions=_versions(solution, assignment, runtime),
    )


def _versions(solution: Path | None, assignment: Assignment, runtime: RuntimeLookup) -> str:
    named = read_source(solution_file(solution)).framework if solution is not None else None
    framework = next((name for name in assignment.frameworks if name == named), None)
    offered = runtime(framework) if framework is not None else None
    return versions_differ(framework, offered) if framework is not None and offered is not None else ""


def clean_clone(handin: Handin, target: Path) -> Path:
    """Write the commit that the marker would take to `target`, as the marker does; returns `target`.

    Raises:
        UserError: there is no such commit, or it holds no solution.py.
    """
    with own_clone(handin.root) as clone:
        if handin.commit is None or clone is None:
            raise UserError(f"{handin.root}: nothing is pushed. Push first: git push -u origin HEAD")
        try:
            inside = solution_entries(tree_of(clone.bare, handin.commit, "", HERE), handin.assignment.id)
            if inside is not None:
                write_files(clone.bare, inside, target, _caps(handin.assignment), HERE)
        except GitFailed as failure:
            raise UserError(f"{handin.root}: git cannot read commit {handin.commit}: {failure}") from None
    if not solution_file(target).is_file():
        where = f"{handin.assignment.id}/solution.py"
        raise UserError(f"{handin.root}: commit {handin.commit[:12]} holds no {where}. Commit it and push.")
    return target


def _seen_in(
    git_dir: Path,
    commit: str,
    target: Path,
    assignment: Assignment,
    runtime: RuntimeLookup,
    caps: Caps,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The problems of a commit, as the marker would report them, and its notes."""
    try:
        entries = tree_of(git_dir, commit, "", HERE)
        papers = paper_problems(assignment, entries, git_dir, caps, HERE)
        inside = solution_entries(entries, assignment.id)
        if inside is None:
            return (missing_solution((entry.path for entry in entries), assignment.id), *papers), ()
        written = write_files(git_dir, inside, target, caps, HERE)
    except GitFailed as failure:
        return (f"the commit cannot be read: {failure.feedback}",), ()
    if not solution_file(target).is_file():
        return (*written.problems, *papers), ()
    notes: tuple[str, ...] = ()
    if left_for_a_notebook(target, assignment):
        (target / SOLUTION).unlink()
        notes = (STARTER_BESIDE_NOTEBOOK,)
    checks = static_checks(target, assignment, runtime)
    untouched = [UNTOUCHED_PROBLEM] if is_starter(solution_file(target), assignment) else []
    return (*written.problems, *untouched, *checks.problems, *papers), (*notes, *checks.notes)


def _caps(assignment: Assignment) -> Caps:
    return Caps(weights_mb=assignment.limits.weights_mb)


def _status(clone: OwnClone) -> tuple[list[str], list[str]]:
    """Files whose current state is in no commit, and ignored files."""
    # In a submodule git would start another git, which uses the submodule's own settings.
    status = clone.git(
        "status", "--porcelain=v2", "-z", "--untracked-files=normal", "--ignored=traditional",
        "--ignore-submodules=all",
    )  # fmt: skip
    changed: list[str] = []
    ignored: list[str] = []
    records = iter(status.split("\0"))
    for record in records:
        kind, _, rest = record.partition(" ")
        if kind in ("1", "2", "u"):
            changed.append(rest.split(" ", {"1": 7, "2": 8, "u": 9}[kind])[-1])
            if kind == "2":
                next(records, None)  # the old name of a moved file
        elif kind == "?":
            changed.append(rest)
        elif kind == "!":
            ignored.append(rest)
    return changed, ignored


def _upstream(settings: Mapping[str, str], branch: str | None) -> tuple[str | None, str | None]:
    """The remote and branch of a push: as set, else a branch of the same name on the only remote, or on origin."""
    remotes = [key[len("remote.") : -len(".url")] for key in settings if re.fullmatch(r"remote\..+\.url", key)]
    first = "origin" if "origin" in remotes or not remotes else remotes[0]
    remote = settings.get(f"branch.{branch}.remote", first if remotes else None)
    merged = settings.get(f"branch.{branch}.merge", "").removeprefix("refs/heads/") or branch
    return (remote if remote in remotes else None), merged


def _last_contact(git_dir: Path, tracked: str | None) -> datetime | None:
    """When the remote branch was last pushed or fetched: git then writes one of these files."""
    files = [git_dir / "FETCH_HEAD", git_dir / "logs/refs/remotes" / (tracked or ""), git_dir / "packed-refs"]
    times = [path.stat().st_mtime for path in files[:2] if path.is_file()]
    times = times or [path.stat().st_mtime for path in files[2:] if path.is_file()]
    return datetime.fromtimestamp(max(times)).astimezone() if times else None


def _shown_address(address: str | None) -> str | None:
    return re.sub(r"//[^/@]*@", "//", address) if address else None


def _below(prefix: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names that belong to the solution, without files that tools leave behind."""
    return tuple(
        printable(name)
        for name in names
        if (name.startswith(prefix) or prefix.startswith(name)) and not any(map(_is_noise, name.rstrip("/").split("/")))
    )


def _is_noise(name: str) -> bool:
    return name in NOISE or name.startswith("._")


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]


def _of_an_editor(name: str) -> bool:
    last = _last(name)
    return last.startswith(".") or last.endswith(("~", ".swp", ".tmp", ".bak"))


def _list(names: Sequence[str]) -> str:
    return first_of(names, 8)


def _number(count: int, noun: str) -> str:
    return f"1 {noun} is" if count == 1 else f"{count} {noun}s are"
