"""What would tell whose work something is, and its removal from texts that people wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final

from assignments.letters import NARROW
from graders.course.cells import composed
from graders.course.roster import Group, Member

REMOVED: Final = "[name]"
FEWEST: Final = 3
"""Letters of a part of a name that is removed by itself. In scripts whose words have fewer letters, two suffice."""
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s,;]+|[^\s@,;]+@[^\s@,;]+", re.IGNORECASE)
"""Of a repository, or an e-mail address: anybody's."""
_PIECE: Final = re.compile(r"[^\W\d_]+|\d+")
"""Where a name may begin: names of files join words by underscores and digits."""


def telling(group: Group) -> Iterator[str]:
    """What of a group would tell whose a page is."""
    yield from (group.name, group.repository)
    for member in group.members:
        yield from (member.id, member.name, member.email)


def remover(groups: Sequence[Group]) -> Callable[[str], str]:
    """A function that takes the people of some groups out of a text that somebody wrote.

    Every part of a name goes too, so that "ask Ada" names nobody; an ordinary word that is also a name is lost with it.
    So use it for what people wrote, and not for medmark's own sentences.
    """
    words = {_seen(word) for group in groups for word in (*telling(group), *_forms(group)) if word}
    by_first: dict[str, list[str]] = {}  # a text is compared with the words that begin as it does, not with thousands
    for word in words:
        if piece := _PIECE.search(word):
            by_first.setdefault(piece[0].casefold(), []).append(word[piece.start() :])
    # In some scripts no space stands between words.
    joined = sorted((word for word in words if not word.isascii()), key=len, reverse=True)
    within = re.compile("|".join(map(re.escape, joined)), re.IGNORECASE) if joined else None

    @cache
    def begins(piece: str) -> re.Pattern[str] | None:
        own = sorted(by_first.get(piece, ()), key=len, reverse=True)
        return re.compile("|".join(map(_whole, own)), re.IGNORECASE) if own else None

    def removed(text: str) -> str:
        text = _ADDRESS.sub(REMOVED, _seen(text))
        if within is not None and not text.isascii():
            text = within.sub(REMOVED, text)
        parts, done = [], 0
        for piece in _PIECE.finditer(text):
            pattern = begins(piece[0].casefold()) if piece.start() >= done else None
            if pattern is not None and (hit := pattern.match(text, piece.start())):
                parts += [text[done : piece.start()], REMOVED]
                done = hit.end()
        return "".join([*parts, text[done:]])

    return removed


def _seen(text: str) -> str:
    """A text as its reader sees it: a letter without width would part a name for the search alone."""
    return NARROW.sub("", composed(text))


def _whole(word: str) -> str:
    """A word that does not go on: `zcabc012` does not hold `zcabc01`."""
    return re.escape(word) + (r"(?!\d)" if word[-1].isdigit() else r"(?![^\W\d_])")


def _forms(group: Group) -> Iterator[str]:
    for member in group.members:
        yield from _of_member(member)


def _of_member(member: Member) -> Iterator[str]:
    """Parts of a name, and a name as files have it: AdaLovelace."""
    names = re.findall(r"[^\W\d_]+", _seen(member.name))
    yield from ("".join(names), "".join(reversed(names))) if len(names) > 1 else ()
    local = member.email.partition("@")[0]
    yield local if len(local) >= FEWEST else ""
    for word in (*names, *re.findall(r"[^\W\d_]+", local)):
        if len(word) >= (FEWEST if word.isascii() else 2):
            yield word
