"""Makes the roster's names of groups from those that another system shows: `Group 7` becomes `group-07`.

A group of the present roster keeps its name, whatever would be made of it today: folders and the record have it. A
name that folders can have stays as it is.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from graders.course.cells import comparison_key, composed, group_problem

DIGITS = 2
"""The fewest digits of a number at the end: names then sort as their numbers do."""
CHARACTERS = 50
"""The most that is taken of a shown name where a digest follows it."""
_LETTERS = str.maketrans("0123456789", "ghijklmnop")
"""A digest without digits: it has no number at its end."""
_NUMBERED = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True)
class GroupNames:
    """What each shown name becomes."""

    names: Mapping[str, str]
    """By the shown name."""
    clashes: tuple[tuple[str, ...], ...] = ()
    """Shown names of which one name would be made."""


def group_names(shown: Iterable[str], present: Mapping[str, Collection[str]]) -> GroupNames:
    """Names of groups for shown names.

    Args:
        present: The names that the roster has now, each with what was shown for it.
    """
    slugs = {name: _slug(name) for name in shown}
    by_shown = {comparison_key(each): name for name, others in present.items() for each in (*others, name)}
    by_number = {_numbered(name): name for name in present}
    digits = _digits(present) or _digits(slugs.values())
    names = {}
    for name, new in slugs.items():
        prefix, number = _numbered(new)
        padded = new if number is None or new == name else f"{prefix}{number:0{digits.get(prefix, DIGITS)}d}"
        names[name] = by_shown.get(comparison_key(name)) or by_number.get((prefix, number)) or padded
    by_name: dict[str, list[str]] = {}
    for name, new in names.items():
        by_name.setdefault(new.casefold(), []).append(name)
    return GroupNames(names, tuple(tuple(several) for several in by_name.values() if len(several) > 1))


def own_group_name(member: str) -> str:
    """The name of the group of a person who works alone: the member's id, as folders can have it."""
    return _slug(member)


def _slug(shown: str) -> str:
    """A name that folders can have, of small letters, digits and dashes."""
    if group_problem(shown) is None:
        return shown
    letters = unicodedata.normalize("NFKD", shown.casefold())
    name = "-".join(re.findall("[a-z0-9]+", letters.encode("ascii", "ignore").decode()))
    name = re.sub(r"(?<=[a-z])(?=\d+$)", "-", name)
    lost = any(letter.isalpha() and not letter.isascii() for letter in letters)
    if name.isdigit():
        return f"group-{name}"
    if name and not lost and group_problem(name) is None:
        return name
    # Of two names in other letters the same could be left over.
    digest = hashlib.sha256(composed(shown).encode("utf-8", "surrogatepass")).hexdigest()[:8].translate(_LETTERS)
    return f"{name[:CHARACTERS].rstrip('-') or 'group'}-{digest}"


def _numbered(name: str) -> tuple[str, int | None]:
    """What comes before the number at the end, and the number: equal for `group-7` and `group-007`."""
    match = _NUMBERED.fullmatch(name.casefold())
    return (match[1], int(match[2])) if match else (name.casefold(), None)


def _digits(names: Iterable[str]) -> dict[str, int]:
    """How many digits the numbers after each prefix need."""
    digits: dict[str, int] = {}
    for match in filter(None, (_NUMBERED.fullmatch(name.casefold()) for name in names)):
        digits[match[1]] = max(digits.get(match[1], DIGITS), len(match[2]))
    return digits
