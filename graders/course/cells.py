"""Checks single cells of the roster. Each function returns the problem and its cure, or None.

Nobody chooses their own name or address, so a cell is refused only where it would break something.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

from graders.course.addresses import address_problem, branch_problem

CellProblem = tuple[str, str] | None
"""The problem, and the cure."""

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(?<!\.)")
WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
)
"""Names that are devices on Windows, whatever follows their first dot."""
_SHORTENED = re.compile(r"\d[.,]\d+E\+\d+")
_SPECIAL = set('()<>[]:;\\,"')
"""Characters that an address may hold only between quotes (RFC 5322, 3.2.3)."""
JOINERS = "\u200c\u200d"
"""Invisible characters within words of Persian and of the scripts of India."""
_OVERRIDES = "\u202d\u202e"
"""They reverse the text that follows them on a page."""
MEMBER_CHARACTERS = 128
"""The longest id of a member."""


def group_problem(text: str) -> CellProblem:
    """A group's name is also the name of folders."""
    if not text:
        return "is missing", "write the name of the person's group"
    folded = text.casefold()
    if _SLUG.fullmatch(text) and folded.split(".")[0] not in WINDOWS_DEVICES and not folded.endswith(".lock"):
        return None
    cure = "folders have this name: use letters, digits, dot, dash and underscore, as in group-07"
    return f"{_shown(text)} cannot be a group", cure


def member_problem(text: str) -> CellProblem:
    """Marks are exported under a member's id, so it holds no invisible characters: two ids could look alike."""
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


def name_problem(text: str) -> CellProblem:
    """Any script, composed or decomposed; nothing that breaks a line or reverses the text after it."""
    if not text:
        return "is missing", "write the person's name"
    if hidden := _character(text, ("Cc", "Cs", "Zl", "Zp"), allowed=""):
        return f"{_shown(text)} holds {hidden}", "type it again"
    if turned := next((c for c in text if c in _OVERRIDES), ""):
        return f"{_shown(text)} holds {_character_name(turned)}", "type it again"
    return None


def email_problem(text: str) -> CellProblem:
    """Any local part without quotes (RFC 5322 and 6531), and any domain."""
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


def pass_mark_problem(text: str) -> CellProblem:
    """A whole number of per cent, or nothing."""
    if not text or (text.isascii() and text.isdigit() and int(text) <= 100):
        return None
    return f"{_shown(text)} is not a whole number from 0 to 100", "write 40 or 50, or leave it empty"


def repository_problem(text: str, allow_file: bool) -> CellProblem:
    """An address that medmark fetches from."""
    what, _, cure = (address_problem(text, allow_file) or "").partition("; ")
    return (f"{_shown(without_credentials(text))} {what}", cure) if what else None


def without_credentials(address: str) -> str:
    """An address as it may be printed and recorded."""
    return re.sub(r"(?i)(https?://)[^/]*@", r"\1***@", address)


def branch_cell_problem(text: str) -> CellProblem:
    """The name of a branch."""
    wrong = branch_problem(text)
    return (f"{_shown(text)} {wrong}", "write it as `git branch` shows it") if wrong else None


def path_problem(text: str) -> CellProblem:
    """A folder inside the repository: letters of any script, digits and a few signs; never .."""
    parts = text.split("/")
    if all(part and _letter(part[0]) and all(_letter(c) or c in ". +-" for c in part) for part in parts):
        return None
    return f"{_shown(text)} is not a folder inside the repository", "write it as coursework/part1"


OF_PERSON: Mapping[str, Callable[[str], CellProblem]] = {
    "member": member_problem,
    "name": name_problem,
    "email": email_problem,
    "pass_mark": pass_mark_problem,
}


def composed(text: str) -> str:
    """A text with composed letters: keyboards and systems differ in how they store é."""
    return unicodedata.normalize("NFC", text)


def comparison_key(text: str) -> str:
    """Equal for two cells that mean the same: capitals and the composition of letters do not matter."""
    return composed(text).casefold()


def _letter(character: str) -> bool:
    return character == "_" or unicodedata.category(character)[0] in "LNM"


def _character(text: str, categories: tuple[str, ...], *, allowed: str) -> str:
    """The name of the first character in these Unicode categories; empty if there is none."""
    return next((_character_name(c) for c in text if unicodedata.category(c) in categories and c not in allowed), "")


def _odd_space(text: str) -> str:
    return next((_character_name(c) for c in text if unicodedata.category(c) == "Zs" and c != " "), "")


def _character_name(character: str) -> str:
    if character == " ":
        return "a space"
    control = unicodedata.category(character) == "Cc"
    kind = "a control character" if control else unicodedata.name(character, "a character")
    return f"{kind} (U+{ord(character):04X})"


def _shown(text: str) -> str:
    """The cell as it can be printed."""
    return f'"{text}"' if text.isprintable() else ascii(text)
