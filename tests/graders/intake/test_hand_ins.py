"""Folders of downloaded submissions: whose each is, what is taken, and how a commit of it is collected."""

from __future__ import annotations

import csv
import os
import zipfile
from datetime import UTC, datetime

import pytest

from assignments.errors import UserError
from graders.course.course import load_course
from graders.intake.clone import signature_of
from graders.intake.collect import collect
from graders.intake.hand_in_commits import hand_in_address, take_hand_ins, write_waiting
from graders.record.ledger import Ledger
from reports.hand_in_lines import not_taken_lines, taken_lines
from tests.graders.intake.repositories import at, git
from tests.graders.intake.test_collect import ASSIGNMENT, COURSE, SOLUTION

HEADER = "group,member,name,email,repository,shown_group"
PEOPLE = (
    ("group-07", "25001234", "Ada Byron", "Group 7"),
    ("group-07", "25001235", "Grace O'Murray", "Group 7"),
    ("group-08", "25001236", "José Núñez", "Group 8"),
    ("group-09", "25001237", "Ada Byron", "Group 9"),
)
DATE = datetime(2027, 1, 15, 11, 42, tzinfo=UTC)


@pytest.fixture
def course(tmp_path):
    home = tmp_path / "course"
    (home / "coursework/starter").mkdir(parents=True)
    (home / "coursework/assignment.toml").write_text(ASSIGNMENT)
    (home / "coursework/brief.md").write_text("Train.")
    (home / "coursework/starter/solution.py").write_text(SOLUTION)
    (home / "course.toml").write_text(COURSE)
    rows = [
        f"{group},{member},{name},{member}@ucl.ac.uk,file://{home}/handins/{group}.git,{shown}"
        for group, member, name, shown in PEOPLE
    ]
    (home / "roster.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    return load_course(home)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


def write(path, text=SOLUTION, date=DATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (date.timestamp(), date.timestamp()))


def files_of(course, group):
    listed = git(f"--git-dir={course.folder}/handins/{group}.git", "ls-tree", "-r", "--name-only", "-z", "main")
    return sorted(filter(None, listed.split("\0")))


def taken(course, folder):
    """By group, who handed in and what was left out; then all that was not taken."""
    read = take_hand_ins(course, "mlp", folder)
    return {each.hand_in.group.name: (each.hand_in.by, each.hand_in.left_out) for each in read.commits}, read


# Whose it is


@pytest.mark.parametrize(
    ("name", "group", "by"),
    [
        ("José Núñez_90213_assignsubmission_file_", "group-08", "José Núñez (25001236)"),
        ("José Núñez_90213_assignsubmission_file", "group-08", "José Núñez (25001236)"),
        ("Grace OMurray_90212_assignsubmission_file_", "group-07", "Grace O'Murray (25001235)"),
        ("Group 7-Ada Byron_90211_assignsubmission_file_", "group-07", "Ada Byron (25001234)"),
        ("Group 9-Ada Byron_90217_assignsubmission_file_", "group-09", "Ada Byron (25001237)"),
        ("group-08", "group-08", "group-08"),
        ("Group 8", "group-08", "group-08"),
        ("25001236", "group-08", "José Núñez (25001236)"),
        ("25001236@ucl.ac.uk", "group-08", "José Núñez (25001236)"),
        ("jose\u0301 nu\u0301n\u0303ez", "group-08", "José Núñez (25001236)"),
    ],
)
def test_a_folder_belongs_to_whom_its_name_means(course, folder, name, group, by):
    write(folder / name / "solution.py")
    commits, read = taken(course, folder)
    assert commits == {group: (by, ())}
    assert (read.refused, read.unmatched) == ((), ())
    assert files_of(course, group) == ["mlp/solution.py"]


def test_files_that_moodle_downloads_without_folders_are_one_hand_in(course, folder):
    write(folder / "José Núñez_90213_assignsubmission_file_solution.py")
    write(folder / "José Núñez_90213_assignsubmission_file_notes_on_it.md", "notes")
    write(folder / "José Núñez_90213_assignsubmission_onlinetext_onlinetext.html", "<p>text</p>")
    taken(course, folder)
    assert files_of(course, "group-08") == [
        "mlp/moodle_onlinetext/onlinetext.html", "mlp/notes_on_it.md", "mlp/solution.py",
    ]  # fmt: skip


def test_what_belongs_to_no_group_or_may_be_of_two_is_listed(course, folder):
    for name in ("Ada Byron_90211_assignsubmission_file_", "Eve_1_assignsubmission_file_"):
        write(folder / name / "solution.py")
    write(folder / "notes.txt", "notes")
    (folder / "group-08").symlink_to("/etc")
    commits, read = taken(course, folder)
    assert commits == {}
    assert list(not_taken_lines(read)) == [
        "No group: group-08: is a link",
        "No group: notes.txt: is neither a folder nor named as Moodle names a hand-in",
        "No group: Ada Byron_90211_assignsubmission_file_: may be 25001234 and 25001237: rename it to the group or the "
        "member",
        "No group: Eve_1_assignsubmission_file_: is not in the roster",
    ]
    assert read.without == ("group-07", "group-08", "group-09")


# What is taken


def test_two_members_with_the_same_files_are_one_hand_in(course, folder):
    for who in ("25001234", "25001235"):
        write(folder / who / "solution.py")
    commits, _ = taken(course, folder)
    assert commits == {"group-07": ("Ada Byron (25001234) and Grace O'Murray (25001235)", ())}


def test_two_hand_ins_that_differ_are_listed_and_none_is_taken(course, folder):
    write(folder / "25001234/solution.py")
    write(folder / "25001235/solution.py", SOLUTION + "x = 2\n")
    commits, read = taken(course, folder)
    assert commits == {}
    assert read.refused == (
        "group-07: 2 hand-ins that differ (Ada Byron (25001234), files of 2027-01-15 11:42 UTC; Grace O'Murray "
        "(25001235), files of 2027-01-15 11:42 UTC): leave the one that counts in the folder. None is taken",
    )
    assert files_of_or_none(course, "group-07") == []


def files_of_or_none(course, group):
    return list((course.folder / f"handins/{group}.git/refs/heads").iterdir())


@pytest.mark.parametrize("root", ["", "mlp/", "my work/", "my work/mlp/"])
def test_the_coursework_is_found_where_people_put_it(course, folder, root):
    write(folder / "group-08" / root / "solution.py")
    write(folder / "group-08" / root / "weights/w.npz", b"1")
    taken(course, folder)
    assert files_of(course, "group-08") == ["mlp/solution.py", "mlp/weights/w.npz"]


def test_what_lies_beside_the_coursework_is_named(course, folder):
    write(folder / "group-08/mlp/solution.py")
    write(folder / "group-08/elsewhere.txt", "x")
    commits, _ = taken(course, folder)
    assert commits["group-08"][1] == ("only mlp/ is taken, not: elsewhere.txt",)


def test_links_pipes_git_folders_and_odd_names_are_left_out_and_named(course, folder, tmp_path):
    home = folder / "group-08"
    write(home / "solution.py")
    write(tmp_path / "secret/key", "secret")
    (home / "link.py").symlink_to(tmp_path / "secret/key")
    (home / "folder").symlink_to(tmp_path / "secret")
    os.mkfifo(home / "pipe")
    write(home / ".git/hooks/post-checkout", "#!/bin/sh\ntouch /tmp/pwned\n")
    write(home / "a\nb.py")
    write(home / "-rf")
    write(home / "\u202egnp.py")
    commits, _ = taken(course, folder)
    assert files_of(course, "group-08") == ["mlp/solution.py"]
    assert commits["group-08"][1] == (
        "links and special files are not taken: folder, link.py, pipe",
        "names that are not ordinary, such as .git, are not taken: -rf, .git, a\\nb.py, \\u202egnp.py",
    )


def test_archives_stay_closed(course, folder):
    (folder / "group-08").mkdir()
    with zipfile.ZipFile(folder / "group-08/work.zip", mode="w") as archive:
        archive.writestr("solution.py", SOLUTION)
    write(folder / "group-08/solution.py")
    commits, _ = taken(course, folder)
    assert files_of(course, "group-08") == ["mlp/solution.py", "mlp/work.zip"]
    assert commits["group-08"][1] == (
        "archives stay closed; unpack them into the folder if they hold the work: work.zip",
    )


def test_an_online_text_alone_is_not_a_hand_in_of_files(course, folder):
    write(folder / "José Núñez_90213_assignsubmission_onlinetext_/onlinetext.html", "<p>https://github.com/a/b</p>")
    _, read = taken(course, folder)
    assert len(read.refused) == 1
    assert "no file was handed in" in read.refused[0]


def test_more_than_the_course_allows_is_not_taken(course, folder):
    for number in range(31):
        write(folder / f"group-08/{number}.txt", "x")
    write(folder / "group-07/solution.py", b"\0" * 3_000_000)
    small = course.repositories.model_copy(update={"files": 3, "size_mb": 2})
    _, read = taken(course.model_copy(update={"repositories": small}), folder)
    assert read.refused == (
        "group-07: has more than 2 MB: nothing of it is taken",
        "group-08: has more than 30 entries: nothing of it is taken",
    )


def test_names_of_any_script_and_quotes_come_through(course, folder):
    names = ["größe.md", "数据.txt", "it's (1).txt", "a b.txt", "solution.py"]
    for name in names:
        write(folder / "group-08" / name, name)
    taken(course, folder)
    assert files_of(course, "group-08") == sorted(f"mlp/{name}" for name in names)


# The commit


def test_a_commit_says_who_handed_in_and_what_the_files_say_of_when(course, folder):
    write(folder / "Grace OMurray_90212_assignsubmission_file_/solution.py")
    read = take_hand_ins(course, "mlp", folder)
    (commit,) = [each.commit for each in read.commits]
    signature = signature_of(course.folder / "handins/group-07.git", commit)
    assert signature.author == "Grace O'Murray (25001235) <>"
    assert signature.date == "2027-01-15T11:42:00+00:00"
    assert signature.message == "mlp: Grace OMurray_90212_assignsubmission_file_"
    assert (
        next(iter(taken_lines(read))).split()
        == (f"group-07 {commit[:10]} new: 1 file of Grace O'Murray (25001235), files of 2027-01-15 11:42 UTC").split()
    )


def test_the_same_folder_twice_commits_nothing_anew(course, folder):
    write(folder / "group-08/solution.py")
    first = take_hand_ins(course, "mlp", folder)
    again = take_hand_ins(course, "mlp", folder)
    assert [each.new for each in (*first.commits, *again.commits)] == [True, False]
    assert first.commits[0].commit == again.commits[0].commit


def test_a_later_hand_in_stands_on_the_earlier_one_and_files_go(course, folder):
    write(folder / "group-08/solution.py")
    write(folder / "group-08/old.py")
    take_hand_ins(course, "mlp", folder)
    (folder / "group-08/old.py").unlink()
    write(folder / "group-08/solution.py", SOLUTION + "x = 2\n")
    take_hand_ins(course, "mlp", folder)
    assert files_of(course, "group-08") == ["mlp/solution.py"]
    assert git(f"--git-dir={course.folder}/handins/group-08.git", "rev-list", "--count", "main") == "2"


def test_hand_ins_of_two_assignments_lie_beside_each_other(course, folder):
    both = course.model_copy(update={"assignments": {**course.assignments, "unet": course.assignments["mlp"]}})
    write(folder / "group-08/solution.py")
    take_hand_ins(both, "mlp", folder)
    take_hand_ins(both, "unet", folder)
    assert files_of(course, "group-08") == ["mlp/solution.py", "unet/solution.py"]


def test_a_hand_in_is_collected_like_any_other(course, folder):
    write(folder / "group-08/solution.py", SOLUTION + "x = 1\n")
    read = take_hand_ins(course, "mlp", folder)
    with Ledger.open(course.ledger) as ledger:
        receipts = {each.group: each for each in collect(course, "mlp", ledger, now=lambda: at("11:50"))}
    assert receipts["group-08"].commit == read.commits[0].commit
    assert receipts["group-08"].counting.state == "provisional"
    assert receipts["group-08"].problems == ()
    assert receipts["group-07"].how == "empty"  # nothing was handed in, and its repository says so


def test_after_the_due_time_commits_wait_for_a_person_who_gets_a_table(course, folder):
    write(folder / "Grace OMurray_90212_assignsubmission_file_/solution.py")
    read = take_hand_ins(course, "mlp", folder)
    with Ledger.open(course.ledger) as ledger:
        receipts = collect(course, "mlp", ledger, now=lambda: at("18:00"))
    path = write_waiting(course, "mlp", read, receipts)
    with path.open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"group": "group-07", "value": read.commits[0].commit, "handed_in_by": "Grace O'Murray (25001235)",
             "files_say": "2027-01-15 11:42"},
        ]  # fmt: skip
    assert write_waiting(course, "mlp", read, []) is None


