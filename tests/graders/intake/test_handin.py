"""A student learns before the deadline what the marker would see, from the clone on their own machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from assignments.assignment import Assignment
from assignments.errors import UserError
from assignments.handout_note import HandoutNote, RuntimeFacts
from graders.intake import hardened_git
from graders.intake.handin import clean_clone, inspect_handin
from tests.graders.intake.repositories import Link, git, make

HERE = ".".join(map(str, sys.version_info[:2]))
TORCH = version("torch").partition("+")[0]
SOLUTION = 'FRAMEWORK = "pytorch"\nimport torch\n'


def runtime_with(framework):
    """A runtime with these packages, on the Python that runs the test."""
    return RuntimeFacts(HERE, {"torch": TORCH}, ("torch", "numpy", "sklearn"))


class Desk:
    """A student's clone of a repository that holds these files."""

    def __init__(self, folder, files):
        self.assignment = Assignment.model_validate(
            {
                "id": "mlp", "title": "MLP", "task": "classification", "folder": folder / "coursework",
                "data": {"source": "breast_cancer", "train": 1, "test": 1}, "run": {"mode": "weights"},
                "criterion": [{"kind": "person", "id": "report", "points": 10}],
            }
        )  # fmt: skip
        self.tip = make(folder / "host.git", files)
        self.folder = folder / "clone"
        git("clone", "--quiet", f"file://{folder}/host.git", str(self.folder))

    def write(self, **files):
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_py", ".py").replace("_pt", ".pt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def commit(self):
        git("-C", str(self.folder), "add", "-A")
        git("-C", str(self.folder), "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "Work")

    def git(self, *arguments):
        return git("-C", str(self.folder), *arguments)

    def inspect(self):
        return inspect_handin(self.folder, self.assignment, runtime=runtime_with)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path, {"solution.py": SOLUTION, "README.md": ""})


def test_work_that_is_pushed_is_ready_within_two_seconds(desk, tmp_path):
    started = time.monotonic()
    handin = desk.inspect()
    assert time.monotonic() - started < 2
    assert handin.ready
    assert (handin.repository, handin.branch, handin.tracked) == (f"file://{tmp_path}/host.git", "main", "origin/main")
    assert (handin.commit, handin.as_of is not None) == (desk.tip, True)
    lines = "\n".join(handin.lines())
    assert f"{desk.tip} is what the marker sees of origin/main" in lines
    assert "as of your last push or fetch" in lines
    assert ":(" not in lines


def test_the_check_works_from_a_folder_inside_the_repository(desk):
    (desk.folder / "notes").mkdir()
    assert inspect_handin(desk.folder / "notes", desk.assignment, runtime=runtime_with).commit == desk.tip


def test_changed_and_new_files_are_not_handed_in(desk):
    desk.write(solution_py=SOLUTION + "x = 1\n", model_py="")
    handin = desk.inspect()
    assert not handin.ready
    assert sorted(handin.uncommitted) == ["model.py", "solution.py"]
    assert handin.commit == desk.tip
    assert ":( not committed: " in "\n".join(handin.lines())


def test_commits_that_are_not_pushed_are_counted(desk):
    desk.write(model_py="")
    desk.commit()
    handin = desk.inspect()
    assert (handin.ready, handin.unpushed, handin.commit) == (False, 1, desk.tip)
    assert ":( 1 commit is not pushed: git push" in handin.lines()
    desk.git("push", "--quiet")
    assert desk.inspect().ready


def test_weights_that_gitignore_keeps_out_are_reported(desk):
    desk.write(weights__model_pt="1", notes__secret="x", __pycache__="")
    (desk.folder / ".gitignore").write_text("*.pt\nnotes/\n__pycache__\n")
    desk.commit()
    desk.git("push", "--quiet")
    handin = desk.inspect()
    assert sorted(handin.ignored) == ["notes/", "weights/"]
    assert not handin.ready
    assert any("git add -f" in line for line in handin.lines())


def test_only_files_of_the_solution_matter(tmp_path):
    desk = Desk(tmp_path, {"mlp/solution.py": SOLUTION, "other/solution.py": ""})
    desk.write(other__draft_py="")
    assert desk.inspect().ready
    desk.write(mlp__draft_py="")
    assert desk.inspect().uncommitted == ("mlp/draft.py",)


