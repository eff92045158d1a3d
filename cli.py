"""The command line: parses, calls one function, prints. The package that a command calls does the work.

Exit codes: 0 done; 1 something did not pass (a public test, a rehearsal), could not be read or was not applied; 2 a
mistake that the person at the keyboard can correct; 3 a failure of medmark or of the machine, such as a withheld mark;
130 stopped: the same command continues.
"""

from __future__ import annotations

from reports import interrupts  # before all else: Ctrl-C is handled from here on

# isort: split

import os

# Before NumPy is imported: cases that are drawn here must equal those of the markers to the bit, and with several
# threads sums come out in another order.
os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

# isort: split

import logging
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from reports import console
from reports.terminal import REFUSED, UNWRITABLE, Notices, give_up_stdout_if_unwritable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assignments.assignment import Assignment
    from graders.authoring.handing_out import PlannedHandout
    from graders.course.course import Course
    from graders.intake.collect import Receipt
    from graders.intake.hand_in_commits import TakenFolder
    from graders.marks.results import Results
    from graders.runs.marking import Change
    from graders.runs.nbgrader_marking import PlannedNotebooks
    from graders.runs.public_check import CheckedSolution

app = typer.Typer(
    name="medmark",
    epilog="Exit codes: 0 done; 1 something did not pass, could not be read or was not applied; 2 a mistake that you "
    "can correct; 3 a failure of medmark or of the machine, such as a withheld mark; 130 stopped: the same command "
    "continues.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
roster_app = typer.Typer(help="The roster: who is in which group.", no_args_is_help=True)
app.add_typer(roster_app, name="roster")
image_app = typer.Typer(help="Runtime images that submissions run in.", no_args_is_help=True)
app.add_typer(image_app, name="image")

CourseOption = Annotated[Path, typer.Option("--course", "-c", metavar="FOLDER", help="Folder with course.toml.")]
AssignmentName = Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="Id of the assignment in course.toml.")]
Only = Annotated[list[str] | None, typer.Option("--only", metavar="GROUP", help="Only this group; may be repeated.")]
SandboxOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="As docs/sandboxes.md lists them; by default as course.toml says.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the marks as JSON.")]
AudienceOption = Annotated[str, typer.Option("--as", metavar="WHO", help="staff or student: who may read the JSON.")]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Apply the difference without asking.")]
YesToWrite = Annotated[bool, typer.Option("--yes", "-y", help="Write the proposal without asking.")]
YesToSplit = Annotated[
    bool, typer.Option("--yes", "-y", help="With --split or --resplit: write the split without asking.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference and apply nothing.")]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who decides; the user of this machine by default.")
]


STAFF_MODULES = ("PIL", "docker", "git", "jinja2", "markdown_it", "openpyxl", "pandas", "skimage", "sklearn")
"""Modules of the extra `tools`."""
PRELOAD = ("cli",)
"""The module that every marker process would import again, since its parent's main file imports it."""


