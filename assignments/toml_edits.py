"""Changes one key of a TOML text: comments and layout stay, because the file is meant to be read."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from assignments.toml_lines import Loc, lines_of


def with_value(text: str, loc: Loc, value: object) -> str | None:
    """The text with this value of one key, or without the key where it is None.

    Comments right above the old value go: they say why it was chosen. None where it does not stand on lines of its own.
    """
    expected, has_key = _changed(tomllib.loads(text), loc, value)
    new = [] if value is None else [f"{loc[-1]} = {_toml(value)}\n"]
    lines, at = text.splitlines(keepends=True), lines_of(text)
    if not has_key:
        if value is None:
            return text
        if loc[:-1] not in at:
            return f"{text.rstrip()}\n\n[{'.'.join(map(str, loc[:-1]))}]\n{''.join(new)}"
        start = at[loc[:-1]]
        return "".join(lines[:start] + new + lines[start:])
    first = at[loc] - 1
    above = first
    while above and lines[above - 1].lstrip().startswith("#"):
        above -= 1
    for end in range(first + 1, len(lines) + 1):  # the value may run over several lines
        changed = "".join(lines[:above] + new + lines[end:])
        if _parsed(changed) == expected:
            return changed
    return None


def _changed(values: dict[str, Any], loc: Loc, value: object) -> tuple[dict[str, Any], bool]:
    """The values as they should be, changed in place, and whether the key was among them."""
    table: Any = values
    for part in loc[:-1]:
        table = table.setdefault(part, {}) if isinstance(part, str) else table[part]
    has_key = loc[-1] in table
    table.pop(loc[-1], None)
    if value is not None:
        table[loc[-1]] = value
    return values, has_key


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _toml(value: object) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
