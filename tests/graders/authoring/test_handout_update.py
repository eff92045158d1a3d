"""A handout is brought up to date where it lies; what students wrote stays as it is, to the byte."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import date

import pytest

from assignments.errors import UserError
from graders.authoring.handing_out import planned_handout
from graders.authoring.handout_update import planned_update
from reports.update_lines import update_lines
from tests.small_course import write_assignment

DAY = date(2027, 2, 1)
CHANGES = "HANDOUT_CHANGES.md"


@pytest.fixture
def staff(tmp_path, monkeypatch):
    """The instructor's folder of an assignment; the wheel is a small file."""

    def wheel(folder):
        path = folder / "medmark-1-py3-none-any.whl"
        path.write_bytes(b"wheel")
        return path

    monkeypatch.setattr("graders.authoring.handing_out.student_wheel", wheel)
    folder = write_assignment(tmp_path / "halves")
    (folder / "starter").mkdir()
    (folder / "starter/solution.py").write_text('FRAMEWORK = "numpy"\n')
    return folder


@pytest.fixture
def out(tmp_path, staff):
    """Where the handout lies, with work of students."""
    planned_handout(str(staff)).write(tmp_path / "out")
    home = tmp_path / "out/halves"
    (home / "solution.py").write_text("mine = 1\n")
    (home / "weights").mkdir()
    (home / "weights/w.npz").write_bytes(b"weights")
    (home / "notes.ipynb").write_text("{}")
    return tmp_path / "out"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def updated(staff, out, message=""):
    """What the update says of each file; it is written."""
    with planned_update(planned_handout(str(staff)), out) as update:
        fates = {change.name: change.fate for change in update.changes}
        if not update.changes_nothing:
            update.write(message, agreed=True, today=DAY)
        return fates


def test_a_handout_of_the_same_assignment_changes_nothing(staff, out):
    before = contents(out)
    with planned_update(planned_handout(str(staff)), out) as update:
        assert update.changes_nothing
        assert list(update_lines(update)) == [f"{out / 'halves'}: the handout is up to date"]
    assert contents(out) == before


def test_only_files_that_changed_are_written_and_the_note_says_what(staff, out):
    before = contents(out / "halves")
    (staff / "brief.md").write_text("# Which half is brighter\n\nSay which.\n")
    (staff / "public_tests/test_more.py").write_text("def test_more(student):\n    '''More.'''\n")
    assert updated(staff, out, "A test was missing.") == {"brief.md": "changed", "public_tests/test_more.py": "new"}
    after = contents(out / "halves")
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert changed == {"brief.md", "public_tests/test_more.py", "handout.json", CHANGES}
    assert after[CHANGES].decode() == (
        "# What changed on 2027-02-01\n\n"
        "A test was missing.\n\n"
        "Your own files are as you left them.\n\n"
        "- Changed: `brief.md` (lines: 2 new, 0 gone)\n"
        "- New: `public_tests/test_more.py`\n\n"
        "## What to do\n\n"
        "1. Run `medmark check halves` on your solution.\n"
        "2. Read what changed in the texts below, then commit and push.\n\n"
        "## The changed lines\n\n"
        "`brief.md`\n\n"
        "~~~~diff\n@@ -1 +1,3 @@\n # Which half is brighter\n+\n+Say which.\n~~~~\n"
    )
    assert updated(staff, out) == {}


def test_what_students_wrote_stays_even_if_the_starter_changes(staff, out):
    (staff / "starter/solution.py").write_text('FRAMEWORK = "numpy"\n\n\ndef difference(x): ...\n')
    before = contents(out / "halves")
    assert updated(staff, out) == {"solution.py": "beside"}
    after = contents(out / "halves")
    for name in ("solution.py", "weights/w.npz", "notes.ipynb"):
        assert after[name] == before[name]
    assert b"def difference" in after["solution.py.new"]
    assert b"The starter changed. Your `solution.py` is yours and stays" in after[CHANGES]


