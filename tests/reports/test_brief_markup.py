"""A brief's Markdown becomes markup that runs nothing and loads nothing, whatever stands in it."""

import re

import pytest

from reports.brief_markup import brief_markup
from tests.reports.hostile import HOSTILE
from tests.reports.pages import Page

URI = "data:image/png;base64,AAAA"


def body(text, pictures=None):
    return str(brief_markup(text, pictures).body)


def test_the_first_heading_is_the_title_and_the_next_level_are_the_sections():
    brief = brief_markup("# Own *work*\n\n## The data\n\na\n\n### Deeper\n\n## The data\n")
    assert brief.title == "Own work"
    assert brief.sections == (("the-data", "The data"), ("the-data-1", "The data"))
    assert '<h2 id="the-data">The data</h2>' in brief.body
    assert "<h1" not in brief.body


def test_a_brief_without_a_title_keeps_all_its_text():
    brief = brief_markup("Just words.\n\n# Late\n")
    assert (brief.title, brief.sections) == ("", (("late", "Late"),))
    assert "<p>Just words.</p>" in brief.body


def test_lists_quotations_and_lines_are_theirs():
    html = body("3. a\n4. b\n\n- x\n\n  y\n\n> q\n>\n> ## h\n\none  \ntwo\n\n---\n")
    assert '<ol start="3"><li>a</li>\n<li>b</li>\n</ol>' in html
    assert "<li><p>x</p>\n<p>y</p>\n</li>" in html
    assert "<blockquote><p>q</p>\n<h2>h</h2>\n</blockquote>" in html
    assert "one<br>\ntwo" in html
    assert "<hr>" in html


def test_a_table_moves_in_a_region_and_its_cells_know_their_headings():
    html = body("| | marks | how it is |\n|---|---|---|\n| tests | 35 | *well* |\n")
    assert '<div class="scroll" tabindex="0" role="region" aria-label="Table 1">' in html
    assert '<td data-heading="how it is"><span><em>well</em></span></td>' in html
    head = html.split("<tbody>")[0]
    assert head.count("<th ") == 2, "a cell without words is not a heading"
    assert "<td></td>" in head


def test_code_and_drawings_in_letters_keep_their_lines():
    html = body("```python\nif a < b:\n    c()\n```\n\n    | x |\n")
    assert '<pre tabindex="0"><code>if a &lt; b:\n    c()\n</code></pre>' in html
    assert "<code>| x |\n</code>" in html


def test_formulas_stay_as_they_are_written():
    assert "log(p / (1 - p)), b·2^k, Σ p y, $x_i^2$" in body("log(p / (1 - p)), b·2^k, Σ p y, $x_i^2$")


def test_only_the_picture_of_the_data_is_drawn_and_others_are_their_descriptions():
    text = "![what one sees](brief.png)\n\n*A caption.*\n\n![mine](own.png) ![web](https://example.org/a.png)\n"
    html = body(text, {"brief.png": URI})
    assert f'<p class="picture"><img src="{URI}" alt="what one sees"' in html
    assert '<p class="caption"><em>A caption.</em></p>' in html
    assert "[mine] [web]" in html
    assert [value for tag, name, value in Page(html).attributes if name == "src"] == [URI]


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("https://example.org/a", True), ("HTTP://example.org", True), ("mailto:a@example.org", True),
        ("#the-data", True), ("#nowhere", False), ("limits.md", False), ("../course.toml", False),
        ("//example.org", False), ("javascript:alert(1)", False), ("data:text/html,x", False),
        ("file:///etc/passwd", False),
    ],
)  # fmt: skip
def test_a_link_leads_to_the_web_or_into_the_brief_or_is_words(link, leads):
    html = body(f"## The data\n\n[words]({link})\n")
    assert ("<a " in html) == leads
    assert "words" in html


def test_a_link_to_the_web_takes_nothing_along():
    assert 'rel="noopener noreferrer"' in body("[a](https://example.org)")


@pytest.mark.parametrize("text", [*HOSTILE, "<script>window.MM=1</script>", "<img src=x onerror=window.MM=1>"])
@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "# {}",
        "## {}",
        "| {} |\n|---|\n| {} |",
        "![{}](brief.png)",
        "[a]({})",
        "```{}\n{}\n```",
        "    {}",
        '[a](b "{}")',
    ],
)
def test_markup_in_a_brief_is_text(text, form):
    page = Page(body(form.replace("{}", text), {"brief.png": URI}))
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert [value for value in links if not re.match("https?://|mailto:|#", value)] == []
    allowed = {
        "a",
        "href",
        "img",
        "src",
        "rel",
        "title",
        "alt",
        "class",
        "id",
        "tabindex",
        "role",
        "aria-label",
        "scope",
        "data-heading",
        "start",
    }
    assert {name for _, name, _ in page.attributes} <= allowed
    assert not {"script", "iframe", "object", "form", "style", "svg", "base", "link"} & set(page.tags)
    assert [value for _, name, value in page.attributes if name == "src" and value != URI] == []


def test_invisible_characters_are_shown():
    assert "a\ufffdb" in body("a\u202eb")
