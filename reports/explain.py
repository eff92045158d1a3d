"""Explains one person's mark as a page of text: from the commit and the data to the number on the sheet, step by step.

A reader can follow every step with a pocket calculator. The page only lays out what `graders.marks.findings`
and `graders.marks.personal` computed.

    explained           the page of one member of some results
    explanation_lines   the page of what it is handed: a board's pack takes names out of that before
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from assignments.assignment import Accuracy, Anchors, Assignment, HiddenTests, Person, Unanchored, anchor_shares
from assignments.rubric import RubricLine
from graders.marks.findings import share_of_points
from graders.marks.mark import BY_DECISION, Finding, Mark, Status, earned, exact_percent
from graders.marks.part_marks import NOT_MARKED
from graders.marks.personal import PersonalMark
from graders.marks.versions import ReturnedPage, Versions
from graders.record.decisions import ROLES, AgreedMark, LineMark
from graders.record.in_force import Decisions, within_parts
from reports.bands import band_of
from reports.figures import ANCHOR_NAMES
from reports.history_lines import clock, history_lines
from reports.numbers import number
from reports.personal import percent_text
from reports.sentences import few_repeats, title, why
from reports.terminal import quantity, terminal_text

if TYPE_CHECKING:  # they open Git and the course, which a page of text does not need
    from graders.course.course import Member
    from graders.intake.history import History
    from graders.intake.submission import Submission
    from graders.marks.results import Results
    from graders.record.ledger import Observation

WIDTH: Final = 80
LOOKS: Final = 12
"""Lines about commits that were seen: the last ones."""


@dataclass(frozen=True)
class Explanation:
    """What the page of one person's mark is made of."""

    heading: str
    """Whose mark it is."""
    assignment: Assignment
    person: PersonalMark
    mark: Mark
    """Their group's."""
    submission: Submission
    decisions: Decisions
    returned: ReturnedPage | None
    looks: Sequence[Observation] = ()
    timezone: str = "UTC"


def explained(
    results: Results,
    member: Member,
    *,
    looks: Sequence[Observation] = (),
    history: History | None = None,
    timezone: str = "UTC",
) -> Iterator[str]:
    """The page of one member of the results' groups, in lines of at most 80 columns."""
    person = next(person for person in results.people if person.member == member.id)
    marks = zip(results.marks, results.submissions, strict=True)
    mark, submission = next((mark, submission) for mark, submission in marks if mark.group == person.group)
    of = Explanation(
        heading=f"{member.name} ({member.id}), group {person.group}: {results.assignment.title}",
        assignment=results.assignment,
        person=person,
        mark=mark,
        submission=submission,
        decisions=Decisions.of(results.assignment.id, results.events),
        returned=Versions.of(results.events).people.get(member.id),
        looks=looks,
        timezone=timezone,
    )
    return explanation_lines(of, history_lines(history, submission, ZoneInfo(timezone)))


def explanation_lines(of: Explanation, history: Iterable[str] = ()) -> Iterator[str]:
    """The page of one person's mark; without a `history` it has no section about the authors of commits."""
    person, mark = of.person, of.mark
    if person.status in BY_DECISION:  # none of the group's numbers belongs to this person
        mark = replace(mark, status=person.status, points=None, findings=())
    authors = tuple(history)
    yield from explanation_line(of.heading, 0)
    for heading, lines in (
        ("The commit that counts", _commit(of.submission, of.looks, ZoneInfo(of.timezone))),
        *([("Who committed, as the commits say", authors)] if authors else []),
        ("What it was marked with", _provenance(mark)),
        ("The group's points", _points(mark, of.assignment, of.decisions)),
        ("From the group's mark to this person's", _steps(person, mark)),
        ("Returned", _returned(of.returned)),
    ):
        yield ""
        yield heading
        for line in lines:
            yield from explanation_line(line)


