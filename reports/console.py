"""What commands print: tables and JSON on stdout, what is amiss on stderr. Decides and records nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from reports.terminal import terminal_text, wrapped

if TYPE_CHECKING:  # each is imported by the command that has it
    from assignments.assignment import Assignment
    from graders.course.course import Course
    from graders.demo import Demo
    from graders.intake.collect import Receipt
    from graders.marks.differences import Differences, NotApplied
    from graders.marks.results import Results
    from graders.marks.returning import Returnable
    from graders.record.ledger import Event
    from graders.record.rehearsal import Rehearsal
    from graders.runs.doctor import Fact
    from graders.runs.marking import Change
    from graders.runs.public_check import Checked
    from reports.write import Written


def say(line: str, hanging: str = "  ") -> None:
    """One line of a result, safe to print and wrapped where a person reads it."""
    print(wrapped(terminal_text(line), sys.stdout, hanging))


def warn(line: str) -> None:
    """One line beside the result, for the person at the keyboard."""
    print(wrapped(terminal_text(line), sys.stderr), file=sys.stderr)


def warn_all(lines: Iterable[str]) -> None:
    """Several of them."""
    for line in lines:
        warn(line)


def warn_of_roster(course: Course) -> None:
    """Which rows must be put right, and whom that sets aside: the others go on."""
    warn_all(course.roster_problems)
    if aside := [group.name for group in course.groups if group.aside]:
        warn(f"Set aside until these rows are put right: {', '.join(aside)}. All other groups go on.")


def print_receipts(receipts: Sequence[Receipt], *, whole: bool, quiet: bool) -> None:
    """What a collection found: a line a group and a summary, or `whole` receipts; `quiet`: what needs a person."""
    from reports.receipts import for_a_person, receipt_lines, summary_line

    if quiet:
        lines = [*for_a_person(receipts)]
    elif whole:
        lines = [*(line for receipt in receipts for line in receipt.text.splitlines()), summary_line(receipts)]
    else:
        lines = [*receipt_lines(receipts), summary_line(receipts)]
    for line in lines:
        say(line, " " * 12)


def print_marks(results: Results) -> None:
    """The table of marks, and below it why some are missing and what groups share."""
    from rich.console import Console

    from reports.table import in_common, marks_table, why_not_marked, why_nothing_came

    Console(markup=False, highlight=False).print(marks_table(results.marks, title=results.assignment.title))
    why = (*why_not_marked(results.marks, results.submissions), *why_nothing_came(results.marks))
    for line in (*why, *in_common(results.submissions)):
        print(wrapped(line, sys.stdout))


def print_marks_as_json(results: Results, audience: str, differences: Differences | None = None) -> None:
    """The marks as one JSON document; for staff with each person's own, and what moves where that is asked."""
    from reports.as_json import differences_as_json, mark_as_json, person_as_json

    marks = [mark_as_json(mark, "staff" if audience == "staff" else "student") for mark in results.marks]
    for mark in marks if audience == "staff" else ():
        mark["people"] = [person_as_json(person) for person in results.people if person.group == mark["group"]]
    more = {} if differences is None else {"differences": differences_as_json(differences)}
    print_json({"assignment": results.assignment.id, "marks": marks, **more})


def print_json(document: Any) -> None:
    """One document, to be read by a program."""
    print(json.dumps(document, indent=2))


def print_differences(differences: Differences) -> None:
    """How many marks move, and a line for each."""
    from reports.difference_lines import difference_lines

    for line in difference_lines(differences):
        print(line)


def print_events(events: Sequence[Event]) -> None:
    """A line for each event of the record."""
    from reports.difference_lines import decision_lines

    for line in decision_lines(events):
        print(wrapped(line, sys.stdout))


def print_proposal(change: Change, *, as_json: bool) -> None:
    """What is to be decided, with what a person should know of it; its differences too, as JSON."""
    from reports.as_json import differences_as_json

    if as_json:
        differences = differences_as_json(change.differences)
        print_json({"assignment": change.results.assignment.id, "decisions": len(change.decided), **differences})
        return
    print_events(change.decided)
    for note in change.notes:
        say(note)


