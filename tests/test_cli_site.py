"""`medmark site` as a person types it: what it writes, what it says, and what it refuses."""

import pytest

from tests.reports.site_made import own_course, write_course
from tests.small_course import medmark


@pytest.fixture
def course(tmp_path):
    return own_course(tmp_path / "course")


def test_the_pages_lie_in_the_course_and_the_one_to_open_is_named(course):
    output = medmark("site", course)
    assert output.code == 0, output.err
    assert output.out.splitlines() == [
        str(course / "site/index.html"),
        "  3 briefs beside it: put the whole folder on a web server",
    ]
    names = sorted(path.relative_to(course / "site").as_posix() for path in (course / "site").rglob("*.*"))
    assert names == [
        "briefs/backprop.html", "briefs/halves.html", "briefs/prostate_unet.html", "index.html", "site.json",
    ]  # fmt: skip


def test_a_second_run_removes_the_page_of_an_assignment_that_is_gone_and_says_so(course, tmp_path):
    assert medmark("site", course, "--out", tmp_path / "web").code == 0
    (tmp_path / "web/robots.txt").write_text("mine")
    write_course(course, {"backprop": ("backprop", "2027-03-01T12:00:00")})
    output = medmark("site", "--out", tmp_path / "web", cwd=course)
    assert output.code == 0, output.err
    removed = [line.split()[1] for line in output.out.splitlines() if line.startswith("  removed")]
    assert {word.rpartition("/")[2].rstrip(",") for word in removed} == {"halves.html", "prostate_unet.html"}
    assert (tmp_path / "web/robots.txt").read_text() == "mine"
    assert [path.name for path in (tmp_path / "web/briefs").iterdir()] == ["backprop.html"]


def test_a_file_that_medmark_did_not_write_is_refused_with_what_to_do(course):
    (course / "site").mkdir()
    (course / "site/index.html").write_text("mine")
    output = medmark("site", course)
    assert output.code == 2
    assert "is not as medmark wrote it. Move it away, or name another folder with --out" in " ".join(output.err.split())
    assert (course / "site/index.html").read_text() == "mine"


def test_an_error_in_a_brief_names_its_line(course):
    (course / "halves/brief.md").write_text("# Halves\n\n{{ pictures }}\n")
    output = medmark("site", course)
    assert output.code == 2
    assert "brief.md:3" in output.err.replace("\n", "")
    assert not (course / "site").exists()
