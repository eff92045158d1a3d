"""Rehearses, from scratch, the assignments of the catalogue that changed, and one that always runs.

    python .ci/rehearse.py [--minutes 5] [--all]

An assignment changed if its folder or its references differ from the base: the commit at which this branch left the
default branch of the clone's origin or, on that branch itself, the commit `COMMITS` ago. The proofs of the others are
checked by digest, in tests/graders/record/test_proof_status.py. It fails where a rehearsal has gaps, or records other
failed tests than the stored one. What does not fit into the minutes is named, and stays for `make rehearse`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALWAYS = "mlp_classifier"
COMMITS = 10
"""On the default branch: how far back the base is, along first parents."""
CATALOGUE, REFERENCES = "assignments/catalogue", "reference_solutions"
NOT_REHEARSED = ("brief.md",)
"""Files of an assignment that a rehearsal does not read."""


def main() -> None:
    """Rehearse, and end with 1 after any failure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--all", action="store_true", help="the whole catalogue, however long it takes")
    options = parser.parse_args()
    ids = sorted(path.parent.name for path in (ROOT / CATALOGUE).glob("*/assignment.toml"))
    if not options.all:
        ids = [ALWAYS, *(id for id in changed(ROOT, base(ROOT)) if id in ids and id != ALWAYS)]
    deadline = None if options.all else time.monotonic() + 60 * options.minutes
    failed = False
    for id in ids:
        began = time.monotonic()
        problem = rehearsed(ROOT, id, deadline)
        print(f"== {id}: {problem or 'as its stored proof says'} ({time.monotonic() - began:.0f} s)", flush=True)
        failed = failed or bool(problem and not problem.startswith(LATE))
    sys.exit(failed)


def base(root: Path) -> str:
    """The commit that the working tree is compared with."""
    head = _git(root, "rev-parse", "HEAD")
    left = _git(root, "merge-base", "HEAD", "origin/HEAD")
    if left and left != head:
        return left
    return _git(root, "rev-list", "--first-parent", f"--max-count={COMMITS + 1}", "HEAD").split()[-1]


def changed(root: Path, since: str) -> list[str]:
    """Ids of the assignments whose folder or references differ from a commit, those of files not committed too."""
    names = _git(root, "diff", "--name-only", "--no-renames", since, "--", CATALOGUE, REFERENCES).splitlines()
    names += _git(root, "ls-files", "--others", "--exclude-standard", "--", CATALOGUE, REFERENCES).splitlines()
    ids = set()
    for name in names:
        folder = CATALOGUE if name.startswith(f"{CATALOGUE}/") else REFERENCES
        id, _, file = name.removeprefix(f"{folder}/").partition("/")
        if file and file not in NOT_REHEARSED:
            ids.add(id)
    return sorted(ids)


LATE = "NOT REHEARSED"


def rehearsed(root: Path, id: str, deadline: float | None) -> str:
    """Rehearse an assignment without the cache, and compare; what differs, or nothing. The stored proof stays."""
    proofs = root / CATALOGUE / id / "proofs"
    before = {path: path.read_bytes() for path in proofs.glob("*.json")}
    stored = recorded_tests(proofs)
    seconds = None if deadline is None else max(0.0, deadline - time.monotonic())
    command = [sys.executable, "cli.py", "rehearse", id, "--fresh"]
    try:
        # Its processes import this tree, whatever tree the environment was made of.
        environment = {**os.environ, "PYTHONPATH": str(root)}
        # Started in the background, this script ignores Ctrl-C, and what it starts would too.
        heeding = signal.signal(signal.SIGINT, signal.default_int_handler)
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, env=environment) as process:
            signal.signal(signal.SIGINT, heeding)
            try:
                lines, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)  # it ends its own processes
                process.communicate()
                return f"{LATE} within the time of this check; run make rehearse before you rely on it"
        print(lines)
        if process.returncode:
            return "the rehearsal has gaps"
        return differences(stored, recorded_tests(proofs))
    finally:
        for path, content in before.items():
            path.write_bytes(content)


def recorded_tests(proofs: Path) -> dict[str, list[str]]:
    """By misconception and framework: the tests that are recorded to fail."""
    try:
        document = json.loads((proofs / "patterns.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {f"{id} in {name}": sorted(failed) for id, by_name in document.items() for name, failed in by_name.items()}


def differences(stored: dict[str, list[str]], seen: dict[str, list[str]]) -> str:
    """How two records differ; empty if they do not."""
    names = [name for name in sorted({*stored, *seen}) if stored.get(name) != seen.get(name)]
    return "" if not names else f"other tests fail than its proof records: {'; '.join(names)}"


def _git(root: Path, *words: str) -> str:
    """What Git answers; nothing where it cannot."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stdout.strip()


if __name__ == "__main__":
    main()
