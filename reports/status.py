"""How far an assignment is, for a terminal of 80 columns and as JSON: numbers, due dates, and who needs a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from statistics import mean, median
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.table import Table
from rich.text import Text

from assignments.errors import listed
from graders.intake.term import seen_commits
from reports.bands import band_of, bands
from reports.cohort_counts import CohortCounts, counts_of
from reports.needs import needs
from reports.numbers import duration, half_up, local_day, local_time, number
from reports.terminal import people, quantity, terminal_text

if TYPE_CHECKING:
    from graders.marks.results import Results
    from graders.runs.overview import Overview
    from reports.need import Need

GROUPS: Final = 6
"""Groups that a line names."""
REASONS: Final = 3
"""Reasons of one kind that are shown, and commands of one reason."""
INDENT: Final = "  "


def needs_of(overview: Overview) -> tuple[Need, ...]:
    """Who needs a person for this assignment."""
    change = overview.change
    if change is None:
        return ()
    return needs(change.results, overview.course, overview.record, overview.ends, change.differences)


def heading(overview: Overview) -> str:
    """Title and id of the assignment."""
    return terminal_text(f"{overview.title} ({overview.id})" if overview.title != overview.id else overview.id)


def due_lines(overview: Overview, now: datetime) -> Iterator[str]:
    """When the work and the feedback are due, and how many days are left."""
    due, zone = overview.due, overview.course.timezone
    if due is None:
        return
    yield f"due           {local_time(due.work, zone)}, {_days(due.work, now, overview)}"
    left = _days(due.feedback, now, overview)
    working = working_days_left(overview, now)
    more = f", {quantity(working, 'working day')}" if working else ""
    yield f"feedback due  {local_time(due.feedback, zone)}, {left}{more}"
    if due.later:
        last = max(person.due for person in due.later)
        who = people(len(due.later))
        yield f"              later for {who} with an extension, at the latest {local_time(last, zone)}"
    if not due.holidays_known:
        yield "              medmark does not know the bank holidays of that year: check the date"


def working_days_left(overview: Overview, now: datetime) -> int:
    """Working days after today until the feedback is due, the last one included; 0 on that day, and once it was."""
    if overview.due is None:
        return 0
    zone, feedback = overview.course.zone, overview.due.feedback
    today = datetime.combine(now.astimezone(zone).date(), feedback.astimezone(zone).time(), zone)
    return overview.course.calendar(overview.id).late(today, feedback)


def days_left(time: datetime, now: datetime, overview: Overview) -> int:
    """Days of the calendar until a time, by the course's own dates; negative once it has passed."""
    zone = overview.course.zone
    return (time.astimezone(zone).date() - now.astimezone(zone).date()).days


def _days(time: datetime, now: datetime, overview: Overview) -> str:
    days = days_left(time, now, overview)
    if days == 0:
        return "today" if now <= time else "earlier today"
    return f"{quantity(days, 'day')} left" if days > 0 else f"{quantity(-days, 'day')} ago"


def progress_lines(overview: Overview) -> Iterator[str]:
    """People's marks by class, the commits of the term, and what marking took; no line of what there is not yet."""
    change, record, zone = overview.change, overview.record, overview.course.timezone
    percents, classes = ((), {}) if change is None else marks_of(change.results)
    if percents:
        yield f"marks         mean {number(mean(percents))} %, median {number(median(percents))} %"
        yield f"classes       {', '.join(f'{name} {count}' for name, count in classes.items())}"
    seen = seen_commits(record.terms)
    if seen.commits:
        of = f"{quantity(seen.commits, 'commit')} of {quantity(seen.groups, 'group')}"
        yield f"term          {of}, {local_day(seen.first, zone)} to {local_day(seen.last, zone)}"
    spending = record.spending
    if spending.groups:
        gpu = f", {duration(spending.gpu_s)} of GPU time held" if spending.gpu_s else ""
        gpu += f", {duration(spending.gpu_busy_s)} of it busy" if spending.gpu_busy_s is not None else ""
        yield f"marking       {duration(spending.cpu_s)} of CPU time by the groups' code{gpu}"


