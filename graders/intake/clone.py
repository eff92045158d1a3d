"""Looks at a group's repository and mirrors every tip that it sees. Nothing of it is checked out or run.

A mirror is a bare repository that medmark makes, with its own settings and no hooks. Every tip stays in it under
`refs/medmark/seen/`, so that a force-push removes nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

from assignments.errors import nearest
from assignments.files import replace_file
from graders.course.addresses import address_problem, branch_problem
from graders.intake.hardened_git import GitFailed, Reach, run_git
from graders.intake.listing import without_controls

How = Literal["tip", "empty", "no_branch", "unreachable"]

SIGNATURE_CHARACTERS = 200
"""Longest author or message that is read of a commit."""
_COMMIT = re.compile(r"(?!0{40})[0-9a-f]{40}")


@dataclass(frozen=True)
class Look:
    """The result of one look at a branch."""

    how: How
    branch: str
    """The branch; the repository's default branch where the roster names none; empty if unknown."""
    commit: str | None
    detail: str = ""
    """Why there is no tip, and the cure; a student may read it."""


def is_commit(text: str) -> bool:
    """Whether a text is a whole commit id; the id of zeros is not one."""
    return _COMMIT.fullmatch(text) is not None


def look(address: str, branch: str | None, reach: Reach) -> Look:
    """Ask the host for the tip of a branch, or of the default branch. No answer of the host raises."""
    wrong = address_problem(address, reach.allow_file) or (branch and branch_problem(branch))
    if wrong:
        return Look("unreachable", branch or "", None, wrong)
    try:
        listed = run_git(
            ["ls-remote", "--symref", "--", address, "HEAD", "refs/heads/*"],
            reach=reach, address=address, output_mb=16,
        )  # fmt: skip
    except GitFailed as failure:
        evidence = f" (git: {failure})" if str(failure) != failure.feedback else ""
        return Look("unreachable", branch or "", None, failure.feedback + evidence)
    heads: dict[str, str] = {}
    default = None
    # Not splitlines(): a branch's name may hold characters at which it would end a line.
    for line in listed.decode("utf-8", "replace").split("\n"):
        left, _, name = line.partition("\t")
        if name == "HEAD" and left.startswith("ref: refs/heads/"):
            default = left.removeprefix("ref: refs/heads/")
        elif name.startswith("refs/heads/") and set(left) != {"0"}:
            heads[name.removeprefix("refs/heads/")] = left
    return _chosen(heads, branch, default)


def _chosen(heads: dict[str, str], branch: str | None, default: str | None) -> Look:
    named = {name: tip for name, tip in heads.items() if not branch_problem(name)}
    if not heads:
        return Look("empty", branch or "", None, "the repository is empty: commit your work and push it")
    odd = default is not None and branch_problem(default)
    chosen = branch or (None if odd else default)
    if chosen not in named and branch is None and len(named) == 1:
        (chosen,) = named
    if chosen is None or chosen not in named:
        there = ", ".join(sorted(named)[:10])
        hint = nearest(chosen, named) if chosen else f"its branches are {there}"
        problem = "the repository has no default branch"
        if chosen or odd:
            problem = f'there is no branch "{chosen}"' if chosen else f"the repository's default branch {odd}"
        return Look("no_branch", branch or "", None, f"{problem}: {hint}")
    if not is_commit(named[chosen]):
        return Look("unreachable", chosen, None, "the repository does not use SHA-1 commit ids, git's default")
    return Look("tip", chosen, named[chosen])


def seen_in(mirror: Path, commit: str) -> bool:
    """Whether the mirror holds this tip."""
    seen = mirror / "refs/medmark/seen"
    return any(_read_ref(path) == commit for path in _refs(seen) if path.name.endswith(commit[:12]))


def fetch(mirror: Path, address: str, source: str, commit: str, at: datetime, reach: Reach) -> str:
    """Fetch a branch, or a commit by its id, into the mirror; returns the fetched tip.

    `commit` is the tip that a look saw: if the branch has moved since, the fetched tip is another one.

    Raises:
        GitFailed: the fetch failed, or did not bring a commit. The mirror is as it was before.
    """
    wrong = address_problem(address, reach.allow_file) or (None if is_commit(source) else branch_problem(source))
    if wrong or not is_commit(commit):
        raise GitFailed(wrong or "this is not a commit id")
    mirror.mkdir(parents=True, exist_ok=True)
    with _held(mirror, reach):
        return _fetched(mirror, address, source, commit, at, reach)