# What is refused


def test_a_roster_without_such_repositories_says_what_to_write(course, folder):
    (course.folder / "roster.csv").write_text(f"{HEADER}\ng1,s1,Ada,a@b.org,https://github.com/a/b,\n")
    with pytest.raises(UserError) as caught:
        take_hand_ins(load_course(course.folder), "mlp", folder)
    assert f'repository = "file://{course.folder}/handins/{{group}}.git"' in str(caught.value)
    assert hand_in_address(course, "g1") == f"file://{course.folder}/handins/g1.git"


def test_a_group_with_a_repository_elsewhere_keeps_it(course, folder):
    text = (course.folder / "roster.csv").read_text()
    text = text.replace(f"file://{course.folder}/handins/group-08.git", "https://github.com/a/b")
    (course.folder / "roster.csv").write_text(text)
    write(folder / "group-08/solution.py")
    _, read = taken(load_course(course.folder), folder)
    assert read.refused == ("group-08: the roster has another repository for this group; group-08 is not taken",)


def test_an_archive_in_place_of_the_folder_is_refused(course, tmp_path):
    (tmp_path / "all.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"is a file\. Unpack it into a folder"):
        take_hand_ins(course, "mlp", tmp_path / "all.zip")
    with pytest.raises(UserError, match="there is no such folder"):
        take_hand_ins(course, "mlp", tmp_path / "nowhere")
