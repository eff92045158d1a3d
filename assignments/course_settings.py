"""The text of `assignment.toml` as a course sets it, for a handout: students check their work by these settings.

Comments and layout stay, but for those of a value that changes: they say why the assignment's own was chosen.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from assignments.assignment import Accuracy, Assignment
from assignments.errors import UserError
from assignments.public_settings import PRIVATE
from assignments.toml_lines import Loc, lines_of

TABLES: Final = ("data", "run", "limits")
"""Tables of which a course may set values."""


def as_the_course_sets(assignment: Assignment, text: str) -> str:
    """The text of the assignment's file with a course's values; as it is where the course sets none.

    Raises:
        UserError: a value does not stand on lines of its own.
    """
    for loc, value in _changed(assignment, tomllib.loads(text)):
        text = _with(text, loc, value)
    return text


def _changed(assignment: Assignment, values: Mapping[str, Any]) -> Iterator[tuple[Loc, Any]]:
    """Each key whose value differs from the file's, and its value; None for one to remove."""
    for table in TABLES:
        now = getattr(assignment, table)
        written = (
            type(now).model_validate_json(json.dumps(values.get(table, {}), default=str)) if table in values else None
        )
        before = {} if written is None else written.model_dump(mode="json")
        defaults = {name: field.default for name, field in type(now).model_fields.items()}
        for name, value in now.model_dump(mode="json").items():
            default = json.loads(json.dumps(defaults[name], default=str))
            if value != before.get(name, default) and name not in PRIVATE:
                yield (table, name), None if value == default else value
    for number, criterion in enumerate(assignment.criteria):
        if isinstance(criterion, Accuracy):
            table_of = values["criterion"][number]
            anchors = criterion.anchors.model_dump(mode="json", by_alias=True)
            if anchors != table_of.get("anchors"):
                yield ("criterion", number, "anchors"), anchors
            caps = [cap.model_dump(mode="json") for cap in criterion.caps]
            if caps != table_of.get("caps", []):
                yield ("criterion", number, "caps"), caps or None


def _with(text: str, loc: Loc, value: Any) -> str:
    """The text with another value of one key, or without it; comments right above the old one go."""
    rest = tomllib.loads(text)
    table: Any = rest
    for part in loc[:-1]:
        table = table[part] if not isinstance(part, str) else table.setdefault(part, {})
    existed = loc[-1] in table
    table.pop(loc[-1], None)
    if value is not None:
        table[loc[-1]] = value
    new = [] if value is None else [f"{loc[-1]} = {_toml(value)}\n"]
    lines = text.splitlines(keepends=True)
    at = lines_of(text)
    if not existed:
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
        try:
            if tomllib.loads(changed) == rest:
                return changed
        except tomllib.TOMLDecodeError:
            continue
    key = ".".join(map(str, loc))
    raise UserError(
        f"assignment.toml {key}: a course sets it, but it does not stand on a line of its own. Write its table with "
        "one key on a line."
    )


def _toml(value: Any) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
