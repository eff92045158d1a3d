"""A page as PDF: whole, tagged, drawn as the page is, with nothing in it that acts and nothing loaded."""

import io
import re
import subprocess
import sys

import pypdf
import pytest
import weasyprint

from assignments.errors import UserError
from reports import pdf
from reports.feedback import feedback_page
from reports.pdf import as_pdf, is_pdf_of, was_written_here
from tests.reports.every_page import every_page, feedback_pages
from tests.reports.hand_made import assignment, hand_in, mark
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page
from tests.reports.test_pages_are_safe import hostile_page
from tests.reports.test_personal import hostile_personal

ACTING = ("/JavaScript", "/JS", "/OpenAction", "/AA", "/Launch", "/URI", "/Annots", "/EmbeddedFiles", "/AcroForm")
LINK = "<!doctype html><html lang=en><head><title>x</title><style></style></head><body><a href=http://192.0.2.1>x</a>"
BLACK_PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


def read(data):
    return pypdf.PdfReader(io.BytesIO(data))


def text_of(data):
    return "".join(page.extract_text() for page in read(data).pages)


def letters(text):
    return re.sub(r"\s", "", text)


def everything_in(data):
    """The whole of a PDF with its streams unpacked."""
    reader = read(data)
    parts = [data]
    for number in sorted({*reader.xref.get(0, {}), *reader.xref_objStm}):
        item = reader.get_object(number)
        parts.append(repr(item).encode())
        if isinstance(item, pypdf.generic.StreamObject):
            parts.append(item.get_data())
    return b"\n".join(parts)


def acting(data):
    inside = everything_in(data).decode("latin-1")
    return [name for name in ACTING if re.search(rf"{name}\b", inside)]


@pytest.fixture(scope="module")
def page():
    return feedback_page(mark(), assignment(), hand_in())


@pytest.fixture(scope="module")
def written(page):
    return as_pdf(page)


def test_it_holds_the_words_of_the_page_on_a4(page, written):
    reader = read(written)
    assert {tuple(map(round, sheet.mediabox[2:])) for sheet in reader.pages} == {(595, 842)}
    text = letters(text_of(written))
    for words in ("68.4of100", "Uppersecondclass", "dice_lossoftwoemptymasksis0,notNaN.", "distinction24.5", "25/35"):
        assert words in text
    shown = f"{text}{reader.metadata.title}".casefold()  # the line above the title is in capitals
    missing = {word for word in Page(page).text.split() if word.casefold() not in shown}
    assert missing == {"Passed:", "Failed:"}  # the words of the icons: only a screen reader hears them


def test_it_is_tagged_for_screen_readers_and_says_what_its_figures_show(written):
    root = read(written).trailer["/Root"]
    assert (root["/MarkInfo"]["/Marked"], root["/Lang"]) == (True, "en-GB")
    assert b'pdfuaid:part="1"' in everything_in(written)
    assert read(written).metadata.title == "Prostate segmentation in T2 MRI · group-07"
    said = []

    def walk(item):
        item = item.get_object()
        if isinstance(item, list):
            for each in item:
                walk(each)
        elif isinstance(item, dict):
            if item.get("/S") == "/Figure":
                said.append(item.get("/Alt"))
            walk(item.get("/K", pypdf.generic.NullObject()))

    walk(root["/StructTreeRoot"])
    assert said[0] == "68.4 of 100 points"
    assert {*said[1:]} == {
        "Failed",
        "Passed",
        "How the score becomes points: a line through the anchors, with this submission on it",
    }


def test_its_figures_have_the_colours_of_the_page_on_paper(written):
    """WeasyPrint draws SVG in black unless the styles stand in it."""
    drawn = everything_in(written).decode("latin-1")
    for name, colour in {"accent": "0f6a66", "second": "3f6fb0", "third": "8a6bb1", "failed": "b3261e"}.items():
        parts = (f"{int(colour[i : i + 2], 16) / 255:.6f}".rstrip("0") for i in (0, 2, 4))
        assert f"{' '.join(parts)} rg" in drawn, name


