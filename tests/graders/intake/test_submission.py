"""What a group hands in is read as text and described; nothing of it is run."""

from __future__ import annotations

import ast
import errno
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from assignments.assignment import Assignment, Person
from assignments.handout_note import RuntimeFacts
from graders.course.roster import Group, Member
from graders.intake import submission as submission_file
from graders.intake.checkout import Caps
from graders.intake.clone import fetch
from graders.intake.hardened_git import GitFailed, Reach
from graders.intake.static_checks import StaticChecks
from graders.intake.submission import ComparedWith, find_solution, solution_digest, submission_at
from tests.graders.intake.pdfs import pdf
from tests.graders.intake.repositories import Link, at, make, push
from tests.loaded import of_catalogue

FILES = Reach(allow_file=True, timeout_s=20)
SOLUTION = 'FRAMEWORK = "pytorch"\n\ndef fit(): ...\n'


@pytest.fixture
def assignment(tmp_path):
    starter = tmp_path / "coursework/starter/solution.py"
    starter.parent.mkdir(parents=True)
    starter.write_text('FRAMEWORK = "pytorch"\n\ndef fit():\n    raise NotImplementedError\n')
    return Assignment.model_validate(
        {
            "id": "mlp", "title": "MLP", "task": "classification", "folder": tmp_path / "coursework",
            "data": {"source": "breast_cancer", "train": 1, "test": 1}, "run": {"mode": "weights"},
            "criterion": [{"kind": "person", "id": "report", "points": 10}],
        }
    )  # fmt: skip


@pytest.fixture(params=[0o077, 0o027])
def narrow_umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def submitted(tmp_path, assignment, files, path=""):
    """The submission of a repository with these files."""
    repository = tmp_path / "their.git"
    commit = push(repository, files) if repository.exists() else make(repository, files)
    fetch(tmp_path / "mirror", f"file://{repository}", "main", commit, at("12:00"), FILES)
    return again(tmp_path, assignment, commit, path)


def again(tmp_path, assignment, commit, path=""):
    members = (Member(id="s1", name="Ada", email="ada@ucl.ac.uk"),)
    group = Group(name="g1", members=members, repository=f"file://{tmp_path}/their.git", path=path)
    return submission_at(group, assignment, commit, tmp_path / "mirror", tmp_path / "out", Caps(), FILES)


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_the_assignments_own_folder_comes_before_the_root(tmp_path, assignment):
    files = {"mlp/solution.py": SOLUTION, "mlp/weights/w.npy": b"1", "solution.py": "x", "other/solution.py": "y"}
    submission = submitted(tmp_path, assignment, files)
    assert names(submission.folder) == ["solution.py", "weights/w.npy"]
    assert (submission.framework, submission.problems, submission.flags) == ("pytorch", (), ())
    assert submission.signature.author == "Ada <ada@ucl.ac.uk>"


def modes(folder):
    paths = (folder, *folder.rglob("*"))
    return {path.relative_to(folder).as_posix(): oct(path.stat().st_mode & 0o777) for path in paths}


def test_a_narrow_umask_hides_nothing_from_a_container(tmp_path, assignment, narrow_umask):
    files = {"solution.py": SOLUTION, "pkg/one.py": "", "weights/deep/w.npy": b"1"}
    submission = submitted(tmp_path, assignment, files)
    folders = dict.fromkeys([".", "pkg", "weights", "weights/deep"], "0o755")
    assert modes(submission.folder) == {
        **folders, "solution.py": "0o644", "pkg/one.py": "0o644", "weights/deep/w.npy": "0o644",
    }  # fmt: skip


def test_a_checkout_that_was_written_under_a_narrow_umask_is_mended_where_it_lies(tmp_path, assignment):
    submission = submitted(tmp_path, assignment, {"solution.py": SOLUTION, "pkg/one.py": ""})
    wide = modes(submission.folder)
    for path in (*submission.folder.rglob("*"), submission.folder):
        path.chmod(0o700 if path.is_dir() else 0o600)
    assert again(tmp_path, assignment, submission.commit).folder == submission.folder
    assert modes(submission.folder) == wide


def test_else_the_root_is_taken(tmp_path, assignment):
    submission = submitted(tmp_path, assignment, {"solution.py": SOLUTION, "model.py": "", "mlp/notes.md": ""})
    assert names(submission.folder) == ["mlp/notes.md", "model.py", "solution.py"]


