"""Checks the addresses and branch names of a roster, since they reach git's command line.

An address has one of four forms. Nothing in it can be read as an option, another transport, a path out of a folder or
a password.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_PATH = r"(?:[A-Za-z0-9._~+][A-Za-z0-9._~+-]*/)*[A-Za-z0-9._~+][A-Za-z0-9._~+-]*/?"
_ESCAPED = _PATH.replace("A-Za-z0-9", "A-Za-z0-9%")
"""In a URL a space is %20. The checks read an escape as the character it stands for."""
_HTTPS = re.compile(rf"https://{_HOST}(?::\d{{1,5}})?/{_ESCAPED}")
_SSH = re.compile(rf"ssh://(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?{_HOST}(?::\d{{1,5}})?/{_ESCAPED}")
_SCP = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]*@{_HOST}:{_PATH}")
_FILE = re.compile(r"file:///[^\x00-\x1f\x7f-\x9f]+")
_BRANCH = re.compile(r"(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))[\w][\w./+@#=,-]{0,199}(?<![./])")


def address_problem(address: str, allow_file: bool) -> str | None:
    """Why medmark refuses an address, with the cure; None where it accepts it."""
    if address.startswith("file://"):
        if not allow_file:
            return "is a folder of this machine; to allow that, set allow_file = true under [access] in course.toml"
        return None if _FILE.fullmatch(address) else "is not a file:// address with an absolute path"
    if re.match(r"https://[^/]*@", address):
        return "holds a user name or token, which would end up in logs; remove it and use [access.token_env]"
    plain = unquote(address)
    if ".." in plain.split("/"):
        return "holds .., which an address does not need"
    if "%" in address and not _means_a_name(address, plain):
        return "holds an escape (%) that does not stand for a letter or a space"
    if any(form.fullmatch(address) for form in (_HTTPS, _SSH, _SCP)):
        return None
    return "is not an address that medmark fetches from; use https://host/group/repo or git@host:group/repo.git"


def _means_a_name(address: str, plain: str) -> bool:
    """Whether the escapes of an address are part of a name: not a path, an option, a control code or half an escape."""
    whole = not re.search("%(?![0-9A-Fa-f]{2})|%2f", address, re.IGNORECASE)
    return whole and plain.isprintable() and "\ufffd" not in plain and "/-" not in plain


def branch_problem(branch: str) -> str | None:
    """Why medmark refuses a branch name; None where it accepts it."""
    return None if _BRANCH.fullmatch(branch) else "is not a branch name that medmark accepts"
