"""The page of a board's pack, for the meeting and the printer: marks, statistics, adjustments, provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from graders.marks.mark import is_ungraded
from reports.board.candidates import Candidate
from reports.board.missing import status_text, why_missing
from reports.board.pack import Pack, PackedAssignment, TraceLine, class_of, trace_lines
from reports.board.read_me import read_me
from reports.board.statistics import MEASURES, NO_CLASS, second_marking_table, statistics_table
from reports.board.tables import PROVENANCE, no_class_because, passed_text, versions_text
from reports.numbers import half_up
from reports.page import policy, render
from reports.personal import percent_text

if TYPE_CHECKING:  # it takes 0.3 s
    import pandas

MEASURE_WORDS: Final[Mapping[str, str]] = {
    "people": "n", "mean": "mean", "sd": "SD", "min": "lowest", "q1": "lower quartile", "median": "median",
    "q3": "upper quartile", "max": "highest",
}  # fmt: skip


@dataclass(frozen=True)
class MarkCell:
    """One assignment's mark of one candidate."""

    mark: str
    """To the course's rounding, or why there is none."""
    band: str
    is_mark: bool
    disputed: bool = False


@dataclass(frozen=True)
class MarkRow:
    """One candidate."""

    who: str
    name: str
    cells: tuple[MarkCell, ...]
    module: MarkCell
    passed: str


@dataclass(frozen=True)
class Bin:
    """Marks of one ten."""

    ends: str
    counts: tuple[tuple[int, float], ...]
    """Of each column: people, and the length of the bar in per cent."""


@dataclass(frozen=True)
class StepRow:
    """One adjustment of one candidate."""

    who: str
    line: TraceLine
    moved: str


def board_page(pack: Pack) -> str:
    """The whole page as HTML: it loads nothing, runs nothing, and prints on A4 across."""
    statistics = statistics_table(pack)
    whole = statistics[statistics["part"] == "mark"].to_dict("records")
    lines = [line for line in trace_lines(pack) if line.adjusts or line.two_markers]
    of_all = [line for line in lines if line.step == "moderation"]  # one line, and not one a person
    return render(
        "board.html",
        csp=policy(),
        course=pack.course,
        named=pack.candidates.named,
        left_out=pack.candidates.left_out,
        assignments=pack.assignments,
        rows=[_mark_row(pack, candidate) for candidate in pack.candidates.rows],
        missing=_missing(pack),
        measures=[MEASURE_WORDS[name] for name in MEASURES],
        statistics=[(row["title"], row["of"], [_measure(row, name) for name in MEASURES]) for row in whole],
        classes=_classes(statistics),
        class_counts=[(row["title"], row, row["no_mark_because"]) for row in whole],
        bins=_bins(whole),
        second=[[_text(cell) for cell in row] for row in second_marking_table(pack).itertuples(index=False)],
        moderations=list({(line.assignment.title, line.what, line.why): line for line in of_all}),
        steps=[StepRow(line.candidate.key, line, _moved(line)) for line in lines if line.step != "moderation"],
        provenance=[(packed.assignment, list(_provenance(packed))) for packed in pack.assignments],
        read_me=_by_topic(read_me(pack)),
    )


def _mark_row(pack: Pack, candidate: Candidate) -> MarkRow:
    cells = []
    for packed in pack.assignments:
        mark = packed.people[candidate.member.id]
        band = class_of(mark.percent, mark.level, mark.pass_mark)
        text = f"{mark.percent}" if mark.percent is not None else status_text(mark, packed)
        is_mark, disputed = mark.percent is not None, bool(mark.disputes)
        cells.append(MarkCell(text, band.short if band else "", is_mark, disputed))
    whole = pack.module_mark(candidate)
    band = class_of(whole.percent, whole.level, whole.pass_mark)
    text = "no mark" if whole.percent is None else f"{whole.percent}"
    return MarkRow(
        candidate.key,
        candidate.member.name if pack.candidates.named else "",
        tuple(cells),
        MarkCell(text, band.name if band else "", whole.percent is not None),
        passed_text(whole),
    )


def _missing(pack: Pack) -> list[tuple[PackedAssignment | None, str, list[str]]]:
    """(assignment, why there is no mark, candidates), and last who has a module mark without a class."""
    groups: dict[tuple[int, str], list[str]] = {}
    for candidate in pack.candidates.rows:
        for number, packed in enumerate(pack.assignments):
            if why := why_missing(packed.people[candidate.member.id], packed):
                groups.setdefault((number, why), []).append(candidate.key)
        for why in no_class_because(pack.module_mark(candidate)):
            groups.setdefault((len(pack.assignments), why), []).append(candidate.key)
    homes = [*pack.assignments, None]
    return [(homes[number], why, who) for (number, why), who in sorted(groups.items(), key=lambda item: item[0][0])]


def _measure(row: Mapping[Any, Any], name: str) -> str:
    value = row[name]
    if value is None or value != value:
        return "—"
    return f"{int(value)}" if name == "people" else f"{half_up(value, 1)}"


def _classes(statistics: pandas.DataFrame) -> list[str]:
    """The columns that count people by class."""
    columns = list(statistics.columns)
    between = columns[columns.index("no_mark_because") + 1 : columns.index("from_0")]
    return [name for name in between if name != NO_CLASS] + [name for name in between if name == NO_CLASS]


def _bins(rows: Sequence[Mapping[Any, Any]]) -> list[Bin]:
    starts = [int(str(name).removeprefix("from_")) for name in rows[0] if str(name).startswith("from_")]
    bins = []
    for start in starts:
        ends = f"{start} to 100" if start == starts[-1] else f"{start} to under {start + 10}"
        counts = [int(row[f"from_{start}"]) for row in rows]
        most = [max(1, *(int(row[f"from_{each}"]) for each in starts)) for row in rows]
        bins.append(Bin(ends, tuple((n, round(100 * n / top, 1)) for n, top in zip(counts, most, strict=True))))
    return bins


def _moved(line: TraceLine) -> str:
    if line.before == line.after:
        return "" if line.after is None else f"{percent_text(line.after)}, unchanged"
    return f"{percent_text(line.before)} to {percent_text(line.after)}"


def _provenance(packed: PackedAssignment) -> Iterator[tuple[str, list[str]]]:
    """(what, its different values) over all marks of an assignment."""
    marks = [mark for mark in packed.marks.values() if mark.provenance and not is_ungraded(mark)]
    for key in ("framework", "sandbox", *PROVENANCE):
        if key != "tree" and (values := {str(mark.provenance[key]) for mark in marks if mark.provenance.get(key)}):
            yield key.replace("_", " "), sorted(values)
    if packages := sorted(set(filter(None, map(versions_text, marks)))):
        yield "scored with", packages
    if void := sorted({each for mark in marks for each in mark.provenance.get("void", ())}):
        yield "void", void
    if any(mark.provenance.get("isolated") is False for mark in marks):
        yield "wall", ["none: this code ran as an ordinary process"]


def _by_topic(lines: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    topics: dict[str, list[str]] = {}
    for topic, text in lines:
        topics.setdefault(topic, []).append(text)
    return topics


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
