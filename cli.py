"""The command line: parse, call one function, print. What a command does lives in the package it calls.

Exit codes: 0 done; 1 something did not pass (a public test, a rehearsal), could not be read or was not applied; 2 a
mistake that the person at the keyboard can cure; 3 trouble of ours or of the machine, a mark withheld among it; 130
stopped, and the same command goes on.
"""

from __future__ import annotations

from reports import interrupts  # before all else: Ctrl-C is heeded from here on

# isort: split

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from reports.terminal import UNWRITABLE, give_up_stdout_if_unwritable, terminal_text, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from assignments.assignment import Assignment
    from graders.course.course import Course
    from graders.marks.results import Results
    from graders.record.ledger import Event
    from graders.wall.sandboxes.sandbox import Sandbox

app = typer.Typer(
    name="medmark",
    epilog="Exit codes: 0 done; 1 something did not pass, could not be read or was not applied; 2 a mistake that you "
    "can cure; 3 trouble of ours or of the machine, a withheld mark among it; 130 stopped, and the same command goes "
    "on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
image_app = typer.Typer(help="Runtime images that submissions run in.", no_args_is_help=True)
app.add_typer(image_app, name="image")

CourseOption = Annotated[Path, typer.Option("--course", "-c", metavar="FOLDER", help="Folder with course.toml.")]
AssignmentName = Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="Its id, as in course.toml.")]
Only = Annotated[list[str] | None, typer.Option("--only", metavar="GROUP", help="Only this group; may be repeated.")]
SandboxOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="docker or local; course.toml says which by default.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the marks as JSON.")]
Audience = Annotated[str, typer.Option("--as", metavar="WHO", help="staff or student: who may read the JSON.")]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Apply the difference without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference and apply nothing.")]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who decides; the user of this machine by default.")
]


