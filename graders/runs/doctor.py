"""Examines what this machine can run and what it lacks, each with the command that installs it. Changes nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assignments.assignment import Accuracy, Assignment, Framework, Person, Unanchored
from assignments.data.checked import checked_cases
from assignments.data.near import near_note
from assignments.data.prepared import Progress, outside_note, required_split
from assignments.errors import MedmarkError, shell_word
from graders.failures import EngineFailure, ImageFailure

if TYPE_CHECKING:
    from graders.asking.ceiling import Ceiling
    from graders.course.course import Course
    from graders.wall.sandboxes.runtime_records import Form

FRAMEWORKS: tuple[Framework, ...] = ("pytorch", "tensorflow", "numpy")
FEW_SEEDS = 2
FEW_SEEDS_NOTE = "seeds = 2 in [run]: an interval of two repeats is too wide to say much. Write 3 or more, or 1"


@dataclass(frozen=True)
class Fact:
    """One thing that is present or missing."""

    well: bool
    text: str
    optional: bool = False
    """Whether marking works without it."""


def examine(course: Path | None = None, on_reading: Progress = lambda *_: None) -> Iterator[Fact]:
    """The machine, then a course if one is named; `on_reading` is called with each subject of its folders."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Fact(sys.version_info >= (3, 11), f"Python {version} (3.11 or newer is needed)")
    yield _git()
    trouble = docker_trouble()
    yield Fact(trouble is None, trouble or "the Docker engine answers", optional=True)
    yield from (_image(framework, "image") for framework in FRAMEWORKS)
    yield from _without_a_daemon()
    yield from gpu_facts()
    if course is not None:
        yield from _course(course, on_reading)


def docker_trouble() -> str | None:
    """Why the Docker engine cannot be used, or None when it answers."""
    from graders.wall.sandboxes import engine

    address = engine.address()
    try:
        with engine.with_docker_messages(), closing(engine.connected(address, timeout_s=5)) as api:
            api.ping()
    except EngineFailure as failure:
        if not address.startswith("unix://"):
            return str(failure)
        if isinstance(failure.__cause__, PermissionError):
            return f"you may not use the Docker engine at {address}: sudo usermod -aG docker $USER, then log in anew"
        return f"no Docker engine answers at {address}: install docker.io and start dockerd, or set DOCKER_HOST"
    return None


def _rootless_trouble(sandbox: str) -> str:
    """Why a sandbox without a daemon cannot be used for other people's code; empty if it can, or is another one."""
    from graders.wall.sandboxes.rootless import PROGRAMS, trouble

    return trouble(PROGRAMS[sandbox]) if sandbox in PROGRAMS else ""


def gpu_facts() -> Iterator[Fact]:
    """The GPUs that this process may use, each with its uuid; nothing where there is no driver."""
    from graders.wall.sandboxes.gpu_list import granted

    try:
        may = granted()
    except EngineFailure as failure:
        yield Fact(False, str(failure), optional=True)
        return
    yield from (Fact(True, f"GPU {gpu.number}: {gpu.name}, {gpu.uuid}") for gpu in may.gpus)
    if len(may.gpus) < may.on_machine:
        yield Fact(True, may.words)


def gpus_for(assignment: Assignment) -> Iterator[Fact]:
    """Whether this machine has the GPUs that an assignment's submissions need; nothing where they need none."""
    from graders.runs.slots import this_machine

    count = assignment.limits.gpus
    if not count:
        return
    try:
        machine = this_machine(count)
    except MedmarkError as error:
        yield Fact(False, f"assignment {assignment.id}: {error}", optional=True)
        return
    well = machine.gpus >= count
    text = f"limits.gpus = {count}, and {machine.gpus} may be used here" if well else ""
    missing = f"limits.gpus = {count}, but {machine.gpu_words}: it cannot be marked on this machine"
    yield Fact(well, f"assignment {assignment.id}: {text or missing}", optional=True)


def missing_images(frameworks: tuple[Framework, ...]) -> list[str]:
    """Why the runtimes of some frameworks cannot be used; empty if all can."""
    facts = [_image(framework, "image") for framework in frameworks]
    return [fact.text for fact in facts if not fact.well]


