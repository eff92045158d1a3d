"""The command line: parse, call one function, print. What a command does lives in the package it calls.

Exit codes: 0 done; 1 something did not pass (a public test, a rehearsal); 2 a mistake that the person at the keyboard
can cure; 3 trouble of ours or of the machine, a mark withheld among it; 130 stopped, and the same command goes on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from assignments.assignment import Assignment
    from graders.course import Course
    from graders.intake.submission import Submission
    from graders.ledger import Ledger
    from graders.mark import Mark
    from graders.sandboxes.sandbox import Sandbox
    from reports.write import Written

app = typer.Typer(
    name="medmark",
    help="Marks deep-learning coursework in medical imaging.",
    epilog="Exit codes: 0 done; 1 something did not pass; 2 a mistake that you can cure; 3 trouble of ours or of the "
    "machine, a withheld mark among it; 130 stopped, and the same command goes on.",
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


def main() -> None:
    """Run the command line; a person's mistake never ends in a traceback."""
    try:
        # Without its standalone mode, which prints errors its own way, typer returns the code of typer.Exit.
        code = app(standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        _fail("stopped; the same command goes on where it was", 130)
    except Exception as error:  # noqa: BLE001 - sorted by whose it is; what is unknown is raised again
        _explain(error)
    raise SystemExit(code or 0)


def _explain(error: Exception) -> NoReturn:
    """Known trouble as a sentence and an exit code; a defect of medmark keeps its traceback."""
    usage = getattr(error, "show", None)  # click's exceptions, which typer ships under a name of its own
    if callable(usage) and hasattr(error, "exit_code"):
        usage()
        raise SystemExit(2) from None
    from assignments.toml_errors import TomlErrors
    from graders.failures import MedmarkError, ToolkitFailure, UserError

    if type(error).__name__ == "Stopped":
        _fail(str(error) or "stopped; run the same command to go on", 130)
    if isinstance(error, UserError | TomlErrors):
        _fail(str(error), 2)
    if isinstance(error, ToolkitFailure):
        _fail(f"{error.reason}: {error}", 3)
    if isinstance(error, MedmarkError):
        _fail(str(error), 3)
    raise error


def _fail(text: str, code: int) -> NoReturn:
    from reports.terminal import terminal_text

    for line in text.splitlines():
        for part in _wrapped(terminal_text(line), sys.stderr):
            print(part, file=sys.stderr)
    raise SystemExit(code)


def _wrapped(line: str, stream: TextIO, hanging: str = "  ") -> list[str]:
    """A line as a terminal shows it best: broken between words, never within a path. A file gets it whole."""
    import shutil
    import textwrap

    if not stream.isatty():
        return [line]
    indent = line[: len(line) - len(line.lstrip())] + hanging
    width = shutil.get_terminal_size().columns
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int, str, float | None], None]]:
    """A bar on stderr with the time left; silent where stderr is no terminal, but for one line a step."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from reports.terminal import terminal_text

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total, text, left: print(f"{what} {done}/{total} {terminal_text(text)}", file=sys.stderr)
        return
    columns = (TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.completed:.0f}/{task.total:.0f}"))
    late = (TimeElapsedColumn(), TextColumn("{task.fields[left]} {task.fields[now]}", markup=False))
    with Progress(*columns, *late, console=console, transient=True) as bar:
        task = bar.add_task(what, total=1, left="", now="")

        def told(done: int, total: int, text: str, left: float | None) -> None:
            words = "" if left is None else f"about {_duration(left)} left,"
            bar.update(task, completed=done, total=max(1, total), left=words, now=terminal_text(text)[:40])

        yield told


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


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
    from graders.new_course import init_course

    for path in init_course(folder, title=title, year=year):
        print(path)
    print("\nNext: fill in course.toml and roster.csv, then")
    print(f"  medmark doctor -c {folder}")
    print(f"  medmark collect ASSIGNMENT -c {folder}")


@app.command()
def collect(assignment: AssignmentName, course: CourseOption = Path("."), only: Only = None) -> None:
    """Look at every repository, record its tip and fetch it.

    Run it every few minutes from cron: the tip seen by the due time is what counts. Prints a receipt for each group. A
    repository that cannot be reached is said so on its receipt, and the others go on.
    """
    from graders.intake import collect as notary

    opened = _course(course)
    with _ledger(opened) as ledger, _progress("collecting") as told:
        receipts = notary.collect(
            opened,
            assignment,
            ledger,
            only=only or (),
            progress=lambda done, total, group: told(done, total, group, None),
        )
    from reports.terminal import terminal_text

    for receipt in receipts:
        for line in receipt.text.splitlines():
            print("\n".join(_wrapped(terminal_text(line), sys.stdout, " " * 12)))


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
    as_json: AsJson = False,
    audience: Audience = "staff",
) -> None:
    """Mark what was collected; nothing is run twice.

    What the record holds is not run again: an edited weight or a corrected label needs no run at all, a changed hidden
    test needs that test. Stopped or killed, the same command goes on. Exit code 3 if a mark had to be withheld.
    """
    _known(audience, ("staff", "student"), "--as")
    opened = _course(course)
    place = _sandbox(opened, sandbox, trust_submissions)
    marks, handed_in, asked = _graded(opened, assignment, place, only, jobs)
    _print_marks(marks, handed_in, asked, as_json, audience)
    _exit_by(marks)


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
    marks, handed_in, asked = _recorded(opened, assignment, _sandbox(opened, sandbox, True))
    _print_marks(marks, handed_in, asked, as_json, audience)


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
    opened = _course(course)
    marks, handed_in, asked = _recorded(opened, assignment, _sandbox(opened, sandbox, True))
    written = _reported(opened, asked, marks, handed_in, out, names=names, ratified=ratified)
    print(written.folder)
    if written.leaderboard:
        print(f"  {written.leaderboard.name:17} groups by accuracy, " + ("by name" if names else "under pseudonyms"))
    print(f"  {written.marksheet_csv.name:17} one row a person; {written.marksheet_json.name} has the details")
    print(f"  {'feedback/':17} {len(written.feedback)} pages to hand out")
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
    from graders.marker_processes import start_forkserver

    start_forkserver("cli")
    began = time.monotonic()
    place = _demo_sandbox(sandbox)
    made = make_demo(folder, sandbox=place.name)
    opened = _course(folder)
    with _ledger(opened) as ledger, _progress("collecting") as told:
        notary.collect(opened, made.assignment, ledger, progress=lambda d, t, group: told(d, t, group, None))
    marks, handed_in, asked = _graded(opened, made.assignment, place, None, None)
    written = _reported(opened, asked, marks, handed_in, None)
    _print_marks(marks, handed_in, asked, False, "staff")
    for line in what_happened(made, marks):
        print("\n".join(_wrapped(line, sys.stdout, "  " if line.lstrip().startswith("-") else "")))
    print("\nThe pages:")
    for page in (written.leaderboard, written.marksheet_csv, *written.feedback.values()):
        print(f"  {page}")
    print(f"\n{time.monotonic() - began:.0f} s in all. Mark it again, and nothing is run:")
    print(f"  medmark grade {made.assignment} -c {folder}" + ("" if place.isolates else " --trust-submissions"))
    _exit_by(marks)


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
    from reports.terminal import terminal_text

    with _progress("rehearsing") as told:
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
    from graders.doctor import examine
    from reports.terminal import terminal_text

    findings = list(examine(course))
    for finding in findings:
        for line in finding.text.splitlines():
            word = "ok" if finding.well else "optional" if finding.optional else "missing"
            print("\n".join(_wrapped(f"{word:8} {terminal_text(line)}", sys.stdout, " " * 9)))
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
    from graders.sandboxes import images

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
    from graders.sandboxes import images

    for made in images.listed():
        print(f"{made.framework:11} {made.digest[:26]}  python {made.python_version}  from {made.made_from}")


# The student's side


@app.command()
def check(
    assignment: Annotated[
        str | None,
        typer.Argument(metavar="ASSIGNMENT", help="Its id or folder; left out, the one whose folder lies here."),
    ] = None,
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Your repository, or the folder of your solution.")
    ] = Path("."),
    handin: Annotated[bool, typer.Option("--handin", help="Check the commit that would be marked.")] = False,
    sandbox: Annotated[str, typer.Option(metavar="NAME", help="local or docker.")] = "local",
) -> None:
    """For students: run the public tests on your solution.

    They run as the marker runs the hidden ones; nothing hidden is opened. With --handin: what the marker sees of your
    repository, then the tests on a clean copy of that commit. Exit code 1 if something did not pass.
    """
    import tempfile

    from graders.public_check import assignment_here, check_public
    from graders.sandboxes import SANDBOXES

    _known(sandbox, SANDBOXES, "--sandbox")
    asked = assignment_here(folder.resolve(), assignment)
    if not handin:
        raise typer.Exit(_print_checked(asked, folder.resolve(), sandbox, check_public))
    from graders.intake.handin import clean_clone, inspect_handin
    from reports.terminal import terminal_text

    found = inspect_handin(folder.resolve(), asked)
    for line in found.lines():
        print("\n".join(_wrapped(terminal_text(line), sys.stdout, "   ")))
    if found.commit is None:
        raise typer.Exit(1)
    with tempfile.TemporaryDirectory(prefix="medmark-handin-") as scratch:
        clone = clean_clone(found, Path(scratch) / "clone")
        code = _print_checked(asked, clone, sandbox, check_public)
    raise typer.Exit(code or (0 if found.ready else 1))


def _print_checked(asked: Assignment, folder: Path, sandbox: str, check_public: Callable[..., Any]) -> int:
    from reports.terminal import terminal_text

    with _progress("checking") as told:
        results = check_public(
            asked, folder, sandbox=sandbox, on_progress=lambda text: told(0, 1, text.partition("::")[2], None)
        )
    for result in results:
        line = f"{':)' if result.passed else ':('} {terminal_text(result.test.docstring)}"
        print("\n".join(_wrapped(line, sys.stdout, "   ")))
        if not result.passed:
            for line in result.told.splitlines()[:12]:
                print("\n".join(_wrapped(f"     {terminal_text(line)}", sys.stdout)))
    passed = sum(result.passed for result in results)
    print(f"{passed} of {len(results)} public tests passed.", _hidden_words(asked))
    return 0 if passed == len(results) else 1


def _hidden_words(asked: Assignment) -> str:
    from assignments.load import hidden_tests

    hidden = hidden_tests(asked) if (asked.folder / "hidden_tests").is_dir() else ()
    if not hidden:
        return ""
    return f"{len(hidden)} hidden tests worth {sum(test.points for test in hidden)} marks are not run here."


# What several commands do


def _known(word: str, known: Iterable[str], option: str) -> None:
    """Ends the program when a word is none of those that an option takes."""
    from assignments.toml_errors import nearest

    if word not in known:
        _fail(f'{option} "{word}": {nearest(word, known)}', 2)


def _course(folder: Path) -> Course:
    from graders.course import load_course

    return load_course(folder)


@contextmanager
def _ledger(course: Course) -> Iterator[Ledger]:
    from graders.ledger import Ledger

    ledger = Ledger.open(course.ledger)
    try:
        yield ledger
    finally:
        ledger.close()


def _sandbox(course: Course, named: str | None, trusted: bool) -> Sandbox:
    from graders.sandboxes import SANDBOXES

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
    from graders.sandboxes import SANDBOXES

    if named == "auto":
        trouble = docker_trouble_here()
        named = "local" if trouble else "docker"
        if trouble:
            print(f"NOT SEALED: {trouble}.", file=sys.stderr)
            print("The demonstration's own code runs as an ordinary process.\n", file=sys.stderr)
    _known(named, ("auto", *SANDBOXES), "--sandbox")
    return SANDBOXES[named]()


def _graded(
    course: Course, id: str, sandbox: Sandbox, only: Sequence[str] | None, jobs: int | None
) -> tuple[list[Mark], list[Submission], Assignment]:
    from graders.marker_processes import start_forkserver

    start_forkserver("cli")
    from graders.cohort import grade_cohort
    from graders.course import assignment_of, read_secret
    from graders.intake.collect import clock, submissions

    asked = assignment_of(course, id)
    secret = read_secret(course)
    for name in only or ():
        course.group(name)
    with _ledger(course) as ledger:
        handed_in = submissions(course, asked, ledger, clock(), only=only or ())
        with _progress("marking") as told:
            marks = grade_cohort(
                course,
                asked,
                handed_in,
                secret=secret,
                sandbox=sandbox,
                ledger=ledger,
                jobs=jobs,
                on_progress=lambda p: told(p.done, p.total, f"{p.group} {p.reason or p.what}", p.left_s),
                command=" ".join(["medmark", *sys.argv[1:]]),
            )
    return marks, handed_in, asked


def _recorded(course: Course, id: str, sandbox: Sandbox) -> tuple[list[Mark], list[Submission], Assignment]:
    from graders.cohort import recorded_marks
    from graders.course import assignment_of, read_secret
    from graders.intake.collect import clock, submissions

    asked = assignment_of(course, id)
    with _ledger(course) as ledger:
        handed_in = submissions(course, asked, ledger, clock())
        secret = read_secret(course)
        marks = recorded_marks(course, asked, handed_in, secret=secret, sandbox=sandbox, ledger=ledger)
    return marks, handed_in, asked


def _reported(
    course: Course,
    asked: Assignment,
    marks: list[Mark],
    handed_in: list[Submission],
    out: Path | None,
    *,
    names: bool = False,
    ratified: bool = False,
) -> Written:
    from graders.course import read_secret
    from reports.feedback import hand_in_of
    from reports.pseudonyms import pseudonyms
    from reports.write import write_reports

    groups = [mark.group for mark in marks]
    board = {group: group for group in groups} if names else pseudonyms(groups, read_secret(course), asked.id)
    return write_reports(
        out or course.folder / "reports",
        asked,
        marks,
        course.groups,
        {submission.group: hand_in_of(submission, timezone=course.timezone) for submission in handed_in},
        board,
        course=course.title,
        ratified=ratified,
    )


def _print_marks(
    marks: list[Mark], handed_in: list[Submission], asked: Assignment, as_json: bool, audience: str
) -> None:
    from graders.mark import mark_as_json

    if as_json:
        told = [mark_as_json(mark, "staff" if audience == "staff" else "student") for mark in marks]
        print(json.dumps({"assignment": asked.id, "marks": told}, indent=2))
        return
    from rich.console import Console

    from reports.table import marks_table

    Console(markup=False, highlight=False).print(marks_table(marks, title=asked.title))
    for line in (*_why_not_marked(marks, handed_in), *_in_common(handed_in)):
        print("\n".join(_wrapped(line, sys.stdout)))


def _why_not_marked(marks: list[Mark], handed_in: list[Submission]) -> Iterator[str]:
    """A line for each reason why groups have no mark, or nothing of theirs could be run."""
    from graders.mark import Status, Verdict
    from reports.terminal import terminal_text

    groups: dict[str, list[str]] = {}
    for mark, submission in zip(marks, handed_in, strict=True):
        why = ""
        if mark.status is Status.NOT_SUBMITTED:
            why = f"{submission.state}: {submission.reason}"
        elif submission.folder is None or submission.framework is None:
            why = "; ".join(submission.problems)
        elif mark.status is Status.WITHHELD:
            unknown = [f for f in mark.findings if f.verdict is Verdict.UNKNOWN and f.kind != "person"]
            last = (unknown[0].evidence.strip().splitlines() or [""])[-1]
            why = f"withheld ({unknown[0].reason}): {last}"
        if why:
            groups.setdefault(terminal_text(why), []).append(mark.group)
    for why, names in groups.items():
        yield f"{', '.join(names)}: {why}"
    if marks and all(mark.status is Status.NOT_SUBMITTED for mark in marks):
        yield f"To look for commits: medmark collect {marks[0].assignment}"


def _in_common(handed_in: list[Submission]) -> Iterator[str]:
    """A line for each piece of work that groups share: a person looks at it, no mark depends on it."""
    from graders.intake.copies import equal_work

    for equal in equal_work(handed_in):
        yield f"{', '.join(equal.groups)}: {equal.what} is the same; for staff to look at"


def _exit_by(marks: Sequence[Mark]) -> None:
    from graders.mark import Status

    held = [mark.group for mark in marks if mark.status is Status.WITHHELD]
    if held:
        _fail(f"withheld, for a reason of ours: {', '.join(held)}. medmark grade tries them again.", 3)


if __name__ == "__main__":
    main()