def main() -> None:
    """Run the command line; a person's mistake never ends in a traceback."""
    with interrupts.heeded() as ctrl_c:
        try:
            # Without its standalone mode, which prints errors its own way, typer returns the code of typer.Exit.
            code = app(standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()
        except (KeyboardInterrupt, typer.Abort):
            _fail(interrupts.STOPPED, interrupts.CODE)
        except Exception as error:  # noqa: BLE001 - sorted by whose it is; what is unknown is raised again
            if ctrl_c.once:  # it came out as another error
                _fail(interrupts.STOPPED, interrupts.CODE)
            _explain(error)
        if ctrl_c.once:  # nobody let it through
            _fail(interrupts.STOPPED, interrupts.CODE)
    raise SystemExit(code or 0)


def _explain(error: Exception) -> NoReturn:
    """Known trouble as a sentence and an exit code; a defect of medmark keeps its traceback."""
    usage = getattr(error, "show", None)  # click's exceptions, which typer ships under a name of its own
    if callable(usage) and hasattr(error, "exit_code"):
        usage()
        raise SystemExit(2) from None
    from assignments.errors import MedmarkError, UserError
    from graders.failures import Stopped, ToolkitFailure

    if isinstance(error, Stopped):
        _fail(str(error) or interrupts.STOPPED, interrupts.CODE)
    if isinstance(error, UserError):
        _fail(str(error), 2)
    if isinstance(error, ToolkitFailure):
        _fail(f"{error.reason}: {error}", 3)
    if isinstance(error, MedmarkError):
        _fail(str(error), 3)
    if isinstance(error, OSError) and error.errno in UNWRITABLE and error.filename is None:
        _fail(f"the output cannot be written: {error.strerror}. See where it goes, and run the same command again.", 3)
    raise error


def _fail(text: str, code: int) -> NoReturn:
    give_up_stdout_if_unwritable()
    for line in text.splitlines():
        print(wrapped(terminal_text(line), sys.stderr), file=sys.stderr)
    raise SystemExit(code)


def _print_version(asked: bool) -> None:
    if asked:
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
    print("\nNext: fill in course.toml and roster.csv, then")
    print(f"  medmark doctor -c {folder}")
    print(f"  medmark collect ASSIGNMENT -c {folder}")


@app.command()
def collect(
    assignment: AssignmentName,
    course: CourseOption = Path("."),
    only: Only = None,
    receipts: Annotated[
        bool, typer.Option("--receipts", help="The whole receipt of each group, as with --only.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="For cron: only what needs a person; nothing if all is well.")
    ] = False,
) -> None:
    """Look at every repository, record its tip and fetch it.

    Run it every few minutes from cron: the tip seen by the due time is what counts. Prints a line a group and a
    summary. A repository that cannot be read stops no other. Exit code 1 if one could not be read, or a row of the
    roster must be put right; an empty repository or a missing branch is neither.
    """
    from contextlib import nullcontext

    from graders.intake import collect as notary
    from graders.record.ledger import Ledger
    from reports.progress import progress
    from reports.receipts import for_a_person, receipt_lines, summary_line

    opened = _course(course)
    shown = nullcontext(lambda *_: None) if quiet else progress("collecting")
    with Ledger.open(opened.ledger) as ledger, shown as told:
        found = notary.collect(
            opened,
            assignment,
            ledger,
            only=only or (),
            progress=lambda done, total, group: told(done, total, group, None),
        )
    if quiet:
        lines = list(for_a_person(found))
    elif only or receipts:
        lines = [line for receipt in found for line in receipt.text.splitlines()]
    else:
        lines = list(receipt_lines(found))
    for line in lines if quiet else [*lines, summary_line(found)]:
        print(wrapped(terminal_text(line), sys.stdout, " " * 12))
    for note in () if quiet else opened.roster_notes:
        print(wrapped(terminal_text(note), sys.stderr), file=sys.stderr)
    if opened.roster_problems or any(receipt.unread for receipt in found):
        raise typer.Exit(1)


@app.command()
def grade(
    assignment: AssignmentName,
    course: CourseOption = Path("."),
    only: Only = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Submissions at once; as many as fit by default.")
    ] = None,
    sandbox: SandboxOption = None,
    trust_submissions: Annotated[
        bool,
        typer.Option(
            "--trust-submissions",
            help="Allow the local sandbox, which is no security boundary, for other people's code.",
        ),
    ] = False,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why returned marks are corrected; students read it.")
    ] = "",
    by: By = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    audience: Audience = "staff",
) -> None:
    """Mark what was collected; nothing is run twice.

    What the record holds is not run again: an edited weight or a corrected label needs no run at all, a changed hidden
    test needs that test. Stopped or killed, the same command goes on. Where marks move that stood already, the
    difference is shown first and applied only if you agree; exit code 1 if it was not. Exit code 3 if a mark had to be
    withheld.
    """
    _known(audience, ("staff", "student"), "--as")
    opened = _course(course)
    who = _decider(opened, by)
    place = _sandbox(opened, sandbox, trust_submissions)
    results = _graded(opened, assignment, place, only or (), jobs)
    from graders.marks.differences import differences_of

    found = differences_of(results)
    _print_marks(results, as_json, audience, found if audience == "staff" else None)
    done = _applied(opened, results, found, reason=reason, who=who, yes=yes, dry_run=dry_run, quiet=as_json)
    _exit_by(results)
    raise typer.Exit(0 if done or dry_run else 1)


@app.command()
def show(
    assignment: AssignmentName,
    course: CourseOption = Path("."),
    sandbox: SandboxOption = None,
    as_json: AsJson = False,
    audience: Audience = "staff",
) -> None:
    """Print the marks as they are recorded; nothing is run."""
    _known(audience, ("staff", "student"), "--as")
    opened = _course(course)
    results = _recorded(opened, assignment, _sandbox(opened, sandbox, True))
    _print_marks(results, as_json, audience)
    _print_nobodys(results.nobodys)
    if moved := _not_applied(results):
        print(f"{moved}. To see and apply: medmark grade {assignment}", file=sys.stderr)


