"""Statistics of a module for its board: of each assignment, its parts and the module mark, over people with a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from graders.marks.agreement import agreement
from reports.board.missing import status_text
from reports.board.pack import Pack, PackedAssignment
from reports.cohort import counts_by_mark, distribution_of, summary_of
from reports.marksheet import marksheet
from reports.numbers import half_up

if TYPE_CHECKING:  # it takes 0.3 s
    import pandas

BIN: Final = 10
"""Per cent of a mark in one column."""
MODULE: Final = "module"
MEASURES: Final = ("people", "mean", "sd", "min", "q1", "median", "q3", "max")
NO_CLASS: Final = "no class"
PART_MISSING: Final = "with a part that has no mark"


def statistics_table(pack: Pack) -> pandas.DataFrame:
    """One row for the mark and each part of every assignment, and one for the module mark.

    Columns: the measures of `reports.cohort`, in per cent or points; how many people have no mark and why; people by
    class; and by marks in tens (`from_90` has 100 too).
    """
    import pandas

    rows = [row for packed in pack.assignments for row in _of_assignment(pack, packed)]
    rows.append(_of_module(pack))
    columns = ["of", "title", "share_percent", "part", "out_of", *MEASURES, "no_mark", "no_mark_because"]
    classes = list(dict.fromkeys(name for row in rows for name in row["classes"]))
    bins = [f"from_{start}" for start in range(0, 100, BIN)]
    cells = [
        [
            *(row.get(name) for name in columns),
            *(row["classes"].get(name, 0) if row["classes"] else None for name in classes),
            *(row["bins"] or [None] * len(bins)),
        ]
        for row in rows
    ]
    return pandas.DataFrame(cells, columns=[*columns, *classes, *bins], dtype=object)


def _of_assignment(pack: Pack, packed: PackedAssignment) -> Iterable[dict[str, Any]]:
    assignment = packed.assignment
    results = packed.record.results
    sheet = marksheet(results.marks, assignment, pack.course.groups, {}, packed.people)
    sheet = sheet[sheet["member"].isin(list(pack.candidates.keys))]
    sheet = sheet.assign(status=[status_text(packed.people[member], packed) or "marked" for member in sheet["member"]])
    out_of = {f"criterion_{criterion.id}": criterion.points for criterion in assignment.criteria}
    for row in summary_of(sheet, {"percent": 100, **out_of}).to_dict("records"):
        of_mark = row["of"] == "percent"
        yield {
            "of": assignment.id,
            "title": assignment.title,
            "share_percent": half_up(float(100 * packed.share), 2),
            "part": "mark" if of_mark else str(row["of"]).removeprefix("criterion_"),
            **_measures(row),
            **(_people(sheet, assignment.level) if of_mark else {"classes": {}, "bins": None}),
        }


def _of_module(pack: Pack) -> dict[str, Any]:
    import pandas

    marks = [pack.module_mark(candidate) for candidate in pack.candidates.rows]
    rows = [(mark.percent, mark.pass_mark, "marked" if mark.percent is not None else PART_MISSING) for mark in marks]
    sheet = pandas.DataFrame(rows, columns=["percent", "pass_mark", "status"], dtype=object)
    level = max((packed.assignment.level for packed in pack.assignments), default=0)
    row = summary_of(sheet, {"percent": 100}).to_dict("records")[0]
    return {
        "of": MODULE,
        "title": pack.course.title,
        "share_percent": Decimal(100),
        "part": "mark",
        **_measures(row),
        **_people(sheet, level),
    }


def _measures(row: dict[Any, Any]) -> dict[str, Any]:
    numbers = {name: row[name] for name in (*MEASURES, "out_of")}
    return {name: None if number != number else number for name, number in numbers.items()}


def _people(sheet: pandas.DataFrame, level: int) -> dict[str, Any]:
    """How many people are in each class and in each bin, and how many have no mark and why."""
    marked = sheet["percent"].notna()
    without_class = marked & sheet["pass_mark"].isna()
    table = distribution_of(sheet[~without_class], level)
    classes = {str(r["name"]): int(r["people"]) for r in table.to_dict("records") if r["kind"] == "class"}
    reasons = {str(r["name"]): int(r["people"]) for r in table.to_dict("records") if r["kind"] == "no mark"}
    return {
        "no_mark": sum(reasons.values()),
        "no_mark_because": ", ".join(f"{count} {name}" for name, count in reasons.items()) or None,
        "classes": {**classes, **({NO_CLASS: int(without_class.sum())} if without_class.any() else {})},
        "bins": counts_by_mark(sheet["percent"][marked], BIN),
    }


def second_marking_table(pack: Pack) -> pandas.DataFrame:
    """How well two markers agree on each part that both marked; without such a part it has no row."""
    import pandas

    rows: list[Sequence[Any]] = []
    for packed in pack.assignments:
        for criterion in {id: None for parts in packed.parts.values() for id in parts}:
            parts = [parts[criterion] for parts in packed.parts.values()]
            for line in agreement([part for part in parts if part.criterion.lines]):
                low, high = line.limits or (None, None)
                numbers = (line.difference, low, high, line.kappa, line.icc)
                shown = [None if number is None else half_up(number, 2) for number in numbers]
                rows.append((packed.assignment.id, criterion, line.title, line.out_of, line.papers, *shown))
    columns = ["assignment", "part", "of", "out_of", "papers", "mean_difference", "limit_low", "limit_high"]
    return pandas.DataFrame(rows, columns=[*columns, "kappa", "icc"], dtype=object)