def test_the_commit_is_judged_as_the_marker_will(tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1\n"
    files = {"solution.py": "import einops\n", "data": Link("/data"), "weights/w.pt": pointer}
    handin = Desk(tmp_path, {**files, "big.bin": bytes(21_000_000)}).inspect()
    problems = "\n".join(handin.problems)
    assert "link: data;" in problems
    assert "Git LFS pointer: weights/w.pt;" in problems
    assert "file over 20 MB: big.bin;" in problems
    assert 'solution.py needs exactly one line such as FRAMEWORK = "pytorch"' in problems
    assert not handin.ready


def test_a_package_that_the_runtime_lacks_is_reported_by_name_and_line(tmp_path):
    handin = Desk(tmp_path, {"solution.py": SOLUTION + "import einops\n"}).inspect()
    assert not handin.ready
    assert "nor in the marker's runtime: einops (solution.py:3)" in "\n".join(handin.lines())


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"README.md": ""}, "there is no solution.py: put it at mlp/solution.py"),
        ({"solution.py": "def f(:\n"}, "solution.py cannot be read as Python (line 1): SyntaxError"),
        ({"solution.py": "x = \0\n"}, "solution.py cannot be read as Python"),
    ],
)
def test_a_commit_that_cannot_be_run_says_so(tmp_path, files, problem):
    assert problem in "\n".join(Desk(tmp_path, files).inspect().problems)


def test_an_untouched_starter_is_reported(desk):
    (desk.assignment.folder / "starter").mkdir(parents=True)
    (desk.assignment.folder / "starter/solution.py").write_text(SOLUTION)
    assert "the unchanged starter" in "\n".join(desk.inspect().problems)


def test_a_folder_without_repository_or_remote_says_what_to_do(tmp_path, desk):
    (tmp_path / "plain").mkdir()
    handin = inspect_handin(tmp_path / "plain", desk.assignment, runtime=runtime_with)
    assert "is not in a Git repository" in handin.lines()[0]
    with pytest.raises(UserError, match="nothing is pushed"):
        clean_clone(handin, tmp_path / "out")
    desk.git("remote", "remove", "origin")
    handin = desk.inspect()
    assert (handin.commit, handin.ready) == (None, False)
    assert "git remote add origin ADDRESS" in handin.lines()[0]
    assert ":( nothing is pushed: git push -u origin HEAD" in handin.lines()


def test_a_branch_that_was_never_pushed_is_no_hand_in(desk):
    desk.git("switch", "--quiet", "-c", "idea")
    assert desk.inspect().commit is None
    desk.git("switch", "--quiet", "--detach")
    assert "none (detached HEAD)" in desk.inspect().lines()[1]


def test_an_address_is_shown_without_its_token(desk):
    desk.git("remote", "set-url", "origin", "https://me:ghp_secret@github.com/a/b")
    assert desk.inspect().repository == "https://github.com/a/b"


def test_a_clean_clone_holds_the_pushed_commit_alone(desk, tmp_path):
    desk.write(solution_py="changed", new_py="")
    clone = clean_clone(desk.inspect(), tmp_path / "out")
    assert (clone / "solution.py").read_text() == SOLUTION
    assert sorted(path.name for path in clone.iterdir()) == ["README.md", "solution.py"]


def test_a_clean_clone_of_a_commit_without_solution_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"holds no mlp/solution.py"):
        clean_clone(Desk(tmp_path, {"README.md": ""}).inspect(), tmp_path / "out")


def test_hooks_and_monitors_of_the_clone_are_not_run(desk, tmp_path):
    marker = tmp_path / "marker"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {marker}\n")
    script.chmod(0o755)
    desk.git("config", "core.fsmonitor", str(script))
    git("-C", str(desk.folder), "status")
    assert marker.exists()  # the control: git itself does run it
    marker.unlink()
    desk.inspect()
    assert not marker.exists()


def test_a_linked_work_tree_packed_refs_and_a_shallow_clone_are_read_as_git_reads_them(desk, tmp_path):
    desk.git("pack-refs", "--all")
    desk.git("worktree", "add", "--quiet", "-b", "main2", str(tmp_path / "tree"), "HEAD")
    git("-C", str(tmp_path / "tree"), "branch", "--quiet", "--set-upstream-to=origin/main")
    (tmp_path / "tree/new.py").write_text("")
    handin = inspect_handin(tmp_path / "tree", desk.assignment, runtime=runtime_with)
    assert (handin.root, handin.branch, handin.tracked) == (tmp_path / "tree", "main2", "origin/main")
    assert (handin.commit, handin.uncommitted) == (desk.tip, ("new.py",))
    desk.write(solution_py=SOLUTION + "x = 1\n")
    desk.commit()
    desk.git("push", "--quiet")
    git("clone", "--quiet", "--depth=1", f"file://{tmp_path}/host.git", str(tmp_path / "shallow"))
    assert inspect_handin(tmp_path / "shallow", desk.assignment, runtime=runtime_with).ready