@app.command()
def explain(
    assignment: AssignmentName,
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="Whose mark; a group of one may be named too.")],
    course: CourseOption = Path("."),
    sandbox: SandboxOption = None,
) -> None:
    """Tell how one person's mark came about, from the data to the sheet.

    The commit and why it counts, each hidden test, how a score becomes points, who gave what, every adjustment with its
    number in the record, the rounding, and what was returned. For staff and exam boards; nothing is run.
    """
    from graders.marks.whom import whom_alone
    from graders.runs.marking import looks_of
    from reports.explain import explained

    opened = _course(course)
    group, person = whom_alone(opened, member)
    results = _recorded(opened, assignment, _sandbox(opened, sandbox, True), collected=True)
    looks = looks_of(opened, assignment, group)
    for line in explained(results, person, looks=looks, timezone=opened.timezone):
        print(line)
    if moved := _not_applied(results):
        print(f"{moved}. To see and apply: medmark grade {assignment}", file=sys.stderr)


@app.command()
def decide(
    assignment: AssignmentName,
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="KIND",
            help="extension, late_commit, agreed_mark, override, peer_factor, moderation, cap, deferred, absent, "
            "excused, held, void_test, void_case, dispute or retract; left out, the whole record is listed: decisions, "
            "marks applied, returns, corrections.",
        ),
    ] = None,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What is decided, as docs/course.md says.")] = "",
    who: Annotated[
        str, typer.Option("--for", metavar="WHO", help="A group, a member, or GROUP/MEMBER; left out, all.")
    ] = "",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it must be given, and the person reads it.")] = "",
    reference: Annotated[
        str, typer.Option(metavar="TEXT", help="A case number or a note for staff alone; no student's page shows it.")
    ] = "",
    by: By = None,
    file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A CSV or .xlsx with one row a group or person.")
    ] = None,
    method: Annotated[
        str | None, typer.Option(metavar="NAME", help="webpa or buddycheck: makes peer factors of ratings.")
    ] = None,
    with_self: Annotated[
        bool | None,
        typer.Option(
            "--with-self/--without-self",
            help="Whether ratings of oneself count; by default they do for webpa and do not for buddycheck.",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    course: CourseOption = Path("."),
    sandbox: SandboxOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the difference as JSON.")] = False,
) -> None:
    """Record what a person decides, and what it does to marks.

    The difference is shown first, and nothing is recorded unless you agree. A decision is never changed or deleted: it
    is retracted by its number. No student's code is run. Exit code 1 if it was not applied.
    """
    from reports.differences import decision_lines

    opened = _course(course)
    if kind is None:
        from graders.record.ledger import Ledger

        opened.assignment(assignment)
        with Ledger.open(opened.ledger) as ledger:
            events = ledger.events(assignment)
        for line in decision_lines(events):
            print(wrapped(line, sys.stdout))
        from graders.runs.marking import what_is_nobodys

        _print_nobodys(what_is_nobodys(opened, assignment))
        return
    from graders.marks.applying import snapshot_of
    from graders.marks.deciding import propose
    from graders.marks.differences import as_json as differences_json
    from graders.marks.differences import compare
    from graders.marks.wanted import Wanted

    deciding = _decider(opened, by)
    place = _sandbox(opened, sandbox, True)
    before = _recorded(opened, assignment, place)
    _print_nobodys(before.nobodys)
    if kind != "dispute" and (moved := _not_applied(before)):
        _fail(f"{moved}. Apply that first, or put back what changed: medmark grade {assignment}", 2)
    wanted = Wanted("", who, value, reason, reference=reference)
    proposal = propose(
        opened, before, kind, wanted, by=deciding, file=file, method=method, with_self=with_self
    )
    proposed = proposal.events
    after = _recorded(opened, assignment, place, proposed)
    found = compare(snapshot_of(before), snapshot_of(after), strict=True)
    if as_json:
        print(json.dumps({"assignment": assignment, "decisions": len(proposed), **differences_json(found)}, indent=2))
    else:
        for line in decision_lines(proposed):
            print(wrapped(line, sys.stdout))
        for note in proposal.notes:
            print(wrapped(terminal_text(note), sys.stdout))
    done = _applied(
        opened, after, found, reason=proposal.reason((move.member for move in found.moves), reason), who=deciding,
        yes=yes, dry_run=dry_run, quiet=as_json, decided=proposed,
    )  # fmt: skip
    raise typer.Exit(0 if done or dry_run else 1)


@app.command("return")
def return_marks(
    assignment: AssignmentName,
    course: CourseOption = Path("."),
    who: Annotated[
        list[str] | None,
        typer.Option("--for", metavar="WHO", help="Only this group or member; may be repeated."),
    ] = None,
    by: By = None,
    yes: Yes = False,
    sandbox: SandboxOption = None,
) -> None:
    """Record that the marks were given to the students.

    It reaches everyone with a whole mark, and says who is left out and why; run again, it reaches the rest. For those
    whom it reached a change is from then on a correction: it needs a reason, on_correction in course.toml says whether
    it may lower a mark, and their pages come out as version 2. The pages as returned are kept in versions/. A return is
    taken back by its number: medmark decide ASSIGNMENT retract N.
    """
    from graders.marks.returning import returnable
    from reports.differences import return_lines
    from reports.write import keep_versions

    opened = _course(course)
    deciding = _decider(opened, by)
    place = _sandbox(opened, sandbox, True)
    results = _recorded(opened, assignment, place, collected=True)
    _print_nobodys(results.nobodys)
    if moved := _not_applied(results):
        _fail(f"{moved}. Apply that first, or put back what changed: medmark grade {assignment}", 2)
    found = returnable(opened, results, who or ())
    for line in return_lines(found):
        print(wrapped(line, sys.stdout))
    if not found.now and found.already:
        told = "nobody is left whose mark could be returned; a change is a correction"
        _fail(f'{told}: medmark grade {assignment} --reason "..."', 2)
    if not found.now:
        _fail(f"Nobody has a whole mark, so there is nothing to return. What is missing: medmark show {assignment}", 2)
    if not _agreed(f"Record {len(found.now)} marks as returned?", yes):
        raise typer.Exit(1)
    _record(opened, results, deciding, "", members=found.now)
    kept = keep_versions(opened, _recorded(opened, assignment, place))
    print(f"Recorded {len(found.now)} as returned; the pages as they are now: {kept}")
    print(f"The pages to hand out: medmark report {assignment}")


@app.command()
def report(
    assignment: AssignmentName,
    course: CourseOption = Path("."),
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to; reports/ of the course by default.")
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Groups' own names on the leaderboard instead of pseudonyms.")
    ] = False,
    ratified: Annotated[
        bool, typer.Option("--ratified", help="The board of examiners has confirmed the marks.")
    ] = False,
    sandbox: SandboxOption = None,
) -> None:
    """Write feedback pages, mark sheet and leaderboard.

    They come from what is recorded; nothing is run.
    """
    from reports.write import report_results

    opened = _course(course)
    results = _recorded(opened, assignment, _sandbox(opened, sandbox, True), collected=True)
    _print_nobodys(results.nobodys)
    if moved := _not_applied(results):
        _fail(f"{moved}. Apply that first, or put back what changed: medmark grade {assignment}", 2)
    written = report_results(opened, results, out, names=names, ratified=ratified)
    print(written.folder)
    if written.leaderboard:
        print(f"  {written.leaderboard.name:17} groups by accuracy, " + ("by name" if names else "under pseudonyms"))
    print(f"  {written.marksheet_csv.name:17} one row a person; {written.marksheet_json.name} has the details")
    print(f"  {'feedback/':17} {len(written.feedback)} pages to hand out")
    if written.personal:
        print(f"  {'personal/':17} {len(written.personal)} for one person each: lateness, peers, decisions")
    print(f"  {'staff/':17} the same with evidence, for staff only")


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

    from graders.demo import make_demo, what_happened
    from graders.intake import collect as notary
    from graders.record.ledger import Ledger
    from graders.runs.engines.processes import start_forkserver
    from reports.progress import progress
    from reports.write import report_results

    start_forkserver("cli")
    began = time.monotonic()
    place = _demo_sandbox(sandbox)
    made = make_demo(folder, sandbox=place.name)
    opened = _course(folder)
    with Ledger.open(opened.ledger) as ledger, progress("collecting") as told:
        notary.collect(opened, made.assignment, ledger, progress=lambda d, t, group: told(d, t, group, None))
    results = _graded(opened, made.assignment, place)
    written = report_results(opened, results)
    _print_marks(results, False, "staff")
    for line in what_happened(made, results.marks):
        print(wrapped(line, sys.stdout, "  " if line.lstrip().startswith("-") else ""))
    print("\nThe pages:")
    for page in (written.leaderboard, written.marksheet_csv, *written.feedback.values()):
        print(f"  {page}")
    print(f"\n{time.monotonic() - began:.0f} s in all. Mark it again, and nothing is run:")
    print(f"  medmark grade {made.assignment} -c {folder}" + ("" if place.isolates else " --trust-submissions"))
    _exit_by(results)