def main() -> None:
    """Run the command line; a user's mistake never ends in a traceback."""
    logging.getLogger("medmark").addHandler(Notices())
    with interrupts.ctrl_c_handled() as ctrl_c:
        try:
            # Without its standalone mode, which prints errors its own way, typer returns the code of typer.Exit.
            code = app(standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()
        except (KeyboardInterrupt, typer.Abort):
            _fail(interrupts.STOPPED_TEXT, interrupts.CODE)
        except Exception as error:  # noqa: BLE001 - sorted by its kind; an unknown one is raised again
            if ctrl_c.pressed:  # Ctrl-C appeared as another error
                _fail(interrupts.STOPPED_TEXT, interrupts.CODE)
            _explain(error)
        if ctrl_c.pressed:  # Ctrl-C was swallowed
            _fail(interrupts.STOPPED_TEXT, interrupts.CODE)
    raise SystemExit(code or 0)


def _explain(error: Exception) -> NoReturn:
    """Print a known error as a sentence with an exit code; a defect of medmark keeps its traceback."""
    usage = getattr(error, "show", None)  # click's exceptions, which typer ships under its own name
    if callable(usage) and hasattr(error, "exit_code"):
        usage()
        raise SystemExit(2) from None
    from assignments.errors import MedmarkError, UserError
    from graders.failures import Stopped, ToolkitFailure
    from graders.marks.differences import NotApplied

    if isinstance(error, Stopped):
        _fail(str(error) or interrupts.STOPPED_TEXT, interrupts.CODE)
    if isinstance(error, NotApplied):
        _fail(console.not_applied(error), 2)
    if isinstance(error, UserError):
        _fail(str(error), 2)
    if isinstance(error, ToolkitFailure):
        _fail(f"{error.reason}: {error}", 3)
    if isinstance(error, MedmarkError):
        _fail(str(error), 3)
    if isinstance(error, ModuleNotFoundError) and error.name in STAFF_MODULES:
        _fail(f"this needs {error.name}, which students do without. Install it: pip install 'medmark[staff]'", 2)
    if isinstance(error, OSError) and error.errno in UNWRITABLE and error.filename is None:
        _fail(f"the output cannot be written: {error.strerror}. Check its target, and run the same command again.", 3)
    if isinstance(error, OSError) and error.errno in REFUSED and error.filename is not None:
        _fail(f"{error.filename}: {error.strerror}. Check this path, and run the same command again.", 2)
    raise error


def _fail(text: str, code: int) -> NoReturn:
    give_up_stdout_if_unwritable()
    for line in text.splitlines():
        console.warn(line)
    raise SystemExit(code)


def _print_version(requested: bool) -> None:
    if requested:
        from graders.version import medmark_version

        print(f"medmark {medmark_version()}")
        raise typer.Exit


@app.callback()
def medmark(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Marks deep-learning coursework in medical imaging."""


# The instructor's side


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the new course.")],
    title: Annotated[
        str, typer.Option(metavar="TEXT", help="Title of the course.")
    ] = "Deep learning for medical imaging",
    year: Annotated[str, typer.Option(metavar="TEXT", help="Academic year.")] = "2026-27",
) -> None:
    """Make a new course: course.toml, roster.csv and a secret."""
    from graders.course.new_course import init_course

    for path in init_course(folder, title=title, year=year):
        print(path)
    print("\nNext: fill in course.toml, and roster.csv by hand or from a list of Moodle or GitHub, then")
    in_course = _in_course(folder)
    print(f"  medmark roster import LIST{in_course}")
    print(f"  medmark doctor{in_course}")
    print(f"  medmark collect ASSIGNMENT{in_course}")


@roster_app.command("import")
def roster_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or .xlsx that another system exported.")],
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="participants, worksheet, github-roster, github-grades or classroom50; by default by its headings.",
        ),
    ] = None,
    groups: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help='Only groups with such a name count, as "Project *"; may be repeated.'),
    ] = None,
    solo: Annotated[bool, typer.Option("--solo", help="People without a group work alone, each in their own.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace the roster without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and write nothing.")] = False,
    course: CourseOption = Path("."),
) -> None:
    """Bring people and groups of another system into roster.csv.

    Reads Moodle's list of participants and its grading worksheet, GitHub Classroom's roster and grades, and Classroom
    50's students.csv. `Group 7` becomes group-07. What the roster knows besides stays: pass marks, candidate numbers,
    repositories, further columns. New groups get the address that [roster] repository of course.toml makes. You see
    the difference first, and the roster is replaced only if you agree. Exit code 1 if it is not, or if a row of the new
    roster must be corrected.
    """
    from graders.course.importing import planned_roster

    planned = planned_roster(course, file, kind=kind, groups=groups or (), solo=solo)
    console.print_planned_roster(planned)
    if planned.difference:
        if dry_run or not _agreed("Replace the roster?", yes):
            raise typer.Exit(0 if dry_run else 1)
        planned.write()
        print(planned.path)
    raise typer.Exit(1 if planned.roster.row_problems else 0)


@app.command()
def collect(
    assignment: AssignmentName,
    course: CourseOption = Path("."),
    only: Only = None,
    receipts: Annotated[
        bool, typer.Option("--receipts", help="Print the whole receipt of each group, as with --only.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="For cron: print only what needs a person.")] = False,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="First take hand-ins from a folder: one a group or person, or Moodle's."),
    ] = None,
) -> None:
    """Look at every repository, record its tip and fetch it.

    Run it every few minutes from cron: the tip seen by the due time counts. Prints one line a group and a summary. A
    repository that cannot be read does not stop the others. Exit code 1 if one could not be read, or a row of the
    roster must be corrected; an empty repository or a missing branch is neither.

    --folder takes the hand-ins of a folder first, as Moodle's "Download all submissions" unpacks, or a folder with the
    name of each group or member. Each becomes a commit in a repository of its group on this machine, which the roster
    names. Nothing in it is run, no link followed, no archive opened. Exit code 1 if one could not be taken.
    """
    from contextlib import nullcontext

    from graders.runs.marking import collected
    from reports.progress import progress

    opened = _course(course)
    hand_ins = None if folder is None else _take(opened, assignment, folder)
    with nullcontext(lambda *_: None) if quiet else progress("collecting") as step:
        collected_receipts = collected(
            opened, assignment, only=only or (), on_progress=lambda done, of, group: step(done, of, group, None)
        )
    console.print_receipts(collected_receipts, whole=bool(only) or receipts, quiet=quiet)
    console.warn_all(() if quiet else opened.roster_notes)
    if hand_ins is not None:
        _say_waiting(opened, assignment, hand_ins, collected_receipts, _in_course(course))
    left = hand_ins is not None and (hand_ins.refused or hand_ins.unmatched)
    if left or opened.roster_problems or any(receipt.unread for receipt in collected_receipts):
        raise typer.Exit(1)


def _take(course: Course, assignment: str, folder: Path) -> TakenFolder:
    """The hand-ins of a folder as commits, printed."""
    from graders.intake.hand_in_commits import take_hand_ins

    hand_ins = take_hand_ins(course, assignment, folder)
    console.print_hand_ins(hand_ins)
    return hand_ins


def _say_waiting(
    course: Course, assignment: str, hand_ins: TakenFolder, receipts: Iterable[Receipt], in_course: str
) -> None:
    """Name the table of commits that wait for a person, and the command that accepts them."""
    from assignments.errors import shell_word
    from graders.intake.hand_in_commits import write_waiting

    if path := write_waiting(course, assignment, hand_ins, receipts):
        console.warn(
            f"{path}: these commits wait for a person, since medmark does not know when they were handed in. Look "
            "at the table, remove rows that must not count, and accept the others as on time: "
            f"medmark decide {assignment} late_commit --from {shell_word(path)} "
            f'--reason "handed in on Moodle in time"{in_course}'
        )


@app.command()
def grade(
    assignment: Annotated[
        str | None,
        typer.Argument(metavar="ASSIGNMENT", help="Id of the assignment in course.toml, or its name in nbgrader."),
    ] = None,
    course: CourseOption = Path("."),
    nbgrader: Annotated[
        Path | None,
        typer.Option("--nbgrader", metavar="FOLDER", help="A course of nbgrader's, instead of one of medmark's."),
    ] = None,
    only: Only = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Submissions marked at once; by default as many as fit.")
    ] = None,
    sandbox: SandboxOption = None,
    trust_submissions: Annotated[
        bool,
        typer.Option(
            "--trust-submissions",
            help="Allow other people's code in a sandbox that is not a security boundary, such as local.",
        ),
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="processes, or dask or slurm for a cluster; by default as course.toml says."),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Of a Dask scheduler that runs: tls://login1:8786.")
    ] = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why returned marks are corrected; students read this.")
    ] = "",
    by: By = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    write: Annotated[
        bool, typer.Option("--write", help="With --nbgrader: then write the points into its gradebook.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="With --nbgrader: list every cell.")] = False,
    as_json: AsJson = False,
    audience: AudienceOption = "staff",
) -> None:
    """Mark the collected submissions; nothing is run twice.

    A stage that the record holds is not run again: an edited weight or a corrected label runs nothing, a changed hidden
    test runs only that test. If stopped or killed, the same command continues. If marks in force move, you see the
    difference first, and it is applied only if you agree; exit code 1 if you do not. Exit code 3 if a mark had to be
    withheld.

    --nbgrader marks an assignment of nbgrader's behind the wall, and needs that folder alone: no course.toml, no
    roster. It prints what nbgrader would give and what medmark gives, with the reason where they differ. Nothing in the
    folder is changed without --write, which copies the gradebook first and leaves manual scores as they are. --only
    then names a student. Exit code 1 if you do not agree, 3 if a cell had to be withheld.
    """
    if nbgrader is not None:
        aside = course if course != Path(".") else None
        options = (("--course", aside), ("--reason", reason), ("--by", by), ("--as", audience != "staff"))
        for option, typed in (*options, ("--dry-run", dry_run), ("--engine", engine), ("--scheduler", scheduler)):
            _check_apart(("--nbgrader", nbgrader), (option, typed))
        planned = _planned_notebooks(nbgrader, assignment, sandbox, trust_submissions, only or ())
        _mark_notebooks(planned, jobs, write=write, yes=yes, whole=every, as_json=as_json)
        return
    _check_with("--nbgrader", None, ("--write", write), ("--all", every))
    if assignment is None:
        _fail("name the ASSIGNMENT that is marked: medmark status lists them", 2)
    _check_name(audience, ("staff", "student"), "--as")
    opened = _course(course)
    who = _decider(opened, by)
    change = _marked(opened, assignment, sandbox, trust_submissions, only or (), jobs, engine, scheduler)
    if as_json:
        console.print_marks_as_json(change.results, audience, change.differences if audience == "staff" else None)
    else:
        console.print_marks(change.results)
    done = _applied(change, who, yes=yes, dry_run=dry_run, quiet=as_json, reason=reason)
    _exit_by(change.results)
    if done:
        console.warn(f"Next: medmark report {assignment}{_in_course(course)}")
    raise typer.Exit(0 if done or dry_run else 1)


def _planned_notebooks(
    folder: Path, assignment: str | None, sandbox: str | None, trust_submissions: bool, only: Sequence[str]
) -> PlannedNotebooks:
    """A course of nbgrader's, read; what it lacks is said first."""
    from graders.runs.nbgrader_marking import planned_notebooks

    planned = planned_notebooks(folder, assignment, sandbox=sandbox, trust_submissions=trust_submissions, only=only)
    console.warn_all((*planned.course.notes, *planned.lacking_lines()))
    return planned


def _mark_notebooks(
    planned: PlannedNotebooks, jobs: int | None, *, write: bool, yes: bool, whole: bool, as_json: bool
) -> None:
    """Mark the notebooks, print what differs, and write the points if a person says so."""
    from graders.runs.nbgrader_marking import marked_notebooks
    from graders.runs.nbgrader_writing import check_writable, write_points
    from reports.progress import progress

    if write:
        check_writable(planned.course)
    with progress("marking") as step:
        marked = marked_notebooks(planned, jobs, lambda done, of, text: step(done, of, text, None))
    console.print_notebooks(marked, whole=whole, as_json=as_json)
    if write:
        if not _agreed(f"Write these points to {planned.course.settings.gradebook(planned.course.folder)}?", yes):
            raise typer.Exit(1)
        console.print_written_points(write_points(marked))
    if marked.withheld:
        _fail("withheld by a toolkit failure: the lines above say whose. To retry: the same command", 3)


@app.command()
def status(
    assignment: Annotated[
        str | None,
        typer.Argument(metavar="ASSIGNMENT", help="Its id in course.toml; by default all, one after another."),
    ] = None,
    course: CourseOption = Path("."),
    sandbox: SandboxOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, with every group and command.")] = False,
) -> None:
    """Say how far marking is, who needs a person, and what to type.

    For each assignment: groups with a commit, graded, marked, withheld and waiting; how many people have their mark
    back; when feedback is due and how many days are left; and a list of what waits for a person, each with its reason
    and what to type. It follows from the record; nothing is run. Exit code 1 if an assignment could not be read.
    """
    from graders.intake.collect import clock
    from graders.runs.overview import overview, overviews

    opened = _course(course)
    if assignment is None:
        shown = overviews(opened, sandbox=sandbox, command=_typed())
    else:
        shown = iter([overview(opened, assignment, sandbox=sandbox, command=_typed())])
    if not console.print_status(shown, clock(), in_course=_in_course(course), as_json=as_json):
        raise typer.Exit(1)


@app.command()
def show(
    assignment: AssignmentName,
    course: CourseOption = Path("."),
    sandbox: SandboxOption = None,
    as_json: AsJson = False,
    audience: AudienceOption = "staff",
) -> None:
    """Print the recorded marks; nothing is run."""
    _check_name(audience, ("staff", "student"), "--as")
    change = _recorded(_course(course), assignment, sandbox)
    if as_json:
        console.print_marks_as_json(change.results, audience)
    else:
        console.print_marks(change.results)
    console.warn_all(change.results.unmatched)
    _warn_if_moved(change)


@app.command()
def explain(
    assignment: AssignmentName,
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="Whose mark; a group of one works too.")],
    course: CourseOption = Path("."),
    sandbox: SandboxOption = None,
) -> None:
    """Explain one person's mark, from the data to the sheet.

    Shows the commit and why it counts, each hidden test, how a score becomes points, who gave points, every adjustment
    with its number in the record, the rounding, and the returns. For staff and exam boards; nothing is run.
    """
    from graders.marks.named_people import one_member
    from graders.runs.marking import history_of_group, looks_of
    from reports.explain import explained

    opened = _course(course)
    group, person = one_member(opened, member)
    change = _recorded(opened, assignment, sandbox, after_collecting=True)
    looks = looks_of(opened, assignment, group)
    commit = next(each.commit for each in change.results.submissions if each.group == group.name)
    history = history_of_group(opened, assignment, group, commit)
    for line in explained(change.results, person, looks=looks, history=history, timezone=opened.timezone):
        print(line)
    _warn_if_moved(change)


