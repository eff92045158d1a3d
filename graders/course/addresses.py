"""Which addresses of repositories, and which names of branches, medmark takes: those that name one and do nothing else.

What stands in a roster reaches git's command line. So an address has one of four forms, and nothing in it can be read
as an option, another transport, a way out of a folder or a password.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_PATH = r"(?:[A-Za-z0-9._~+][A-Za-z0-9._~+-]*/)*[A-Za-z0-9._~+][A-Za-z0-9._~+-]*/?"
_ESCAPED = _PATH.replace("A-Za-z0-9", "A-Za-z0-9%")
"""As in a URL, where a space is %20; what is escaped is looked at as what it stands for."""
_HTTPS = re.compile(rf"https://{_HOST}(?::\d{{1,5}})?/{_ESCAPED}")
_SSH = re.compile(rf"ssh://(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?{_HOST}(?::\d{{1,5}})?/{_ESCAPED}")
_SCP = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]*@{_HOST}:{_PATH}")
_FILE = re.compile(r"file:///[^\x00-\x1f\x7f-\x9f]+")
_BRANCH = re.compile(r"(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))[\w][\w./+@#=,-]{0,199}(?<![./])")


def address_problem(address: str, allow_file: bool) -> str | None:
    """Why an address is not accepted, with the cure; None when it is."""
    if address.startswith("file://"):
        if not allow_file:
            return "is a folder of this machine; to allow that, set allow_file = true under [access] in course.toml"
        return None if _FILE.fullmatch(address) else "is not a file:// address with an absolute path"
    if re.match(r"https://[^/]*@", address):
        return "holds a user name or token, which would end up in logs; remove it and use [access.token_env]"
    plain = unquote(address)
    if ".." in plain.split("/"):
        return "holds .., which no repository's address needs"
    if "%" in address and not _means_a_name(address, plain):
        return "holds an escape (%) that stands for no letter or space of a name"
    if any(form.fullmatch(address) for form in (_HTTPS, _SSH, _SCP)):
        return None
    return "is not an address that medmark fetches from; use https://host/group/repo or git@host:group/repo.git"


def _means_a_name(address: str, plain: str) -> bool:
    """Whether what is escaped in an address is part of a name, and no path, option, control code or half an escape."""
    whole = not re.search("%(?![0-9A-Fa-f]{2})|%2f", address, re.IGNORECASE)
    return whole and plain.isprintable() and "\ufffd" not in plain and "/-" not in plain


def branch_problem(branch: str) -> str | None:
    """Why a branch's name is not accepted; None when it is."""
    return None if _BRANCH.fullmatch(branch) else "is not a name for a branch"