@app.command()
def handout(
    assignment: Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="An id of the catalogue, or a folder.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the groups' starting folder is written.")],
    course: Annotated[
        Path | None, typer.Option("--course", "-c", metavar="FOLDER", help="The assignment as this course sets it.")
    ] = None,
) -> None:
    """Write what students start from: brief, starter, tests, data.

    Hidden tests, references and hidden cases stay behind. An assignment of the catalogue is handed out only while its
    last rehearsal passed and still holds.
    """
    from graders.authoring.handing_out import hand_out

    for path in hand_out(assignment, folder, course):
        print(path)


@app.command()
def rehearse(
    assignment: Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="An id of the catalogue, or a folder.")],
    framework: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this framework; may be repeated.")
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Train the references and store calibration.json first; minutes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Prove an assignment: references pass, mistakes are caught.

    The hidden tests are run on the references, the starter, every misconception and five mutants of each function. Exit
    code 1 if something must be closed before the assignment is handed out.
    """
    from graders.authoring.rehearse import rehearse_folder
    from reports.progress import progress
    with progress("rehearsing") as told:
        result = rehearse_folder(
            assignment,
            frameworks=framework,
            calibrate=calibrate,
            told=lambda text, done, of: told(done, of, text, None),
        )
    text = json.dumps(result.as_json(), indent=2) if as_json else "\n".join(result.lines())
    for line in text.split("\n"):
        print(terminal_text(line))
    raise typer.Exit(0 if result.passed else 1)


@app.command()
def doctor(
    course: Annotated[
        Path | None, typer.Option("--course", "-c", metavar="FOLDER", help="Check this course too.")
    ] = None,
) -> None:
    """Say what this machine can run, and what is missing.

    Exit code 1 if something is missing that marking cannot do without.
    """
    from graders.runs.doctor import examine
    findings = list(examine(course))
    for finding in findings:
        for line in finding.text.splitlines():
            word = "ok" if finding.well else "optional" if finding.optional else "missing"
            print(wrapped(f"{word:8} {terminal_text(line)}", sys.stdout, " " * 9))
    raise typer.Exit(0 if all(finding.well or finding.optional for finding in findings) else 1)


@image_app.command("build")
def image_build(
    framework: Annotated[str, typer.Argument(metavar="FRAMEWORK", help="pytorch, tensorflow or numpy.")],
    from_host: Annotated[bool, typer.Option("--from-host", help="Make it from this machine, no registry.")] = False,
    base: Annotated[str, typer.Option(metavar="IMAGE", help="Base image of the Dockerfile.")] = "python:3.11-slim",
    add: Annotated[
        list[str] | None,
        typer.Option(metavar="PACKAGE", help="One more package for everyone, as einops==0.8.1; may be repeated."),
    ] = None,
    wheels: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder of wheels; the build then uses no network.")
    ] = None,
) -> None:
    """Build a runtime image from its lock and record its digest."""
    from graders.wall.sandboxes import images

    _known(framework, images.IMPORTS, "FRAMEWORK")
    name: Any = framework
    if from_host:
        made = images.build_from_host(name, add=add or ())
    else:
        made = images.build(name, base_image=base, add=add or (), wheels=wheels)
    print(f"{made.framework}  {made.digest}  {len(made.packages)} packages")


@image_app.command("list")
def image_list() -> None:
    """The runtimes built on this machine."""
    from graders.wall.sandboxes import images

    for made in images.listed():
        print(f"{made.framework:11} {made.digest[:26]}  python {made.python_version}  from {made.made_from}")


# The student's side


@app.command()
def check(
    assignment: Annotated[
        str | None,
        typer.Argument(metavar="ASSIGNMENT", help="Its id or its folder's path; left out, the one that lies here."),
    ] = None,
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Your repository, or the folder of your solution.")
    ] = Path("."),
    handin: Annotated[bool, typer.Option("--handin", help="Check the commit that would be marked.")] = False,
    sandbox: Annotated[str, typer.Option(metavar="NAME", help="local or docker.")] = "local",
) -> None:
    """For students: run the public tests on your solution.

    They run as the marker runs the hidden ones; nothing hidden is opened. Weights are loaded and asked too. With
    --handin: what the marker sees of your repository, then the tests on a clean copy of that commit. Exit code 1 if
    something did not pass. The local sandbox is for folders that you trust. With --sandbox docker no code of the folder
    runs outside a container: the tests are the catalogue's, or those of a folder that you name by its path (./brain).
    """
    import tempfile

    from graders.runs.public_check import assignment_here, check_public, looked_at
    from graders.wall.sandboxes import SANDBOXES

    _known(sandbox, SANDBOXES, "--sandbox")
    trusted = not SANDBOXES[sandbox]().isolates
    asked = assignment_here(folder.resolve(), assignment, trusted=trusted)
    if trusted:
        told = "The local sandbox trusts this folder: its solution and its tests run as you, without a wall."
        print(told, file=sys.stderr)
    if not handin:
        problems = looked_at(asked, folder.resolve())[1].problems
        for problem in problems:
            print(wrapped(terminal_text(f":( {problem}"), sys.stdout, "   "))
        raise typer.Exit(_print_checked(asked, folder.resolve(), sandbox, check_public) or (1 if problems else 0))
    from graders.intake.handin import clean_clone, inspect_handin
    found = inspect_handin(folder.resolve(), asked)
    for line in found.lines():
        print(wrapped(terminal_text(line), sys.stdout, "   "))
    if found.commit is None:
        raise typer.Exit(1)
    with tempfile.TemporaryDirectory(prefix="medmark-handin-") as scratch:
        clone = clean_clone(found, Path(scratch) / "clone")
        code = _print_checked(asked, clone, sandbox, check_public)
    raise typer.Exit(code or (0 if found.ready else 1))


def _print_checked(asked: Assignment, folder: Path, sandbox: str, check_public: Callable[..., Any]) -> int:
    from reports.progress import progress

    with progress("checking") as told:
        results = check_public(
            asked, folder, sandbox=sandbox, on_progress=lambda text: told(0, 1, text.partition("::")[2], None)
        )
    for result in results:
        line = f"{':)' if result.passed else ':('} {terminal_text(result.test.docstring)}"
        print(wrapped(line, sys.stdout, "   "))
        if not result.passed:
            for line in result.told.splitlines()[:12]:
                print(wrapped(f"     {terminal_text(line)}", sys.stdout))
    problem = _print_weights(asked, folder, sandbox)
    passed = sum(result.passed for result in results)
    print(f"{passed} of {len(results)} public tests passed.", _hidden_words(asked))
    return 0 if passed == len(results) and not problem else 1


def _print_weights(asked: Assignment, folder: Path, sandbox: str) -> bool:
    """Say whether the weights load and answer, where the marker loads any; whether they do not."""
    from graders.intake.beforehand import loads_weights
    from graders.runs.weights_check import weights_problem

    if not loads_weights(asked):
        return False
    problem = weights_problem(asked, folder, sandbox)
    title = "`load` reads the weights, and `predict` answers for two training cases."
    print(wrapped(f"{':(' if problem else ':)'} {title}", sys.stdout, "   "))
    for line in (problem or "").splitlines()[:12]:
        print(wrapped(f"     {terminal_text(line)}", sys.stdout))
    return problem is not None


def _hidden_words(asked: Assignment) -> str:
    from assignments.load import hidden_tests

    hidden = hidden_tests(asked) if (asked.folder / "hidden_tests").is_dir() else ()
    if not hidden:
        return ""
    return f"{len(hidden)} hidden tests worth {sum(test.points for test in hidden)} marks are not run here."


# What several commands do


def _known(word: str, known: Iterable[str], option: str) -> None:
    """Ends the program when a word is none of those that an option takes."""
    from assignments.errors import nearest

    if word not in known:
        _fail(f'{option} "{word}": {nearest(word, known)}', 2)


def _print_nobodys(lines: Iterable[str]) -> None:
    """What is on record about nobody, before anything is applied."""
    for line in lines:
        print(wrapped(terminal_text(line), sys.stderr), file=sys.stderr)


def _course(folder: Path) -> Course:
    """The course; what sets some of its groups aside is told, and the others go on."""
    from graders.course.course import load_course

    course = load_course(folder)
    for problem in course.roster_problems:
        print(wrapped(terminal_text(problem), sys.stderr), file=sys.stderr)
    if aside := [group.name for group in course.groups if group.aside]:
        told = f"Set aside until these rows are put right: {', '.join(aside)}. All other groups go on."
        print(wrapped(told, sys.stderr), file=sys.stderr)
    return course


def _sandbox(course: Course, named: str | None, trusted: bool) -> Sandbox:
    from graders.wall.sandboxes import SANDBOXES

    name = named or course.sandbox
    _known(name, SANDBOXES, "--sandbox")
    place = SANDBOXES[name]()
    if not place.isolates and not trusted:
        _fail(
            f"the {name} sandbox runs submissions as you, with your files: use docker (medmark doctor says what is "
            "missing), or say --trust-submissions if all this code is yours",
            2,
        )
    return place


def _demo_sandbox(named: str) -> Sandbox:
    from graders.demo import docker_trouble_here
    from graders.wall.sandboxes import SANDBOXES

    if named == "auto":
        trouble = docker_trouble_here()
        named = "local" if trouble else "docker"
        if trouble:
            print(f"NOT SEALED: {trouble}.", file=sys.stderr)
            print("The demonstration's own code runs as an ordinary process.\n", file=sys.stderr)
    _known(named, ("auto", *SANDBOXES), "--sandbox")
    return SANDBOXES[named]()


def _graded(
    course: Course, id: str, sandbox: Sandbox, only: Sequence[str] = (), jobs: int | None = None
) -> Results:
    from graders.runs.engines.processes import Processes, start_forkserver

    start_forkserver("cli")  # before the imports below, so that it imports beside them
    from graders.runs.marking import grade_collected
    from reports.progress import progress

    with progress("marking") as told:
        results = grade_collected(
            course,
            id,
            sandbox,
            only=only,
            jobs=jobs,
            engine=Processes(preload=["cli"]),
            command=_typed(),
            on_progress=lambda p: told(p.done, p.total, f"{p.group} {p.reason or p.what}", p.left_s),
        )
    _print_nobodys(results.nobodys)
    return results


def _recorded(
    course: Course, id: str, sandbox: Sandbox, proposed: Sequence[Event] = (), *, collected: bool = False
) -> Results:
    from graders.runs.engines.processes import Processes
    from graders.runs.marking import results_on_record

    engine = Processes(preload=["cli"])
    return results_on_record(
        course, id, sandbox, proposed=proposed, engine=engine, command=_typed(), collected=collected
    )


def _applied(
    course: Course,
    results: Results,
    found: Any,
    *,
    reason: str,
    who: str,
    yes: bool,
    dry_run: bool,
    quiet: bool,
    decided: Sequence[Event] = (),
) -> bool:
    """Show a difference, ask, and make it stand; whether it does now, or there was none."""
    from reports.differences import difference_lines

    if found.moves or decided:
        for line in () if quiet else difference_lines(found):
            print(line)
        if dry_run or not _agreed("Apply?", yes):
            return False
    elif dry_run or not found.new:
        return True
    _record(course, results, who, reason, decided=decided, moved=bool(found.moves or found.new))
    return True


def _record(course: Course, results: Results, who: str, reason: str, **more: Any) -> None:
    from graders.marks.applying import record
    from graders.record.ledger import Ledger

    with Ledger.open(course.ledger) as ledger:
        record(course, ledger, results, who=who, reason=reason, command=_typed(), **more)


def _agreed(question: str, yes: bool) -> bool:
    if yes:
        return True
    if sys.stdin.isatty():
        return typer.confirm(question, err=True)
    print("Not applied: run the same command with --yes.", file=sys.stderr)
    return False


def _not_applied(results: Results) -> str:
    """What moved since marks were last applied, in one sentence; empty if nothing did."""
    from graders.marks.differences import differences_of
    from reports.differences import summary

    found = differences_of(results)
    return f"{summary(found)} since they were last applied" if found.moves else ""


def _decider(course: Course, by: str | None) -> str:
    from assignments.this_user import login
    from graders.marks.staff import decider

    return decider(course, by, login())


def _typed() -> str:
    return " ".join(["medmark", *sys.argv[1:]])


def _print_marks(results: Results, as_json: bool, audience: str, found: Any = None) -> None:
    from graders.marks.mark import mark_as_json

    if as_json:
        from graders.marks.differences import as_json as differences_json
        from graders.marks.personal import as_json as person_json

        told = [mark_as_json(mark, "staff" if audience == "staff" else "student") for mark in results.marks]
        for mark in told if audience == "staff" else ():
            mark["people"] = [person_json(p) for p in results.people if p.group == mark["group"]]
        differences = {} if found is None else {"differences": differences_json(found)}
        print(json.dumps({"assignment": results.assignment.id, "marks": told, **differences}, indent=2))
        return
    from rich.console import Console

    from reports.table import in_common, marks_table, why_not_marked, why_nothing_came

    Console(markup=False, highlight=False).print(marks_table(results.marks, title=results.assignment.title))
    why = (*why_not_marked(results.marks, results.submissions), *why_nothing_came(results.marks))
    for line in (*why, *in_common(results.submissions)):
        print(wrapped(line, sys.stdout))


def _exit_by(results: Results) -> None:
    from graders.marks.mark import Status

    waiting = [submission.group for submission in results.submissions if submission.waits]
    held = [m.group for m in results.marks if m.status is Status.WITHHELD and m.group not in waiting]
    if waiting:
        told = f"no mark yet: {', '.join(waiting)}. The table's lines say what they wait for."
        print(wrapped(told, sys.stderr), file=sys.stderr)
    if waiting and not held:
        raise typer.Exit(3)
    if held:
        _fail(f"withheld, for a reason of ours: {', '.join(held)}. medmark grade tries them again.", 3)


if __name__ == "__main__":
    main()