def _git() -> Fact:
    path = shutil.which("git")
    if path is None:
        return Fact(False, "git is not installed: apt-get install git")
    words = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    return Fact(True, words.strip())


def _without_a_daemon() -> Iterator[Fact]:
    """The programs that start sandboxes without a daemon, as far as they are installed, and their runtimes."""
    from graders.wall.sandboxes.rootless import PROGRAMS, trouble

    installed = {name: trouble(program) for name, program in PROGRAMS.items() if shutil.which(program.executable)}
    for name, weakness in installed.items():
        yield Fact(not weakness, weakness or f"{name} starts sandboxes, each worker a user of its own", optional=True)
    if installed:
        yield from (_image(framework, "rootfs") for framework in FRAMEWORKS)


def _image(framework: Framework, form: Form) -> Fact:
    from graders.wall.sandboxes import runtime_records

    try:
        runtime = runtime_records.runtime(framework, form)
    except ImageFailure as failure:
        return Fact(False, str(failure), optional=True)
    contents = f"{runtime.kind}, {runtime.digest[:19]}, {len(runtime.packages)} packages"
    return Fact(True, f"runtime {runtime_records.WORDS[form]} for {framework}, {contents}")


def _course(folder: Path, on_reading: Progress) -> Iterator[Fact]:
    from assignments.load import hidden_tests
    from graders.asking.ceiling import ceiling
    from graders.asking.pipe_journal import MEMORY_IS_HELD
    from graders.course.course import assignment_of, load_course
    from graders.course.secret import read_secret
    from graders.runs.marking import unmatched_of

    try:
        course = load_course(folder)
        yield Fact(True, f"{course.folder / 'course.toml'}: {len(course.groups)} groups")
        yield from (Fact(False, problem) for problem in course.roster_problems)
        if aside := [group.name for group in course.groups if group.aside]:
            yield Fact(False, f"set aside until these rows are put right: {', '.join(aside)}")
        yield from (Fact(False, note, optional=True) for note in course.roster_notes)
        read_secret(course)
        yield Fact(True, "the course's secret is there, and nobody else can read it")
        trouble = docker_trouble() if course.sandbox == "docker" else _rootless_trouble(course.sandbox)
        if trouble:
            yield Fact(False, f'the course says sandbox = "{course.sandbox}", but {trouble}')
    except MedmarkError as error:
        yield Fact(False, str(error))
        return
    for id in course.assignments:
        try:
            assignment = assignment_of(course, id)
            cost = ceiling(assignment, [test.id for test in hidden_tests(assignment)])
        except MedmarkError as error:
            yield Fact(False, str(error))
        else:
            yield Fact(True, f"assignment {id}: {_words(cost)}")
            if cost.scored and assignment.run.seeds == FEW_SEEDS:
                yield Fact(False, f"assignment {id}: {FEW_SEEDS_NOTE}", optional=True)
            yield from gpus_for(assignment)
            yield from _proof(assignment)
            yield from _anchors(assignment)
            yield from _cases(assignment, on_reading)
            if course.ledger.is_file():
                yield from _parts(course, assignment)
                yield from (Fact(False, line, optional=True) for line in unmatched_of(course, id))
    policies = {name: course.late(id) for id in course.assignments if (name := course.late_policy_of(id))}
    for name, policy in policies.items():
        if policy is not None:
            yield Fact(True, f"late policy {name}: {policy.title}. {policy.note}".strip())
    if course.assignments:
        held = "the memory that a submission's answers cost this machine is limited"
        missing = "this system cannot limit a process's memory: only the CPU time that answers cost it is limited"
        yield Fact(MEMORY_IS_HELD, held if MEMORY_IS_HELD else missing, optional=True)


