"""WCAG 2.2 AA on every kind of page: axe-core in Chromium, the contrast of figures, widths, the keyboard."""

from pathlib import Path

import axe_playwright_python
import pytest

from tests.reports.browser import CHROMIUM, Browser
from tests.reports.every_page import every_page
from tests.reports.site_made import site_pages
from tests.reports.test_pages_are_safe import hostile_board, hostile_cohort, hostile_page
from tests.reports.test_personal import hostile_personal

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)")

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
"""DevTools runs it in the page as it is: a page's own policy allows no script."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VIOLATIONS = f"""
axe.run({{runOnly: {{type: "tag", values: {RULES}}}}}).then(result => ({{
    violations: result.violations.map(rule => `${{rule.id}}: ${{rule.nodes.map(node => node.html).join(" | ")}}`),
    passes: result.passes.map(rule => rule.id),
}}))
"""
FIGURES = """
[...document.querySelectorAll("svg text")].map(text => {
    let behind = text;
    while (behind && /^rgba\\(0, 0, 0, 0\\)$/.test(getComputedStyle(behind).backgroundColor))
        behind = behind.parentElement;
    const numbers = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
    const light = colour => numbers(colour).map(n => n / 255)
        .map(n => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4)
        .reduce((sum, n, i) => sum + n * [0.2126, 0.7152, 0.0722][i], 0);
    const two = [getComputedStyle(text).fill, getComputedStyle(behind).backgroundColor].map(light);
    return (Math.max(...two) + 0.05) / (Math.min(...two) + 0.05);
})
"""
FOCUSABLE = "[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]"
FOCUSABLE += ".filter(element => element.checkVisibility())"  # not what is folded away
FOCUSED = f"""
(() => {{
    const style = getComputedStyle(document.activeElement);
    const visible = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    return [{FOCUSABLE}.indexOf(document.activeElement), document.activeElement.tagName, visible];
}})()
"""


@pytest.fixture(scope="module")
def browser():
    with Browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, html in {**every_page(folder / "cases"), **site_pages(folder / "course")}.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return sorted(folder.glob("*.html"))


@pytest.mark.parametrize(("width", "schemes"), [(1280, ["light", "dark"]), (390, ["light"])])
def test_axe_sees_no_violation_on_any_page(browser, pages, width, schemes):
    assert len(pages) > 20
    for page in pages:
        browser.open(page, width=width)
        browser.run(f"{AXE}; 0")
        for scheme in schemes:
            browser.prefer(dark=scheme == "dark")
            result = browser.run(VIOLATIONS)
            assert result["violations"] == [], (page.name, scheme)
            assert "color-contrast" in result["passes"]


def test_axe_does_see_a_violation(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>x</title><p style='color:#aaa'>pale</p><svg role=img></svg>")
    browser.open(page)
    browser.run(f"{AXE}; 0")
    seen = {line.partition(":")[0] for line in browser.run(VIOLATIONS)["violations"]}
    assert seen >= {"color-contrast", "html-has-lang", "svg-img-alt", "landmark-one-main"}


def test_the_text_of_figures_has_contrast(browser, pages):
    """Axe leaves text in SVG undecided."""
    ratios = {}
    for page in pages:
        browser.open(page)
        for scheme in ("light", "dark"):
            browser.prefer(dark=scheme == "dark")
            ratios[page.name, scheme] = browser.run(FIGURES)
    assert {where: min(of) for where, of in ratios.items() if min(of, default=21) < 4.5} == {}
    for scheme in ("light", "dark"):
        assert sum(bool(of) for (_, shown), of in ratios.items() if shown == scheme) >= 10
    assert any(of != ratios[name, "dark"] for (name, shown), of in ratios.items() if shown == "light")


@pytest.mark.parametrize("widths", [[320, 390], [768, 1024, 1130, 1280, 1920]], ids=["telephone", "desk"])
def test_no_page_is_wider_than_its_window(browser, pages, tmp_path, widths):
    long = "W" * 200
    more = {"staff": hostile_page(long, "staff"), "board": hostile_board(long), "personal": hostile_personal(long)}
    more["cohort"] = hostile_cohort(long)
    for name, html in more.items():
        (tmp_path / f"{name}.html").write_text(html, encoding="utf-8")
    for page in [*pages, *tmp_path.glob("*.html")]:
        browser.open(page, width=widths[0])
        for width in widths:
            browser.resize(width)
            assert (page.name, browser.run("document.documentElement.scrollWidth")) == (page.name, width)


@pytest.mark.parametrize("widths", [[320, 390], [768, 1920]], ids=["telephone", "desk"])
def test_a_page_that_is_wider_is_seen_at_each_width(browser, tmp_path, widths):
    page = tmp_path / "page.html"
    page.write_text(
        '<!doctype html><meta name="viewport" content="width=device-width, initial-scale=1"><title>x</title>'
        "<style>body { margin: 0 } div { width: calc(100vw + 7px); height: 1px }</style><div></div>"
    )
    browser.open(page, width=widths[0])
    for width in widths:
        browser.resize(width)
        assert browser.run("document.documentElement.scrollWidth") == width + 7


def test_the_keyboard_reaches_everything_in_reading_order_and_shows_where_it_is(browser, pages):
    reached = set()
    for page in pages:
        browser.open(page)
        count = browser.run(f"{FOCUSABLE}.length")
        for number in range(count):
            browser.press_tab()
            at, tag, visible = browser.run(FOCUSED)
            assert (at, visible) == (number, True), f"{page.name}: {tag}"
            reached.add(tag)
    assert reached == {"A", "BUTTON", "SUMMARY", "DIV", "PRE"}  # a table that scrolls is the division
