"""What comes of an export as lines of text: how many rows of each kind, then each row that a person has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from reports.exports import BOARD
from reports.exports.export import Export, Filled, RowLine, RowOutcome
from reports.terminal import quantity

_ATTENTION: Final = (
    RowOutcome.BY_HAND,
    RowOutcome.SKIPPED,
    RowOutcome.UNKNOWN,
    RowOutcome.MISSING,
    RowOutcome.NO_MARK,
    RowOutcome.UNCHANGED,
    RowOutcome.WRITTEN,
)
"""Outcomes, those first after which a person has something to do."""


def export_lines(filled: Filled, before: Mapping[str, str]) -> Iterator[str]:
    """Notes about the file, a count of each outcome, and a line for each row.

    Args:
        before: By member: the mark that was exported last; a row that would only write it again is counted, not listed.
    """
    yield from filled.notes
    counts = Counter(line.outcome for line in filled.lines)
    counted = ", ".join(f"{counts[outcome]} {_COUNTED[outcome]}" for outcome in _ATTENTION if counts[outcome])
    yield f"{quantity(len(filled.lines), 'row')}: {counted}" if counted else "The file holds no rows."
    seen = [line for line in filled.lines if _is_as_before(line, before)]
    for outcome in _ATTENTION:
        yield from (_row(line) for line in filled.lines if line.outcome is outcome and not _is_as_before(line, before))
    if seen:
        yield f"{quantity(len(seen), 'row')} as exported before: not listed"


def _is_as_before(line: RowLine, before: Mapping[str, str]) -> bool:
    return line.outcome in (RowOutcome.WRITTEN, RowOutcome.UNCHANGED) and before.get(line.who) == line.mark


def _row(line: RowLine) -> str:
    where = f"line {line.line}: " if line.line is not None else ""
    mark = f" {line.mark}" if line.mark else ""
    return f"  {where}{line.who}{mark} {line.outcome}" + (f": {line.why}" if line.why else "")


_COUNTED: Final[Mapping[RowOutcome, str]] = {
    RowOutcome.BY_HAND: "to type by hand",
    RowOutcome.SKIPPED: "skipped by the platform",
    RowOutcome.UNKNOWN: "of nobody for certain",
    RowOutcome.MISSING: "not in the sheet",
    RowOutcome.NO_MARK: "without a mark",
    RowOutcome.UNCHANGED: "with this mark already",
    RowOutcome.WRITTEN: "to write",
}


def format_lines(formats: Mapping[str, Export]) -> Iterator[str]:
    """The formats: what each is, by what its rules are known, and where its SHEET comes from; then the board's pack."""
    for name, export in formats.items():
        yield name
        yield f"  {export.title}. Rules: {export.evidence}."
        if export.sheet:
            yield f"  SHEET: {export.sheet}."
    yield BOARD
    yield "  A folder for a board of examiners, about all assignments of the course."


def upload_lines(name: str, formats: Mapping[str, Export], assignment: str, in_course: str) -> Iterator[str]:
    """What to do with the file that was written, in the order that the platform needs, and the command after it."""
    export = formats[name]
    command = f"medmark export {{}} {assignment}{' SHEET' if export.sheet else ''}{in_course} --out FILE"
    after = [each for each, other in formats.items() if other.first == name]
    steps = [
        *([f"First upload the file of {export.first}: {command.format(export.first)}"] if export.first else []),
        *([f"{export.upload}."] if export.upload else []),
        *(f"Then {formats[each].title[:1].lower()}{formats[each].title[1:]}: {command.format(each)}" for each in after),
    ]
    yield from (f"{number}. {step}" for number, step in enumerate(steps, 1))
    yield f"When the students may have their marks: medmark return {assignment}{in_course}"
