"""Pages appear whole, under harmless names, or not at all."""

import os

import pytest

from assignments.errors import UserError
from assignments.tables import read_table
from graders.course.roster import Group, Member
from reports.feedback import HandIn
from reports.file_names import file_name, file_names
from reports.write import write, write_reports
from tests.reports.hand_made import assignment, mark, not_submitted
from tests.reports.hostile import HOSTILE


def groups(*names):
    people = (Member.model_construct(id="1", name="Zoë", email="a@b.ac.uk"),)
    return [Group.model_construct(name=name, members=people, repository="https://example.org/x.git") for name in names]


def test_everything_is_written_and_found_where_it_says(tmp_path):
    marks = [mark("a"), not_submitted("b")]
    written = write_reports(
        tmp_path, assignment(), marks, groups("a", "b"), {"a": HandIn("a")}, {"a": "Amber Heron", "b": "Jade Owl"}
    )
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {
        "prostate_unet/feedback/a.html",
        "prostate_unet/feedback/b.html",
        "prostate_unet/staff/a.html",
        "prostate_unet/staff/b.html",
        "prostate_unet/marksheet.csv",
        "prostate_unet/marksheet.json",
        "prostate_unet/cohort/distribution.csv",
        "prostate_unet/cohort/summary.csv",
        "prostate_unet/leaderboard.html",
    }
    assert written.feedback["a"] == tmp_path / "prostate_unet/feedback/a.html"
    assert "Amber Heron" in written.feedback["a"].read_text(encoding="utf-8")
    assert "Staff copy" in written.staff["b"].read_text(encoding="utf-8")
    assert written.marksheet_csv.read_bytes().startswith(b"\xef\xbb\xbfmember,")


def test_the_mark_sheet_is_written_once_more_as_its_name_says(tmp_path):
    rest = assignment(), [mark("a")], groups("a"), {}, {"a": "Amber Heron"}
    for name in ("marks.xlsx", "MARKS.XLSX", "marks.csv"):
        sheet = tmp_path / "of the board" / name
        written = write_reports(tmp_path, *rest, sheet=sheet)
        table, problems = read_table(sheet)  # what staff correct and give back
        assert problems == []
        assert table.rows == read_table(written.marksheet_csv)[0].rows
    with pytest.raises(UserError, match=r"marks\.pdf: a mark sheet is written as \.csv or \.xlsx"):
        write_reports(tmp_path / "new", *rest, sheet=tmp_path / "marks.pdf")
    assert not (tmp_path / "new").exists()


def test_the_leaderboard_has_no_group_names(tmp_path):
    names = {"realname": "Jade Owl"}
    written = write_reports(tmp_path, assignment(), [mark("realname")], groups("realname"), {}, names)
    assert "realname" not in written.leaderboard.read_text(encoding="utf-8")


def test_without_accuracy_there_is_no_leaderboard(tmp_path):
    only = assignment(criterion=[{"id": "report", "kind": "person", "points": 10}])
    assert write_reports(tmp_path, only, [], [], {}, {}).leaderboard is None


@pytest.mark.parametrize("text", [*HOSTILE, "", ".", "..", "con", "NUL.txt", "a/b", "-rf", ".hidden", "a" * 300, "a."])
def test_a_file_name_is_harmless_whatever_the_group_is_called(text):
    name = file_name(text)
    assert 0 < len(name) <= 64
    assert all(c.isascii() and (c.isalnum() or c in "-_.") for c in name)
    assert name[0].isalnum()
    assert ".." not in name
    assert name.split(".")[0].casefold() not in ("con", "nul")


def test_a_plain_name_is_kept_and_odd_ones_stay_apart():
    assert file_name("group-07") == "group-07"
    assert file_name("a/b") != file_name("a b")


def test_names_that_differ_in_capitals_only_get_different_files():
    names = file_names(["Team", "team", "other"])
    assert names["other"] == "other"
    assert len({name.casefold() for name in names.values()}) == 3


def test_a_hostile_group_stays_in_its_folder(tmp_path):
    evil = "../../../outside"
    written = write_reports(tmp_path / "reports", assignment(), [mark(evil)], groups(evil), {}, {evil: "Jade Owl"})
    assert written.feedback[evil].resolve().is_relative_to(tmp_path / "reports")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["reports"]


def test_a_page_is_replaced_in_one_step_and_nothing_is_left_beside(tmp_path):
    page = tmp_path / "page.html"
    write(page, "old")
    with page.open() as reader:
        write(page, "new")
        assert reader.read() == "old"
    assert page.read_text() == "new"
    assert os.listdir(tmp_path) == ["page.html"]


def test_a_page_that_has_not_changed_is_not_touched(tmp_path):
    page = tmp_path / "page.html"
    write(page, "same")
    before = page.stat()
    write(page, "same")
    assert (page.stat().st_ino, page.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_full_disk_keeps_the_old_page_and_says_what_to_do(tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    write(page, "old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=r"page\.html: could not be written \(No space left on device\); make room"):
        write(page, "new")
    assert page.read_text() == "old"
    assert os.listdir(tmp_path) == ["page.html"]


def test_a_link_in_the_place_of_a_page_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "page.html").symlink_to(tmp_path / "precious")
    write(tmp_path / "page.html", "new")
    assert (tmp_path / "precious").read_text() == "kept"
