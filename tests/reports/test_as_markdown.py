"""A page as Markdown: the page's words in its order, and nothing that a renderer, GitHub or GitLab would act on."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reports.as_markdown import as_markdown
from reports.feedback import feedback_page
from tests.reports.every_page import every_page, feedback_pages, personal_pages
from tests.reports.hand_made import assignment, hand_in, mark
from tests.reports.hostile import HOSTILE
from tests.reports.test_pages_are_safe import hostile_page
from tests.reports.test_personal import hostile_personal

ACTIVE_IN_MARKDOWN = (
    "@octocat", "cc @org/team now", "fixes #12", "group/project!3", "GH-12", "see octo/repo#5", "~bug", "%v1", "&4",
    "![x](http://192.0.2.1/a.png)", "[x][y]", "[y]: http://192.0.2.1", "<http://192.0.2.1>", "http://192.0.2.1/?a",
    "www.example.org", "a@example.org", "4f0c2b7d9e11", "`a`x`@octocat", "`a` `` `@octocat", "```\n@octocat\n```",
    "/close", "/assign @octocat", "# heading", "heading\n===", "---", "1. x", "* x", "> x", "    x", "| a |\n|---|",
    "&lt;b&gt;", "&#64;octocat", "\\@octocat", "\\<b>", "$$x$$", "$`x`$", "~~x~~", "[^1]", "{+ a +}", "[- a -]",
    "<!-- x", "<details>", "**a**", "__a__", "[vulnerability:1]", "- [ ] x", ":::", "<a href=http://192.0.2.1>x</a>",
)  # fmt: skip
TAGS = {"h1", "h2", "h3", "h4", "p", "ul", "ol", "li", "strong", "code", "pre"}
REFERENCES = re.compile(r"[@#!~%&$][A-Za-z0-9]|://|www\.|\b[0-9a-f]{7,40}\b|\b[A-Z]{2,}-\d|[{\[][+-]|\[\w+:|\$`")
"""What GitHub or GitLab turns into a link, or more, in text that is not code."""


class Rendered(HTMLParser):
    """The tags of some HTML, all its text but that of figures, and the text outside of code."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.words, self.outside, self.attributes = set(), [], [], []
        self._open = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "img", "hr", "input"):
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"head", "style", "script", "svg"} & {*self._open}:
            self.words.append(data)
            # Between two elements there is no word for GitHub: it looks into one piece of text at a time.
            self.outside.append("" if {"code", "pre"} & {*self._open} else data)


def rendered(markdown):
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return Rendered(reader.render(markdown))


def letters(words):
    """Without spaces, and without the signs that separate on a line what a page puts apart."""
    return re.sub(r"[\s:–;]", "", "".join(words))


def assert_harmless(markdown):
    shown = rendered(markdown)
    assert shown.tags <= TAGS, shown.tags - TAGS
    assert shown.attributes == []
    assert [piece for piece in shown.outside if REFERENCES.search(piece)] == []
    assert not re.search("^/", markdown, re.MULTILINE)  # a command on GitLab, even before Markdown is read


@pytest.mark.parametrize("name", [*feedback_pages(), *personal_pages()])
def test_it_says_what_the_page_says_in_its_order(name):
    html = {**feedback_pages(), **personal_pages()}[name]
    markdown = as_markdown(html)
    assert letters(rendered(markdown).words) == letters(Rendered(html).words)
    assert_harmless(markdown)


def test_a_check_is_one_line_with_its_points_and_its_reason_below():
    markdown = as_markdown(feedback_page(mark(), assignment(), hand_in()))
    assert markdown.startswith(
        "Feedback\n\n# Prostate segmentation in T2 MRI\n\n- Group **group-07**\n- Commit **`4f0c"
    )
    assert "## What holds – 3 of 5 hidden checks\n\n**25 / 25**\n\n" in markdown
    assert "\n- Passed: `dice_loss` is 0 when prediction and truth agree. **5 / 5**\n" in markdown
    assert (
        "normalisation and dropout are in evaluation mode. **0 / 5**\n\n  **The CPU time limit was reached.**\n"
        in markdown
    )
    assert "\n- commit: `4f0c2b7d9e11a3b5c6d7e8f90123456789abcdef`\n" in markdown
    assert "**68.4 of 100** Upper second class\n" in markdown


@pytest.mark.parametrize("text", [*HOSTILE, *ACTIVE_IN_MARKDOWN])
@pytest.mark.parametrize("page", [lambda text: hostile_page(text, "staff"), hostile_personal], ids=["staff", "person"])
def test_what_people_wrote_is_text(page, text):
    html = page(text)
    markdown = as_markdown(html)
    assert_harmless(markdown)
    assert letters(rendered(markdown).words) == letters(Rendered(html).words)


def test_the_control_finds_what_unescaped_text_would_be():
    acting = [text for text in ACTIVE_IN_MARKDOWN if rendered(text).tags - TAGS or REFERENCES.search(text)]
    assert len(acting) > 30


@given(st.text("ab1@#`\\*_[]()<>!|~$&%-+=/:.\n {}^\"'", min_size=1, max_size=30))
@settings(max_examples=300, deadline=None)
def test_no_text_of_active_signs_is_more_than_text(text):
    html = f"<body><p>{_html(text)}</p><ul><li><b>{_html(text)}</b><code>{_html(text)}</code></li></ul></body>"
    markdown = as_markdown(html)
    assert_harmless(markdown)
    assert letters(rendered(markdown).words) == letters(Rendered(html).words)


def _html(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def test_a_table_is_a_list_with_the_names_of_its_columns():
    html = """<table><thead><tr><th>metric</th><th>score</th><th>interval</th></tr></thead><tbody>
    <tr><th>dice</th><td>0.74</td><td>0.71 to 0.77</td></tr>
    <tr><th>hd|95</th><td>9 mm</td><td></td></tr></tbody></table>"""
    assert as_markdown(html) == "- **dice**: **score** 0.74; **interval** 0.71 to 0.77\n- **hd|95**: **score** 9 mm\n"


def test_numbered_lists_keep_their_numbers_and_output_is_fenced_beyond_its_own_fences():
    html = "<ol><li>one</li><li>two<pre>```\n@octocat</pre></li></ol>"
    assert as_markdown(html) == "1. one\n2. two\n\n   ````\n   ```\n   @octocat\n   ````\n"


def test_what_stands_beside_a_title_and_the_points_below_it_are_set_apart():
    html = (
        '<div><h2>Tests <span class="soft">5 checks</span></h2><span class="points">25<small> / 35</small></span></div>'
    )
    assert as_markdown(html) == "## Tests – 5 checks\n\n**25 / 35**\n"


def test_a_heading_in_a_list_is_strong():
    assert as_markdown("<ul><li><h4>Best: <b>dice</b> 0.9 @a <code>x**2</code></h4><p>image</p></li></ul>") == (
        "- **Best: dice 0.9 `@a` `x**2`**\n\n  image\n"
    )


def test_a_line_that_someone_ended_stays_a_line_and_begins_nothing():
    assert as_markdown("<p>one<br># two<br>- three</p>") == "one\n\n\\# two\n\n\\- three\n"


def test_every_page_can_be_read(tmp_path):
    for html in every_page(tmp_path).values():
        assert as_markdown(html).count("\n# ") == 1