def test_equal_pages_give_equal_bytes_in_any_process(page, written, tmp_path):
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    program = "import sys; from pathlib import Path; from reports.pdf import as_pdf; "
    program += "sys.stdout.buffer.write(as_pdf(Path(sys.argv[1]).read_text(encoding='utf-8')))"
    command = [sys.executable, "-c", program, str(tmp_path / "page.html")]
    assert subprocess.run(command, check=True, capture_output=True).stdout == written


def test_it_knows_its_page(page, written):
    assert is_pdf_of(written, page)
    assert not is_pdf_of(written, page.replace("68.4", "68.5"))
    assert was_written_here(written)
    assert not was_written_here(b"%PDF-1.7 of someone else")


def test_what_is_folded_on_a_screen_stands_open_in_a_pdf():
    html = feedback_page(mark(), assignment(), hand_in(), audience="staff")
    assert "Traceback<mostrecentcalllast>" in letters(text_of(as_pdf(html)))


def test_long_output_is_cut_and_the_rest_is_said_to_stand_in_the_page():
    html = feedback_pages()["staff-marked"]
    lines = "\n".join(f"line-{number}-end" for number in range(1, 101))
    text = letters(text_of(as_pdf(html.replace("nan at [0]", lines))))
    assert "line-60-end" in text
    assert "line-61-end" not in text
    assert "and41morelines,intheHTMLpage" in text  # 40, and the traceback below them


def test_every_kind_of_page_can_be_written(tmp_path):
    for name, html in every_page(tmp_path).items():
        data = as_pdf(html)
        assert all(sheet.extract_text().strip() for sheet in read(data).pages), name


@pytest.mark.parametrize("text", ["\n".join(HOSTILE), "W" * 300, "a\n" * 200])
def test_what_people_wrote_is_text(text):
    for html in (hostile_page(text, "staff"), hostile_personal(text)):
        assert acting(as_pdf(html)) == []


def test_the_control_finds_a_link_and_a_page_as_pdf_has_none():
    assert acting(weasyprint.HTML(string=LINK).write_pdf()) == ["/URI", "/Annots"]
    assert acting(as_pdf(LINK)) == []
    assert text_of(as_pdf(LINK)).startswith("x")


def test_long_lines_of_output_take_no_more_room_than_short_ones():
    html = feedback_pages()["staff-marked"]
    short, long = (read(as_pdf(html.replace("nan at [0]", text))) for text in ("\n" * 100, "W" * 6000))
    assert len(short.pages) == len(long.pages)


def test_only_the_styles_are_changed_for_paper():
    html = feedback_pages()["staff-marked"].replace("nan at [0]", "display: grid </style>".replace("<", "&lt;"))
    assert "display:grid</style>" in letters(text_of(as_pdf(html)))


def test_markup_is_shown_as_it_is():
    shown = letters(text_of(as_pdf(hostile_page("<script>window.MM=1</script>", "staff"))))
    assert "<script>window.MM=1</script>" in shown


def test_nothing_is_loaded_but_what_the_page_holds(tmp_path):
    picture = tmp_path / "picture.svg"
    picture.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>')
    style = tmp_path / "style.css"
    style.write_text("p::after { content: 'was-loaded' }")
    page = "<!doctype html><html lang=en><head><title>x</title><style></style>"
    page += f"<link rel=stylesheet href={style.as_uri()}></head><body><p>words</p><img src='{{}}' alt=picture></body>"
    with_its_own = as_pdf(page.format(BLACK_PIXEL))
    assert b"/Image" in everything_in(with_its_own)
    from_disk = as_pdf(page.format(picture.as_uri()))
    assert "was-loaded" not in text_of(from_disk)
    assert "picture" in text_of(from_disk)  # its words, in its place


def test_without_weasyprint_the_error_names_the_extra_and_the_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(UserError, match=r"is not installed: pip install 'medmark\[pdf\]', and .* libpango-1\.0-0 "):
        pdf.check_pdf()


def test_without_pango_the_error_says_so(monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "weasyprint":
                raise OSError("cannot load library 'libpango-1.0-0'\nand so on")

    monkeypatch.delitem(sys.modules, "weasyprint")
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(UserError, match=r"lacks a system library \(cannot load library 'libpango-1\.0-0'\): .*apt-get"):
        as_pdf("<p>x</p>")