def test_a_solution_that_is_not_there_is_not_written(staff, out):
    (out / "halves/solution.py").unlink()
    (staff / "starter/solution.py").write_text("changed\n")
    assert updated(staff, out) == {}
    assert not (out / "halves/solution.py").exists()


def test_a_starter_that_the_handout_has_no_more_stays(staff, out, tmp_path):
    (staff / "starter/model.py").write_text("layers = 1\n")
    planned_handout(str(staff)).write(tmp_path / "second")
    (staff / "starter/model.py").unlink()
    assert updated(staff, tmp_path / "second") == {}
    assert (tmp_path / "second/halves/model.py").read_text() == "layers = 1\n"


def test_a_file_that_somebody_edited_stays_and_its_new_version_lies_beside_it(staff, out):
    (out / "halves/brief.md").write_text("my notes\n")
    (staff / "brief.md").write_text("# New brief\n")
    assert updated(staff, out) == {"brief.md": "beside"}
    after = contents(out / "halves")
    assert (after["brief.md"], after["brief.md.new"]) == (b"my notes\n", b"# New brief\n")
    assert b"`brief.md` is not as it was handed out, so it stays. Its new version is `brief.md.new`" in after[CHANGES]
    assert updated(staff, out) == {}, "it was said once"
    (staff / "brief.md").write_text("# Newer brief\n")
    assert updated(staff, out) == {"brief.md": "beside"}
    assert (out / "halves/brief.md.new").read_text() == "# Newer brief\n"
    assert contents(out / "halves")[CHANGES].count(b"# What changed on") == 2


def test_a_file_of_students_where_the_new_version_would_lie_stays_until_it_is_moved(staff, out):
    (out / "halves/brief.md").write_text("my notes\n")
    (out / "halves/brief.md.new").write_text("mine too\n")
    (staff / "brief.md").write_text("# New brief\n")
    assert updated(staff, out) == {"brief.md": "in the way"}
    assert (out / "halves/brief.md.new").read_text() == "mine too\n"
    (out / "halves/brief.md.new").unlink()
    assert updated(staff, out) == {"brief.md": "beside"}


def test_a_file_that_the_handout_has_no_more_goes_unless_somebody_edited_it(staff, out, tmp_path):
    for name in ("test_a.py", "test_b.py"):
        (staff / "public_tests" / name).write_text(f"def {name[:-3]}(student):\n    '''Says {name}.'''\n")
    second = tmp_path / "second"
    planned_handout(str(staff)).write(second)
    (second / "halves/public_tests/test_b.py").write_text("# edited\n")
    for name in ("test_a.py", "test_b.py"):
        (staff / "public_tests" / name).unlink()
    assert updated(staff, second) == {"public_tests/test_a.py": "removed", "public_tests/test_b.py": "obsolete"}
    assert not (second / "halves/public_tests/test_a.py").exists()
    assert (second / "halves/public_tests/test_b.py").read_text() == "# edited\n"


def test_a_file_of_students_with_the_name_of_a_new_one_stays(staff, out):
    (out / "halves/AGENTS.md").write_text("ours\n")
    (staff / "AGENTS.md").write_text("the instructor's\n")
    assert updated(staff, out) == {"AGENTS.md": "beside"}
    assert (out / "halves/AGENTS.md").read_text() == "ours\n"


def test_cases_and_their_archive_change_together(staff, out):
    text = (staff / "assignment.toml").read_text()
    (staff / "assignment.toml").write_text(text.replace("train = 20", "train = 24"))
    fates = updated(staff, out)
    assert fates["data/train.npz"] == "changed"
    note = json.loads((out / "halves/handout.json").read_text())
    assert note["data"] == hashlib.sha256((out / "halves-data.zip").read_bytes()).hexdigest()
    changes = (out / "halves" / CHANGES).read_text()
    assert "files of cases below `data/`" in changes
    assert "Fetch the cases again: `medmark check halves --data FILE_OR_ADDRESS`" in changes


def test_a_clone_gets_no_archive_that_it_has_not(staff, out):
    (out / "halves-data.zip").unlink()
    text = (staff / "assignment.toml").read_text()
    (staff / "assignment.toml").write_text(text.replace("train = 20", "train = 24"))
    updated(staff, out)
    assert not (out / "halves-data.zip").exists()


