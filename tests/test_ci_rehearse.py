"""What the check of every change rehearses from scratch: in clones as people and machines make them."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("ci_rehearse", ROOT / ".ci" / "rehearse.py")
ci = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(ci)


def git(folder, *words):
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **who}).stdout.strip()


def write(folder, name, text="1\n"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", name)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def origin(tmp_path):
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for id in ("first", "second", "third"):
        write(folder, f"assignments/catalogue/{id}/assignment.toml")
        write(folder, f"reference_solutions/{id}/solution_numpy.py")
    return folder


def clone(origin, folder, *how):
    git(origin.parent, "clone", "-q", *how, f"file://{origin}", str(folder))
    return folder


def test_a_branch_is_compared_with_where_it_left_the_default_branch(origin, tmp_path):
    left = git(origin, "rev-parse", "HEAD")
    git(origin, "switch", "-qc", "mine")
    for number in range(ci.COMMITS + 2):
        write(origin, f"reference_solutions/second/note_{number}.py")
    git(origin, "switch", "-q", "main")
    write(origin, "assignments/catalogue/third/hidden_tests/test_a.py")
    folder = clone(origin, tmp_path / "clone", "--branch", "mine")
    assert ci.base(folder) == left
    assert ci.changed(folder, left) == ["second"], "what others changed meanwhile is theirs"


def test_the_default_branch_is_compared_with_some_commits_ago(origin, tmp_path):
    write(origin, "assignments/catalogue/first/hidden_tests/test_a.py")
    for number in range(ci.COMMITS):
        write(origin, f"docs/{number}.md")
    folder = clone(origin, tmp_path / "clone")
    assert ci.changed(folder, ci.base(folder)) == []
    write(origin, "reference_solutions/second/solution_numpy.py", "2\n")
    write(origin, "assignments/catalogue/third/brief.md")
    folder = clone(origin, tmp_path / "newer")
    assert ci.changed(folder, ci.base(folder)) == ["second"], "no rehearsal reads a brief"


def test_a_young_repository_and_a_shallow_clone_have_a_base_too(origin, tmp_path):
    assert ci.changed(origin, ci.base(origin)) == ["first", "second", "third"]
    folder = clone(origin, tmp_path / "clone", "--depth", "1")
    assert ci.changed(folder, ci.base(folder)) == []


def test_what_is_not_committed_counts(origin):
    head = git(origin, "rev-parse", "HEAD")
    (origin / "assignments/catalogue/first/assignment.toml").write_text("2\n")
    (origin / "assignments/catalogue/third/proofs").mkdir()
    (origin / "assignments/catalogue/third/proofs/patterns.json").write_text("{}")
    assert ci.changed(origin, head) == ["first", "third"]


PROGRAM = """
import json, pathlib, sys, time
id = sys.argv[2]
proofs = pathlib.Path("assignments/catalogue") / id / "proofs"
if id == "slow":
    time.sleep(60)
(proofs / "patterns.json").write_text(json.dumps({"m": {"numpy": {"other" if id == "differs" else "a": []}}}))
sys.exit(id == "gaps")
"""
STORED = json.dumps({"m": {"numpy": {"a": ["wrong_answer"]}}})


def write_rehearsal(root, id):
    """A command line that rehearses in a moment, and what is stored of an assignment."""
    (root / "cli.py").write_text(PROGRAM)
    proofs = root / "assignments/catalogue" / id / "proofs"
    proofs.mkdir(parents=True)
    (proofs / "patterns.json").write_text(STORED)
    return proofs


@pytest.mark.parametrize(
    ("id", "problem"),
    [
        ("same", ""),
        ("differs", "other tests fail than its proof records: m in numpy"),
        ("gaps", "the rehearsal has gaps"),
        ("slow", ci.LATE),
    ],
)
def test_a_rehearsal_that_differs_from_the_stored_one_is_seen_and_the_stored_one_stays(tmp_path, id, problem):
    proofs = write_rehearsal(tmp_path, id)
    deadline = time.monotonic() + (0.5 if id == "slow" else 30)
    answer = ci.rehearsed(tmp_path, id, deadline)
    assert answer.startswith(problem)
    assert bool(answer) == bool(problem)
    assert (proofs / "patterns.json").read_text() == STORED


def test_a_rehearsal_ends_in_time_where_the_check_runs_in_the_background(tmp_path):
    write_rehearsal(tmp_path, "slow")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what it starts with &
    try:
        began = time.monotonic()
        assert ci.rehearsed(tmp_path, "slow", began + 0.5).startswith(ci.LATE)
        assert time.monotonic() - began < 10
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_unknown_option_is_refused():
    ended = subprocess.run([sys.executable, ROOT / ".ci/rehearse.py", "--hours", "1"], capture_output=True, check=False)
    assert ended.returncode == 2
