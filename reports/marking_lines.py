"""Parts that people mark, as lines for the terminal: what was written, what forms hold, and how far a part is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from assignments.errors import listed
from reports.terminal import fitted, quantity

if TYPE_CHECKING:
    from graders.marks.agreement import LineAgreement
    from graders.runs.entered_forms import EnteredForms
    from graders.runs.marker_work import PartState, PlannedMarking
    from reports.marker_folders import WrittenMarking

MOST_REPLACED = 40


def written_lines(planned: PlannedMarking, written: WrittenMarking) -> Iterator[str]:
    """The folder of each marker, and what to look at before it is sent."""
    for folder in written.folders:
        yield f"{folder.folder}: {quantity(folder.papers, 'paper')}, {folder.role} marks, form {folder.form.name}"
    yield f"Key of the codes, for staff alone: {written.key}"
    yield from planned.notes
    if written.notes:
        yield "Look at these before you send the folders:"
        yield from (f"- {note}" for note in written.notes)


def entered_lines(entered: EnteredForms) -> Iterator[str]:
    """What each form holds, and which marks on record it replaces."""
    for form in entered.forms:
        papers = quantity(len(form.codes), "paper")
        yield f"{form.path}: {form.marker}, {form.role} marks; {form.complete} of {papers} complete"
    yield from entered.notes
    if entered.replaced:
        yield f"{quantity(len(entered.replaced), 'mark')} on record would be replaced:"
        yield from (f"- {each.text}" for each in entered.replaced[:MOST_REPLACED])
        if len(entered.replaced) > MOST_REPLACED:
            yield f"- and {len(entered.replaced) - MOST_REPLACED} more"
    if entered.change is None:
        yield "Nothing is new: all of it is on record."
    else:
        yield f"{quantity(entered.new, 'mark')} of lines would be recorded."


def state_lines(state: PartState) -> Iterator[str]:
    """How many papers are marked by whom, which are open and why, and how well two markers agree."""
    parts, criterion = state.parts, state.criterion
    done = [part for part in parts.values() if part.points is not None]
    yield f"{criterion.id}: {len(done)} of {quantity(len(parts), 'group')} marked, {criterion.points} points"
    for marker in state.key.markers:
        for role in ("first", "second"):
            own = [paper.group for paper in state.key.papers if getattr(paper, role) == marker]
            complete = [group for group in own if group in parts and parts[group].total(role) is not None]
            if own:
                yield f"  {marker}, {role} marks: {len(complete)} of {len(own)} complete"
    why: dict[str, list[str]] = {}
    for group, part in parts.items():
        if part.waits_for:
            why.setdefault(part.waits_for, []).append(group)
    for reason, groups in why.items():
        yield f"  open: {listed(groups, 6)}: {reason}"
    if state.agreement:
        papers = quantity(state.agreement[0].papers, "paper")
        yield f"Two markers, {papers}; second minus first, in points (tolerance {state.tolerance} %):"
        yield f"  {fitted('', 34)} {'mean':>6}  {'95 % limits':>14}  {'kappa':>6} {'ICC':>6}"
        yield from (_agreement_line(each) for each in state.agreement)


def _agreement_line(of: LineAgreement) -> str:
    limits = "too few" if of.limits is None else f"{of.limits[0]:+.1f} to {of.limits[1]:+.1f}"
    kappa, icc = ("" if value is None else f"{value:.2f}" for value in (of.kappa, of.icc))
    title = fitted(f"{of.title} ({of.out_of})", 34)
    return f"  {title} {of.difference:>+6.2f}  {limits:>14}  {kappa:>6} {icc:>6}".rstrip()