def _fetched(mirror: Path, address: str, source: str, commit: str, at: datetime, reach: Reach) -> str:
    if not (mirror / "HEAD").is_file():
        run_git(["init", "--quiet", "--bare", "--template=", "--initial-branch=none"], reach=reach, git_dir=mirror)
    packs = mirror / "objects/pack"
    before = _names(packs)
    for name in before:
        if name.startswith("tmp_"):  # from a fetch that was killed
            (packs / name).unlink(missing_ok=True)
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    ref = f"refs/medmark/seen/{stamp}-{commit[:12]}"
    whole = source if is_commit(source) else f"refs/heads/{source}"
    try:
        run_git(
            ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head",
             "--no-auto-maintenance", "--", address, f"+{whole}:{ref}"],
            reach=reach, git_dir=mirror, address=address, growing=mirror,
        )  # fmt: skip
        _check_commit(mirror, ref, reach)
    except GitFailed:
        (mirror / ref).unlink(missing_ok=True)
        for name in _names(packs) - before:
            (packs / name).unlink(missing_ok=True)
        raise
    return _read_ref(mirror / ref)


def _check_commit(mirror: Path, ref: str, reach: Reach) -> None:
    """On a hostile host, a branch can point to any object. For a tag, its commit counts."""
    kind = run_git(["cat-file", "-t", f"{ref}^{{}}"], reach=reach, git_dir=mirror).decode().strip()
    if kind != "commit":
        feedback = "the branch does not point to a commit: commit your work and push it"
        raise GitFailed(feedback, f"{_read_ref(mirror / ref)} is a {kind}", group_at_fault=True)


def store_failure(mirror: Path, commit: str, failure: GitFailed) -> None:
    """Store why a tip could not be fetched; it matters until the mirror has the tip."""
    replace_file(mirror / "failures" / commit, json.dumps([failure.feedback, str(failure), failure.group_at_fault]))


def last_failure(mirror: Path, commit: str) -> GitFailed | None:
    """Why the last fetch of a tip failed; None if that is not recorded."""
    try:
        feedback, evidence, group_at_fault = json.loads((mirror / "failures" / commit).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return GitFailed(feedback, evidence, group_at_fault=group_at_fault)


@contextmanager
def _held(mirror: Path, reach: Reach) -> Iterator[None]:
    """One fetch into a mirror at a time: a collection of cron and one of a person may overlap."""
    latest = time.monotonic() + reach.timeout_s
    with (mirror / "medmark.lock").open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if reach.stop.wait(0.1) or time.monotonic() > latest:
                    raise GitFailed("another collection is fetching it") from None
        yield


def object_sizes(mirror: Path, ids: Iterable[bytes], reach: Reach) -> dict[bytes, int]:
    """The sizes of a mirror's objects by id, in this order, without those that it lacks.

    Raises:
        GitFailed: git failed, or took too long.
    """
    listed = run_git(
        ["cat-file", "--batch-check=%(objectname) %(objectsize)"],
        reach=reach,
        git_dir=mirror,
        stdin_data=b"".join(id + b"\n" for id in ids),
    )
    return {id: int(size) for id, size in (line.split() for line in listed.splitlines()) if size.isdigit()}


@dataclass(frozen=True)
class Signature:
    """Author, date and message of a commit: its author chose them, so they are evidence and no mark depends on them."""

    author: str
    date: str
    message: str
    """Its first line."""


def signature_of(mirror: Path, commit: str) -> Signature | None:
    """The signature of a commit; None if it cannot be read, or is larger than any honest one."""
    if not is_commit(commit):
        return None
    try:
        text = run_git(["cat-file", "commit", commit], reach=Reach(), git_dir=mirror, output_mb=1)
    except GitFailed:
        return None
    head, _, message = text.decode("utf-8", "replace").partition("\n\n")
    author = re.search(r"^author (.*) (-?\d+ [-+]\d{4})$", head, re.M)
    if author is None:
        return None
    first = message.strip().split("\n")[0]
    return Signature(_short(author[1]), _date(author[2]), _short(first))


def _date(written: str) -> str:
    """A commit's seconds and zone as a date; unchanged if they are not a valid date."""
    seconds, zone = written.split()
    minutes = int(zone[1:3]) * 60 + int(zone[3:])
    try:
        offset = timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))
        return datetime.fromtimestamp(int(seconds), offset).isoformat()
    except (ValueError, OverflowError, OSError):
        return written[:40]


def _short(text: str) -> str:
    return without_controls(text)[:SIGNATURE_CHARACTERS]


def _refs(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _read_ref(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="ascii", errors="replace").strip()
    return ""


def _names(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.is_dir() else set()