def test_no_link_leads_out_of_the_folder(staff, out, tmp_path):
    """The folder may be the clone of a group."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "tests").mkdir(parents=True)
    home = out / "halves"
    for path in (home / "public_tests").iterdir():
        path.rename(elsewhere / "tests" / path.name)
    (home / "public_tests").rmdir()
    (home / "public_tests").symlink_to(elsewhere / "tests")
    (elsewhere / "brief.md").write_bytes((home / "brief.md").read_bytes())
    (home / "brief.md").unlink()
    (home / "brief.md").symlink_to(elsewhere / "brief.md")
    (elsewhere / "changes").write_text("secret")
    (home / CHANGES).symlink_to(elsewhere / "changes")
    before = contents(elsewhere)
    (staff / "brief.md").write_text("# New brief\n")
    (staff / "public_tests/test_public.py").write_text("def test_new(student):\n    '''New.'''\n")
    (staff / "public_tests/test_more.py").write_text("def test_more(student):\n    '''More.'''\n")
    assert updated(staff, out) == {
        "brief.md": "beside", "public_tests/test_more.py": "in the way", "public_tests/test_public.py": "in the way",
    }  # fmt: skip
    assert contents(elsewhere) == before
    assert (home / "brief.md").is_symlink()
    assert "secret" not in (home / CHANGES).read_text()


def test_a_pipe_in_the_folder_holds_nothing_up(staff, out):
    (out / "halves/brief.md").unlink()
    os.mkfifo(out / "halves/brief.md")
    (staff / "brief.md").write_text("# New brief\n")
    assert updated(staff, out) == {"brief.md": "beside"}


def test_a_note_of_any_length_keeps_what_it_said_of_earlier_updates(staff, out):
    (out / "halves" / CHANGES).write_text("earlier\n" * 50_000)
    (staff / "brief.md").write_text("# Which half is darker\n")
    updated(staff, out)
    assert (out / "halves" / CHANGES).read_text().endswith("earlier\n" * 50_000)


def test_what_the_handout_says_of_the_marker_is_renewed_without_a_note(staff, out):
    with (staff / "hidden_tests/test_difference.py").open("a") as file:
        file.write("\nMORE = 1\n")
    with planned_update(planned_handout(str(staff)), out) as update:
        assert list(update_lines(update)) == ["changes   handout.json: what it says of the marker and of medmark"]
        update.write(today=DAY)
    with planned_update(planned_handout(str(staff)), out) as update:
        assert update.changes_nothing
    assert not (out / "halves" / CHANGES).exists()


@pytest.mark.parametrize("note", [None, '{"assignment": "another"}'])
def test_a_folder_without_this_handout_is_refused(staff, tmp_path, note):
    (tmp_path / "out/halves").mkdir(parents=True)
    if note:
        (tmp_path / "out/halves/handout.json").write_text(note)
    with (
        pytest.raises(UserError, match=r"no handout of halves lies here; write one: medmark handout halves"),
        planned_update(planned_handout(str(staff)), tmp_path / "out"),
    ):
        pass


def test_a_handout_that_did_not_record_its_files_is_refused(staff, out):
    (out / "halves/handout.json").write_text('{"assignment": "halves", "digest": "1"}')
    with (
        pytest.raises(UserError, match=r"by an earlier medmark, which did not record its files"),
        planned_update(planned_handout(str(staff)), out),
    ):
        pass


def test_the_difference_is_a_line_a_file(staff, out):
    (staff / "brief.md").write_text("# New brief\n")
    (out / "halves/interface.py").write_text("edited\n")
    (staff / "interface.py").write_text((staff / "interface.py").read_text() + "# more\n")
    with planned_update(planned_handout(str(staff)), out) as update:
        assert list(update_lines(update)) == [
            "changes   brief.md (+1 -1 lines)",
            "stays     interface.py: edited here; the new version goes to interface.py.new",
            f"{out / 'halves'}: 1 changed, 0 new, 0 removed, 1 left as students have them",
        ]