def test_the_roster_may_name_a_folder_of_the_repository(tmp_path, assignment):
    files = {"teams/one/solution.py": SOLUTION, "teams/two/solution.py": "x"}
    submission = submitted(tmp_path, assignment, files, "teams/one")
    assert names(submission.folder) == ["solution.py"]
    with pytest.raises(GitFailed) as caught:
        again(tmp_path, assignment, submission.commit, "teams/three")
    assert 'no folder "teams/three"' in caught.value.feedback


def test_a_repository_without_solution_says_where_it_belongs(tmp_path, assignment):
    submission = submitted(tmp_path, assignment, {"README.md": ""})
    assert (submission.folder, submission.framework, submission.tree) == (None, None, None)
    assert "put it at mlp/solution.py" in submission.problems[0]


def test_a_solution_that_is_a_link_is_none(tmp_path, assignment):
    submission = submitted(tmp_path, assignment, {"mlp/solution.py": Link("../../hidden/secret"), "mlp/a": ""})
    assert submission.folder is None
    assert "link: solution.py" in submission.problems[0]


def test_the_unchanged_starter_is_reported_and_flagged_but_still_marked(tmp_path, assignment):
    starter = (assignment.folder / "starter/solution.py").read_text()
    submission = submitted(tmp_path, assignment, {"solution.py": starter.replace("\n", "\r\n") + "\n"})
    assert submission.untouched
    assert submission.folder is not None
    assert submission.flags == ("untouched starter",)
    assert "the solution is the unchanged starter" in submission.problems[0]
    assert not submitted(tmp_path, assignment, {"solution.py": starter + "x = 1\n"}).untouched


def test_a_starter_that_changes_during_the_course_leaves_both_unchanged_starters_reported(tmp_path, assignment):
    starter = assignment.folder / "starter/solution.py"
    first, second = starter.read_text(), starter.read_text() + "\ndef predict():\n    raise NotImplementedError\n"
    of_first = submitted(tmp_path, assignment, {"solution.py": first})
    of_second = submitted(tmp_path, assignment, {"solution.py": second})
    assert (of_first.untouched, of_second.untouched) == (True, False)
    starter.write_text(second)
    assert again(tmp_path, assignment, of_first.commit).untouched
    assert again(tmp_path, assignment, of_second.commit).untouched


def test_the_same_commit_is_written_once(tmp_path, assignment):
    submission = submitted(tmp_path, assignment, {"solution.py": SOLUTION, "x": Link("/etc")})
    solution = submission.folder / "solution.py"
    before = solution.stat().st_ino
    (tmp_path / "mirror").rename(tmp_path / "away")
    second = again(tmp_path, assignment, submission.commit)
    assert second == submission
    assert solution.stat().st_ino == before


def test_a_checkout_that_was_removed_is_written_again(tmp_path, assignment):
    submission = submitted(tmp_path, assignment, {"solution.py": SOLUTION})
    (submission.folder / "solution.py").unlink()
    submission.folder.rmdir()
    assert names(again(tmp_path, assignment, submission.commit).folder) == ["solution.py"]
    submission.folder.with_suffix(".json").write_text("{")
    assert again(tmp_path, assignment, submission.commit) == submission


def test_equal_work_in_other_commits_and_folders_has_one_digest(tmp_path, assignment):
    first = submitted(tmp_path, assignment, {"mlp/solution.py": SOLUTION, "README.md": "1"})
    second = submitted(tmp_path, assignment, {"solution.py": SOLUTION})
    third = submitted(tmp_path, assignment, {"solution.py": SOLUTION + "#"})
    assert first.commit != second.commit
    assert first.tree == second.tree != third.tree


def test_a_digest_tells_names_from_contents(tmp_path):
    digests = set()
    for number, files in enumerate([{"ab": "c"}, {"a": "bc"}, {"a": "b", "c": ""}, {"a/b": "c"}, {}]):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        digests.add(solution_digest(folder))
    assert len(digests) == 5
    (tmp_path / "4/link").symlink_to("/etc/passwd")
    (tmp_path / "4/__pycache__").mkdir()
    (tmp_path / "4/__pycache__/x.pyc").write_text("x")
    assert solution_digest(tmp_path / "4") in digests


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x = 1\n", 'needs exactly one line such as FRAMEWORK = "pytorch"; this assignment offers pytorch, tensorflow'),
        ('FRAMEWORK = "tensorflo"\n', 'FRAMEWORK = "tensorflo", which this assignment does not offer; did you mean'),
        (SOLUTION.encode("utf-16"), "solution.py is stored as UTF-16, which Python does not read: save it as UTF-8"),
    ],
)
def test_a_framework_that_is_missing_or_not_offered_is_reported(tmp_path, assignment, text, what):
    submission = submitted(tmp_path, assignment, {"solution.py": text})
    assert submission.framework is None
    assert what in submission.problems[0]


