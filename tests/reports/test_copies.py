"""PDF and Markdown beside the pages, and what is said of copies that are outdated."""

import pytest
import weasyprint

from assignments.errors import UserError
from reports import copies
from reports.as_markdown import as_markdown
from reports.copies import check_formats, outdated_copies, write_copies
from reports.pdf import is_pdf_of
from reports.write import write_reports
from tests.reports.hand_made import assignment, mark
from tests.reports.test_personal import personal
from tests.reports.test_write import groups


def reports(folder, of=None):
    group = groups("group-07")[0]
    group = group.model_copy(update={"members": (group.members[0].model_copy(update={"id": "s1"}),)})
    names = {"group-07": "Amber Heron"}
    return write_reports(folder, assignment(), [of or mark()], [group], {}, names, people=[personal()])


def copies_below(folder):
    return sorted(
        str(p.relative_to(folder / "prostate_unet")) for p in folder.rglob("*") if p.suffix in (".pdf", ".md")
    )


def test_each_page_has_its_copies_beside_it_and_staffs_page_no_message(tmp_path):
    written = reports(tmp_path)
    assert copies_below(tmp_path) == []
    write_copies(written, ["pdf", "markdown"])
    assert copies_below(tmp_path) == [
        "feedback/group-07.md", "feedback/group-07.pdf", "personal/s1.md", "personal/s1.pdf", "staff/group-07.pdf",
    ]  # fmt: skip
    page = written.feedback["group-07"]
    assert is_pdf_of(page.with_suffix(".pdf").read_bytes(), page.read_text(encoding="utf-8"))
    assert page.with_suffix(".md").read_text(encoding="utf-8") == as_markdown(page.read_text(encoding="utf-8"))
    assert outdated_copies(written) == []


def test_a_pdf_that_is_right_is_not_written_again_and_another_one_is(tmp_path, monkeypatch):
    written = reports(tmp_path)
    write_copies(written, ["pdf"])
    rendered = []
    monkeypatch.setattr(copies, "as_pdf", lambda html: rendered.append(html) or b"%PDF")
    write_copies(written, ["pdf"])
    assert rendered == []
    written = reports(tmp_path, mark(notices=()))
    write_copies(written, ["pdf"])
    assert rendered == []  # the same page
    write_copies(reports(tmp_path, mark(commit="0" * 40)), ["pdf"])
    assert len(rendered) == 2  # the group's page and that of staff


def test_copies_that_no_longer_say_what_the_page_says_are_named_until_they_are_renewed(tmp_path):
    write_copies(reports(tmp_path), ["pdf", "markdown"])
    written = reports(tmp_path, mark(commit="0" * 40))
    outdated = [str(path.relative_to(tmp_path / "prostate_unet")) for path in outdated_copies(written)]
    assert sorted(outdated) == ["feedback/group-07.md", "feedback/group-07.pdf", "staff/group-07.pdf"]
    write_copies(written, ["markdown", "pdf"])
    assert outdated_copies(written) == []


def test_a_page_that_weasyprint_fails_on_keeps_no_other_from_its_pdf(tmp_path, monkeypatch):
    def fails_for_staff(self, **options):
        assert "Staff copy" not in "".join(self.etree_element.itertext())
        return b"%PDF"

    written = reports(tmp_path)
    written.staff["group-07"].with_suffix(".pdf").write_bytes(b"%PDF of an earlier page")
    monkeypatch.setattr(weasyprint.HTML, "write_pdf", fails_for_staff)
    failed = write_copies(written, ["pdf"])
    assert list(failed) == [written.staff["group-07"]]
    assert failed[written.staff["group-07"]].startswith("AssertionError")
    assert copies_below(tmp_path) == ["feedback/group-07.pdf", "personal/s1.pdf"]


def test_a_pdf_of_someone_else_is_not_called_outdated(tmp_path):
    written = reports(tmp_path)
    written.feedback["group-07"].with_suffix(".pdf").write_bytes(b"%PDF-1.7 with a marker's pen")
    assert outdated_copies(written) == []


def test_progress_counts_every_copy(tmp_path):
    seen = []
    write_copies(reports(tmp_path), ["markdown"], lambda *step: seen.append(step))
    assert seen == [(0, 2, "s1.html"), (1, 2, "group-07.html")]


def test_a_format_is_refused_before_anything_is_written(monkeypatch):
    def missing():
        raise UserError("no WeasyPrint")

    monkeypatch.setattr(copies, "check_pdf", missing)
    check_formats(["markdown"])
    with pytest.raises(UserError, match="no WeasyPrint"):
        check_formats(["markdown", "pdf"])
