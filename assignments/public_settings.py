"""The text of `assignment.toml` as students get it: it does not say where patients lie, or how they were split.

Comments and layout stay, because the file is meant to be read.
"""

from __future__ import annotations

import tomllib
from typing import Any, Final

from assignments.errors import UserError
from assignments.toml_lines import lines_of

PRIVATE: Final = ("path", "split", "split_seed", "permission")
"""Keys of `[data]` that stay behind."""


def public_settings(text: str) -> str:
    """The text without the private keys, and without the comments that stand right above them.

    Raises:
        UserError: a private key does not stand on lines of its own.
    """
    for key in PRIVATE:
        text = _without(text, key)
    return text


def _without(text: str, key: str) -> str:
    values = tomllib.loads(text)
    data = values.get("data")
    if not isinstance(data, dict) or key not in data:
        return text
    rest = {**values, "data": {name: value for name, value in data.items() if name != key}}
    lines = text.splitlines(keepends=True)
    first = lines_of(text)["data", key] - 1
    above = first
    while above and lines[above - 1].lstrip().startswith("#"):
        above -= 1
    for end in range(first + 1, len(lines) + 1):  # the value may run over several lines
        shorter = "".join(lines[:above] + lines[end:])
        if _parsed(shorter) == rest:
            return shorter
    raise UserError(
        f"assignment.toml [data]: {key} is not handed out, but does not stand on a line of its own. Write [data] as a "
        "table, with one key on a line."
    )


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
