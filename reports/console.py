"""Prints the output of commands: tables and JSON on stdout, warnings on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assignments.errors import shell_word
from reports.terminal import quantity, terminal_text, wrapped

if TYPE_CHECKING:  # each is imported by the command that has it
    from datetime import datetime
    from pathlib import Path

    from assignments.assignment import Assignment
    from assignments.derived.tutorial import Tutorial
    from graders.authoring.data_summary import DataSummary
    from graders.authoring.handing_out import PlannedHandout
    from graders.authoring.handout_update import PlannedUpdate
    from graders.authoring.leaves import Leaves
    from graders.authoring.new_assignment import NewAssignment
    from graders.authoring.splitting import ProposedSplit
    from graders.course.course import Course
    from graders.course.importing import PlannedRoster
    from graders.demo import Demo
    from graders.intake.collect import Receipt
    from graders.intake.hand_in_commits import TakenFolder
    from graders.marks.differences import Differences, NotApplied
    from graders.marks.public_results import PublicTestResult
    from graders.marks.results import Results
    from graders.marks.returning import Returnable
    from graders.record.ledger import Event
    from graders.record.rehearsal import Rehearsal
    from graders.runs.doctor import Fact
    from graders.runs.entered_forms import EnteredForms
    from graders.runs.marker_work import PartState, PlannedMarking
    from graders.runs.marking import Change
    from graders.runs.model_check import SolutionTry
    from graders.runs.nbgrader_marking import MarkedNotebooks
    from graders.runs.nbgrader_writing import WrittenPoints
    from graders.runs.overview import Overview
    from graders.runs.showing import Showing
    from reports.copies import Format
    from reports.data_table import Grid
    from reports.marker_folders import WrittenMarking
    from reports.site_files import WrittenSite
    from reports.write import WrittenReports


def say(line: str, hanging: str = "  ") -> None:
    """One line of a result, safe to print and wrapped where a person reads it."""
    print(wrapped(terminal_text(line), sys.stdout, hanging))


def say_all(lines: Iterable[str], hanging: str = "  ") -> None:
    """Several lines of a result."""
    for line in lines:
        say(line, hanging)


def warn(line: str) -> None:
    """One line on stderr, for the person at the keyboard."""
    print(wrapped(terminal_text(line), sys.stderr), file=sys.stderr)


def warn_all(lines: Iterable[str]) -> None:
    """Several lines on stderr."""
    for line in lines:
        warn(line)


def warn_of_roster(course: Course) -> None:
    """The rows of the roster that must be corrected, and the groups that are set aside until then."""
    warn_all(course.roster_problems)
    if aside := [group.name for group in course.groups if group.aside]:
        warn(f"Set aside until these rows are corrected: {', '.join(aside)}. All other groups go on.")


def print_planned_roster(planned: PlannedRoster) -> None:
    """What an import changes; on stderr what to look at, in the list and in the new roster."""
    from reports.roster_lines import difference_lines, open_lines

    for line in difference_lines(planned):
        say(line, " " * 6)
    warn_all(open_lines(planned))


def print_hand_ins(folder: TakenFolder) -> None:
    """What became of a folder of submissions: on stderr what was not taken."""
    from reports.hand_in_lines import not_taken_lines, taken_lines

    for line in taken_lines(folder):
        say(line, " " * 6)
    warn_all(not_taken_lines(folder))


def print_status(overviews: Iterable[Overview], now: datetime, *, in_course: str, as_json: bool) -> bool:
    """How far each assignment is; whether all of them could be read."""
    from rich.console import Console

    from reports.cohort_counts import counts_of
    from reports.status import (
        counts_table,
        due_lines,
        heading,
        need_lines,
        needs_of,
        others_table,
        progress_lines,
        status_as_json,
    )

    if as_json:
        plain = [status_as_json(overview, now) for overview in overviews]
        print_json({"assignments": plain})
        return not any("problem" in each for each in plain)
    readable = True
    for number, overview in enumerate(overviews):
        if number:
            print()
        say(heading(overview))
        for line in due_lines(overview, now):
            say(line, " " * 14)
        if overview.problem:
            readable = False
            warn(overview.problem)
        elif overview.change is None:
            say(f"Nothing was collected yet: medmark collect {overview.id}{in_course}")
        else:
            counts = counts_of(overview.change.results)
            for table in filter(None, (counts_table(counts), others_table(counts))):
                Console(markup=False, highlight=False).print(table)
            for line in progress_lines(overview):
                say(line, " " * 14)
            waiting = needs_of(overview)
            print()
            say("Who needs a person:" if waiting else "Nobody needs a person.")
            for line, hanging in need_lines(waiting, overview.id, in_course):
                if hanging is None:
                    print(terminal_text(line))
                else:
                    say(line, hanging)
    return readable


def print_receipts(receipts: Sequence[Receipt], *, whole: bool, quiet: bool) -> None:
    """The result of a collection: one line a group and a summary, or `whole` receipts; `quiet`: what needs a person."""
    from reports.receipts import needs_a_person, receipt_lines, summary_line

    if quiet:
        lines = [*needs_a_person(receipts)]
    elif whole:
        lines = [*(line for receipt in receipts for line in receipt.text.splitlines()), summary_line(receipts)]
    else:
        lines = [*receipt_lines(receipts), summary_line(receipts)]
    for line in lines:
        say(line, " " * 12)


def print_marks(results: Results) -> None:
    """The table of marks; below it, why some are missing, what each group should do first, and shared work."""
    from rich.console import Console

    from graders.marks.diagnosis import known_mistakes
    from reports.table import marks_table, next_step_lines, shared_work, what_is_open, why_not_marked

    Console(markup=False, highlight=False).print(marks_table(results.marks, title=results.assignment.title))
    mistakes = known_mistakes(results.assignment)
    lines = (
        *why_not_marked(results.marks, results.submissions),
        *next_step_lines(results.marks, results.assignment, mistakes, results.submissions),
        *what_is_open(results.marks),
        *shared_work(results.submissions),
    )
    for line in lines:
        print(wrapped(line, sys.stdout))


def print_marks_as_json(results: Results, audience: str, differences: Differences | None = None) -> None:
    """The marks as one JSON document; for staff with each person's own mark, and with the differences if given."""
    from reports.as_json import differences_as_json, mark_as_json, person_as_json

    marks = [mark_as_json(mark, "staff" if audience == "staff" else "student") for mark in results.marks]
    for mark in marks if audience == "staff" else ():
        mark["people"] = [person_as_json(person) for person in results.people if person.group == mark["group"]]
    more = {} if differences is None else {"differences": differences_as_json(differences)}
    print_json({"assignment": results.assignment.id, "marks": marks, **more})