def print_returnable(offer: Returnable) -> None:
    """Whom a return reaches, and who is left out."""
    from reports.difference_lines import return_lines

    for line in return_lines(offer):
        print(wrapped(line, sys.stdout))


def moved(differences: Differences) -> str:
    """What moved since marks were last applied, in one sentence; empty if nothing did."""
    from reports.difference_lines import summary

    return f"{summary(differences)} since they were last applied" if differences.moves else ""


def not_applied(error: NotApplied) -> str:
    """What must be applied first, with how much moves and how to see it."""
    if not error.differences.moves:
        return str(error)
    return f"{moved(error.differences)}. Apply that first, or put back what changed: medmark grade {error.assignment}"


def print_written(written: Written, *, names: bool) -> None:
    """Where the pages lie and what each is."""
    print(written.folder)
    if written.leaderboard:
        print(f"  {written.leaderboard.name:17} groups by accuracy, " + ("by name" if names else "under pseudonyms"))
    print(f"  {written.marksheet_csv.name:17} one row a person; {written.marksheet_json.name} has the details")
    print(f"  {'cohort/':17} how the marks lie: mean, spread, classes")
    print(f"  {'feedback/':17} {len(written.feedback)} pages to hand out")
    if written.personal:
        print(f"  {'personal/':17} {len(written.personal)} for one person each: lateness, peers, decisions")
    print(f"  {'staff/':17} the same with evidence, for staff only")


def print_rehearsal(result: Rehearsal, *, as_json: bool) -> None:
    """What a rehearsal proved, and what must be closed."""
    text = json.dumps(result.as_json(), indent=2) if as_json else "\n".join(result.lines())
    for line in text.split("\n"):
        print(terminal_text(line))


def print_demo(demo: Demo, results: Results, written: Written) -> None:
    """What each group of the demonstration handed in and why its mark is what it is; then the pages."""
    from reports.demonstration import what_happened

    for line in what_happened(demo, results.marks):
        print(wrapped(line, sys.stdout, "  " if line.lstrip().startswith("-") else ""))
    print("\nThe pages:")
    for page in (written.leaderboard, written.marksheet_csv, *written.feedback.values()):
        print(f"  {page}")


def print_fact(fact: Fact) -> None:
    """One thing that this machine or course has, or lacks."""
    word = "ok" if fact.well else "optional" if fact.optional else "missing"
    for line in fact.text.splitlines():
        say(f"{word:8} {line}", " " * 9)


# What a student sees of a check


def print_problems(problems: Iterable[str]) -> None:
    """What is wrong before anything is run."""
    for problem in problems:
        say(f":( {problem}", "   ")


def print_public_tests(results: Iterable[Checked]) -> None:
    """Each public test by its sentence, and why it did not pass."""
    for result in results:
        say(f"{':)' if result.passed else ':('} {result.test.docstring}", "   ")
        if not result.passed:
            _print_reason(result.told)


def print_weights(problem: str | None) -> None:
    """Whether the weights load and answer."""
    say(f"{':(' if problem else ':)'} `load` reads the weights, and `predict` answers for two training cases.", "   ")
    _print_reason(problem or "")


def print_passed(assignment: Assignment, results: Sequence[Checked]) -> None:
    """How many passed, and what is not run here."""
    from assignments.load import hidden_tests

    passed = sum(result.passed for result in results)
    hidden = hidden_tests(assignment) if (assignment.folder / "hidden_tests").is_dir() else ()
    points = sum(test.points for test in hidden)
    more = f"{len(hidden)} hidden tests worth {points} marks are not run here." if hidden else ""
    print(f"{passed} of {len(results)} public tests passed.", more)


def _print_reason(text: str) -> None:
    for line in text.splitlines()[:12]:
        say(f"     {line}")
