"""Reads the repository and the commit from what a person typed into Moodle's `Online text`, which is HTML.

The text is data: it is parsed for words, never shown as HTML, and no address in it is opened here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from graders.course.roster import repository_key

_ADDRESS = re.compile(r"(?:https?://|ssh://)[^\s<>\"'|\\^`{}]+|[A-Za-z0-9_][\w.-]*@[A-Za-z0-9.-]+:[\w./~+-]+")
_COMMIT = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{40}(?![0-9A-Za-z])")
_PAGE = re.compile(r"(?:/-)?/(?:tree|commit|commits|blob|src|releases|raw|pull|merge_requests)(?:/.*)?$")
"""What a page of a host adds to the address of a repository."""
_LONGEST = 100_000


@dataclass(frozen=True)
class OnlineText:
    """What a text names: every repository and every commit, once each."""

    repositories: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()


def read_online_text(html: str) -> OnlineText:
    """The repositories and commits that a text names, in its order."""
    parser = _Words()
    parser.feed(html[:_LONGEST])
    parser.close()
    text = " ".join([*parser.words, *parser.links])
    addresses: dict[str, str] = {}
    for match in _ADDRESS.finditer(text):
        address = _PAGE.sub("", re.split(r"[?#]", match[0])[0].rstrip(".,;:!)]/"))
        addresses.setdefault(repository_key(address), address)
    commits = dict.fromkeys(match[0].lower() for match in _COMMIT.finditer(text))
    return OnlineText(tuple(addresses.values()), tuple(commits))


class _Words(HTMLParser):
    """The text of a piece of HTML, and where its links go."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.links: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]
