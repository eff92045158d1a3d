"""Writes one group's submission to disk and describes it. Student code is read as text, never imported."""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from assignments.assignment import Assignment
from assignments.digests import digest_of
from assignments.files import replace_file
from assignments.notebook import NOTEBOOK
from graders.course.roster import Group, Member
from graders.intake.checkout import Caps, CheckoutResult, TreeEntry, tree_of, write_files
from graders.intake.clone import Signature, signature_of
from graders.intake.hardened_git import Reach
from graders.intake.imports import RuntimeLookup
from graders.intake.likeness import copied_from, is_starter, left_for_a_notebook, starters_of
from graders.intake.papers import paper_problems, papers_of
from graders.intake.source import ONE_PARSES, SOLUTION, SOLUTIONS, read_source, solution_file
from graders.intake.static_checks import StaticChecks, loads_weights, missing_solution, static_checks
from graders.record.dependencies import dependencies
from graders.wall.modes import make_readable
from graders.wall.sandboxes.runtime_records import facts_of

RECORD = 7
"""The version of a checkout's recorded facts: with a new one, every checkout is written anew."""
UNTOUCHED = "untouched starter"
"""Flag of a solution.py that is the unchanged starter."""
STARTER_BESIDE_NOTEBOOK = f"{SOLUTION} is the unchanged starter, so {NOTEBOOK} counts; delete {SOLUTION}"
UNTOUCHED_PROBLEM = "the solution is the unchanged starter; if you have worked on it, commit and push"
CHECKED_BY = "graders/intake/static_checks.py"
"""Where the checks of a solution's files begin."""
TELLING_BYTES = 1024
"""Smaller files of weights may be equal by chance."""


@dataclass(frozen=True)
class Submission:
    """One group's work for one assignment, ready to be marked, or the reason why there is none."""

    group: str
    members: tuple[Member, ...]
    repository: str
    commit: str | None
    """The commit that counts; None if there is none, and while `waits` is true."""
    folder: Path | None
    """The checked-out folder that holds solution.py; None when there is nothing to run."""
    framework: str | None
    tree: str | None
    """Digest of that folder: equal digests are equal work."""
    problems: tuple[str, ...] = ()
    """For the group, each with its cure."""
    notes: tuple[str, ...] = ()
    """For the group, which need not cure them: what of a notebook was left out."""
    flags: tuple[str, ...] = ()
    """For staff."""
    state: str = "counts"
    """As `graders.intake.counting.Counting.state`, or `not fetched`."""
    reason: str = ""
    """Why this commit counts, or why none does; a student may read it."""
    due: datetime | None = None
    seen_at: str | None = None
    late_since: datetime | None = None
    """When a late commit that staff accepted was first seen; None for one that is on time."""
    later_tips: tuple[str, ...] = ()
    """Commits seen after the one that counts, oldest first; while `waits`, those that may count."""
    solution: str | None = None
    """Digest of solution.py without its white space."""
    weights: tuple[str, ...] = ()
    """Digests of its files of weights, without small ones and those of the starter."""
    signature: Signature | None = None
    """Author, date and message of the commit: evidence."""

    @property
    def waits(self) -> bool:
        """Whether a person or the next collection must decide first: no mark yet, and the group is not at fault."""
        return self.state not in ("provisional", "counts", "nothing handed in")

    @property
    def untouched(self) -> bool:
        """Whether solution.py is the unchanged starter."""
        return UNTOUCHED in self.flags


@dataclass(frozen=True)
class ComparedWith:
    """What all submissions of an assignment are compared and checked with, worked out once for all of them."""

    assignment: Assignment
    runtime: RuntimeLookup = facts_of

    @cached_property
    def starters(self) -> str:
        """Digest of the starters."""
        own = self.assignment.folder / "starter"
        return solution_digest(own) if own.is_dir() else digest_of(**starters_of(self.assignment))

    @cached_property
    def checks(self) -> str:
        """Digest of all that the checks of a solution's files depend on beside these files."""
        offered = {name: self.runtime(name) for name in self.assignment.frameworks}
        with ONE_PARSES:
            code = dependencies((CHECKED_BY,)).digests
        return digest_of(
            id=self.assignment.id,
            loads_weights=loads_weights(self.assignment),
            offered={name: None if facts is None else asdict(facts) for name, facts in offered.items()},
            python=list(sys.version_info[:2]),
            code=code,
        )


