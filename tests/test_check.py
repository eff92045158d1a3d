"""Both checks of a student, from where they are and on what they have: macOS, another folder, no fork."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from assignments.data.case_files import write_cases
from tests.commands import typed
from tests.graders.intake.repositories import git, make
from tests.small_course import SOUND, environment, write_assignment


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A group's repository with the handout of an own assignment and a sound solution, pushed."""
    home = tmp_path_factory.mktemp("made")
    write_assignment(home / "halves")
    shutil.rmtree(home / "halves/hidden_tests")
    (home / "halves/handout.json").write_text('{"assignment": "halves"}')
    write_cases(home / "halves/data", "train", rows([0, 1, 1, 0, 1]))
    write_cases(home / "halves/data", "val", rows([1, 0]))
    files = {
        path.relative_to(home).as_posix(): path.read_bytes() for path in (home / "halves").rglob("*") if path.is_file()
    }
    make(home / "host.git", {**files, "halves/solution.py": SOUND, "halves/notes/plan.md": ""})
    return home / "host.git"


def rows(labels):
    """Rows whose halves differ by 2.5 where the label is 1."""
    y = np.array(labels, np.uint8)
    return {"x": np.float32(2.5) * y[:, None] * np.float32([0, 0, 0, 1]), "y": y}


@pytest.fixture
def clone(made, tmp_path):
    """A clone of a host of its own, which a test may push to."""
    host = shutil.copytree(made, tmp_path / "host.git")
    git("clone", "--quiet", f"file://{host}", str(tmp_path / "clone"))
    return tmp_path / "clone"


def check(folder, *words, **variables):
    output = typed(["check", *map(str, words)], folder, {**environment(), **variables})
    assert "Traceback" not in output.err, output.err
    return output


@pytest.mark.parametrize("inside", [".", "halves", "halves/notes"])
@pytest.mark.parametrize("words", [[], ["--handin"]], ids=["check", "handin"])
def test_an_own_assignment_is_found_from_anywhere_inside_the_repository(clone, inside, words):
    output = check(clone / inside, *words)
    assert output.code == 0, output.out + output.err
    assert "1 of 1 public tests passed." in output.out


def test_its_id_is_enough_from_anywhere_inside_the_repository(clone):
    assert check(clone / "halves/notes", "halves").code == 0


def test_a_folder_around_the_repository_is_not_looked_at(clone, tmp_path):
    write_assignment(tmp_path / "around")
    (tmp_path / "around/halves.txt").write_text("")
    shutil.rmtree(clone / "halves")
    output = check(clone)
    assert output.code == 2
    assert "which assignment? none of their folders lies here" in output.err


@pytest.mark.parametrize("words", [[], ["--handin"]], ids=["check", "handin"])
def test_where_nothing_can_be_forked_both_checks_say_the_same(clone, words):
    """As on macOS and Windows: each worker is a process that imports anew."""
    plain, spawned = check(clone, *words), check(clone, *words, MEDMARK_NO_FORK="1")
    assert (spawned.code, spawned.out) == (plain.code, plain.out)
    assert spawned.code == 0


def test_files_that_the_finder_leaves_are_no_part_of_the_work(clone):
    for folder in (".", "halves", "halves/public_tests"):
        (clone / folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (clone / "halves/._solution.py").write_bytes(b"\0\5\26\7")
    for words in ([], ["--handin"]):
        output = check(clone, *words)
        assert output.code == 0, output.out
        assert "DS_Store" not in output.out


@pytest.mark.parametrize("name", ["Solution.py", "SOLUTION.PY"])
def test_a_solution_in_other_capitals_is_named_although_a_mac_would_open_it(clone, name):
    (clone / "halves/solution.py").rename(clone / "halves" / name)
    output = check(clone)
    assert output.code == 2
    assert f"There is halves/{name}: capital letters count" in " ".join(output.err.split())
    git("-C", str(clone), "add", "-A")
    git("-C", str(clone), "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "Rename")
    git("-C", str(clone), "push", "--quiet")
    output = check(clone, "--handin")
    assert output.code != 0
    assert f"There is halves/{name}: capital letters count" in " ".join((output.out + output.err).split())


def test_without_the_handouts_cases_the_model_is_not_tried_and_the_check_does_not_pass(clone):
    shutil.rmtree(clone / "halves/data")
    output = check(clone)
    assert output.code == 1
    assert ":( the model was not tried, since there are no public cases here" in output.out
    assert "1 of 1 public tests passed." in output.out
