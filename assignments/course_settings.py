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
from assignments.toml_edits import with_value
from assignments.toml_lines import Loc

TABLES: Final = ("data", "run", "limits")
"""Tables of which a course may set values."""


def as_the_course_sets(assignment: Assignment, text: str) -> str:
    """The text of the assignment's file with a course's values; as it is where the course sets none.

    Raises:
        UserError: a value does not stand on lines of its own.
    """
    for loc, value in _changed(assignment, tomllib.loads(text)):
        changed = with_value(text, loc, value)
        if changed is None:
            raise UserError(
                f"assignment.toml {'.'.join(map(str, loc))}: a course sets it, but it does not stand on a line of its "
                "own. Write its table with one key on a line."
            )
        text = changed
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