def _commit(submission: Submission, looks: Sequence[Observation], zone: ZoneInfo) -> Iterator[str]:
    yield f"{submission.commit or 'none'} ({submission.state}: {submission.reason})"
    if submission.repository:
        yield f"repository {submission.repository}"
    if submission.due:
        yield f"due {clock(submission.due, zone)}"
    if submission.seen_at:
        yield f"first seen {clock(datetime.fromisoformat(submission.seen_at), zone)}, by the marker's clock"
    if submission.late_since:
        yield f"accepted late: first seen {clock(submission.late_since, zone)}"
    runs: list[tuple[Observation, Observation, int]] = []
    for look in looks:
        if runs and (runs[-1][1].commit, runs[-1][1].how) == (look.commit, look.how):
            runs[-1] = (runs[-1][0], look, runs[-1][2] + 1)
        else:
            runs.append((look, look, 1))
    for first, last, count in runs[-LOOKS:]:
        until = f" to {clock(datetime.fromisoformat(last.seen_at), zone)}" if count > 1 else ""
        tip = last.commit[:10] if last.commit else last.how.replace("_", " ")
        yield f"seen {tip}: {clock(datetime.fromisoformat(first.seen_at), zone)}{until}, {quantity(count, 'look')}"
    for problem in submission.problems:
        yield f"problem: {problem}"


_PROVENANCE_KEYS: Final = (
    "made_by", "image_digest", "sandbox", "medmark", "scored_with", "assignment_digest", "data_digest",
    "secret_fingerprint", "tree",
)  # fmt: skip


def _provenance(mark: Mark) -> Iterator[str]:
    for key in _PROVENANCE_KEYS:
        if value := mark.provenance.get(key):
            if key == "scored_with":
                value = ", ".join(f"{name} {version}" for name, version in value.items())
            yield f"{key.replace('_', ' '):19} {value}"


def _points(mark: Mark, assignment: Assignment, decisions: Decisions) -> Iterator[str]:
    if mark.status is Status.NOT_SUBMITTED or not mark.findings:
        yield f"none: {str(mark.status).replace('_', ' ')}"
        return
    by_a_person = within_parts(decisions.points(mark.group), assignment)
    given_lines = decisions.lines.get(mark.group, ())
    summands: list[str] = []
    for criterion in assignment.criteria:
        own = [f for f in mark.findings if f.criterion == criterion.id and f.kind not in ("notice", "public_test")]
        is_known = all(finding.points is not None for finding in own)
        points = plain(earned(own)) if is_known else "not known yet"
        yield f"{criterion.id}: {points} of {criterion.points}"
        if isinstance(criterion, HiddenTests):
            yield from (f"  {line}" for finding in own for line in _test(finding))
        elif isinstance(criterion, Accuracy):
            yield from (f"  {line}" for finding in own for line in _accuracy(criterion, assignment.level, finding))
        else:
            waits_for = next((finding.waits_for for finding in own), "")
            yield from (f"  {line}" for line in _by_a_person(criterion, by_a_person, given_lines, waits_for))
        summands.append(" + ".join(_summands(own)))
    sum_ = earned(mark.findings)
    if any(finding.points is not None for finding in mark.findings):
        terms = " + ".join(summands)
        yield f"{'sum of the known points' if '?' in terms else 'sum'}: {terms} = {plain(sum_)}"
    exact = exact_percent(mark)
    if exact is None:
        yield f"not a whole mark: {str(mark.status).replace('_', ' ')}"
    else:
        yield f"in per cent: 100 x {plain(sum_)} / {plain(mark.out_of)} = {plain(exact)} %"


def _summands(findings: Sequence[Finding]) -> Iterator[str]:
    """One criterion's part of the sum: its known points, and a question mark for unknown ones, which are not 0."""
    with_points = [finding for finding in findings if finding.points is not None]
    if with_points:
        yield plain(earned(with_points))
    if len(with_points) < len(findings) or not findings:
        yield "?"


def _test(finding: Finding) -> Iterator[str]:
    points = "?" if finding.points is None else number(finding.points)
    yield f"{finding.verdict!s:7} {points} of {number(finding.out_of)}  {finding.id.partition('/')[2]}: {finding.title}"
    if text := why(finding):
        yield f"  {text}"


def _accuracy(criterion: Accuracy, level: int, finding: Finding) -> Iterator[str]:
    if finding.scored is None or finding.measured is None:
        yield from filter(None, (title(finding), why(finding)))
        return
    score, repeats = finding.scored.score, [plain(each) for each in finding.measured.repeats]
    how = f", {finding.measured.combine} of the repeats {', '.join(repeats)}" if len(repeats) > 1 else ""
    yield f"{criterion.metric} {plain(score)}{how}"
    if finding.interval is not None:
        yield f"95 % interval {plain(finding.interval[0])} to {plain(finding.interval[1])}; it moves no point"
    elif finding.scored.too_few_repeats:
        yield few_repeats(finding.scored.too_few_repeats)
    if isinstance(criterion.anchors, Unanchored):
        yield f"{finding.waits_for}: no points yet"
        return
    part = share_of_points(criterion.anchors, level, score)
    yield from _interpolated(criterion.anchors, level, score, part)
    for cap in finding.scored.caps:
        part = min(part, cap.at)
        yield f"cap, because {cap.when}: at most {plain(100 * cap.at)} %"
    yield f"{plain(100 * part)} % of {criterion.points} points = {plain(part * criterion.points)}"


