"""One person's feedback as one file that needs no other: their own page, then their group's.

Learning platforms and e-mail hand a person one file, beside which no other page lies. Pure functions of the pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from graders.marks.personal import PersonalMark
from reports.exports.export import Page
from reports.page import TEMPLATES
from reports.pages import Pages
from reports.pdf import NoPdfError, as_pdf, check_pdf
from reports.personal import reads_group_page

ANCHOR: Final = "group"
"""Where the group's page begins in the file."""
HEADING: Final = "Feedback on the work"
"""In place of the group's page's title, which is that of the file already."""
OnFile = Callable[[int, int, str], None]
"""(files done, files in all, the member)"""


def person_files(pages: Pages, *, pdf: bool = False, on_file: OnFile = lambda *_: None) -> dict[str, Page]:
    """By member: their file. A page that WeasyPrint fails on stays HTML.

    Args:
        pdf: Whether the files are PDF. Each takes about a second.

    Raises:
        UserError: WeasyPrint is needed and not installed.
    """
    if pdf:
        check_pdf()
    files = {}
    for number, (member, html) in enumerate(_html_files(pages)):
        on_file(number, len(pages.people), member)
        files[member] = _as_pdf(html) if pdf else Page(html.encode(), ".html")
    return files


def _html_files(pages: Pages) -> Iterator[tuple[str, str]]:
    group_pages: dict[str, str] = {}
    for person in pages.people:
        mark = pages.mark_of_group(person)
        if mark.group not in group_pages:
            group_pages[mark.group] = pages.of_group(mark)
        yield person.member, person_file(pages, person, group_pages[mark.group])


def person_file(pages: Pages, person: PersonalMark, group_page: str) -> str:
    """A person's page with the page of their group below it, where theirs leads to it.

    Args:
        group_page: The group's page as its members read it.
    """
    own = pages.of_person(person, link=f"#{ANCHOR}")
    return _joined(own, group_page) if reads_group_page(person, pages.mark_of_group(person)) else own


def _joined(own: str, group_page: str) -> str:
    """Two pages as one. They are our own: each has one element for styles, one for what it says, and one title."""
    head, _, rest = own.partition("<style>")
    _, _, body = rest.partition("</style>")
    before, _, rest = body.partition("<main>")
    personal, _, _ = rest.partition("</main>")
    # The styles of a group's page hold those of a person's.
    styles = group_page.partition("<style>")[2].partition("</style>")[0]
    work, _, end = group_page.partition("<main>")[2].partition("</main>")
    work = re.sub("<h1>.*?</h1>", f"<h2>{HEADING}</h2>", work, count=1, flags=re.DOTALL)
    articles = f'<article>{personal}</article>\n<article id="{ANCHOR}">{work}</article>'
    return f"{head}<style>{styles}{_styles_between()}</style>{before}<main>\n{articles}\n</main>{end}"


@cache
def _styles_between() -> str:
    return (TEMPLATES / "joined.css").read_text(encoding="utf-8")


def _as_pdf(html: str) -> Page:
    try:
        return Page(as_pdf(html), ".pdf")
    except NoPdfError:
        return Page(html.encode(), ".html")
