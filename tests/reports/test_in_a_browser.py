"""The pages in a real browser: from file://, on a telephone, with and without scripts, on paper."""

import re

import pytest
from pypdf import PdfReader

from reports.data_page import data_page
from reports.feedback import feedback_page
from reports.leaderboard import leaderboard_page
from tests.reports.browser import CHROMIUM, Browser
from tests.reports.data_made import named_summary
from tests.reports.every_page import crowded_board
from tests.reports.hand_made import accuracy, assignment, check, hand_in, mark, not_submitted
from tests.reports.hostile import HOSTILE
from tests.reports.test_pages_are_safe import hostile_board, hostile_cohort, hostile_page
from tests.reports.test_personal import hostile_personal, page_html
from tests.reports.test_standings import ranked_board

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)")

NAMES = "[...document.querySelectorAll('#board tbody:first-of-type .name bdi')].map(cell => cell.textContent)"
WIDTH = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def browser():
    with Browser() as opened:
        yield opened


@pytest.fixture
def board(tmp_path):
    scores = {"b": 0.7, "a": 0.8, "c": 0.6}
    marks = [mark(g, accuracy=accuracy(s, (s - 0.02, s + 0.02), str(100 * s - 50))) for g, s in scores.items()]
    page = tmp_path / "leaderboard.html"
    names = {"a": "Zinc Owl", "b": "Amber Heron", "c": "Maple Kite", "d": "Jade Rook"}
    page.write_text(leaderboard_page([*marks, not_submitted("d")], assignment(), names=names), encoding="utf-8")
    return page


def click(browser, heading):
    buttons = "[...document.querySelectorAll('#board thead button')]"
    browser.run(f"{buttons}.find(button => button.textContent === '{heading}').click()")


RANKED = ["Course reference", "Zinc Owl", "Amber Heron", "Maple Kite", "Trivial baseline"]


def test_the_board_sorts_from_file(browser, board):
    browser.open(board)
    assert browser.run(NAMES) == RANKED
    click(browser, "Group")
    assert browser.run(NAMES) == ["Amber Heron", "Course reference", "Maple Kite", "Trivial baseline", "Zinc Owl"]
    click(browser, "Group")
    assert browser.run(NAMES) == ["Zinc Owl", "Trivial baseline", "Maple Kite", "Course reference", "Amber Heron"]
    click(browser, "dice")
    assert browser.run(NAMES) == RANKED  # the best comes first
    assert browser.console == []


@pytest.mark.parametrize(("width", "lines"), [(1280, 1), (390, 2)])
def test_a_long_name_keeps_its_row_calm(browser, tmp_path, width, lines):
    page = tmp_path / "crowded.html"
    page.write_text(crowded_board(), encoding="utf-8")
    browser.open(page, width=width)
    lines_of = "line => line.clientHeight / parseFloat(getComputedStyle(line).lineHeight)"
    measured = browser.run(f"[...document.querySelectorAll('#board .line')].map({lines_of})")
    assert len(measured) == 26
    assert round(max(measured), 1) <= lines
    height = "rows => Math.max(...[...document.querySelectorAll(rows)].map(row => row.offsetHeight))"
    group, base = browser.run(f"['#board tbody tr:not(.base)', '#board .base'].map({height})")
    assert base < group / 1.5  # references recede


def test_a_board_with_references_sorts_by_what_only_groups_have(browser, tmp_path):
    page = tmp_path / "crowded.html"
    page.write_text(crowded_board(), encoding="utf-8")
    browser.open(page)
    click(browser, "Tests passed")
    assert browser.run(NAMES)[-4:] == [
        *(f"Course reference, {name}" for name in ("PyTorch", "TensorFlow", "NumPy")),
        "Baseline: the mean of all training cases, thresholded at a half",
    ]
    assert browser.console == []


def test_lines_between_tiers_are_drawn_in_the_order_of_rank_only(browser, tmp_path):
    page = tmp_path / "ranked.html"
    page.write_text(ranked_board(), encoding="utf-8")
    browser.open(page)
    drawn = "getComputedStyle(document.querySelector('.below > td')).borderTopWidth"
    assert browser.run(drawn) == "2px"
    click(browser, "Group")
    assert browser.run(drawn) == "0px"
    click(browser, "Tier")
    tiers = "[...document.querySelectorAll('.tier span')].map(cell => cell.textContent)"
    assert browser.run(tiers) == sorted(browser.run(tiers))
    assert browser.console == []