def find_solution(checkout: Path, assignment_id: str) -> Path | None:
    """The folder that holds a solution: `<assignment id>/` if it is there, else the root; None without one."""
    for folder in (checkout / assignment_id, checkout):
        for name in SOLUTIONS:
            solution = folder / name
            # By the exact name, as on the marker: on some file systems, solution.py also opens Solution.py.
            spelt = _holds(folder, name) and (folder == checkout or _holds(checkout, assignment_id))
            if spelt and solution.is_file() and not solution.is_symlink() and not folder.is_symlink():
                return folder
    return None


def _holds(folder: Path, name: str) -> bool:
    try:
        return name in os.listdir(folder)
    except OSError:
        return False


def solution_digest(folder: Path) -> str:
    """SHA-256 of the names and bytes of a folder's files, in the order of their names; links are not followed."""
    total = hashlib.sha256()
    for path in _files(folder):
        name = os.fsencode(path.relative_to(folder).as_posix())
        total.update(len(name).to_bytes(4, "little") + name + _digest(path).encode())
    return total.hexdigest()


def solution_entries(entries: Sequence[TreeEntry], assignment_id: str) -> list[TreeEntry] | None:
    """The entries of the folder that holds a solution, with paths from there; None without one."""
    for prefix in (f"{assignment_id}/", ""):
        if any(entry.path in [prefix + name for name in SOLUTIONS] for entry in entries):
            return [
                TreeEntry(entry.mode, entry.blob, entry.size, entry.path[len(prefix) :])
                for entry in entries
                if entry.path.startswith(prefix)
            ]
    return None


def submission_at(
    group: Group,
    assignment: Assignment,
    commit: str,
    mirror: Path,
    folder: Path,
    caps: Caps,
    reach: Reach,
    compared_with: ComparedWith | None = None,
) -> Submission:
    """The group's submission at a commit; its files are written and checked below `folder / commit` unless they were.

    Args:
        compared_with: Shared by the submissions of an assignment.
    """
    compared_with = compared_with or ComparedWith(assignment)
    papers = [
        [paper.id, paper.file, paper.max_pages, paper.max_words, [line.id for line in paper.lines]]
        for paper in papers_of(assignment)
    ]
    settings = json.dumps([RECORD, assignment.id, group.path, asdict(caps), *papers])
    # Other settings have another folder: files that a marker may be reading are never replaced.
    target = folder / commit / hashlib.sha256(settings.encode()).hexdigest()[:8]
    record = target.with_suffix(".json")
    facts = _recorded(record)
    if facts is None or (facts["written"] and not target.is_dir()):
        facts = _write(group, assignment, commit, mirror, target, caps, reach, compared_with)
        replace_file(record, json.dumps(facts))
    elif facts["written"] and not facts["starter"] and facts["starters"] != compared_with.starters:
        # A starter was changed since. Who has an earlier one unchanged has not begun either, so that stays recorded.
        facts |= _of_starters(target, assignment, compared_with)
        replace_file(record, json.dumps(facts))
    problems, flags = list(facts["problems"]), list(facts["flags"])
    framework, notes = None, tuple(facts["notes"])
    if facts["written"]:
        make_readable(target)  # an older one may have been written under a narrow umask
        if facts["starter"]:
            flags.append(UNTOUCHED)
            problems.append(UNTOUCHED_PROBLEM)
        checks = _checks(facts, record, target, compared_with)
        framework = checks.framework
        problems += checks.problems
        notes += checks.notes
    signature = Signature(**facts["signature"]) if facts["signature"] else None
    return Submission(
        group=group.name,
        members=group.members,
        repository=group.repository,
        commit=commit,
        folder=target if facts["written"] else None,
        framework=framework,
        tree=facts["tree"],
        solution=facts["solution"],
        weights=tuple(facts["weights"]),
        problems=tuple(problems),
        notes=notes,
        flags=tuple(flags),
        signature=signature,
    )


