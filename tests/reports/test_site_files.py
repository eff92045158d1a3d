"""Writing a site replaces the site that was there, and touches no file that medmark did not write."""

import json

import pytest

from assignments.errors import UserError
from reports import site_files
from reports.site_files import MANIFEST, write_site

PAGES = {"index.html": "<p>all", "briefs/a.html": "<p>a", "briefs/b.html": "<p>b"}


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_site_is_its_pages_and_the_list_of_them(tmp_path):
    written = write_site(PAGES, tmp_path / "site")
    assert written.pages[0] == tmp_path / "site/index.html"
    assert files(tmp_path / "site").keys() == {*PAGES, MANIFEST}
    assert (written.removed, written.left) == ((), ())


def test_a_second_run_changes_pages_and_removes_those_of_assignments_that_are_gone(tmp_path):
    write_site(PAGES, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "briefs/own.html").write_text("mine")
    written = write_site({"index.html": "<p>new", "briefs/a.html": "<p>a"}, tmp_path)
    assert written.removed == (tmp_path / "briefs/b.html",)
    held = files(tmp_path)
    assert {name: held[name] for name in held if name != MANIFEST} == {
        "index.html": "<p>new", "briefs/a.html": "<p>a", "briefs/own.html": "mine", "notes.txt": "mine",
    }  # fmt: skip


def test_a_page_that_a_person_changed_is_neither_removed_nor_replaced(tmp_path):
    write_site(PAGES, tmp_path)
    (tmp_path / "briefs/b.html").write_text("<p>b, corrected")
    with pytest.raises(UserError, match=r"briefs/b\.html is there already, and is not as medmark wrote it.*--out"):
        write_site({**PAGES, "briefs/b.html": "<p>b2"}, tmp_path)
    assert files(tmp_path)["briefs/b.html"] == "<p>b, corrected"
    written = write_site({"index.html": "<p>all"}, tmp_path)
    assert written.left == (tmp_path / "briefs/b.html",)
    assert (tmp_path / "briefs/b.html").is_file()
    assert not (tmp_path / "briefs/a.html").exists()


def test_a_page_of_somebody_else_is_not_replaced_and_nothing_is_written(tmp_path):
    (tmp_path / "index.html").write_text("the department's")
    with pytest.raises(UserError, match="not as medmark wrote it"):
        write_site(PAGES, tmp_path)
    assert files(tmp_path) == {"index.html": "the department's"}


def test_a_link_in_the_place_of_a_page_is_not_followed(tmp_path):
    (tmp_path / "elsewhere.html").write_text("<p>b")
    site = tmp_path / "site"
    write_site(PAGES, site)
    (site / "briefs/b.html").unlink()
    (site / "briefs/b.html").symlink_to(tmp_path / "elsewhere.html")
    write_site({"index.html": "<p>all"}, site)
    assert (tmp_path / "elsewhere.html").read_text() == "<p>b"
    assert (site / "briefs/b.html").is_symlink()


@pytest.mark.parametrize("at", range(4))
def test_after_a_run_that_was_stopped_the_same_call_continues(tmp_path, monkeypatch, at):
    write_site(PAGES, tmp_path)
    new = {"index.html": "<p>new", "briefs/a.html": "<p>new a", "briefs/c.html": "<p>c"}
    write, count = site_files.write, 0

    def stopped(path, text):
        nonlocal count
        if count == at:
            raise KeyboardInterrupt
        count += 1
        write(path, text)

    monkeypatch.setattr(site_files, "write", stopped)
    if at < len(new):
        with pytest.raises(KeyboardInterrupt):
            write_site(new, tmp_path)
    monkeypatch.setattr(site_files, "write", write)
    write_site({**new, "index.html": "<p>newer"}, tmp_path)
    held = files(tmp_path)
    assert {name: held[name] for name in held if name != MANIFEST} == {**new, "index.html": "<p>newer"}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"pages": ["index.html"]}', json.dumps({"pages": {"../../course.toml": ["x"]}}),
     json.dumps({"pages": {"/etc/passwd.html": ["x"]}}), json.dumps({"pages": {"index.html": [1]}}), "\xff"],
)  # fmt: skip
def test_a_list_that_is_not_of_a_site_is_refused(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"site\.json does not list the pages of a site. Remove it"):
        write_site(PAGES, tmp_path)
    assert files(tmp_path / "briefs") == {}


def test_a_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "site").write_text("a file")
    with pytest.raises(UserError, match="is not a folder"):
        write_site(PAGES, tmp_path / "site")