def test_what_the_disk_cannot_keep_is_no_change(desk):
    (desk.folder / "solution.py").chmod(0o755)
    assert desk.inspect().uncommitted == ("solution.py",)
    desk.git("config", "core.fileMode", "false")
    handin = desk.inspect()
    assert (handin.uncommitted, handin.left_out) == ((), ())


def test_a_clone_that_belongs_to_somebody_else_is_read_too(desk, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setattr(hardened_git, "PASSED_ON", (*hardened_git.PASSED_ON, "GIT_TEST_ASSUME_DIFFERENT_OWNER"))
    assert desk.inspect().ready


def test_a_work_tree_elsewhere_is_not_looked_at(desk, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    desk.git("config", "core.worktree", str(tmp_path / "elsewhere"))
    handin = desk.inspect()
    assert (handin.root, handin.uncommitted, handin.left_out) == (desk.folder, (), ("core.worktree",))


@pytest.mark.parametrize("head", ["ref: ../../../../etc/passwd", "ref: refs/heads/\0", "", "x" * 5000])
def test_a_head_that_names_no_branch_ends_in_words(desk, head):
    (desk.folder / ".git/HEAD").write_text(head)
    handin = desk.inspect()
    assert handin.commit is None
    assert ":( nothing is pushed: git push -u origin HEAD" in handin.lines()


# As the student's own git status says


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A student's home folder, for their git and for medmark's."""
    folder = tmp_path / "home"
    (folder / ".config/git").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"):
        monkeypatch.delenv(name, raising=False)
    return folder


def own_status(desk, home):
    """What the student's own git finds changed or new."""
    status = own_git(desk, home, "--no-optional-locks", "status", "--porcelain", "-z")
    return tuple(sorted(line[3:] for line in status.split("\0") if line))


def own_git(desk, home, *arguments):
    return subprocess.run(
        ["git", "-C", str(desk.folder), *arguments], check=True, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"},
    ).stdout  # fmt: skip


def globally(home, key, value):
    subprocess.run(["git", "config", "--global", key, value], check=True, env={**os.environ, "HOME": str(home)})


@pytest.mark.parametrize("where", ["global", "standard", "home", "included", "conditional", "local", "xdg", "exclude"])
def test_what_the_students_git_ignores_is_not_reported_as_uncommitted(desk, home, monkeypatch, where):
    (home / "ignore").write_text("*.swp\nnotes.txt\n")
    if where == "standard":
        (home / "ignore").rename(home / ".config/git/ignore")
    elif where == "xdg":
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
        (home / "xdg/git").mkdir(parents=True)
        (home / "ignore").rename(home / "xdg/git/ignore")
    elif where == "exclude":
        (desk.folder / ".git/info").mkdir(exist_ok=True)
        (home / "ignore").rename(desk.folder / ".git/info/exclude")
    elif where == "local":
        desk.git("config", "core.excludesFile", str(home / "ignore"))
    elif where in ("included", "conditional"):
        (home / "more").write_text(f"[core]\n excludesFile = {home}/ignore\n")
        key = "include.path" if where == "included" else f"includeIf.gitdir:{desk.folder}/.path"
        globally(home, key, str(home / "more"))
    else:
        globally(home, "core.excludesFile", "~/ignore" if where == "home" else str(home / "ignore"))
    for name in (".solution.py.swp", "notes.txt"):
        (desk.folder / name).write_text("")
    if where != "xdg":
        assert own_status(desk, home) == ()  # the control
    handin = desk.inspect()
    assert (handin.uncommitted, handin.left_out, handin.ready) == ((), (), True)


@pytest.mark.parametrize(
    ("setting", "attributes"),
    [(("core.autocrlf", "true"), ""), (("core.autocrlf", "input"), ""), (("core.eol", "crlf"), "* text\n"),
     (("core.attributesFile", "~/attributes"), "* text eol=crlf\n")],
)  # fmt: skip
def test_line_ends_that_git_converts_are_no_change(desk, home, setting, attributes):
    globally(home, *setting)
    if setting[0] == "core.attributesFile":
        (home / "attributes").write_text(attributes)
    elif attributes:
        (desk.folder / ".git/info").mkdir(exist_ok=True)
        (desk.folder / ".git/info/attributes").write_text(attributes)
    path = desk.folder / "solution.py"
    path.unlink()
    own_git(desk, home, "checkout", "--", "solution.py")
    if setting != ("core.autocrlf", "input"):
        assert b"\r\n" in path.read_bytes()
    os.utime(path, (1e9, 1e9))  # git has to look at what it holds
    assert own_status(desk, home) == ()  # the control
    assert desk.inspect().uncommitted == ()
    path.write_bytes(path.read_bytes() + b"x = 1\r\n")
    assert desk.inspect().uncommitted == own_status(desk, home) == ("solution.py",)


@pytest.mark.parametrize("form", ["assume-unchanged", "skip-worktree", "sparse", "cone", "submodule"])
def test_files_that_git_must_leave_alone_are_reported_as_git_does(tmp_path, home, form):
    desk = Desk(tmp_path, {"solution.py": SOLUTION, "mlp/solution.py": SOLUTION, "data/a.csv": "1", "README.md": ""})
    if form == "submodule":
        make(tmp_path / "sub.git", {"a": "1"})
        desk.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", f"file://{tmp_path}/sub.git", "sub")
        desk.commit()
        desk.git("push", "--quiet")
        (desk.folder / "sub/b").write_text("")
        assert desk.inspect().uncommitted == ()  # a submodule is not fetched by the marker, which says so
        return
    if form in ("sparse", "cone"):
        desk.git("sparse-checkout", "set", *(["--cone", "mlp"] if form == "cone" else ["--no-cone", "/mlp/", "/*.py"]))
    else:
        desk.git("update-index", f"--{form}", "mlp/solution.py")
        (desk.folder / "mlp/solution.py").write_text("changed = 1\n")
    assert desk.inspect().uncommitted == own_status(desk, home) == ()
    (desk.folder / "mlp/new.py").write_text("")
    assert desk.inspect().uncommitted == own_status(desk, home) == ("mlp/new.py",)


def test_settings_that_cannot_be_read_leave_the_others(desk, home):
    (home / "ignore").write_text("notes.txt\n")
    globally(home, "core.excludesFile", str(home / "ignore"))
    (desk.folder / "notes.txt").write_text("")
    os.mkfifo(desk.folder / ".git/pipe")
    desk.git("config", "core.attributesFile", str(desk.folder / ".git/pipe"))
    assert desk.inspect().uncommitted == ()


def test_a_setting_that_names_no_list_takes_the_place_of_the_standard_one(desk, home):
    (home / ".config/git/ignore").write_text("notes.txt\n")
    desk.git("config", "core.excludesFile", "")
    (desk.folder / "notes.txt").write_text("")
    assert desk.inspect().uncommitted == ("notes.txt",)
    assert own_status(desk, home) == ("notes.txt",)  # the control


def test_a_list_that_may_not_be_read_is_passed_over_as_git_does(desk, home, monkeypatch):
    """Root may read everything, so the refusal is simulated."""
    closed = home / ".config/git/ignore"
    is_file = Path.is_file

    def refused(path):
        if path == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refused)
    assert desk.inspect().ready


def test_an_editors_file_among_ignored_weights_is_no_lost_weight(desk, home):
    (home / ".config/git/ignore").write_text("*.swp\n")
    desk.write(weights__w_pt="1")
    desk.commit()
    desk.git("push", "--quiet")
    (desk.folder / "weights/.w.pt.swp").write_text("")
    assert desk.inspect().ready


def test_another_version_here_is_one_grey_line_and_no_problem(desk):
    older = RuntimeFacts("3.9", {"torch": "1.0"}, ("torch",))
    handin = inspect_handin(desk.folder, desk.assignment, runtime=lambda _: older)
    (line,) = [line for line in handin.lines() if line.startswith(":|")]
    assert line == f":| here Python {HERE} and torch {TORCH}; the marker has Python 3.9 and torch 1.0"
    assert handin.ready


def test_the_same_versions_are_not_mentioned(desk):
    same = RuntimeFacts(HERE, {"torch": TORCH}, ("torch",))
    handin = inspect_handin(desk.folder, desk.assignment, runtime=lambda _: same)
    assert not [line for line in handin.lines() if line.startswith(":|")]


def test_what_the_handout_says_of_the_runtime_holds_and_not_what_is_installed_here(desk):
    folder = desk.assignment.folder
    folder.mkdir()
    offered = RuntimeFacts("3.11", {"torch": TORCH}, ("torch", "einops"))
    (folder / "handout.json").write_text(HandoutNote("mlp", "0.1.0", "", {"pytorch": offered}).text())
    desk.write(solution_py=SOLUTION + "import einops\nimport pytest\n")
    desk.commit()
    desk.git("push", "--quiet")
    (problem,) = inspect_handin(desk.folder, desk.assignment).problems
    assert "nor in the marker's runtime: pytest (solution.py:4)" in problem