@app.command()
def decide(
    assignment: AssignmentName,
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="extension, late_commit, agreed_mark, line_mark, override, peer_factor, moderation, cap, deferred, "
            "absent, excused, held, void_test, void_case, dispute or retract. Without KIND, the whole record is "
            "listed: decisions, marks applied, returns, corrections.",
        ),
    ] = None,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The decided value: see docs/course.md.")] = "",
    who: Annotated[
        str, typer.Option("--for", metavar="WHO", help="A group, a member, or GROUP/MEMBER; by default all.")
    ] = "",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Required: why; the person reads this.")] = "",
    reference: Annotated[
        str, typer.Option(metavar="TEXT", help="A case number or note for staff; no student's page shows it.")
    ] = "",
    by: By = None,
    file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A CSV or .xlsx with one row a group or person.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(metavar="NAME", help="webpa or buddycheck: makes peer factors from ratings.")
    ] = None,
    with_self: Annotated[
        bool | None,
        typer.Option(
            "--with-self/--without-self",
            help="Whether ratings of oneself count; by default for webpa, not for buddycheck.",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    course: CourseOption = Path("."),
    sandbox: SandboxOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the difference as JSON.")] = False,
) -> None:
    """Record a decision and its effect on marks.

    You see the difference first, and nothing is recorded unless you agree. A decision is never changed or deleted, but
    you can retract it by its number. No student's code is run. Exit code 1 if the decision was not applied.
    """
    from graders.runs.engines.processes import Processes
    from graders.runs.marking import proposed

    opened = _course(course)
    if kind is None:
        _list_events(opened, assignment)
        return
    by = _decider(opened, by)
    before = _recorded(opened, assignment, sandbox)
    console.warn_all(before.results.unmatched)
    change = proposed(
        before,
        kind,
        value,
        who=who,
        reason=reason,
        reference=reference,
        by=by,
        file=file,
        method=method,
        with_self=with_self,
        engine=Processes(preload=PRELOAD),
    )
    console.print_proposal(change, as_json=as_json)
    done = _applied(change, by, yes=yes, dry_run=dry_run, quiet=as_json)
    raise typer.Exit(0 if done or dry_run else 1)


@app.command()
def marking(
    assignment: AssignmentName,
    criterion: Annotated[str, typer.Argument(metavar="CRITERION", help="The part that people mark by a rubric.")],
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="With --read: the forms that came back.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write a folder for each marker: form, papers, pages.")
    ] = None,
    read: Annotated[bool, typer.Option("--read", help="Read filled forms, in any order and number.")] = False,
    markers: Annotated[
        str, typer.Option(metavar="A,B", help="Who marks; by default as before, else the staff of course.toml.")
    ] = "",
    second: Annotated[
        str, typer.Option(metavar="NUMBER", help="With --out: so many papers get a second marker: 10, 20%.")
    ] = "",
    sample: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="With --out: only second markers' forms, for fails, borderlines and N papers of each class.",
        ),
    ] = 0,
    agree: Annotated[
        bool, typer.Option("--agree", help="With --out: only the form of papers on which two markers must agree.")
    ] = False,
    seed: Annotated[int, typer.Option(metavar="N", help="Another number deals and draws in another order.")] = 1,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why returned marks are corrected; students read this.")
    ] = "",
    by: By = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    course: CourseOption = Path("."),
    sandbox: SandboxOption = None,
) -> None:
    """Write forms for markers, read them back, or say how far it is.

    Markers get papers under codes and never learn whose they are; the key stays in hidden/. A blank line is not marked
    yet, and never 0. Forms may come back half-filled and as often as you like: you see which marks on record they would
    replace and how marks move, and nothing is recorded unless you agree. Without --out and --read it says who has
    marked what, what is open and why, and how well two markers agree.
    """
    from graders.runs.entered_forms import entered
    from graders.runs.marker_work import part_state, planned_marking
    from reports.bands import bands
    from reports.marker_folders import write_marking
    from reports.progress import progress

    _check_one(("--out", out), ("--read", read))
    _check_one(("--second", second), ("--sample", sample), ("--agree", agree))
    _check_with("--read", read, ("FILE", files), required=True)
    _check_with("--out", out, ("--markers", markers), ("--second", second), ("--sample", sample), ("--agree", agree))
    opened = _course(course)
    change = _recorded(opened, assignment, sandbox, after_collecting=True)
    if read:
        who = _decider(opened, by)
        forms = entered(change, criterion, files or (), by=who, reason=reason)
        console.print_entered(forms)
        done = forms.change is None or _applied(forms.change, who, yes=yes, dry_run=dry_run, quiet=False)
        raise typer.Exit(0 if done or dry_run else 1)
    if out is None:
        console.print_part_state(part_state(change, criterion))
        return
    classes = [band.from_percent for band in bands(change.results.assignment.level)[1:]]
    names = [name for name in markers.split(",") if name.strip()]
    planned = planned_marking(
        change, criterion, markers=names, second=second, sample_each=sample, classes=classes, agree=agree, seed=seed
    )
    with progress("papers") as step:
        written = write_marking(planned, out, lambda done, of, code: step(done, of, code, None))
    console.print_written_marking(planned, written)