def test_rows_without_a_value_come_last_both_ways(browser, board):
    browser.open(board)
    click(browser, "Points of 35")
    assert browser.run(NAMES)[:3] == ["Zinc Owl", "Amber Heron", "Maple Kite"]
    click(browser, "Points of 35")
    assert browser.run(NAMES)[:3] == ["Maple Kite", "Amber Heron", "Zinc Owl"]


def test_who_is_not_in_the_order_stays_below(browser, board):
    browser.open(board)
    click(browser, "Tests passed")
    last = "document.querySelector('#board tbody:last-of-type tr:last-child .name bdi').textContent"
    assert browser.run(last) == "Jade Rook"


def test_a_screen_reader_hears_the_order(browser, board):
    browser.open(board)
    click(browser, "Group")
    assert browser.run("document.querySelector('[aria-sort=ascending]').textContent") == "Group"
    assert browser.run("document.getElementById('spoken').textContent") == "Sorted by Group, rising."


def test_without_scripts_the_board_is_whole_and_in_order(browser, board):
    browser.open(board, scripts=False)
    browser.open(board, scripts=False)
    assert browser.run(NAMES) == RANKED
    assert browser.run("document.querySelectorAll('button').length") == 0


@pytest.mark.parametrize(("width", "least"), [(320, 100), (1280, 400)])
def test_the_words_of_a_personal_step_have_the_room_of_the_page(browser, tmp_path, width, least):
    page = tmp_path / "page.html"
    page.write_text(page_html(), encoding="utf-8")
    browser.open(page, width=width)
    parts = "[...document.querySelectorAll('.checks li:not(:first-child) > *')]"  # the first is the group's mark
    widths = browser.run(f"{parts}.map(part => part.offsetWidth)")
    assert len(widths) == 9  # what, marks and why of three steps
    assert min(*widths[::3], *widths[2::3]) >= least


def test_hostile_text_runs_nothing(browser, tmp_path):
    page = tmp_path / "page.html"
    for text in HOSTILE:
        for html in (hostile_page(text, "staff"), hostile_board(text), hostile_cohort(text), hostile_personal(text)):
            page.write_text(html, encoding="utf-8")
            browser.open(page)
            assert browser.run("typeof window.MM") == "undefined"
            assert browser.console == []


def test_a_page_prints(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(feedback_page(mark(), assignment(), hand_in()), encoding="utf-8")
    browser.open(page)
    browser.print(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_what_is_folded_is_closed_on_a_screen_and_open_on_paper(browser, tmp_path):
    page = tmp_path / "page.html"
    lost = [check(f"lost_{i}", f"Lost {i}.", 0, 1, reason="raised") for i in range(3)]
    held = [check(f"held_{i}", f"Held {i}.", 1, 1) for i in range(7)]
    page.write_text(feedback_page(mark(checks=(*lost, *held)), assignment(), hand_in()), encoding="utf-8")
    browser.open(page)
    seen = browser.run("document.body.innerText")
    assert "3 checks failed by it: 3 points" in seen
    assert not any(text in seen for text in ("Lost 1.", "Held 1.", "sha256:8a52c0e4d1b77f2f0e6b"))
    browser.print(tmp_path / "page.pdf")
    printed = "".join(sheet.extract_text() for sheet in PdfReader(tmp_path / "page.pdf").pages)
    assert all(text in printed for text in ("Lost 1.", "Held 1.", "sha256:8a52c0e4d1b77f2f0e6b"))


def test_evidence_is_closed_on_paper_too(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(feedback_page(mark(), assignment(), hand_in(), audience="staff"), encoding="utf-8")
    browser.open(page)
    browser.print(tmp_path / "page.pdf")
    printed = "".join(sheet.extract_text() for sheet in PdfReader(tmp_path / "page.pdf").pages)
    assert re.search("Evidence, for sta(ff|\ufb00) only", printed)
    assert "most recent call last" not in printed


@pytest.mark.parametrize("width", [320, 1280])
def test_a_page_of_cases_shows_its_pictures_and_is_not_wider_than_its_window(browser, tmp_path, width):
    page = tmp_path / "data.html"
    page.write_text(data_page(named_summary(tmp_path / "cases", "W" * 200, '"><img src=x onerror=window.MM=1>')))
    browser.open(page, width=width)
    assert browser.run(WIDTH) == width
    assert browser.run("[...document.querySelectorAll('.pictures svg')].every(svg => svg.clientHeight > 100)")
    assert browser.run("document.querySelectorAll('.pictures .edge').length") == 2
    assert browser.run("typeof window.MM") == "undefined"
    assert browser.console == []