def marks_of(results: Results) -> tuple[tuple[Decimal, ...], dict[str, int]]:
    """The marks of people in per cent, and how many are in each class, from the lowest; each by their own pass mark."""
    level = results.assignment.level
    people = [(person.percent, person.pass_mark) for person in results.people if person.percent is not None]
    counts = Counter(band_of(percent, level, pass_mark).short for percent, pass_mark in people)
    names = dict.fromkeys([*(band.short for band in bands(level)), *counts])
    return tuple(percent for percent, _ in people), {name: counts[name] for name in names}


def counts_table(counts: CohortCounts) -> Table:
    """How far the groups are, in one line, and how many people have their mark back."""
    return _one_line({
        "groups": str(counts.groups),
        "with a commit": str(counts.collected),
        "graded": str(counts.graded),
        "marked": str(counts.marked),
        "returned to people": f"{counts.returned} of {counts.people}",
    })  # fmt: skip


def others_table(counts: CohortCounts) -> Table | None:
    """Why the other groups have no mark; None where all have one."""
    others = {
        "in part": counts.incomplete,
        "withheld": counts.withheld,
        "not graded": counts.ungraded,
        "waiting": counts.waiting,
        "nothing handed in": counts.nothing,
        "decided": counts.decided,
    }
    shown = {name: str(count) for name, count in others.items() if count}
    return _one_line(shown) if shown else None


def _one_line(cells: dict[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in cells:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(*map(Text, cells.values()))
    return table


def need_lines(waiting: Sequence[Need], id: str, in_course: str = "") -> Iterator[tuple[str, str | None]]:
    """Each kind, its reasons with their groups, and what to type: lines with the indent of those they are wrapped to.

    A command is not wrapped, so that it can be copied. `in_course` is the option that names the course's folder.
    """
    whole = f"medmark status {id} --json{in_course}"
    for title, of_kind in groupby(waiting, key=lambda need: need.title):
        all_of_kind = list(of_kind)
        yield title, INDENT
        for need in all_of_kind[:REASONS]:
            groups = f"{listed(need.named(), GROUPS)}: " if need.groups else ""
            yield f"{INDENT}{groups}{need.reason}", INDENT
            for command in need.commands[:REASONS]:
                yield f"{2 * INDENT}{typed_in(command, in_course)}", None
            if len(need.commands) > REASONS:
                yield f"{2 * INDENT}and so on, {len(need.commands)} commands: {whole}", 2 * INDENT
        if len(all_of_kind) > REASONS:
            yield f"{INDENT}and {len(all_of_kind) - REASONS} more: {whole}", INDENT


def _progress_as_json(overview: Overview, results: Results) -> dict[str, Any]:
    """The marks, the term and what marking took, of the whole cohort."""
    percents, classes = marks_of(results)
    seen, spending = seen_commits(overview.record.terms), overview.record.spending
    return {
        "marks": {
            "mean": float(half_up(mean(percents), 2)) if percents else None,
            "median": float(half_up(median(percents), 2)) if percents else None,
            "classes": classes,
        },
        "term": {
            "commits": seen.commits,
            "groups": seen.groups,
            "first": seen.first.isoformat() if seen.first else None,
            "last": seen.last.isoformat() if seen.last else None,
        },
        "spending": {name: value for name, value in asdict(spending).items() if name != "groups"},
    }


def typed_in(command: str, in_course: str) -> str:
    """A command as it is typed from a folder that is not the course's."""
    return f"{command.replace(' -c .', '')}{in_course}" if in_course and command.startswith("medmark ") else command


def status_as_json(overview: Overview, now: datetime) -> dict[str, Any]:
    """One assignment as plain data."""
    plain: dict[str, Any] = {"assignment": overview.id, "title": overview.title}
    due = overview.due
    if due is None:
        return {**plain, "problem": overview.problem}
    plain |= {
        "due": due.work.isoformat(),
        "feedback_due": due.feedback.isoformat(),
        "days_left": days_left(due.feedback, now, overview),
        "working_days_left": working_days_left(overview, now),
        "later": [{"member": person.member, "feedback_due": person.due.isoformat()} for person in due.later],
    }
    change = overview.change
    if change is None:
        return {**plain, "collected": False}
    waiting = needs_of(overview)
    return {
        **plain,
        "collected": True,
        "counts": asdict(counts_of(change.results)),
        **_progress_as_json(overview, change.results),
        "needs": [{**asdict(need), "title": need.title} for need in waiting],
    }