@app.command("return")
def return_marks(
    assignment: AssignmentName,
    course: CourseOption = Path("."),
    who: Annotated[
        list[str] | None,
        typer.Option("--for", metavar="WHO", help="Only this group or member; may be repeated."),
    ] = None,
    show_cases: Annotated[
        int,
        typer.Option("--show-cases", min=0, metavar="N", help="Show N hidden cases, with each group's own answers."),
    ] = 0,
    by: By = None,
    yes: Yes = False,
    sandbox: SandboxOption = None,
) -> None:
    """Record that the marks were given to the students.

    It reaches everyone with a whole mark, and says who is left out and why; run it again to reach the rest. From then
    on, a change of a returned mark is a correction: it needs a reason, on_correction in course.toml says whether it may
    lower the mark, and the page becomes version 2. The folder versions/ keeps the pages as returned. To retract a
    return, use its number: medmark decide ASSIGNMENT retract N.

    With --show-cases each group gets a page of hidden cases, the same for all: never while anybody may hand in, and
    their subjects are recorded as shown.
    """
    from assignments.errors import UserError
    from graders.runs.marking import returnable, returned
    from graders.runs.showing import planned_showing
    from reports.write import keep_versions, write_case_pages

    opened = _course(course)
    by = _decider(opened, by)
    change = _recorded(opened, assignment, sandbox, after_collecting=True)
    console.warn_all(change.results.unmatched)
    offer = returnable(change, who or ())
    console.print_returnable(offer)
    if offer.problem and not (show_cases and offer.already):
        raise UserError(offer.problem)
    showing = planned_showing(change, offer, show_cases) if show_cases else None
    console.print_showing(showing)
    if not _agreed(console.question_of_return(offer, showing), yes):
        raise typer.Exit(1)
    if showing is not None:
        showing.record()
    if offer.now:
        change = returned(change, who or (), by=by)
        folder = keep_versions(opened, change.results)
        console.say(f"Recorded {len(offer.now)} as returned; the pages as returned: {folder}")
        console.say(f"To write the pages to hand out: medmark report {assignment}")
    if showing is not None:
        console.say(f"Pages of hidden cases: {write_case_pages(opened, change.results, showing)}")


@app.command()
def report(
    assignment: AssignmentName,
    course: CourseOption = Path("."),
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder to write to; by default reports/ of the course.")
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Show the groups' own names on the leaderboard, not pseudonyms.")
    ] = False,
    ratified: Annotated[
        bool, typer.Option("--ratified", help="Say that the board of examiners has confirmed the marks.")
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the mark sheet to this file too: .xlsx or .csv.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write every page as PDF too, beside it.")] = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Write the pages to hand out as Markdown too, for a message.")
    ] = False,
    sandbox: SandboxOption = None,
) -> None:
    """Write feedback pages, mark sheet and leaderboard.

    They follow from the record; nothing is run.
    """
    from graders.runs.marking import settled
    from reports.copies import Format, check_formats, outdated_copies, write_copies
    from reports.progress import progress, seldom
    from reports.write import report_results

    options: dict[Format, bool] = {"pdf": pdf, "markdown": markdown}
    formats = [format for format, is_set in options.items() if is_set]
    check_formats(formats)
    opened = _course(course)
    change = _recorded(opened, assignment, sandbox, after_collecting=True)
    console.warn_all(change.results.unmatched)
    written = report_results(opened, settled(change), out, names=names, ratified=ratified, sheet=sheet)
    failed = {}
    if formats:
        with progress("copying") as step:
            failed = write_copies(written, formats, seldom(step))
    console.print_written(written, names=names)
    console.print_copies(formats, outdated_copies(written), failed)
    console.warn(f"Next, when the students may have them: medmark return {assignment}{_in_course(course)}")


@app.command()
def export(
    format: Annotated[str, typer.Argument(metavar="FORMAT", help="Of the formats that --list names.")] = "",
    assignment: Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="Id of the assignment in course.toml.")] = "",
    sheet: Annotated[
        Path | None, typer.Argument(metavar="SHEET", help="The sheet that you downloaded from the platform.")
    ] = None,
    course: CourseOption = Path("."),
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to write; for board a folder. Without it the command only shows."),
    ] = None,
    column: Annotated[
        str, typer.Option(metavar="HEADING", help="The column to fill, where the sheet has several.")
    ] = "",
    maximum: Annotated[
        str, typer.Option(metavar="NUMBER", help="The platform's full mark, where its sheet does not say it.")
    ] = "",
    members: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For a sheet without names: a table of participant,member."),
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Of a format that hands out pages: as PDF.")] = False,
    names: Annotated[
        bool, typer.Option("--names", help="Of the board's pack: names and ids, not candidate numbers alone.")
    ] = False,
    sign: Annotated[
        Path | None, typer.Option(metavar="KEY", help="Of the board's pack: a private SSH key that signs it.")
    ] = None,
    list_formats: Annotated[bool, typer.Option("--list", help="Print the formats, and by what each is known.")] = False,
    by: By = None,
    sandbox: SandboxOption = None,
) -> None:
    """Write marks for a learning platform, or a pack for an exam board.

    Most platforms give out a sheet: download it, name it as SHEET, and its copy has each person's own mark. Only the
    cells of marks differ. Every row gets a line that says what the platform will do with it. Without --out nothing is
    written. Later exports list only the rows whose mark changed since.

    medmark export board --out FOLDER is about all assignments of the course: it writes marks, module marks, statistics,
    how each mark follows, the audit log and a manifest, without names. Nothing is recorded.
    """
    from graders.record.exports import last_exported
    from graders.runs.marking import exported, settled
    from reports.export_lines import export_lines, format_lines, upload_lines
    from reports.exporting import check_typed, chosen_format, export_rules, fill, marks_to_export, write_export
    from reports.exports import BOARD, EXPORTS
    from reports.progress import progress, seldom

    if list_formats:
        console.say_all(format_lines(EXPORTS))
        return
    of_a_sheet = {"SHEET": sheet, "--column": column, "--maximum": maximum, "--members": members, "--pdf": pdf}
    check_typed(format, {"ASSIGNMENT": assignment, **of_a_sheet, "--by": by}, {"--names": names, "--sign": sign})
    if format == BOARD:
        _export_board(course, out, names=names, sign=sign, sandbox=sandbox)
        return
    chosen = chosen_format(format, sheet, out, pdf=pdf)
    rules = export_rules(column, maximum, members)
    opened = _course(course)
    by = _decider(opened, by)
    change = _recorded(opened, assignment, sandbox, after_collecting=True)
    console.warn_all(change.results.unmatched)
    with progress("pages") as step:
        marks = marks_to_export(opened, settled(change), chosen, pdf=pdf, on_file=seldom(step))
    filled = fill(chosen, sheet, marks, opened.groups, rules)
    console.say_all(export_lines(filled, last_exported(change.results.events, format, column)))
    if out is None:
        console.warn(f"Nothing is written. To write it: {_typed()} --out FILE{chosen.suffix}")
        return
    exported(change, write_export(out, format, column, filled), by=by)
    console.say_all([f"Wrote {out}", *upload_lines(format, EXPORTS, assignment, _in_course(course))])


