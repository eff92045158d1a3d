"""What is wrong with one cell of the roster, and its cure: only what would break something is refused.

Nobody chooses their own name or address. Each function returns None where the cell can be used.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from graders.course.addresses import address_problem, branch_problem

Wrong = tuple[str, str] | None
"""What is wrong, and the cure."""

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(?<!\.)")
WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
)
"""Names that are devices on Windows, whatever follows their first dot."""
_SHORTENED = re.compile(r"\d[.,]\d+E\+\d+")
_SPECIAL = set('()<>[]:;\\,"')
"""What an address holds between quotes only (RFC 5322, 3.2.3)."""
JOINERS = "\u200c\u200d"
"""Invisible characters within words of Persian and of the scripts of India."""
_OVERRIDES = "\u202d\u202e"
"""They turn the letters of whatever stands behind them on a page."""
MEMBER_CHARACTERS = 128


def group_problem(text: str) -> Wrong:
    """A group names folders."""
    if not text:
        return "is missing", "write the name of the person's group"
    folded = text.casefold()
    if _SLUG.fullmatch(text) and folded.split(".")[0] not in WINDOWS_DEVICES and not folded.endswith(".lock"):
        return None
    cure = "it names folders: use letters, digits, dot, dash and underscore, as group-07"
    return f"{_shown(text)} cannot be a group", cure


def member_problem(text: str) -> Wrong:
    """A member's id is the key under which a mark is exported: what cannot be seen in it could not be told apart."""
    cure = "write the student number or user name"
    if not text:
        return "is missing", cure
    if hidden := _character(text, ("Cc", "Cf", "Cs", "Zl", "Zp"), allowed="") or _odd_space(text):
        return f"{_shown(text)} cannot be a member: it holds {hidden}", cure
    if _SHORTENED.fullmatch(text):
        cure = "format the column as text, and export it again"
        return f"{_shown(text)} is a number that a spreadsheet has shortened", cure
    if len(text) > MEMBER_CHARACTERS:
        return f"{_shown(text)} cannot be a member: it has more than {MEMBER_CHARACTERS} characters", cure
    return None


def name_problem(text: str) -> Wrong:
    """Any script, however its letters are composed; not what would break a line or turn a page around."""
    if not text:
        return "is missing", "write the person's name"
    if hidden := _character(text, ("Cc", "Cs", "Zl", "Zp"), allowed=""):
        return f"{_shown(text)} holds {hidden}", "write it again"
    if turned := next((c for c in text if c in _OVERRIDES), ""):
        return f"{_shown(text)} holds {_called(turned)}", "write it again"
    return None


def email_problem(text: str) -> Wrong:
    """Every unquoted local part of RFC 5322 and 6531, and any domain."""
    cure = "write it as name@ucl.ac.uk"
    if not text:
        return "is missing", cure
    if text.count("@") > 1:
        return f"{_shown(text)} holds two addresses", "keep one"
    if hidden := _character(text, ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs"), allowed=JOINERS):
        return f"{_shown(text)} is not an e-mail address: it holds {hidden}", cure
    local, at, domain = text.partition("@")
    if not at:
        return f"{_shown(text)} is not an e-mail address: there is no @ in it", cure
    numbered = domain.startswith("[") and domain.endswith("]")  # an address of the network, as [192.0.2.1]
    if special := next((c for c in (local if numbered else local + domain) if c in _SPECIAL), ""):
        return f"{_shown(text)} is not an e-mail address: it holds {special}", cure
    if not local or "" in domain.removesuffix(".").split("."):
        return f"{_shown(text)} is not an e-mail address: a part of it is empty", cure
    return None


def pass_mark_problem(text: str) -> Wrong:
    """A whole number of per cent, or nothing."""
    if not text or (text.isascii() and text.isdigit() and int(text) <= 100):
        return None
    return f"{_shown(text)} is not a whole number from 0 to 100", "write 40 or 50, or leave it empty"


def repository_problem(text: str, allow_file: bool) -> Wrong:
    """An address that medmark fetches from."""
    what, _, cure = (address_problem(text, allow_file) or "").partition("; ")
    return (f"{_shown(without_credentials(text))} {what}", cure) if what else None


def without_credentials(address: str) -> str:
    """An address as it may be printed and recorded."""
    return re.sub(r"(?i)(https?://)[^/]*@", r"\1***@", address)


def branch_cell_problem(text: str) -> Wrong:
    """A branch by its name."""
    wrong = branch_problem(text)
    return (f"{_shown(text)} {wrong}", "write it as git branch shows it") if wrong else None


def path_problem(text: str) -> Wrong:
    """A folder inside the repository: letters with their marks, digits, and no way out."""
    parts = text.split("/")
    if all(part and _letter(part[0]) and all(_letter(c) or c in ". +-" for c in part) for part in parts):
        return None
    return f"{_shown(text)} is not a folder inside the repository", "write it as coursework/part1"


OF_PERSON: Mapping[str, Callable[[str], Wrong]] = {
    "member": member_problem,
    "name": name_problem,
    "email": email_problem,
    "pass_mark": pass_mark_problem,
}


def composed(text: str) -> str:
    """A text as it looks: whether its letters are composed depends on who typed it."""
    return unicodedata.normalize("NFC", text)


def same(text: str) -> str:
    """What two cells that mean the same have in common: capitals and the composition of letters do not matter."""
    return composed(text).casefold()


def _letter(character: str) -> bool:
    return character == "_" or unicodedata.category(character)[0] in "LNM"


def _character(text: str, categories: tuple[str, ...], *, allowed: str) -> str:
    """The first character of these Unicode categories, by its name; empty without one."""
    return next((_called(c) for c in text if unicodedata.category(c) in categories and c not in allowed), "")


def _odd_space(text: str) -> str:
    return next((_called(c) for c in text if unicodedata.category(c) == "Zs" and c != " "), "")


def _called(character: str) -> str:
    if character == " ":
        return "a space"
    control = unicodedata.category(character) == "Cc"
    kind = "a control character" if control else unicodedata.name(character, "a character")
    return f"{kind} (U+{ord(character):04X})"


def _shown(text: str) -> str:
    """The cell as it can be printed."""
    return f'"{text}"' if text.isprintable() else ascii(text)
