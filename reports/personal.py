"""The page that one person opens first: their own mark, how it follows from their group's, and what to do next.

Only this person and staff read it: lateness, extensions and peer factors are private. A pure function of a PersonalMark
and of what the group's page says.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from assignments.assignment import Assignment
from graders.marks.mark import BY_DECISION, Mark, Status, exact_percent, is_ungraded, rounded
from graders.marks.personal import Adjustment, PersonalMark
from reports.bands import band_of
from reports.feedback import HandIn, headline_of
from reports.next_step import NextStep
from reports.numbers import number
from reports.page import policy, render
from reports.sentences import TOOLKIT_FAILED, sentence


@dataclass(frozen=True)
class OfGroup:
    """What a person's page says of their group's work."""

    mark: Mark
    step: NextStep
    page: str
    """The address of the group's page, from the folder of the person's; `#…` where it follows in the same file."""
    hand_in: HandIn
    alone: bool = False
    """Whether the group has no other member."""


def personal_page(
    mark: PersonalMark,
    assignment: Assignment,
    name: str,
    group: OfGroup,
    *,
    due: str = "",
    ratified: bool = False,
    version: int = 1,
    correction: str = "",
) -> str:
    """The whole page as HTML: it loads nothing and runs nothing.

    Args:
        due: When this person's work is due, in the course's own time.
    """
    with_group = reads_group_page(mark, group.mark)
    before = exact_percent(group.mark) if with_group else None
    return render(
        "personal.html",
        csp=policy(),
        mark=mark,
        assignment=assignment,
        name=name,
        hand_in=group.hand_in,
        due=due or group.hand_in.due,
        headline=headline_of(mark.status, ungraded=is_ungraded(group.mark)),
        band=None if mark.percent is None else band_of(mark.percent, mark.level, mark.pass_mark),
        how=_how_it_follows(mark, group),
        joined=group.page.startswith("#"),
        alone=group.alone,
        before="" if before is None else percent_text(before),
        lines=[(line, _step(line)) for line in mark.trace],
        step=group.step if with_group else None,
        page=group.page if with_group else "",
        ratified=ratified,
        version=version,
        correction=correction,
    )


def mark_text(mark: PersonalMark) -> str:
    """A person's mark in a few words: `53.9 of 100`, or why there is none."""
    if mark.points is None:
        return headline_of(mark.status)
    return f"{number(mark.points)} of {number(mark.out_of)}"


def reads_group_page(mark: PersonalMark, group: Mark) -> bool:
    """Whether a person's page leads to their group's.

    Of the group's numbers none belongs to someone who has no mark by a decision, or by one that cannot be read.
    """
    return mark.status not in BY_DECISION and not _is_unreadable(mark, group)


def _is_unreadable(mark: PersonalMark, group: Mark) -> bool:
    """Whether a decision about this person cannot be read: the mark is withheld from them alone."""
    return mark.status is Status.WITHHELD and group.status is not Status.WITHHELD


def _how_it_follows(mark: PersonalMark, group: OfGroup) -> str:
    """Where the mark comes from, in a sentence or two."""
    work = "your work" if group.alone else "your group's work"
    if mark.status in BY_DECISION:
        return "A decision leaves no mark here. That is not a mark of zero."
    if mark.status is Status.NOT_SUBMITTED:
        return "No work was handed in that could be marked. That is not a mark of zero."
    if mark.status is Status.INCOMPLETE:
        so_far = sum(finding.out_of for finding in group.mark.findings if finding.points is not None)
        left = number(group.mark.out_of - so_far)
        return (
            f"So far {work} has {number(group.mark.points)} of the {number(so_far)} points marked; {left} are still to "
            "be marked by a person. Until then this is not a mark."
        )
    if _is_unreadable(mark, group.mark):
        return "There is no mark for now, for the reason below. You lose nothing by it."
    if mark.percent is None:
        if group.mark.commit is None and group.hand_in.why:
            return f"No mark yet. {sentence(group.hand_in.why)} You lose nothing by it."
        return "This is not graded yet." if is_ungraded(group.mark) else TOOLKIT_FAILED
    whole = f"{number(group.mark.points)} of {number(group.mark.out_of)}"
    if not mark.trace:
        return f"It is the mark of {work}, {whole}. Nothing was added or taken away for you alone."
    if group.mark.status is not Status.MARKED:
        return f"It follows from {work} and from what is listed below."
    steps = "The step below leads" if len(mark.trace) == 1 else "The steps below lead, in this order,"
    return f"The mark of {work} is {whole}. {steps} to your mark."


def _step(line: Adjustment) -> str:
    """The mark before and after; empty if there is no mark on either side."""
    return "" if line.before is line.after is None else f"{percent_text(line.before)} \u2192 {percent_text(line.after)}"


def percent_text(exact: Fraction | None) -> str:
    """Per cent after a step as people read it; the steps themselves are exact."""
    return "no mark" if exact is None else f"{number(rounded(exact * 10) / 10, 2)} %"