def print_json(document: Any) -> None:
    """One document for programs."""
    print(json.dumps(document, indent=2))


def print_differences(differences: Differences) -> None:
    """How many marks move, and one line for each."""
    from reports.difference_lines import difference_lines

    for line in difference_lines(differences):
        print(line)


def print_events(events: Sequence[Event]) -> None:
    """One line for each event of the record."""
    from reports.difference_lines import record_lines

    for line in record_lines(events):
        print(wrapped(line, sys.stdout))


def print_proposal(change: Change, *, as_json: bool) -> None:
    """The proposed decisions and the notes on them; as JSON with their differences."""
    from reports.as_json import differences_as_json

    if as_json:
        differences = differences_as_json(change.differences)
        print_json({"assignment": change.results.assignment.id, "decisions": len(change.decided), **differences})
        return
    print_events(change.decided)
    for note in change.notes:
        say(note)


def print_written_marking(planned: PlannedMarking, written: WrittenMarking) -> None:
    """The folders of markers, and what to look at before they are sent."""
    from reports.marking_lines import written_lines

    for line in written_lines(planned, written):
        say(line)


def print_entered(entered: EnteredForms) -> None:
    """What filled forms hold, and what they would replace."""
    from reports.marking_lines import entered_lines

    for line in entered_lines(entered):
        say(line)


def print_part_state(state: PartState) -> None:
    """How far a part is marked, and how well two markers agree."""
    from reports.marking_lines import state_lines

    for line in state_lines(state):
        say(line)


def print_returnable(offer: Returnable) -> None:
    """Whom a return reaches, and who is left out."""
    from reports.difference_lines import return_lines

    for line in return_lines(offer):
        print(wrapped(line, sys.stdout))


def print_showing(showing: Showing | None) -> None:
    """How many hidden cases students will see, and whose they are; nothing if none are shown."""
    from reports.leaving import showing_lines

    for line in () if showing is None else showing_lines(showing):
        say(line)