def earlier_checkouts(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Group, commit and tree of every checkout below `folder`, under the names that groups had then."""
    for record in sorted(folder.glob("*/*/*.json")):
        facts = _recorded(record)
        if facts is not None and facts.get("tree"):
            yield record.parent.parent.name, record.parent.name, str(facts["tree"])


def _recorded(record: Path) -> dict[str, Any] | None:
    """The recorded facts of an earlier checkout of this commit; None if it must be written again."""
    try:
        facts: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts


def _checks(facts: dict[str, Any], record: Path, target: Path, compared_with: ComparedWith) -> StaticChecks:
    """The checks of a checkout's files: recorded ones, unless something else than these files has changed."""
    recorded = facts.get("checks")
    if recorded is not None and recorded["by"] == compared_with.checks:
        return StaticChecks(recorded["framework"], tuple(recorded["problems"]), tuple(recorded["notes"]))
    checks = static_checks(target, compared_with.assignment, compared_with.runtime)
    facts["checks"] = {"by": compared_with.checks, **asdict(checks)}
    with suppress(OSError):  # a course that is only read: it is checked again the next time
        replace_file(record, json.dumps(facts))
    return checks


def _write(
    group: Group,
    assignment: Assignment,
    commit: str,
    mirror: Path,
    target: Path,
    caps: Caps,
    reach: Reach,
    compared_with: ComparedWith,
) -> dict[str, Any]:
    signature = signature_of(mirror, commit)
    entries = tree_of(mirror, commit, group.path, reach)
    inside = solution_entries(entries, assignment.id)
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    if inside is None:
        where = {"root": f"{group.path}/"} if group.path else {}
        problems = (missing_solution((entry.path for entry in entries), assignment.id, **where),)
        written = CheckoutResult(0, problems, ())
    else:
        written = write_files(mirror, inside, target, caps, reach)
        problems = written.problems
        if not solution_file(target).is_file():
            problems += ("the solution cannot be read: see above",)
            shutil.rmtree(target)
        elif left_for_a_notebook(target, assignment):
            (target / SOLUTION).unlink()
            notes = (STARTER_BESIDE_NOTEBOOK,)
    problems += paper_problems(assignment, entries, mirror, caps, reach)
    written_out = target.is_dir()
    solution, weights = _fingerprints(target, assignment) if written_out else (None, ())
    copied = copied_from(solution_file(target), assignment) if written_out else ""
    return {
        "written": written_out,
        "problems": problems,
        "notes": notes,
        "flags": (*written.flags, *([copied] if copied else [])),
        **(_of_starters(target, assignment, compared_with) if written_out else {}),
        "tree": solution_digest(target) if written_out else None,
        "solution": solution,
        "weights": weights,
        "signature": asdict(signature) if signature else None,
    }


def _of_starters(folder: Path, assignment: Assignment, compared_with: ComparedWith) -> dict[str, Any]:
    """Whether a solution is a starter, and with which starters it was compared."""
    return {"starter": is_starter(solution_file(folder), assignment), "starters": compared_with.starters}


def _fingerprints(folder: Path, assignment: Assignment) -> tuple[str, tuple[str, ...]]:
    """Digests that show equal work of groups: see `Submission.solution` and `Submission.weights`."""
    # Derived starters bring no weights.
    handed_out = {_digest(path) for path in _files(assignment.folder / "starter")}
    weights = {_digest(path) for path in _files(folder / "weights") if path.stat().st_size >= TELLING_BYTES}
    file = solution_file(folder)
    # Of a notebook the solution alone: its outputs differ from run to run.
    own = file.read_bytes() if file.name == SOLUTION else read_source(file).text.encode()
    words = b"".join(own.removeprefix(codecs.BOM_UTF8).split())
    return hashlib.sha256(words).hexdigest(), tuple(sorted(weights - handed_out))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> list[Path]:
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in (".git", "__pycache__"))
        files += [Path(parent, name) for name in names if not os.path.islink(os.path.join(parent, name))]
    return sorted(files, key=lambda path: os.fsencode(path.relative_to(folder).as_posix()))
