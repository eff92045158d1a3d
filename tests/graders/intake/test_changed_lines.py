"""How many lines commits change: counted by hand, and bounded whatever the group committed."""

import pytest

from graders.intake import changed_lines as counting
from graders.intake.changed_lines import Changed, LineCounts, changed_lines
from tests.graders.intake.repositories import Link, Module, git, make, push


@pytest.fixture
def mirror(tmp_path):
    folder = tmp_path / "mirror"
    make(folder)
    return folder


def test_each_commit_counts_what_it_adds_and_removes_against_its_parent(mirror):
    first = push(mirror, {"a": "1\n2\n3\n"})
    second = push(mirror, {"a": "1\nII\n3\n4\n", "b": "x\n"})
    third = push(mirror, {"b": "x\n"})
    assert changed_lines(mirror, [first, second, third]) == LineCounts(
        {first: Changed(3, 0), second: Changed(3, 1), third: Changed(0, 4)}
    )


def test_a_file_that_moves_and_an_empty_commit_change_nothing(mirror):
    push(mirror, {"a": "1\n2\n"})
    moved = push(mirror, {"folder/b": "1\n2\n"})
    empty = push(mirror, {"folder/b": "1\n2\n"})
    assert changed_lines(mirror, [moved, empty]).changed == {moved: Changed(), empty: Changed()}


def test_a_merge_of_many_counts_no_line_twice(mirror):
    base = push(mirror, {"a": "1\n"})
    branches = []
    for name in ("x", "y", "z"):
        git(f"--git-dir={mirror}", "update-ref", f"refs/heads/{name}", base)
        branches.append(push(mirror, {"a": "1\n", name: "new\n"}, name))
    tree = git(f"--git-dir={mirror}", "rev-parse", "x^{tree}")
    parents = [word for branch in branches for word in ("-p", branch)]
    identity = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    merge = git(*identity, f"--git-dir={mirror}", "commit-tree", tree, *parents, "-m", "All three")
    counts = changed_lines(mirror, [merge, *branches, base])
    assert counts.changed == {merge: Changed(), base: Changed(1)} | dict.fromkeys(branches, Changed(1))


def test_binary_and_large_files_count_by_their_size(mirror, monkeypatch):
    monkeypatch.setattr(counting, "FILE_BYTES", 100)
    first = push(mirror, {"text": "1\n" * 50, "large": "1\n" * 51, "weights": b"\0" * 30})
    second = push(mirror, {"text": "1\n" * 50, "large": "2\n" * 60})
    assert changed_lines(mirror, [first, second]).changed == {
        first: Changed(50, 0, by_size=2, bytes=102 + 30),
        second: Changed(0, 0, by_size=2, bytes=120),  # the weights are gone
    }


@pytest.mark.parametrize(
    "name",
    ["é/Ω.py", "two\nlines", "a\tb", "tab at its end\t", ":100644 R", "1\t2\t", "\x1b[2J", "\udcff", "-", "1" * 40],
)
def test_no_name_confuses_the_count(mirror, name):
    first = push(mirror, {name: "1\n2\n", "z": b"\0"})
    second = push(mirror, {f"moved/{name}": "1\n2\n", "z": b"\0\0"})
    counts = changed_lines(mirror, [first, second])
    assert counts.changed == {first: Changed(2, 0, 1, 1), second: Changed(0, 0, 1, 2)}


def test_links_and_submodules_are_a_line_each(mirror):
    first = push(mirror, {"a": "1\n2\n", "module": Module()})
    second = push(mirror, {"a": Link("/etc/passwd"), "module": Module("2" * 40)})
    assert changed_lines(mirror, [first, second]).changed == {first: Changed(3, 0), second: Changed(2, 3)}


@pytest.mark.parametrize("attribute", ["diff", "-diff", "diff=driver", "binary", "working-tree-encoding=UTF-16"])
def test_attributes_of_the_repository_decide_nothing(mirror, attribute, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {tmp_path}/canary")
    commit = push(mirror, {".gitattributes": f"* {attribute}\n", "a": "1\n", "b": b"\0"})
    assert changed_lines(mirror, [commit]).changed == {commit: Changed(2, 0, 1, 1)}
    assert not (tmp_path / "canary").exists()


def test_a_commit_of_too_many_files_is_left_out_and_its_neighbours_count(mirror, monkeypatch):
    monkeypatch.setattr(counting, "FILES", 3)
    first = push(mirror, {"a": "1\n"})
    crowd = push(mirror, {f"data/{number}": "1\n" for number in range(4)})
    last = push(mirror, {f"data/{number}": "1\n" for number in range(3)})
    counts = changed_lines(mirror, [last, crowd, first])
    assert (dict(counts.changed), counts.crowded) == ({first: Changed(1), last: Changed(0, 1)}, {crowd})


def test_of_output_that_is_cut_off_only_whole_commits_count(mirror, monkeypatch):
    monkeypatch.setattr(counting, "OUTPUT_MB", 0.005)
    small = push(mirror, {"a": "1\n"})
    long = push(mirror, {"n" * 200 + str(number): "1\n" for number in range(20)})
    counts = changed_lines(mirror, [small, long])
    assert (dict(counts.changed), counts.crowded) == ({small: Changed(1)}, frozenset())


def test_when_the_time_is_over_nothing_is_counted_and_nothing_is_zero(mirror):
    assert changed_lines(mirror, [push(mirror, {"a": "1\n"})], count_s=-1) == LineCounts({})


def test_a_commit_that_git_cannot_read_takes_no_other_with_it(mirror):
    commit = push(mirror, {"a": "1\n"})
    counts = changed_lines(mirror, [commit, "1" * 40])
    assert counts.changed == {commit: Changed(1)}


def test_a_commit_with_too_many_files_is_left_out_before_git_looks_for_moves(mirror, monkeypatch):
    """Among very many equal files Git looks long for which one moved where."""
    monkeypatch.setattr(counting, "FILES", 3)
    push(mirror, {"a": "1\n", "b": "1\n"})
    moved = push(mirror, {"to/a": "1\n", "to/b": "1\n"})
    assert changed_lines(mirror, [moved]) == LineCounts({}, {moved})


def test_a_commit_at_which_git_ends_takes_none_but_its_neighbour_with_it(mirror):
    first, second, third, fourth = (push(mirror, {"a": f"{number}\n"}) for number in range(4))
    tree = git(f"--git-dir={mirror}", "rev-parse", f"{second}^{{tree}}")
    (mirror / "objects" / tree[:2] / tree[2:]).unlink()
    counts = changed_lines(mirror, [fourth, third, second, first])
    assert counts.changed == {fourth: Changed(1, 1), first: Changed(1)}