def question_of_return(offer: Returnable, showing: Showing | None = None) -> str:
    """What a person is asked before a return."""
    if not offer.now:
        return "Show these cases?"
    marks = f"Record {len(offer.now)} {'mark' if len(offer.now) == 1 else 'marks'} as returned"
    return f"{marks}?" if showing is None else f"{marks}, and show these cases?"


def moved(differences: Differences) -> str:
    """The marks that moved since they were last applied, in one sentence; empty if none did."""
    from reports.difference_lines import summary_of_moves

    return f"{summary_of_moves(differences)} since they were last applied" if differences.moves else ""


def not_applied(error: NotApplied) -> str:
    """The message that marks must be applied first: how many move, and the command."""
    if not error.differences.moves:
        return str(error)
    return f"{moved(error.differences)}. Apply this first, or undo the cause: medmark grade {error.assignment}"


def print_written(written: WrittenReports, *, names: bool) -> None:
    """Where each report was written, and what it is."""
    print(written.folder)
    if written.index:
        print(f"  {written.index.name:17} the cohort, for staff: open this first")
    if written.leaderboard:
        print(f"  {written.leaderboard.name:17} groups by accuracy, " + ("by name" if names else "under pseudonyms"))
    print(f"  {written.marksheet_csv.name:17} one row a person; {written.marksheet_json.name} has the details")
    print(f"  {'cohort/':17} statistics of the marks: mean, spread, classes")
    print(f"  {'feedback/':17} {len(written.feedback)} pages to hand out")
    if written.personal:
        print(f"  {'personal/':17} {len(written.personal)} pages, one for each person: what they open first")
    print(f"  {'staff/':17} the feedback pages with evidence, for staff only")
    if written.audit:
        print(f"  {written.audit.name:17} every event of the record, for staff and the board of examiners")


def print_site(written: WrittenSite) -> None:
    """The page to open, and what became of an earlier site's pages."""
    print(written.pages[0])
    say(f"  {quantity(len(written.pages) - 1, 'brief')} beside it: put the whole folder on a web server")
    for path in written.removed:
        say(f"  removed {path}, which the course has no more")
    for path in written.left:
        warn(f"{path} is of an earlier site and was changed since: it stays. Remove it, or move it away.")


def print_copies(formats: Collection[Format], outdated: Sequence[Path], failed: Mapping[Path, str]) -> None:
    """Which copies of the pages were written, which could not be, and which earlier ones are outdated now."""
    if "pdf" in formats:
        print(f"  {'*/*.pdf':17} every page on A4")
    if "markdown" in formats:
        print(f"  {'*/*.md':17} the pages to hand out, for a pull request or an e-mail")
    for page, why in failed.items():
        warn(f"{page}: WeasyPrint could not make a PDF of it ({why}). Print the page from a browser instead.")
    if outdated:
        options = " ".join(sorted({{".pdf": "--pdf", ".md": "--markdown"}[copy.suffix] for copy in outdated}))
        few = f"{outdated[0]} and {len(outdated) - 1} more" if len(outdated) > 1 else str(outdated[0])
        warn(f"Older than its page: {few}. To renew: the same command with {options}")


def print_rehearsal(result: Rehearsal, *, as_json: bool) -> None:
    """The result of a rehearsal, and the gaps to close."""
    text = json.dumps(result.as_json(), indent=2) if as_json else "\n".join(result.lines())
    for line in text.split("\n"):
        print(terminal_text(line))


def print_notebooks(marked: MarkedNotebooks, *, whole: bool, as_json: bool) -> None:
    """What nbgrader would give and what medmark gives, with the reason where they differ."""
    from reports.nbgrader_table import notebooks_as_json, table_lines

    if as_json:
        print_json(notebooks_as_json(marked))
    else:
        say_all(table_lines(marked, whole=whole), "    ")


def print_written_points(written: WrittenPoints) -> None:
    """What was written into nbgrader's gradebook, on stderr."""
    from reports.nbgrader_table import written_lines

    warn_all(written_lines(written))


def print_new_assignment(new: NewAssignment) -> None:
    """The proposed cases of a new assignment, and the questions that its author has to answer."""
    from reports.proposal import proposal_lines

    for line in proposal_lines(new):
        say(line)