def _export_board(course: Path, out: Path | None, *, names: bool, sign: Path | None, sandbox: str | None) -> None:
    """The pack for a board of examiners: it moves no mark, and nothing of it is recorded."""
    from reports.board.export import export_board
    from reports.board.lines import pack_lines
    from reports.progress import progress, seldom

    with progress("pack") as step:
        pack = export_board(
            _course(course),
            out,
            names=names,
            key=sign,
            sandbox=sandbox,
            command=_typed(),
            on_reading=seldom(step, "reading"),
            on_progress=seldom(step, "making"),
        )
    console.warn_all(pack.unmatched)
    console.say_all(pack_lines(pack))
    if pack.folder is None:
        console.warn(f"Nothing is written. To write it: {_typed()} --out FOLDER")


@app.command()
def site(
    course: Annotated[Path, typer.Argument(metavar="COURSE", help="Folder with course.toml.")] = Path("."),
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder to write to; by default site/ of the course.")
    ] = None,
) -> None:
    """Write the course's site: its briefs and a map of its syllabus.

    A page lists the assignments with deadlines and marks, and maps each topic of the syllabus to its assignment, the
    frameworks and the state of its proof. Each brief is a page, with a picture of the data unless these are of
    patients. The pages are plain HTML, which any web server or learning platform shows. Written again, they replace
    those of the last time; no other file of the folder is touched.
    """
    from reports.progress import progress, seldom
    from reports.site import course_site
    from reports.site_files import write_site

    opened = _course(course)
    with progress("drawing") as step:
        pages = course_site(opened, seldom(step))
    console.print_site(write_site(pages, out or opened.folder / "site"))


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")] = Path("medmark-demo"),
    sandbox: Annotated[
        str, typer.Option(metavar="NAME", help="docker, local, or auto: docker if it answers and has the images.")
    ] = "auto",
) -> None:
    """Make, mark and report a course of six groups in a minute.

    Its groups are real Git repositories: two sound solutions, one without a network, one with a misconception, one that
    crashes and one that tries to cheat.
    """
    import time

    from graders.demo import make_demo
    from graders.runs.engines.processes import start_forkserver
    from graders.runs.marking import collected
    from reports.progress import progress
    from reports.write import report_results

    start_forkserver(*PRELOAD)  # while the rest goes on
    began = time.monotonic()
    sandbox = _demo_sandbox(sandbox)
    demonstration = make_demo(folder, sandbox=sandbox)
    assignment = demonstration.assignment
    opened = _course(folder)
    with progress("collecting") as step:
        collected(opened, assignment, on_progress=lambda done, of, group: step(done, of, group, None))
    results = _marked(opened, assignment, sandbox, True).results
    written = report_results(opened, results)
    console.print_marks(results)
    console.print_demo(demonstration, results, written)
    print(f"\n{time.monotonic() - began:.0f} s in all. To mark it again, which runs nothing:")
    trusted = " --trust-submissions" if sandbox == "local" else ""
    print(f"  medmark grade {assignment}{_in_course(folder)}{trusted}")
    _exit_by(results)


@app.command()
def handout(
    assignment: Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="An id of the catalogue, or a folder.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write the handout to.")],
    course: Annotated[
        Path | None, typer.Option("--course", "-c", metavar="FOLDER", help="The assignment as this course sets it.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Bring the handout in FOLDER up to date; students' files stay.")
    ] = False,
    message: Annotated[str, typer.Option(metavar="TEXT", help="With --update: what students read about it.")] = "",
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Without asking: let shared patients' cases leave, and update the folder."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --update: show what would change, and write nothing.")
    ] = False,
    notebook: Annotated[
        bool, typer.Option("--notebook", help="As notebooks, which bring their interface and public tests with them.")
    ] = False,
    framework: Annotated[str, typer.Option(metavar="NAME", help="With --notebook: for this framework alone.")] = "",
    solved: Annotated[bool, typer.Option("--solved", help="With --notebook: with the answers, for staff.")] = False,
    nbgrader: Annotated[
        bool, typer.Option("--nbgrader", help="With --notebook: nbgrader's source form; FOLDER is its course.")
    ] = False,
) -> None:
    """Write the handout for students: brief, starter, tests, data.

    It leaves out hidden tests, references and hidden cases. An assignment of the catalogue is handed out only while its
    last rehearsal passed and is still valid. Of a folder of patients, no case leaves unless [data] share and permission
    say so: then you see how many would, and nothing is written unless you agree.

    --update writes only what changed since the handout in FOLDER was written, and HANDOUT_CHANGES.md for students. It
    never touches solution.py or anything else that students write. A file of the handout that they edited stays, and
    its new version lies beside it. You see the difference first; exit code 1 if you do not agree.

    --notebook writes solution.ipynb in its place: a cell for each function, and below it the public tests that can run
    then. It needs no other file than the install line names.
    """
    from graders.authoring.handing_out import planned_handout
    from reports.progress import progress, seldom

    _check_with("--update", update, ("--message", message), ("--dry-run", dry_run))
    _check_with("--notebook", notebook, ("--framework", framework), ("--solved", solved), ("--nbgrader", nbgrader))
    _check_apart(("--update", update), ("--notebook", notebook))
    _check_apart(("--solved", solved), ("--nbgrader", nbgrader))
    with progress("reading") as step:
        planned = planned_handout(assignment, course, seldom(step))
    if update:
        _update_handout(planned, folder, message, yes=yes, dry_run=dry_run)
        return
    console.print_leaving(planned)
    agreed = not planned.needs_consent or _agreed("Hand out these cases?", yes)
    if not agreed:
        raise typer.Exit(1)
    if notebook:
        _write_notebooks(planned, folder, framework, solved=solved, nbgrader=nbgrader, agreed=agreed)
        return
    for path in planned.write(folder, agreed=agreed):
        print(path)


