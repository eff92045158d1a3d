"""A page as PDF, by WeasyPrint: the extra `pdf`. Nothing is loaded but what the page itself holds.

WeasyPrint draws an SVG without the styles of the page around it, so these are written into its elements before.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from assignments.errors import MedmarkError, UserError
from reports.page import TEMPLATES

MISSING: Final = (
    "WeasyPrint, which writes PDF, {what}: pip install 'medmark[pdf]', and on Debian or Ubuntu "
    "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"
)
MARK: Final = b"medmark-page-"
SVG: Final = "{http://www.w3.org/2000/svg}"
DRAWN: Final = frozenset({
    "fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap",
    "stroke-linejoin", "opacity", "color", "r", "font-size", "font-weight", "image-rendering", "overflow",
})  # fmt: skip
"""The styles that an SVG takes as attributes too."""
LINES: Final = 60
"""Of output, or of numbers for staff, that are printed: one page. The HTML page has the rest."""
COLUMNS: Final = 68
PICTURE_PX: Final = 265.0
"""Width of a picture on paper, 7 cm in CSS pixels: lines that keep their width on every scale are scaled for it."""


class NoPdfError(MedmarkError):
    """WeasyPrint failed on one page; others may do."""


def as_pdf(html: str) -> bytes:
    """A page of medmark's on A4, tagged for screen readers (PDF/UA-1). On one machine, equal pages give equal bytes.

    Raises:
        NoPdfError: WeasyPrint fails on this page.
        UserError: WeasyPrint or one of its system libraries is not installed.
    """
    weasyprint = _weasyprint()
    fetcher = weasyprint.URLFetcher(allowed_protocols=["data"], allow_redirects=False)
    before, start, rest = html.partition("<style>")
    styles, end, after = rest.partition("</style>")
    # Its grids fail where a page ends: pdf.css lays out what is a grid on a screen.
    styles = re.sub(r"display: ?grid", "display: block", styles) + _styles_of_paper()
    document = weasyprint.HTML(string="".join([before, start, styles, end, after]), url_fetcher=fetcher)
    for link in document.etree_element.iter("a"):
        link.attrib.pop("href", None)  # to a page that does not come with the paper
    _shorten(document.etree_element)
    _style_figures(document.etree_element)
    try:
        return bytes(document.write_pdf(pdf_variant="pdf/ua-1", pdf_identifier=_identifier(html)))
    except Exception as error:
        raise NoPdfError(f"{type(error).__name__}: {error}".rstrip(": ")) from error


def is_pdf_of(data: bytes, html: str) -> bool:
    """Whether a PDF is the one of this page, written as this medmark writes it."""
    return _identifier(html) in data


def was_written_here(data: bytes) -> bool:
    """Whether a PDF is a page of medmark's, of whatever page."""
    return MARK in data


def _identifier(html: str) -> bytes:
    """What the PDF's trailer names it by: a digest of all that it is made of."""
    return MARK + hashlib.sha256("\0".join([html, _styles_of_paper(), _own_source()]).encode()).hexdigest().encode()


def check_pdf() -> None:
    """Refuse before anything is written.

    Raises:
        UserError: WeasyPrint or one of its system libraries is not installed.
    """
    _weasyprint()


def _weasyprint() -> Any:
    try:
        import weasyprint
    except ImportError:
        raise UserError(MISSING.format(what="is not installed")) from None
    except OSError as error:  # it finds Pango and HarfBuzz when it is imported
        raise UserError(MISSING.format(what=f"lacks a system library ({str(error).splitlines()[0]})")) from None
    return weasyprint


@cache
def _own_source() -> str:
    return Path(__file__).read_text(encoding="utf-8")


@cache
def _styles_of_paper() -> str:
    return (TEMPLATES / "pdf.css").read_text(encoding="utf-8")


@dataclass(frozen=True)
class _Styles:
    """The rules of a page that count on paper."""

    matcher: Any
    """A `cssselect2.Matcher` whose payloads are declarations by name."""
    variables: Mapping[str, str]
    """Custom properties of the root."""

    def resolved(self, value: str) -> str:
        """A value with the variables replaced."""
        return re.sub(r"var\((--[a-z-]+)\)", lambda match: self.variables[match[1]], value)