def print_first_steps(folder: Path, task: str, *, split: bool = False) -> None:
    """What to type after an assignment was started, on stderr; with `split`, its subjects are to be split first."""
    named = shell_word(folder)
    steps = [
        (f"medmark data {named} --page cases.html", "look at the cases"),
        *([(f"medmark data {named} --split", "hide some subjects, once")] if split else []),
        (f"medmark rehearse {named}", "prove it as it is"),
        (f"medmark rehearse {named} --calibrate", "measure it, get anchors"),
    ]
    width = max(len(command) for command, _ in steps)
    warn(f"A {task.replace('_', ' ')} assignment. Next:")
    for command, why in steps:
        warn(f"  {command.ljust(width)}  # {why}")
    warn("Then make brief, tests and reference your own: docs/assignment.md shows how.")


def print_tutorials(tutorials: Iterable[Tutorial]) -> None:
    """The tutorials: name, title, minutes, and what each needs."""
    for tutorial in tutorials:
        title, _, question = tutorial.title.partition(": ")
        say(f"{tutorial.name:<16}{tutorial.number} · {title} ({tutorial.minutes} minutes)", " " * 20)
        for line in (question, f"{tutorial.needs}."):
            say(f"{'':<20}{line}", " " * 20)
    say("Write one: medmark tutorial NAME FOLDER")


def print_leaving(planned: PlannedHandout) -> None:
    """Which patients' cases would leave with a handout, by whose leave, and what is not checked; on stderr."""
    from reports.leaving import leaving_lines

    warn_all(leaving_lines(planned))


def print_update(update: PlannedUpdate) -> None:
    """What an update of a handout changes, and what stays since somebody edited it."""
    from reports.update_lines import update_lines

    for line in update_lines(update):
        say(line, " " * 10)


def print_split(proposed: ProposedSplit) -> None:
    """A split and what it changes."""
    from reports.split_lines import split_lines

    for line in split_lines(proposed):
        say(line)


def print_data(summary: DataSummary) -> None:
    """What the cases of an assignment are like."""
    from reports.data_table import grids, head_lines, tail_lines

    _print_with_grids(head_lines(summary), grids(summary), tail_lines(summary))


def print_leaves(leaves: Leaves) -> None:
    """What a handout would take off this machine."""
    from reports.leaves_lines import leaves_grids, leaves_head, leaves_tail

    _print_with_grids(leaves_head(leaves), leaves_grids(leaves), leaves_tail(leaves))


def _print_with_grids(head: Iterable[str], grids: Iterable[Grid], tail: Iterable[str]) -> None:
    from rich.console import Console

    from reports.data_table import terminal_table

    for line in head:
        say(line)
    for grid in grids:
        Console(markup=False, highlight=False).print(terminal_table(grid))
    for line in tail:
        say(line)


def print_demo(demo: Demo, results: Results, written: WrittenReports) -> None:
    """Each group's submission in the demonstration and the reasons for its mark; then the pages."""
    from reports.demonstration import group_outcomes

    for line in group_outcomes(demo, results.assignment, results.marks):
        print(wrapped(line, sys.stdout, "  "))
    print("\nThe pages:")
    for page in filter(None, (written.index, written.leaderboard, written.marksheet_csv, *written.feedback.values())):
        print(f"  {page}")


def print_fact(fact: Fact) -> None:
    """One fact about this machine or course."""
    word = "ok" if fact.well else "optional" if fact.optional else "missing"
    for line in fact.text.splitlines():
        say(f"{word:8} {line}", " " * 9)


# The output of a student's check


def print_problems(problems: Iterable[str], notes: Iterable[str] = ()) -> None:
    """The problems that were visible before anything ran, and what is only to be known."""
    for problem in problems:
        say(f":( {problem}", "   ")
    for note in notes:
        say(f":| {note}", "   ")


def print_tried(tried: SolutionTry) -> None:
    """What to mend first, the public tests, and whether the solution's model predicts."""
    from reports.check_lines import check_lines

    for line in check_lines(tried):
        say(line, "  " if line.startswith(" ") else "   ")


def print_passed(assignment: Assignment, results: Sequence[PublicTestResult]) -> None:
    """How many tests passed, and how many hidden tests are not run here."""
    from assignments.folders import CONTRACTS, HANDOUT
    from assignments.load import hidden_tests

    passed = sum(result.passed for result in results)
    own = assignment.folder
    contracts = bool(assignment.contracts) and CONTRACTS.is_dir() and not (own / HANDOUT).is_file()
    hidden = hidden_tests(assignment) if contracts or (own / "hidden_tests").is_dir() else ()
    points = sum(test.points for test in hidden)
    more = f" {len(hidden)} hidden tests worth {points} marks are not run here." if hidden else ""
    say(f"{passed} of {len(results)} public tests passed.{more}")