def test_a_students_own_folder_is_searched_the_same_way(tmp_path, assignment):
    assert find_solution(tmp_path, "mlp") is None
    (tmp_path / "solution.py").write_text(SOLUTION)
    assert find_solution(tmp_path, "mlp") == tmp_path
    (tmp_path / "mlp").mkdir()
    (tmp_path / "mlp/solution.py").symlink_to(tmp_path / "solution.py")
    assert find_solution(tmp_path, "mlp") == tmp_path


def test_a_missing_paper_is_a_problem_of_the_commit_that_counts_with_and_without_a_solution(tmp_path, assignment):
    report = Person(kind="person", id="report", points=10, file="report.pdf")
    asks = assignment.model_copy(update={"criteria": (report,)})
    missing = "report: report.pdf is not in the commit: put it at mlp/report.pdf, git add -f, commit and push"
    weights = {"mlp/solution.py": SOLUTION, "mlp/weights/w.npy": b"1"}
    assert submitted(tmp_path, asks, weights).problems == (missing,)
    assert missing in submitted(tmp_path, asks, {"README.md": ""}).problems
    assert submitted(tmp_path, asks, {**weights, "mlp/report.pdf": pdf()}).problems == ()
    assert submitted(tmp_path, assignment, weights).problems == ()


def parsing(parse):
    """In place of `dependencies`, which parses only what it has not kept."""
    return lambda _: SimpleNamespace(digests={"parsed": ast.dump(parse("1"))})


def test_groups_that_are_read_at_once_are_parsed_in_turn(tmp_path, monkeypatch):
    assignment = of_catalogue("mlp_classifier")
    commit = submitted(tmp_path, assignment, {"solution.py": SOLUTION}).commit
    at_work, most, parse = [], [], ast.parse

    def slow_parse(*args, **options):
        at_work.append(None)
        most.append(len(at_work))
        time.sleep(0.002)
        tree = parse(*args, **options)
        at_work.pop()
        return tree

    monkeypatch.setattr(ast, "parse", slow_parse)
    monkeypatch.setattr(submission_file, "dependencies", parsing(slow_parse))
    group = Group(name="g1", members=(), repository=f"file://{tmp_path}/their.git")
    mirror, folders = tmp_path / "mirror", [tmp_path / "out" / str(number) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda to: submission_at(group, assignment, commit, mirror, to, Caps(), FILES), folders))
    assert (max(most), len(most) > 100) == (1, True)


def test_the_files_of_a_commit_are_checked_once(tmp_path, assignment, monkeypatch):
    first = submitted(tmp_path, assignment, {"solution.py": "from .x import y\n" + SOLUTION})
    assert len(first.problems) == 1
    monkeypatch.setattr(submission_file, "static_checks", None)
    assert again(tmp_path, assignment, first.commit) == first


def test_they_are_checked_again_when_the_runtime_or_the_checks_have_changed(tmp_path, assignment, monkeypatch):
    first = submitted(tmp_path, assignment, {"solution.py": "import einops\n" + SOLUTION})
    assert first.problems == ()

    def without(framework):
        return RuntimeFacts("3.11", {}, ())

    group = Group(name="g1", members=first.members, repository=first.repository)
    args = (group, assignment, first.commit, tmp_path / "mirror", tmp_path / "out", Caps(), FILES)
    assert "einops" in submission_at(*args, ComparedWith(assignment, without)).problems[0]
    monkeypatch.setattr(submission_file, "CHECKED_BY", "graders/intake/grammar.py")
    monkeypatch.setattr(submission_file, "static_checks", lambda *_: StaticChecks("numpy", ("Other checks.",)))
    assert submission_at(*args, ComparedWith(assignment, without)).problems == ("Other checks.",)


def test_a_course_that_cannot_be_written_is_checked_each_time(tmp_path, assignment, monkeypatch):
    first = submitted(tmp_path, assignment, {"solution.py": SOLUTION})
    record = first.folder.with_suffix(".json")
    record.write_text(json.dumps({**json.loads(record.read_text()), "checks": None}))

    def full(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(submission_file, "replace_file", full)
    assert again(tmp_path, assignment, first.commit) == first