def _write_notebooks(
    planned: PlannedHandout, folder: Path, framework: str, *, solved: bool, nbgrader: bool, agreed: bool
) -> None:
    """Write the notebooks, and say what nbgrader is to do with its own."""
    from graders.authoring.notebooks import form_of, write_notebooks

    form = form_of(solved=solved, nbgrader=nbgrader)
    for path in write_notebooks(planned, folder, framework, form, agreed=agreed):
        print(path)
    if nbgrader:
        console.say(f"In {folder}: nbgrader generate_assignment {planned.assignment.id} --create")


@app.command()
def tutorial(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Which tutorial; without it, they are listed.")] = "",
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Folder to write to.")] = Path(),
    framework: Annotated[str, typer.Option(metavar="NAME", help="pytorch or tensorflow alone.")] = "",
    solved: Annotated[bool, typer.Option("--solved", help="With the answers, for staff.")] = False,
    nbgrader: Annotated[
        bool, typer.Option("--nbgrader", help="As nbgrader's source form; FOLDER is its course.")
    ] = False,
) -> None:
    """Write a tutorial: a notebook for each framework.

    A tutorial takes a student about an hour: a picture of the data, a baseline, three functions to write, an experiment
    and questions. `check` in the notebook says whether a function is right; nothing is marked.
    """
    from graders.authoring.notebooks import form_of
    from graders.authoring.tutorials import tutorials, write_tutorial

    _check_apart(("--solved", solved), ("--nbgrader", nbgrader))
    if not name:
        console.print_tutorials(tutorials())
        return
    for path in write_tutorial(name, folder, framework, form_of(solved=solved, nbgrader=nbgrader)):
        print(path)
    if nbgrader:
        console.say(f"In {folder}: nbgrader generate_assignment {name} --create")


def _update_handout(planned: PlannedHandout, folder: Path, message: str, *, yes: bool, dry_run: bool) -> None:
    """Show what an update changes, ask, and write it."""
    from graders.authoring.handout_update import planned_update

    with planned_update(planned, folder) as update:
        console.print_update(update)
        if update.changes_nothing or dry_run:
            return
        if update.hands_out_cases:
            console.print_leaving(planned)
        question = "Change these files, and hand out these cases?" if update.hands_out_cases else "Change these files?"
        if not _agreed(question, yes):
            raise typer.Exit(1)
        for path in update.write(message, agreed=True):
            print(path)


@app.command()
def new(
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of the new assignment, which is its folder too.")],
    data: Annotated[
        str,
        typer.Option(
            metavar="SOURCE|FILE|FOLDER",
            help="A source that draws cases, such as prostate_mr; a Python file of your own; or a folder of images.",
        ),
    ],
    task: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The task, such as segmentation; by default the one that the cases fit."),
    ] = None,
    yes: YesToWrite = False,
) -> None:
    """Start an assignment that rehearses as it is.

    Writes a folder with all that an assignment needs, small and complete for its task: settings, brief, interface, a
    hidden test with a misconception that it catches, public tests, a starter, and a reference in PyTorch that trains in
    seconds. Replace it part by part; what is for you to write is in italics in brief.md.

    For a folder of images it proposes a table of cases first, by the names of the files and with a question for each
    guess, and writes after your yes.
    """
    from graders.authoring.drawn_assignment import drawn_assignment, names_source
    from graders.authoring.new_assignment import new_assignment

    if names_source(data):
        started = drawn_assignment(id, data, Path(), task)
        for path in started.write():
            print(path)
        console.print_first_steps(started.folder, started.task)
        return
    proposed = new_assignment(id, Path(data), Path(), task)
    console.print_new_assignment(proposed)
    if not _agreed("Write this?", yes):
        raise typer.Exit(1)
    for path in proposed.write():
        print(path)
    console.warn("Next: answer the questions by correcting the table, then")
    console.print_first_steps(proposed.folder, proposed.task, split=True)


@app.command()
def data(
    assignment: Annotated[
        str, typer.Argument(metavar="ASSIGNMENT", help="A folder, or an id of the catalogue or the course.")
    ],
    course: Annotated[
        Path | None, typer.Option("--course", "-c", metavar="FOLDER", help="The assignment as this course sets it.")
    ] = None,
    split: Annotated[
        bool, typer.Option("--split", help="Make the split, or add new subjects and mark those that are gone.")
    ] = False,
    resplit: Annotated[bool, typer.Option("--resplit", help="Draw the whole split anew.")] = False,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was read as a page with pictures, for staff.")
    ] = None,
    leaves: Annotated[
        bool, typer.Option("--leaves", help="List all that a handout would take off this machine; write nothing.")
    ] = False,
    yes: YesToSplit = False,
) -> None:
    """Show the cases of an assignment, or split its subjects.

    Without a flag it prints what was read: subjects and cases by part, shapes, values, spacing, classes, what is
    unusual, and cases of two parts that are nearly equal. This names hidden subjects: it is for staff.

    --leaves writes the handout into a temporary folder and lists it: each file with its fields, cases and subjects.

    --split divides the subjects of a folder into training and hidden ones. The split is made once, and every later
    course, handout and rehearsal uses it. A new subject moves no other. The file names the hidden subjects: it is never
    handed out.
    """
    from assignments.data.split import split_command
    from graders.authoring.splitting import data_assignment, proposed_split

    _check_one(("--split", split), ("--resplit", resplit), ("--page", page), ("--leaves", leaves))
    opened = data_assignment(assignment, course)
    if split or resplit:
        proposed = proposed_split(opened, "resplit" if resplit else "split")
        console.print_split(proposed)
        if proposed.needs_consent and not _agreed("Replace the split?", yes):
            raise typer.Exit(1)
        proposed.write()
        print(proposed.path)
        console.warn(f"Next: {split_command(opened, '--page cases.html')}")
    elif leaves:
        _list_leaves(opened, course)
    else:
        _show_data(opened, page)


def _list_leaves(assignment: Assignment, course: Path | None) -> None:
    """List what a handout would take off this machine."""
    from graders.authoring.leaves import leaves_of
    from reports.progress import progress, seldom

    with progress("reading") as step:
        listed = leaves_of(assignment, course, seldom(step))
    console.print_leaves(listed)


def _show_data(assignment: Assignment, page: Path | None) -> None:
    """Read all cases and print what they are like; with `page`, as a page too."""
    from assignments.errors import shell_word
    from graders.authoring.data_summary import data_summary
    from graders.authoring.shown_data import shown_data
    from reports.data_page import check_page_path, write_data_page
    from reports.progress import progress, seldom

    if page is not None:
        check_page_path(assignment, page)
    with progress("reading") as step:
        shown = shown_data(assignment, seldom(step))
    with progress("looking") as step:
        summary = data_summary(shown, seldom(step))
    console.print_data(summary)
    if page is not None:
        print(write_data_page(summary, page))
        if shown.is_drawn or shown.split is not None:
            console.warn(f"Next: medmark rehearse {shell_word(assignment.folder)}")


