"""Why a part has no mark, and which decision or rule would settle it, in a sentence for a board."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from graders.marks.mark import BY_DECISION, Status, is_ungraded
from graders.marks.module_mark import ModuleMark
from graders.marks.personal import PersonalMark
from reports.board.pack import Pack, PackedAssignment

NOT_COLLECTED: Final = "not collected"
_BY_DECISION: Final[Mapping[Status, str]] = {
    Status.DEFERRED: "the mark is still to come, from a later sitting",
    Status.ABSENT: "course.toml has no rule that makes absence a 0: the board's regulations decide",
    Status.EXCUSED: "course.toml has no rule that moves its weight to other parts: the board's regulations decide",
    Status.HELD: "there is none for now, while staff look into it",
}


def status_text(mark: PersonalMark, packed: PackedAssignment) -> str:
    """Why there is no number, in a word or two; empty for a mark."""
    if mark.percent is not None:
        return ""
    return str(mark.status).replace("_", " ") if packed.record.collected else NOT_COLLECTED


def why_missing(mark: PersonalMark, packed: PackedAssignment) -> str:
    """Why an assignment has no mark, and what would settle it; empty for a mark."""
    if mark.percent is not None:
        return ""
    if not packed.record.collected:
        return "no collection has looked for commits yet"
    if mark.status in BY_DECISION:
        event = next((line.event for line in mark.trace if line.event), None)
        return f"{mark.status}{f' by event {event}' if event else ''}; {_BY_DECISION[mark.status]}"
    if mark.status is Status.NOT_SUBMITTED:
        return (
            "nothing was handed in; no rule of course.toml makes that a 0: a decision settles it (absent, deferred, "
            "excused, or a mark by override)"
        )
    if mark.status is Status.INCOMPLETE:
        group = packed.marks[mark.group]
        open_parts = dict.fromkeys(finding.criterion for finding in group.findings if finding.is_open)
        return f"people have still to settle {', '.join(open_parts) or 'a part'}; what is marked so far is not a mark"
    return _withheld(mark, packed)


def _withheld(mark: PersonalMark, packed: PackedAssignment) -> str:
    group, submission = packed.marks[mark.group], packed.submissions[mark.group]
    if group.status is not Status.WITHHELD and mark.trace:  # from this person alone
        return mark.trace[-1].what.removesuffix(".")
    if submission.waits:
        return f"it is open which commit counts ({submission.state}): nobody loses anything by it"
    if is_ungraded(group):
        return "not graded yet"
    return "the marking system failed, not the work: grade again; nobody loses points by it"


def why_no_module_mark(mark: ModuleMark, pack: Pack) -> str:
    """The reasons of all parts that lack a mark; empty where there is a module mark."""
    by_id = {packed.assignment.id: packed for packed in pack.assignments}
    return "; ".join(f"{part.assignment}: {why_missing(part, by_id[part.assignment])}" for part in mark.missing)