def _interpolated(scale: Anchors, level: int, score: float, part: Fraction) -> Iterator[str]:
    """How a share follows from a score."""
    values, shares = scale.values(), [100 * of_all for of_all in anchor_shares(level)]
    anchors = zip(ANCHOR_NAMES, values, shares, strict=True)
    yield "anchors: " + ", ".join(f"{name} {plain(value)} = {plain(percent)} %" for name, value, percent in anchors)
    sign = scale.sign
    passed = sum(sign * score > sign * value for value in values)
    if passed == 0:
        yield f"the score does not pass {ANCHOR_NAMES[0]}: {plain(100 * part)} %"
    elif passed == len(values):
        yield f"the score passes {ANCHOR_NAMES[-1]}: {plain(100 * part)} %"
    else:
        left, right, low, high = (plain(n) for pair in (values, shares) for n in pair[passed - 1 : passed + 1])
        between = f"between {ANCHOR_NAMES[passed - 1]} and {ANCHOR_NAMES[passed]}"
        rise = f"({high} - {low}) x ({plain(score)} - {left}) / ({right} - {left})"
        yield f"{between}: {low} + {rise} = {plain(100 * part)} %"


def _by_a_person(
    criterion: Person, marks: Mapping[str, AgreedMark], given_lines: Sequence[LineMark], waits_for: str
) -> Iterator[str]:
    mark = marks.get(criterion.id)
    if mark is not None:
        yield mark.summary
    elif not given_lines or waits_for:
        yield f"a person marks this; {waits_for or NOT_MARKED}"
    for line in criterion.lines:
        yield f"{line.title}, {line.points} points"
        last = {each.role: each for each in given_lines if (each.criterion, each.line) == (criterion.id, line.id)}
        yield from (f"  {_line_mark(line, last[role])}" for role in ROLES if role in last)


def _line_mark(line: RubricLine, mark: LineMark) -> str:
    level = line.level_of(mark.points) if mark.points is not None else None
    reached = f" ({level.title})" if level is not None else ""
    return f"{mark.role}: {mark.points}{reached}, event {mark.number} by {mark.event.who} on {mark.event.at[:10]}"


def _steps(person: PersonalMark, mark: Mark) -> Iterator[str]:
    exact = exact_percent(mark)
    yield f"the group's mark: {'none' if exact is None else percent_text(exact)}"
    for line in person.trace:
        moved = line.before is not None or line.after is not None
        yield f"{line.kind}: {percent_text(line.before)} to {percent_text(line.after)}" if moved else line.kind
        yield f"  {line.what} ({line.why})"
    if person.percent is None:
        yield f"no mark: {str(person.status).replace('_', ' ')}"
        return
    band = band_of(person.percent, person.level, person.pass_mark)
    yield f"rounded once, half up: {person.percent} %"
    yield f"{band.name}; the pass mark is {person.pass_mark} %"
    yield f"on the sheet: {person.points} of {plain(person.out_of)} points, {person.percent} %, {person.status}"
    yield from (f"disputed: {dispute}" for dispute in person.disputes)


def _returned(page: ReturnedPage | None) -> Iterator[str]:
    if page is None:
        yield "not yet"
        return
    for version, event in enumerate(page.events, 1):
        reason = f": {event.reason}" if event.reason else ""
        yield f"version {version}: #{event.number}, {event.at[:10]}, by {event.who}{reason}"


def plain(value: Decimal | Fraction | float | int) -> str:
    """A number to at most six decimals: only the text is rounded, not the computation."""
    exact = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
    text = f"{Decimal(exact.numerator) / Decimal(exact.denominator):.6f}"
    return text.rstrip("0").rstrip(".")


def explanation_line(text: str, indent: int = 2) -> list[str]:
    """One line of an explanation, wrapped, without anything that could act on a terminal."""
    text = terminal_text(text)
    lead = " " * (indent + len(text) - len(text.lstrip()))
    return textwrap.wrap(text.strip(), WIDTH, initial_indent=lead, subsequent_indent=f"{lead}  ") or [""]