def _parts(course: Course, assignment: Assignment) -> Iterator[Fact]:
    """How many groups have points for each part that people mark."""
    from graders.marks.part_marks import part_marks
    from graders.record.in_force import Decisions
    from graders.runs.marking import events_of

    decisions = Decisions.of(assignment.id, events_of(course, assignment.id))
    tolerance = course.second_marking.tolerance
    of_groups = [part_marks(assignment, decisions, group.name, tolerance) for group in course.groups]
    for criterion in (item for item in assignment.criteria if isinstance(item, Person)):
        done = sum(parts[criterion.id].points is not None for parts in of_groups)
        how = f"by {len(criterion.lines)} lines" if criterion.lines else "without a rubric"
        more = f"; what is open, and why: medmark show {assignment.id}" if done < len(of_groups) else ""
        text = (
            f"assignment {assignment.id}, {criterion.id}: people mark it {how}; {done} of {len(of_groups)} groups done"
        )
        yield Fact(True, text + more)


def _proof(assignment: Assignment) -> Iterator[Fact]:
    """Whether the assignment is proven as it is now; marking works without, and every mark's provenance says so."""
    from graders.record.proof_status import proof_status

    status = proof_status(assignment)
    if status.holds:
        yield Fact(True, f"assignment {assignment.id}: proven by the rehearsal of {status.rehearsed_at}")
    else:
        cure = f"medmark rehearse {shell_word(assignment.folder)}"
        yield Fact(False, f"assignment {assignment.id}: not proven ({status.why_not}): {cure}", optional=True)


def _anchors(assignment: Assignment) -> Iterator[Fact]:
    """Which scores have no points before somebody sets anchors: those on other cases than the assignment's own."""
    for criterion in assignment.criteria:
        if isinstance(criterion, Accuracy) and isinstance(criterion.anchors, Unanchored):
            table = f"[assignments.{assignment.id}.anchors.{criterion.id}]"
            yield Fact(
                False,
                f"assignment {assignment.id}, {criterion.id}: no anchors are set for these cases, so marks are "
                f"incomplete; set {table} in course.toml, and caps if there are to be any. To measure them: "
                f"medmark rehearse {assignment.id} -c COURSE --calibrate",
                optional=True,
            )


def _cases(assignment: Assignment, on_reading: Progress) -> Iterator[Fact]:
    """Whether the cases may be marked on; of a folder, how many subjects are in which part, and how many are spent."""
    try:
        prepared = checked_cases(assignment, on_reading)
    except MedmarkError as error:
        yield Fact(False, f"assignment {assignment.id}: {error}")
        return
    if prepared is None:
        return
    split = required_split(assignment)
    parts = ((len(split.of("train")), "for training"), (len(split.of("val")), "for validation"))
    counts = [f"{count} {what}" for count, what in (*parts, (len(split.of("test")), "hidden")) if count]
    spare = sum(row.part is None for row in split.present)
    rest = [f"{spare} in no part"] if spare else []
    yield Fact(True, f"assignment {assignment.id}: {len(split.present)} subjects, {', '.join([*counts, *rest])}")
    if outside := outside_note(assignment, prepared):
        yield Fact(False, f"assignment {assignment.id}: {outside}", optional=True)
    if exposed := [row for row in split.present if row.part == "test" and row.handed_out]:
        yield Fact(
            False,
            f"assignment {assignment.id}: {len(exposed)} of {len(split.of('test'))} hidden subjects were handed out "
            f"before, the last on {max(row.handed_out for row in exposed)}: students may have their ground truth",
            optional=True,
        )
    if near := near_note(assignment, prepared, on_reading):
        yield Fact(False, f"assignment {assignment.id}: {near}", optional=True)
    if spent := [row for row in split.present if row.part == "test" and row.shown]:
        hidden = len(split.of("test"))
        yield Fact(
            len(spent) < hidden,
            f"assignment {assignment.id}: {len(spent)} of {hidden} hidden subjects were shown to students, the last on "
            f"{max(row.shown for row in spent)}: whoever has seen them may know their ground truth",
            optional=True,
        )


def _words(cost: Ceiling) -> str:
    """The most that one submission costs."""
    cpu, wall, end = (f"{seconds / 60:.0f} min" for seconds in (cost.cpu_s, cost.wall_s, cost.deadline_s))
    return (
        f"one submission takes at most {cpu} of CPU, {wall} of wall time while a core is free for it and "
        f"{end} whatever else runs; its marker at most {cost.host_mb} MB beside the hidden cases"
    )