@app.command()
def rehearse(
    assignment: Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="An id of the catalogue, or a folder.")],
    framework: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this framework; may be repeated.")
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate", help="First train references and baselines, and store calibration.json; takes minutes."
        ),
    ] = False,
    course: Annotated[
        Path | None,
        typer.Option(
            "--course",
            "-c",
            metavar="FOLDER",
            help="With --calibrate: only measure anchors for the cases that this course sets.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Run only this misconception, hidden test, function (its mutants), `reference` or `starter`; may be "
            "repeated: named solutions run the named tests. Nothing is stored.",
        ),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Accept what fails for misconceptions besides `fails`, and record it.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run everything, whatever earlier rehearsals stored.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Prove an assignment: references pass, mistakes are caught.

    Runs the hidden tests on the references, the starter, every misconception and five mutants of each function, and the
    public tests on the references. What has not changed since an earlier rehearsal does not run again. Exit code 1 if a
    gap must be closed before the assignment is handed out.
    """
    from assignments.errors import UserError
    from graders.authoring.rehearse import rehearse_folder
    from reports.progress import progress, seldom

    if course is not None:
        if not calibrate or only or record or fresh or as_json:
            raise UserError(
                "medmark rehearse -c COURSE measures anchors for the cases that the course sets, and rehearses "
                "nothing: write it with --calibrate, and with no other option but --framework"
            )
        _calibrate_for_course(assignment, course, framework)
        return
    with progress("rehearsing") as step:
        result = rehearse_folder(
            assignment,
            frameworks=framework,
            calibrate=calibrate,
            fresh=fresh,
            record=record,
            only=only or (),
            on_progress=lambda text, done, of: step(done, of, text, None),
            on_reading=seldom(step, "reading"),
        )
    console.print_rehearsal(result, as_json=as_json)
    if result.passed and not only:
        console.warn(f"Next: medmark handout {assignment} FOLDER")
    raise typer.Exit(0 if result.passed else 1)


def _calibrate_for_course(assignment: str, course: Path, frameworks: list[str] | None) -> None:
    """Measure anchors for the cases that a course sets."""
    from graders.authoring.calibrate import calibrate_for_course
    from reports.progress import progress, seldom

    with progress("calibrating") as step:
        lines = calibrate_for_course(
            assignment,
            course,
            frameworks=frameworks,
            on_progress=lambda text, done, of: step(done, of, text, None),
            on_reading=seldom(step, "reading"),
        )
    for line in lines:
        console.say(line)


@app.command()
def doctor(
    course: Annotated[
        Path | None, typer.Option("--course", "-c", metavar="FOLDER", help="Check this course too.")
    ] = None,
    hosts: Annotated[
        bool, typer.Option("--hosts", help="Try every repository address and token of the roster once.")
    ] = False,
) -> None:
    """Say what this machine can run, and what is missing.

    With --hosts it contacts the hosts of the roster: one line for each host, and one for each group whose repository
    medmark cannot read. Nothing is fetched. Exit code 1 if something is missing that marking needs.
    """
    from graders.runs.doctor import examine
    from graders.runs.doctor_hosts import examine_hosts
    from reports.progress import progress, seldom

    _check_with("--course", course, ("--hosts", hosts))
    well = True
    reading = seldom(lambda done, of, subject, left: console.warn(f"reading {done}/{of} {subject}"))
    for fact in examine(course, reading):
        console.print_fact(fact)
        well = well and (fact.well or fact.optional)
    if hosts and course is not None:
        with progress("looking") as step:
            facts = list(examine_hosts(course, lambda done, of, group: step(done, of, group, None)))
        for fact in facts:
            console.print_fact(fact)
            well = well and (fact.well or fact.optional)
    raise typer.Exit(0 if well else 1)


@image_app.command("build")
def image_build(
    framework: Annotated[str, typer.Argument(metavar="FRAMEWORK", help="pytorch, tensorflow or numpy.")],
    from_host: Annotated[bool, typer.Option("--from-host", help="Build it from this machine, no registry.")] = False,
    base: Annotated[str, typer.Option(metavar="IMAGE", help="Base image of the Dockerfile.")] = "python:3.11-slim",
    slim: Annotated[
        bool, typer.Option("--slim", help="The framework alone, without the packages of medical imaging.")
    ] = False,
    add: Annotated[
        list[str] | None,
        typer.Option(metavar="PACKAGE", help="A package for all groups, as torchio==1.2.1; may be repeated."),
    ] = None,
    wheels: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of wheels; the build then uses no network.")
    ] = None,
    rootfs: Annotated[
        bool, typer.Option("--rootfs", help="Make a folder for bubblewrap, podman and apptainer; needs no Docker.")
    ] = False,
    sif: Annotated[bool, typer.Option("--sif", help="With --rootfs: make apptainer's file of the folder too.")] = False,
) -> None:
    """Build a runtime image from its lock and record its digest.

    It holds the framework and the packages of medical imaging: scikit-learn, scikit-image, pandas, Matplotlib, Pillow,
    nibabel, SimpleITK, einops, tqdm, and MONAI with PyTorch. With --rootfs it is a folder, and with --from-host no
    Docker is needed; put $MEDMARK_HOME on the file system that a cluster's machines share.
    """
    from graders.wall.sandboxes import images
    from graders.wall.sandboxes import rootfs as folders
    from graders.wall.sandboxes.runtime_records import IMPORTS

    _check_name(framework, IMPORTS, "FRAMEWORK")
    _check_with("--rootfs", rootfs, ("--sif", sif))
    options: dict[str, Any] = {"kind": "slim" if slim else "medical", "add": add or (), "say": print}
    name: Any = framework
    if not from_host:
        options |= {"base_image": base, "wheels": wheels}
    if rootfs:
        image = (folders.build_from_host if from_host else folders.build)(name, sif=sif, **options)
    else:
        image = (images.build_from_host if from_host else images.build)(name, **options)
    print(f"{image.framework}  {image.digest}  {len(image.packages)} packages")


@image_app.command("list")
def image_list() -> None:
    """List the runtime images built on this machine."""
    from graders.wall.sandboxes.runtime_records import listed

    for image in listed():
        contents = f"{image.form:6}  {image.kind:7}  {len(image.packages):3} packages  python {image.python_version}"
        print(f"{image.framework:11} {image.digest[:26]}  {contents}  from {image.made_from}")


# The student's side


@app.command()
def check(
    assignment: Annotated[
        str | None,
        typer.Argument(metavar="ASSIGNMENT", help="Its id or its folder's path; by default the one in this folder."),
    ] = None,
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Your repository, or the folder of your solution.")
    ] = Path("."),
    handin: Annotated[bool, typer.Option("--handin", help="Check the commit that would be marked.")] = False,
    sandbox: Annotated[
        str, typer.Option(metavar="NAME", help="local, docker, or another of docs/sandboxes.md.")
    ] = "local",
    data: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="First fetch the handout's cases: a ZIP file, or its address (https)."),
    ] = None,
) -> None:
    """For students: run the public tests on your solution.

    They run as the marker runs the hidden tests; nothing hidden is opened. Weights are loaded and tried too. --handin
    shows what the marker sees of your repository, then runs the tests on a clean copy of that commit. Exit code 1 if
    something did not pass. The local sandbox is for folders that you trust. With --sandbox docker no code of the folder
    runs outside a container: the tests are the catalogue's, or those of a folder that you name by its path (./brain).
    """
    from graders.intake.own_versions import other_medmark
    from graders.runs.public_check import assignment_here, checked_solution
    from graders.wall.sandboxes import SANDBOXES

    _check_name(sandbox, SANDBOXES, "--sandbox")
    folder = folder.resolve()
    trusted = not SANDBOXES[sandbox]().isolates
    here = assignment_here(folder, assignment, trusted=trusted)
    opened, folder = here.assignment, here.folder
    if data is not None:
        _fetch_cases(opened, data)
    if trusted:
        console.warn("The local sandbox trusts this folder: its solution and its tests run as you, without a wall.")
    console.warn_all(filter(None, [other_medmark(opened)]))
    if handin:
        ready = _check_handin(opened, folder, sandbox)
    else:
        solution = checked_solution(opened, folder)
        console.print_problems(solution.problems, solution.notes)
        ready = _check_solution(opened, solution, sandbox) and not solution.problems
    raise typer.Exit(0 if ready else 1)


def _fetch_cases(assignment: Assignment, source: str) -> None:
    """Fetch the handout's cases into its folder."""
    from graders.runs.fetched_cases import fetch_cases
    from reports.progress import progress, seldom

    with progress("fetching") as step:
        files = fetch_cases(assignment.folder, source, seldom(step))
    print(f"{len(files)} files of cases in {assignment.folder / 'data'}")


def _check_handin(assignment: Assignment, folder: Path, sandbox: str) -> bool:
    """Check the commit that would be marked, on a clean copy of it; whether it is ready."""
    import tempfile

    from graders.intake.handin import clean_clone, inspect_handin
    from graders.runs.public_check import checked_solution

    handin = inspect_handin(folder, assignment)
    for line in handin.lines():
        console.say(line, "   ")
    if handin.commit is None:
        return False
    with tempfile.TemporaryDirectory(prefix="medmark-handin-") as scratch:
        clone = clean_clone(handin, Path(scratch) / "clone")
        return _check_solution(assignment, checked_solution(assignment, clone), sandbox) and handin.ready


def _check_solution(assignment: Assignment, solution: CheckedSolution, sandbox: str) -> bool:
    """Try the solution: its import, the public tests, its model if marking asks for one. Whether all of it works."""
    from graders.runs.model_check import try_solution
    from reports.progress import progress

    with progress("checking") as step:
        tried = try_solution(assignment, solution, sandbox, lambda text: step(0, 1, text.rpartition("::")[2], None))
    console.print_tried(tried)
    if not tried.problem:
        console.print_passed(assignment, tried.tests)
    return tried.works


# Steps that several commands share


def _check_name(name: str, names: Iterable[str], option: str) -> None:
    """Exit with a hint if the value of an option is unknown."""
    from assignments.errors import nearest

    if name not in names:
        _fail(f'{option} "{name}": {nearest(name, names)}', 2)


def _check_one(*options: tuple[str, object]) -> None:
    """Exit with a hint if several of these options are typed, of which each does something of its own."""
    typed = [name for name, value in options if value]
    if len(typed) > 1:
        _fail(f"{' and '.join(typed)}: type one of them at a time", 2)


def _check_with(option: str, typed: object, *others: tuple[str, object], required: bool = False) -> None:
    """Exit with a hint if an option is typed without the one that it belongs to."""
    for name, value in others:
        if value and not typed:
            _fail(f"{name} belongs to {option}: type that too", 2)
        if required and typed and not value:
            _fail(f"{option} needs {name}", 2)


def _check_apart(*options: tuple[str, object]) -> None:
    """Exit with a hint if options are typed together of which each says what to do."""
    both = [name for name, value in options if value]
    if len(both) > 1:
        _fail(f"{' and '.join(both)} do not go together: leave one out", 2)


def _course(folder: Path) -> Course:
    """The course, after a warning about groups that its roster sets aside; the others go on."""
    from graders.course.course import load_course

    course = load_course(folder)
    console.warn_of_roster(course)
    return course


def _decider(course: Course, by: str | None) -> str:
    """Who decides, checked first; the use cases check it again."""
    from graders.marks.staff import decider

    return decider(course, by)


def _demo_sandbox(name: str) -> str:
    """The sandbox of the demonstration; for `auto`, docker if it answers."""
    from graders.demo import docker_trouble_here
    from graders.wall.sandboxes import SANDBOXES

    if name == "auto":
        trouble = docker_trouble_here()
        name = "local" if trouble else "docker"
        if trouble:
            print(f"NOT SEALED: {trouble}.", file=sys.stderr)
            print("The demonstration's own code runs as an ordinary process.\n", file=sys.stderr)
    _check_name(name, ("auto", *SANDBOXES), "--sandbox")
    return name


def _marked(
    course: Course,
    id: str,
    sandbox: str | None,
    trust_submissions: bool,
    only: Sequence[str] = (),
    jobs: int | None = None,
    engine: str | None = None,
    scheduler: str | None = None,
) -> Change:
    from graders.runs.engines.processes import start_forkserver

    start_forkserver(*PRELOAD)  # before the imports below, so that it imports beside them
    from graders.runs.chosen_engine import engine_of
    from graders.runs.marking import marked
    from reports.progress import progress, seldom

    with engine_of(course, engine, scheduler, preload=PRELOAD) as does, progress("marking") as step:
        change = marked(
            course,
            id,
            sandbox=sandbox,
            trust_submissions=trust_submissions,
            only=only,
            jobs=jobs,
            command=_typed(),
            engine=does,
            on_progress=lambda p: step(p.done, p.total, f"{p.group} {p.reason or p.what}", p.left_s),
            on_reading=seldom(step, "reading"),
        )
    console.warn_all(change.results.unmatched)
    return change


def _recorded(course: Course, id: str, sandbox: str | None, *, after_collecting: bool = False) -> Change:
    from graders.runs.marking import recorded

    return recorded(course, id, sandbox=sandbox, after_collecting=after_collecting, command=_typed())


def _applied(change: Change, by: str, *, yes: bool, dry_run: bool, quiet: bool, reason: str = "") -> bool:
    """Show the marks that move, ask, and apply the change; whether it is applied now, or nothing moved."""
    from graders.runs.marking import applied

    if change.must_apply_first:
        if not quiet:
            console.print_differences(change.differences)
        if dry_run or not _agreed("Apply?", yes):
            return False
    if not dry_run:
        applied(change, by=by, reason=reason)
    return True


def _list_events(course: Course, id: str) -> None:
    from graders.runs.marking import events_of, unmatched_of

    console.print_events(events_of(course, id))
    console.warn_all(unmatched_of(course, id))


def _warn_if_moved(change: Change) -> None:
    if moved := console.moved(change.differences):
        console.warn(f"{moved}. To see and apply: medmark grade {change.results.assignment.id}")


def _agreed(question: str, yes: bool) -> bool:
    if yes:
        return True
    if sys.stdin.isatty():
        return typer.confirm(question, err=True)
    print("Not applied: run the same command with --yes.", file=sys.stderr)
    return False


def _in_course(course: Path) -> str:
    """The option of a next command that names the course, where it is not the current folder."""
    from assignments.errors import shell_word

    return "" if course == Path(".") else f" -c {shell_word(course)}"


def _typed() -> str:
    return shlex.join(["medmark", *sys.argv[1:]])


def _exit_by(results: Results) -> None:
    """End with code 3 where a mark is withheld or waits; otherwise return."""
    if results.waiting:
        console.warn(f"no mark yet: {', '.join(results.waiting)}. The lines below the table say why.")
    if results.withheld:
        groups = ", ".join(results.withheld)
        _fail(f"withheld by a toolkit failure: {groups}. To retry: medmark grade {results.assignment.id}", 3)
    if results.waiting:
        raise typer.Exit(3)


if __name__ == "__main__":
    main()
