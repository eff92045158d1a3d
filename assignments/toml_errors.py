"""Validates a TOML file against a pydantic model, and reports every problem with file, key, line and cure.

What the values mean, the owner of the model checks.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from assignments.errors import Problem, UserError, nearest
from assignments.toml_lines import Loc, lines_of

ModelT = TypeVar("ModelT", bound=BaseModel)


class TomlErrors(UserError):
    """Every problem of one file, in the order of its lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.key)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Document:
    """A parsed TOML file: its values, and the line of each."""

    path: Path
    values: dict[str, Any]
    lines: Mapping[Loc, int]

    def line_of(self, loc: Loc) -> int | None:
        """The line of a key; if the key is missing, that of the nearest table around it."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc)

    def problem(self, loc: Loc, what: str, cure: str = "") -> Problem:
        """A problem of the key at `loc`."""
        return Problem(str(self.path), ".".join(str(part) for part in loc), self.line_of(loc), what, cure)


def read_toml(path: Path) -> Document:
    """The parsed file; `TomlErrors` when it cannot be read or is not TOML."""
    try:
        text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise TomlErrors([Problem(str(path), "", None, f"cannot be read: {error.strerror}", "")]) from None
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text: see byte {error.start}"
        raise TomlErrors([Problem(str(path), "", None, what, "save it as UTF-8")]) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        position = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = int(position[1]) if position else None
        what = re.sub(r" \(at .*\)$", "", str(error))
        cure = 'correct this line first: write key = "value", each key once, and text in quotes'
        raise TomlErrors([Problem(str(path), "", line, f"is not TOML: {what}", cure)]) from None
    return Document(path, values, lines_of(text))


def check_toml(
    document: Document, model: type[ModelT], added: Mapping[str, Any] | None = None
) -> tuple[ModelT | None, list[Problem]]:
    """The instance, or None and every problem: for a caller who checks more than the model does.

    `added` are values that the program sets, such as a folder, and the file may not.
    """
    added = dict(added or {})
    clashes = [
        document.problem((key,), "may not be set here", "remove the line") for key in added if key in document.values
    ]
    values = {**document.values, **added}
    try:
        # Strict JSON mode has TOML's types: "3" is not a number, an array may be a tuple, text may be a path.
        instance = model.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        return None, clashes + [_problem(document, model, dict(item)) for item in error.errors()]
    return (None if clashes else instance), clashes


def _problem(document: Document, model: type[BaseModel], error: dict[str, Any]) -> Problem:
    """One error of pydantic's as a problem of the file."""
    kind: str = error["type"]
    loc = _without_tags(document.values, error["loc"], missing=kind == "missing")
    value = _short(error.get("input"))
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if kind == "extra_forbidden":
        return document.problem(loc, "unknown key", nearest(str(loc[-1]), _keys_at(model, error["loc"][:-1])))
    if kind == "missing":
        return document.problem(loc, "is missing", _line_to_add(model, error["loc"]))
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", error["ctx"]["expected"]) or [error["ctx"]["expected"]]
        return document.problem(loc, f"{value} is not one of its values", nearest(value.strip('"'), words))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = error["ctx"]["discriminator"].strip("'")
        words = re.findall(r"'([^']*)'", error["ctx"].get("expected_tags", ""))
        tag_loc = (*loc, tag)
        if kind == "union_tag_not_found":
            return document.problem(tag_loc, "is missing", f"add {tag} = ...")
        wrong = str(error["ctx"]["tag"])
        return document.problem(tag_loc, f'"{wrong}" is not one of its values', nearest(wrong, words))
    if kind in _EXPECTED:
        return document.problem(loc, f"should be {_EXPECTED[kind]}, not {value}", "")
    if kind == "value_error" or isinstance(error.get("input"), dict | list):
        return document.problem(loc, message)
    return document.problem(loc, f"{message}, not {value}")


def _line_to_add(model: type[BaseModel], loc: Loc) -> str:
    """The cure for a missing key: add a value, a table, or a table for each of several names."""
    name = ".".join(str(part) for part in loc)
    for inner in _at(model, loc):
        if _is_model(inner):
            return f"add a table [{name}]"
        items = [item for arg in get_args(inner)[-1:] for item in _flat(arg)]
        if get_origin(inner) in (dict, Mapping) and any(_is_model(item) for item in items):
            return f"add a table [{name}.ID] for each"
    return f"add {loc[-1]} = ..."


_EXPECTED = {
    "int_type": "a whole number without quotes",
    "int_from_float": "a whole number",
    "float_type": "a number without quotes",
    "decimal_type": "a number",
    "bool_type": "true or false without quotes",
    "string_type": "text in quotes",
    "path_type": "a path in quotes",
    "list_type": "a list in square brackets",
    "tuple_type": "a list in square brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "datetime_type": "a date and time, such as 2027-01-15T12:00:00",
    "datetime_parsing": "a date and time, such as 2027-01-15T12:00:00",
    "datetime_from_date_parsing": "a date and time, such as 2027-01-15T12:00:00",
    "date_type": "a date, such as 2026-12-24",
    "date_parsing": "a date, such as 2026-12-24",
    "date_from_datetime_parsing": "a date, such as 2026-12-24",
    "date_from_datetime_inexact": "a date, such as 2026-12-24",
    "timezone_naive": "a local time without offset, such as 2027-01-15T12:00:00",
}


def _short(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _without_tags(values: Any, loc: Loc, *, missing: bool) -> Loc:
    """The key as the file has it, or should: pydantic's `loc` also names the chosen member of each union."""
    written: list[str | int] = []
    for position, part in enumerate(loc):
        inside = (isinstance(values, dict) and part in values) or (
            isinstance(values, list) and isinstance(part, int) and part < len(values)
        )
        if inside:
            values = values[part]
            written.append(part)
        elif missing and position == len(loc) - 1 and isinstance(values, dict):
            written.append(part)
    return tuple(written)


def _at(model: type[BaseModel], loc: Loc) -> list[Any]:
    """The model's annotations at `loc`."""
    at: list[Any] = [model]
    for part in loc:
        at = [inner for annotation in at for inner in _inner(annotation, part)] or _tagged(at, part) or at
    return at


def _keys_at(model: type[BaseModel], loc: Loc) -> set[str]:
    """The keys that the model has at `loc`."""
    names = set()
    for annotation in _at(model, loc):
        for name, field in annotation.model_fields.items() if _is_model(annotation) else ():
            names.add(field.alias or name)
    return names


def _inner(annotation: Any, part: str | int) -> list[Any]:
    """The annotations one step below another: a model's field, a mapping's value, a sequence's item."""
    if _is_model(annotation):
        for name, field in annotation.model_fields.items():
            if part in (name, field.alias):
                return _flat(field.annotation)
        return []
    args = [arg for arg in get_args(annotation) if arg is not Ellipsis]
    if get_origin(annotation) in (dict, Mapping):
        return _flat(args[1])
    if isinstance(part, int) and get_origin(annotation) in (list, tuple):
        return _flat(args[0])
    return []


def _flat(annotation: Any) -> list[Any]:
    """The members of a union or an Annotated, each alone."""
    origin = get_origin(annotation)
    if origin in (dict, list, tuple, Mapping, Literal) or origin is None:
        return [annotation]
    return [inner for arg in get_args(annotation) for inner in _flat(arg)]


def _tagged(at: list[Any], tag: str | int) -> list[Any]:
    """The members of a union that have the tag that pydantic names."""
    return [
        annotation
        for annotation in at
        if _is_model(annotation)
        and any(tag in get_args(field.annotation) for field in annotation.model_fields.values())
    ]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
