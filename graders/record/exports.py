"""Exports: which marks were written for which system. Each is one event of the ledger, read here; it moves no mark."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, ClassVar

from graders.record.ledger import Event, unreadable
from graders.record.read_documents import first_problem

EXPORTED = "exported"


@dataclass(frozen=True)
class RecordedExport:
    """One file that was written."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True}

    format: str
    column: str
    """The column of the platform's sheet that was filled; empty where there is only one."""
    file: str
    """The file's name, without its folder."""
    sha256: str
    marks: Mapping[str, str]
    """By member: the mark as the file has it."""


def value_of(export: RecordedExport) -> str:
    """The value that records an export."""
    return json.dumps(asdict(export), sort_keys=True)


def export_of(event: Event) -> RecordedExport:
    """What an event of kind `EXPORTED` records.

    Raises:
        UserError: it cannot be read.
    """
    from pydantic import ValidationError  # here, since commands that read no export need not import it

    try:
        export: RecordedExport = _validator().validate_json(event.value)
    except ValidationError as error:
        raise unreadable(event, "an export", first_problem(error)) from error
    return export


def last_exported(events: Iterable[Event], format: str, column: str) -> dict[str, str]:
    """By member: the mark that was last written to this column in this format."""
    marks: dict[str, str] = {}
    for event in events:
        if (
            event.kind == EXPORTED
            and (export := export_of(event))
            and (export.format, export.column) == (format, column)
        ):
            marks |= export.marks
    return marks


@cache
def _validator() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(RecordedExport)
