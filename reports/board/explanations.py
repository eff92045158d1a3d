"""How one candidate's marks follow, as text: the module mark, then each assignment as `medmark explain` prints it.

The section about the authors of commits is left out: it names people, and no mark depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from graders.intake.submission import Submission
from graders.marks.mark import Finding, Mark
from reports.board.candidates import Candidate
from reports.board.missing import NOT_COLLECTED, why_missing
from reports.board.pack import Pack, PackedAssignment, class_of
from reports.board.tables import no_class_because, passed_text
from reports.explain import WIDTH, Explanation, explanation_line, explanation_lines, plain


def explained_candidate(pack: Pack, candidate: Candidate) -> str:
    """The whole text of one candidate."""
    lines = [*explanation_line(f"{_who(candidate, named=pack.candidates.named)}: {pack.course.title}", 0), ""]
    lines += [line for text in _module(pack, candidate) for line in explanation_line(text)]
    for packed in pack.assignments:
        lines += ["", "=" * WIDTH, ""]
        if packed.record.collected or packed.people[candidate.member.id].exact is not None:
            lines += explanation_lines(_of(pack, candidate, packed))
        else:
            lines += explanation_line(f"{packed.assignment.title}: {NOT_COLLECTED}", 0)
    return "\n".join(lines) + "\n"


def _who(candidate: Candidate, *, named: bool) -> str:
    member = candidate.member
    return f"{member.name} ({member.id}), group {candidate.group}" if named else f"Candidate {candidate.key}"


def _module(pack: Pack, candidate: Candidate) -> Iterator[str]:
    """How the module mark follows from the exact marks."""
    whole, terms = pack.module_mark(candidate), []
    by_id = {packed.assignment.id: packed for packed in pack.assignments}
    for part in whole.parts:
        id, mark = part.mark.assignment, part.mark
        weight = f"weight {plain(pack.course.assignment(id).weight)}, {plain(100 * part.share)} % of the module"
        if mark.exact is None:
            yield f"{id} ({weight}): no mark: {why_missing(mark, by_id[id])}"
            continue
        yield f"{id} ({weight}): {plain(mark.exact)} % before the rounding, {mark.percent} % on the sheet"
        terms.append(f"{plain(part.share)} x {plain(mark.exact)}")
    if whole.exact is None or whole.percent is None:
        yield "module mark: none, since a part has no mark; no part counts as 0 and no weight moves to other parts"
        return
    yield f"module mark: {' + '.join(terms)} = {plain(whole.exact)} %"
    yield f"rounded once, half up: {whole.percent} %"
    if band := class_of(whole.percent, whole.level, whole.pass_mark):
        yield f"{band.name}; the pass mark is {whole.pass_mark} %; passed: {passed_text(whole)}"
    yield from no_class_because(whole)


def _of(pack: Pack, candidate: Candidate, packed: PackedAssignment) -> Explanation:
    person = packed.people[candidate.member.id]
    mark, submission = packed.marks[person.group], packed.submissions[person.group]
    if not pack.candidates.named:
        hidden = pack.candidates.hidden
        mark, submission = _mark_without_names(mark, hidden), _submission_without_names(submission, hidden)
    return Explanation(
        heading=f"{_who(candidate, named=pack.candidates.named)}: {packed.assignment.title}",
        assignment=packed.assignment,
        person=person,
        mark=mark,
        submission=submission,
        decisions=packed.decisions,
        returned=packed.versions.people.get(person.member),
        looks=packed.record.looks.get(person.group, ()),
        timezone=pack.course.timezone,
    )


def _submission_without_names(submission: Submission, hidden: Callable[[str], str]) -> Submission:
    problems = tuple(hidden(problem) for problem in submission.problems)
    return replace(submission, repository="", problems=problems, reason=hidden(submission.reason))


def _mark_without_names(mark: Mark, hidden: Callable[[str], str]) -> Mark:
    """The mark without what a group wrote in names of its files."""
    return replace(mark, findings=tuple(_finding_without_names(finding, hidden) for finding in mark.findings))


def _finding_without_names(finding: Finding, hidden: Callable[[str], str]) -> Finding:
    cause = finding.cause
    if cause is not None and cause.line is not None:
        cause = replace(cause, line=hidden(cause.line))
    return replace(finding, cause=cause, note=hidden(finding.note))
