"""The cohort's page, for staff: who needs a person, the marks, every item, what marking took, the term, and all pages.

A pure function of the results, of what the record holds beside them and of which pages lie there: while these stay, so
does the page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

from assignments.assignment import Accuracy, Assignment, Unanchored
from assignments.errors import shell_word
from assignments.metric_words import metric_words
from graders.intake.term import seen_commits
from graders.marks.item_analysis import FEWEST, Discrimination, Item, item_analysis
from graders.marks.mark import Finding, Mark, rounded_percent
from graders.marks.visibility import visible
from reports.bands import Band, bands
from reports.cohort import distribution_table, summary_table
from reports.cohort_counts import counts_of
from reports.cohort_figures import DotPlot, Value, dot_plot, mark_bars, week_bars
from reports.cohort_rows import PageLinks, group_rows
from reports.figures import ANCHOR_NAMES, Axis, axis_of, decimals_of, within_sight
from reports.numbers import fixed, local_time, number
from reports.page import policy, render, sort_script
from reports.terminal import people

if TYPE_CHECKING:
    import pandas

    from graders.intake.feedback_due import FeedbackDue
    from graders.marks.diagnosis import KnownMistake
    from graders.marks.results import Results
    from graders.marks.score_ends import ScoreEnds
    from graders.runs.cohort_record import CohortRecord
    from reports.need import Need

SHOWN: Final = 8
"""Names of groups, and commands, that a reason shows before they are folded."""
EXPLAINED: Final[Mapping[str, str]] = {
    "few": f"fewer than {FEWEST} groups",
    "alike": "all have the same points",
    "alone": "there is no other test or accuracy",
    "rest alike": "all have the same points of the rest",
}
"""Why an item has no discrimination."""
PHASES: Final[Mapping[str, str]] = {
    "queue": "waiting for a free slot",
    "draw": "drawing or reading the cases",
    "open": "opening the container, until the framework is there",
    "tests": "the hidden tests",
    "fit": "training, or loading the weights",
    "predict": "predicting",
    "score": "scoring and explaining",
    "rest": "starting the marker, and work that was repeated",
}


@dataclass(frozen=True)
class ItemRow:
    """One item with its words."""

    item: Item
    discrimination: str
    """The correlation, or why there is none."""
    interval: str
    """Empty where there is none."""
    hint: str
    command: str
    """What to type if the item itself is wrong; empty where nothing points to it."""


@dataclass(frozen=True)
class MetricFigure:
    """One accuracy over the cohort."""

    criterion: Accuracy
    name: str
    plot: DotPlot
    axis: Axis
    decimals: int
    missing: int
    """Groups without a score."""


@dataclass(frozen=True)
class StatisticRow:
    """One line of the statistics: the mark or a criterion."""

    name: str
    cells: tuple[str, ...]


def cohort_page(
    results: Results,
    record: CohortRecord,
    needs: Sequence[Need],
    ends: ScoreEnds,
    due: FeedbackDue,
    sheet: pandas.DataFrame,
    *,
    mistakes: Sequence[KnownMistake] = (),
    beside: Collection[str] = (),
    course: str = "",
    timezone: str = "UTC",
    ratified: bool = False,
) -> str:
    """The page as HTML.

    Args:
        sheet: The mark sheet, one row a person.
        mistakes: Those that failed tests may come from.
        beside: Pages that need not be there (`PageLinks.beside`), as links from this one.
    """
    assignment, script = results.assignment, sort_script()
    links = PageLinks.of(results, beside)
    analysis = item_analysis(results.marks, assignment, mistakes)
    levels = bands(assignment.level)
    percents = [person.percent for person in results.people if person.percent is not None]
    last_look = max((t.last_look.seen_at for t in record.terms.values() if t.last_look), default="")
    return render(
        "cohort.html",
        csp=policy(script),
        script=script,
        assignment=assignment,
        course=course,
        ratified=ratified,
        due=local_time(due.work, timezone),
        feedback_due=local_time(due.feedback, timezone),
        later=people(len(due.later)) if due.later else "",
        as_of=local_time(datetime.fromisoformat(last_look) if last_look else None, timezone),
        counts=counts_of(results),
        needs=[(kind, list(of_kind)) for kind, of_kind in groupby(needs, key=lambda need: need.title)],
        shown=SHOWN,
        links=links,
        statistics=_statistics(sheet, assignment),
        classes=distribution_table(sheet, assignment).to_dict("records"),
        bars=mark_bars(percents, levels),
        marks=_mark_plot(results.marks, ends, levels),
        metrics=[_metric(results.marks, criterion, assignment) for criterion in _accuracies(assignment)],
        analysis=analysis,
        tests=[_item_row(item, assignment) for item in analysis.tests],
        criteria=[_item_row(item, assignment) for item in analysis.criteria],
        fewest=FEWEST,
        spending=record.spending,
        dearest=sorted(record.spending.groups.items(), key=lambda each: -each[1].cpu_s)[:3],
        phases=PHASES,
        weeks=week_bars(record.terms, due.work),
        seen=seen_commits(record.terms),
        timezone=timezone,
        silent=[need for need in needs if need.kind == "silent"],
        no_commit=[group for group, term in record.terms.items() if not term.commits and group in links.groups],
        rows=group_rows(results, record, links, Counter(g for need in needs for g in need.groups), timezone),
        decimals=decimals_of(accuracies[0]) if (accuracies := _accuracies(assignment)) else 3,
    )


def _accuracies(assignment: Assignment) -> list[Accuracy]:
    return [criterion for criterion in assignment.criteria if isinstance(criterion, Accuracy)]


def _statistics(sheet: pandas.DataFrame, assignment: Assignment) -> list[StatisticRow]:
    """People, mean, spread and quartiles of the mark and of each criterion; an em dash where there is none."""
    rows = []
    for values in summary_table(sheet, assignment).to_dict("records"):
        name = "Mark, %" if values["of"] == "percent" else str(values["of"]).removeprefix("criterion_")
        cells = (values[column] for column in ("mean", "sd", "min", "q1", "median", "q3", "max"))
        text = tuple("—" if cell != cell else number(cell, 1) for cell in cells)
        rows.append(StatisticRow(name, (str(values["people"]), *text, number(values["out_of"]))))
    return rows


def _mark_plot(marks: Sequence[Mark], ends: ScoreEnds, levels: Sequence[Band]) -> DotPlot:
    """The groups' marks with what other hidden cases could make of them, and the edges of the classes."""
    values = []
    for mark in marks:
        percent, sure = rounded_percent(mark), ends.groups.get(mark.group)
        if percent is not None:
            moves = sure is not None and sure.low != sure.high
            interval = (float(sure.low), float(sure.high)) if sure is not None and moves else None
            text = f"{number(sure.low)} to {number(sure.high)} %" if sure is not None and moves else ""
            values.append(Value(mark.group, float(percent), interval, f"{number(percent)} %", text))
    edges = [(band.short, f"{number(band.from_percent)} %", float(band.from_percent)) for band in levels[1:]]
    least = min([edges[0][2], *(end for value in values for end in (value.value, *(value.interval or ())))])
    return dot_plot(values, Axis(max(10 * (least // 10) - 10, 0.0), 100.0), edges)


def _metric(marks: Sequence[Mark], criterion: Accuracy, assignment: Assignment) -> MetricFigure:
    decimals, values = decimals_of(criterion), []
    for mark in marks:
        finding = next((visible(f, "staff") for f in mark.findings if f.criterion == criterion.id), None)
        if finding is not None and finding.score is not None:
            values.append(_value(mark.group, finding, finding.score, decimals))
    anchors = () if isinstance(criterion.anchors, Unanchored) else criterion.anchors.values()
    guides = [(name, number(at, 4), at) for name, at in zip(ANCHOR_NAMES, anchors, strict=False)]
    ends = [end for value in values for end in (value.value, *(value.interval or ()))]
    axis = axis_of([*within_sight(criterion, ends), *anchors] or [0.0, 1.0], criterion.anchors.rising, 0.03, 0.03)
    name = metric_words(criterion.metric, criterion, assignment.data.classes)
    missing = len(marks) - len(values)
    return MetricFigure(criterion, name, dot_plot(values, axis, guides), axis, decimals, missing)


def _value(group: str, finding: Finding, score: float, decimals: int) -> Value:
    text = " to ".join(fixed(end, decimals) for end in finding.interval or ())
    return Value(group, score, finding.interval, fixed(score, decimals), text)


def _item_row(item: Item, assignment: Assignment) -> ItemRow:
    void = ""
    if item.kind == "hidden_test":
        void = f'medmark decide {assignment.id} void_test {shell_word(item.id)} --reason "..."'
    hint = hint_of(item)
    doubtful = item.facility == 0 or (item.discrimination.interval or (0, 0))[1] < 0
    return ItemRow(item, *discrimination_text(item.discrimination), hint, void if doubtful and not item.void else "")


def discrimination_text(of: Discrimination) -> tuple[str, str]:
    """`0.42` and `0.31 to 0.52`, or why there is none and no interval."""
    if of.value is None:
        return f"none: {EXPLAINED[of.why or 'few']}", ""
    low, high = of.interval or (of.value, of.value)
    return fixed(of.value, 2), f"{fixed(low, 2)} to {fixed(high, 2)}"


def hint_of(item: Item) -> str:
    """Why an item should be looked at; empty where nothing points to it."""
    if item.void:
        return "Void by a decision: it counts in no number here."
    if item.facility == 0:
        return "No group earns anything: look at this item, and at what the brief says of it."
    if item.facility == 1:
        return "Every group has all of it: it tells no groups apart."
    value, interval = item.discrimination.value, item.discrimination.interval
    if value is None or interval is None or value >= 0:
        return ""
    if interval[1] < 0:
        return "Who is better at the rest does worse here: look at this item."
    return "Slightly negative, which may be chance: its interval holds 0."