def _shorten(root: Any) -> None:
    """Cut what would fill many pages, such as the scores of 2000 cases, and break lines that take long to lay out."""
    for block in root.iter("pre"):
        lines = [
            line[start : start + COLUMNS]
            for line in "".join(block.itertext()).split("\n")
            for start in range(0, max(1, len(line)), COLUMNS)
        ]
        for child in list(block):
            block.remove(child)
        more = len(lines) - LINES
        block.text = "\n".join([*lines[:LINES], *([f"and {more} more lines, in the HTML page"] if more > 0 else [])])


def _style_figures(root: Any) -> None:
    """Write into every element of an SVG how the page's styles draw it."""
    from cssselect2 import ElementWrapper

    for parent in root.iter():
        for element, following in pairwise([*parent, None]):
            if element is not None and element.tag == f"{SVG}svg":
                _name(element, following)
    styles = _styles("\n".join("".join(style.itertext()) for style in root.iter("style")))
    scale = 1.0
    for wrapper in ElementWrapper.from_html_root(root).iter_subtree():
        element = wrapper.etree_element
        if not str(element.tag).startswith(SVG):
            continue
        if element.tag == f"{SVG}svg":
            box = element.get("viewBox", "").split()
            scale = float(box[2]) / PICTURE_PX if len(box) == 4 else scale
        drawn: dict[str, str] = {}
        for *_, declarations in styles.matcher.match(wrapper):
            drawn |= declarations
        drawn |= dict(_declarations(element.attrib.pop("style", "")))
        if "paint-order" in drawn:  # WeasyPrint paints the outline over the letters
            drawn = {name: value for name, value in drawn.items() if not name.startswith("stroke")}
        if drawn.get("vector-effect") == "non-scaling-stroke" and "stroke-width" in drawn:
            drawn["stroke-width"] = f"{float(drawn['stroke-width']) * scale:.3f}"
        for name in DRAWN & drawn.keys():
            element.set(name, styles.resolved(drawn[name]))


def _name(figure: Any, following: Any) -> None:
    """Give a figure the title that a tagged PDF reads out: its label, or else the hidden words beside it."""
    words = figure.get("aria-label", "")
    if not words and following is not None and following.get("class") == "unseen":
        words, following.text = (following.text or "").rstrip(":"), ""
    if words:
        title = figure.makeelement(f"{SVG}title", {})
        title.text = words
        figure.append(title)


@lru_cache(maxsize=8)
def _styles(text: str) -> _Styles:
    from cssselect2 import Matcher, SelectorError, compile_selector_list
    from tinycss2 import parse_stylesheet, serialize

    matcher, variables = Matcher(), dict[str, str]()
    for rule in _on_paper(parse_stylesheet(text, skip_comments=True, skip_whitespace=True)):
        declarations = dict(_declarations(rule.content))
        if serialize(rule.prelude).strip() == ":root":
            variables |= {name: value for name, value in declarations.items() if name.startswith("--")}
        try:
            selectors = compile_selector_list(rule.prelude)
        except SelectorError:  # of something that only a browser has, such as the focus
            continue
        for selector in selectors:
            if selector.pseudo_element is None and not selector.never_matches:
                matcher.add_selector(selector, declarations)
    return _Styles(matcher, variables)


def _on_paper(rules: list[Any]) -> Iterator[Any]:
    """The rules with a selector, those for print among them."""
    from tinycss2 import parse_rule_list, serialize

    for rule in rules:
        if rule.type == "qualified-rule":
            yield rule
        elif rule.type == "at-rule" and rule.lower_at_keyword == "media" and serialize(rule.prelude).strip() == "print":
            yield from _on_paper(parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True))


def _declarations(text: Any) -> Iterator[tuple[str, str]]:
    from tinycss2 import parse_blocks_contents, serialize

    for item in parse_blocks_contents(text, skip_comments=True, skip_whitespace=True):
        if item.type == "declaration":
            yield item.name, serialize(item.value).strip()
