"""What the cases of an assignment are like, as lines and grids for its author: a terminal of 80 columns, or a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from assignments.data.near import ALIKE, Near, NearCase, NearPair
from assignments.data.source import Part
from assignments.data.split import split_command
from graders.authoring.unusual_data import WORDS, unusual
from reports.terminal import quantity, terminal_text

if TYPE_CHECKING:
    from graders.authoring.data_summary import ClassCount, DataSummary, KeySummary, PartCount

CLASSES = 40
"""Classes that are listed for each ground truth."""


@dataclass(frozen=True)
class Grid:
    """A table: the first column names, the others describe or count."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    counts: bool = True
    """Whether the columns after the first are numbers, which stand to the right."""


def head_lines(summary: DataSummary) -> Iterator[str]:
    """Where the cases come from, and what is not seen here."""
    data = summary.data
    assignment = data.assignment
    yield f"{assignment.title} ({assignment.id})"
    where = f" in {assignment.data.path}" if assignment.data.path else ""
    yield f"source: {assignment.data.source}{where}"
    if data.is_drawn:
        counts = " and ".join(f"{count.cases} {WORDS[count.part]}" for count in summary.parts)
        yield f"It draws any number of cases. These are {counts} ones, drawn as everybody may draw them:"
        yield "none is a hidden case of a course."
    elif data.split is None:
        yield f"There is no split yet, so all subjects are shown. To make it: {split_command(assignment)}"
    else:
        yield f"split: {assignment.split_file}"


def grids(summary: DataSummary) -> Iterator[Grid]:
    """Parts, arrays, classes and strata."""
    yield _parts_grid(summary.parts, summary.data.is_drawn)
    yield _keys_grid(summary.keys)
    for key, classes in summary.classes.items():
        unit = "voxels" if len(summary.data.arrays[key].sizes) > 1 else "cases"
        yield _classes_grid(key, unit, classes, summary.present)
    if summary.strata:
        yield _strata_grid(summary.strata, summary.present)


def terminal_table(grid: Grid) -> Table:
    """A grid for a terminal; long cells are folded."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, name in enumerate(grid.head):
        right = grid.counts and number > 0
        table.add_column(Text(terminal_text(name)), justify="right" if right else "left", overflow="fold")
    for row in grid.rows:
        table.add_row(*(Text(terminal_text(cell)) for cell in row))
    return table


def tail_lines(summary: DataSummary) -> Iterator[str]:
    """Spacing, near-duplicates, what was assumed, and what is unusual."""
    if summary.spacing:
        yield "spacing in mm: " + ", ".join(f"{name} {span(*ends)}" for name, ends in summary.spacing.items())
    yield from near_lines(summary.near, drawn=summary.data.is_drawn, split=summary.data.split is not None)
    if summary.data.remarks:
        yield "Read as:"
        yield from (f"- {remark}" for remark in summary.data.remarks)
    if summary.data.doubts:
        yield "Assumed; please check:"
        yield from (f"- {doubt}" for doubt in summary.data.doubts)
    notes = list(unusual(summary))
    yield "Unusual:" if notes else "Nothing is unusual."
    yield from (f"- {note}" for note in notes)


def near_lines(near: Near, *, drawn: bool, split: bool) -> Iterator[str]:
    """The near pairs by name, or what was not compared."""
    if not drawn and not split:
        yield "Nearly equal cases in two parts: not looked for before there is a split."
    elif not near.compared:
        yield "Nearly equal cases in two parts: not looked for, since no input is an image of 16 x 16 or more."
    elif not near.count:
        yield f"Nearly equal cases in two parts: none of {near.compared} images (correlation below {ALIKE:g})."
    else:
        of = "" if near.count == near.subjects else f", of {quantity(near.subjects, 'pair')} of subjects"
        verb = "is" if near.count == 1 else "are"
        yield f"{quantity(near.count, 'pair')} of cases in two parts {verb} nearly equal{of}:"
        yield from map(_near_pair, near.pairs)
        if near.subjects > len(near.pairs):
            yield f"- and {quantity(near.subjects - len(near.pairs), 'pair')} of subjects more, less alike"
        yield "They may be one patient's: look at them, and give one subject both, or remove one (docs/data.md)."


def _near_pair(pair: NearPair) -> str:
    pose = f", {pair.pose}" if pair.pose else ""
    more = f"; {pair.count - 1} more of these two" if pair.count > 1 else ""
    cases = f"{_near_case(pair.first)} and {_near_case(pair.second)}{pose}"
    return f"- {pair.first.key}: {cases}, {pair.correlation:.2f}{more}"


def _near_case(case: NearCase) -> str:
    return f"{case.subject} ({WORDS[case.part]}, case {case.number})"


def span(low: float, high: float) -> str:
    """`0.6`, or `0.6 to 1.2`."""
    if not isfinite(low) or not isfinite(high):
        return "no number"
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def shapes(sizes: Sequence[tuple[int, ...]]) -> str:
    """The one shape, or the smallest and the largest."""
    if not sizes:
        return "-"
    return _shape(sizes[0]) if len(sizes) == 1 else f"{_shape(sizes[0])} to {_shape(sizes[-1])}, {len(sizes)} shapes"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _parts_grid(parts: Sequence[PartCount], drawn: bool) -> Grid:
    rows = []
    for count in parts:
        name = WORDS[count.part] if count.part or count.cases else "in no part"
        cases = "not read" if count.cases is None else str(count.cases)
        days = () if drawn else (count.handed_out, count.shown, count.withdrawn)
        rows.append((name, str(count.subjects), cases, *(str(number) if number else "-" for number in days)))
    return Grid(("part", "subjects", "cases", *(() if drawn else ("handed out", "shown", "withdrawn"))), tuple(rows))


def _keys_grid(keys: Sequence[KeySummary]) -> Grid:
    rows = [
        (key.key, key.axes.role, key.axes.dtype, key.axes.axes, shapes(key.shapes), span(key.low, key.high))
        for key in keys
    ]
    return Grid(("array", "role", "dtype", "axes", "shape of a case", "values"), tuple(rows), counts=False)


def _classes_grid(key: str, unit: str, classes: Sequence[ClassCount], present: Sequence[Part | None]) -> Grid:
    rows = [
        (
            f"{each.number} {each.name}".strip(),
            *(str(each.cases.get(part, 0)) for part in present),
            f"{100 * each.share:.1f} %",
        )
        for each in classes[:CLASSES]
    ]
    if len(classes) > CLASSES:
        rows.append((f"and {len(classes) - CLASSES} more", *("" for _ in present), ""))
    return Grid((f"cases with {key}", *(WORDS[part] for part in present), f"share of {unit}"), tuple(rows))


def _strata_grid(strata: Mapping[str, Mapping[Part | None, int]], present: Sequence[Part | None]) -> Grid:
    rows = [(stratum, *(str(counts.get(part, 0)) for part in present)) for stratum, counts in strata.items()]
    return Grid(("subjects of stratum", *(WORDS[part] for part in present)), tuple(rows))
