"""A marker's comment is shown as it was meant, and nothing that somebody typed becomes other markup."""

from __future__ import annotations

import pytest

from reports.comment_markup import markdown
from tests.reports.pages import Page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Sound.", "<p>Sound.</p>"),
        ("one\n\ntwo", "<p>one</p><p>two</p>"),
        ("one\ntwo", "<p>one<br>two</p>"),
        ("**bold** and *italics* and `x < 1`",
         "<p><strong>bold</strong> and <em>italics</em> and <code>x &lt; 1</code></p>"),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        (r"5 \* 3 is \*not\* bold", "<p>5 * 3 is *not* bold</p>"),
        ("", ""),
    ],
)  # fmt: skip
def test_the_subset_is_rendered(text, shown):
    assert str(markdown(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))", "<script>alert(1)</script>", "<http://a.b>", "![x](http://a.b/c.png)",
        "<img src=x onerror=alert(1)>", "[x]: javascript:alert(1)\n\n[x]", "&lt;script&gt;", "<a href='x'>y</a>",
        "`<script>`", "**<b onclick=x>**", "- <iframe>", "# <style>*{}</style>", "<!-- x -->", "<style>p{}",
        "```html\n<b>\n```",
    ],
)  # fmt: skip
def test_everything_else_is_text(text):
    page = Page(str(markdown(text)))
    assert set(page.tags) <= {"p", "strong", "em", "ul", "ol", "li", "code", "br"}
    assert page.attributes == []


def test_a_link_shows_where_it_leads():
    assert Page(str(markdown("see [the paper](https://a.org/x)"))).text.strip() == "see [the paper](https://a.org/x)"


def test_invisible_characters_are_marked():
    assert "\u202e" not in str(markdown("abc\u202edef"))
    assert "\ufffd" in str(markdown("abc\u202edef"))


def test_nesting_without_end_is_cut_short():
    assert len(str(markdown("- " * 2000 + "x"))) < 200_000
    assert len(str(markdown("*" * 5000 + "x"))) < 200_000
