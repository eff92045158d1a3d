"""Reads a page as a browser's parser would, and lists what could act in it."""

import re
from html.parser import HTMLParser

OWN_PAGE = re.compile(
    r"(\.\./)*(feedback|personal|staff|cases)/(versions/)?[A-Za-z0-9][A-Za-z0-9._-]*\.html"
    r"|(leaderboard|audit)\.html|marksheet\.(csv|json)|cohort/[a-z]+\.csv|#[a-z]+"
)
"""A link from one of our pages to another, near which it lies: a person follows it, and nothing acts."""


class Page(HTMLParser):
    """Elements, attributes and text of one page."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.scripts, self.words = [], [], [], []
        self.policy = None
        self._inside = []
        self.feed(html)
        self.close()
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        values = dict(attrs)
        if tag == "meta" and values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        if tag in ("script", "style"):
            self._inside.append(tag)

    def handle_endtag(self, tag):
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data):
        if self._inside == ["script"]:
            self.scripts.append(data)
        elif not self._inside:
            self.words.append(data)

    def acting(self):
        """What of the page would run or load something, beside its script elements."""
        acts = ("img", "iframe", "object", "embed", "link", "base", "form", "a")
        own = [
            value for tag, name, value in self.attributes if (tag, name) == ("a", "href") and OWN_PAGE.fullmatch(value)
        ]
        found = [tag for tag in self.tags if tag in acts]
        for _ in own:
            found.remove("a")
        for tag, name, value in self.attributes:
            if value in own:
                continue
            if name.startswith("on") or name in ("src", "href", "action", "srcset", "formaction"):
                found.append(f"{tag} {name}")
            if value.strip().lower().startswith("javascript:") and name != "title":  # a title is only shown
                found.append(f"{tag} {name}={value}")
        return found
