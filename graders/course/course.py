"""Reads a course: course.toml and the roster, checked together, as one value.

course.toml     assignments, deadlines, and what Git may reach
roster.csv      who is in which group, and its repository           (graders.course.roster)
hidden/         the secret and the instructor's hidden data         (graders.course.secret)
.medmark/       medmark's own files: ledger, mirrors, checkouts, stored answers
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, NaiveDatetime, PositiveInt, ValidationError, model_validator

from assignments.assignment import AnyAnchors, Assignment, Cap, Count, Orient, Share
from assignments.data.source_names import is_own
from assignments.errors import Problem, UserError, nearest, shell_word
from assignments.frozen import Frozen
from assignments.load import AssignmentError, find, load, overridden
from assignments.toml_errors import TomlErrors, check_toml, read_toml
from graders.course.course_checks import roster_setting_problems, value_problems
from graders.course.late_policy import LatePolicy, bank_holidays, read_policy
from graders.course.roster import Group, Member, Roster, read_roster, roster_path
from graders.course.roster_columns import Columns
from graders.course.working_days import Calendar, in_utc

__all__ = [
    "Course",
    "CourseAssignment",
    "CourseError",
    "Group",
    "Member",
    "assignment_of",
    "load_course",
]

Rounding = Literal["0.1", "1"]
"""What marks in per cent are rounded to."""


class CourseError(UserError):
    """Every problem of a course's files, at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Access(Frozen):
    """What git may reach."""

    allow_file: bool = False
    """Whether repositories may be folders of this machine (file://); for demonstrations and tests."""
    token_env: dict[str, str] = {}  # noqa: RUF012 - pydantic copies a default for each instance
    """Host to the name of the environment variable that holds a read token for it. Never the token itself."""


class RosterSettings(Frozen):
    """How roster.csv is read, and what an import fills in."""

    columns: Columns = Columns()
    repository: str | None = None
    """The address of a group's repository, with columns of the roster in braces: `https://host/org/{group}.git`."""


@dataclass(frozen=True)
class RosterRules:
    """What course.toml says of the roster."""

    folder: Path
    allow_file: bool
    columns: Columns
    repository: str | None


class Repositories(Frozen):
    """Limits on a group's repository."""

    size_mb: PositiveInt = 1000
    """The whole history, as fetched."""
    file_mb: PositiveInt = 20
    """One file outside weights/; the assignment's limits.weights_mb limits that folder."""
    total_mb: PositiveInt = 200
    """All files of one commit outside weights/."""
    files: PositiveInt = 5000
    timeout_s: PositiveInt = 120
    """Wall-clock seconds for one Git command that talks to a host."""


class Peer(Frozen):
    """What peer factors do to a group's mark; see `graders.marks.peer_factors`."""

    weight: Annotated[Decimal, Field(ge=0, le=1)] = Decimal(1)
    """The part of the mark that peer factors scale; the rest is the same for every member."""
    at_least: Annotated[Decimal, Field(ge=0, le=1)] = Decimal(0)
    """A lower factor counts as this."""
    at_most: Annotated[Decimal, Field(ge=1)] | None = None
    """A higher factor counts as this."""


class SecondMarking(Frozen):
    """How far two markers of one part may differ."""

    tolerance: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(5)
    """In per cent of the part's points: up to it the first mark stands, beyond it an agreed mark is needed."""


class DataChanges(Frozen):
    """A course's own values for an assignment's [data]; what is left out stays as the assignment has it.

    With another source, `train`, `val` and `test` are not those of the assignment. Other cases have to fit its
    interface.
    """

    source: str | None = None
    path: Path | None = None
    train: int | None = None
    val: Count | None = None
    test: Count | None = None
    per_call: int | None = None
    redraw: bool | None = None
    split: Path | None = None
    split_seed: int | None = None
    stratify: tuple[str, ...] | None = None
    share: Share | None = None
    permission: str | None = None
    about: str | None = None
    cases: str | None = None
    layout: str | None = None
    channels: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    orient: Orient | None = None
    resample_mm: tuple[float, ...] | None = None
    window: tuple[float, float] | None = None
    size: tuple[int, ...] | None = None


class RunChanges(Frozen):
    """A course's own values for an assignment's [run]."""

    mode: Literal["weights", "retrain"] | None = None
    seeds: int | None = None
    combine: Literal["median", "mean"] | None = None
    budget_cpu_s: float | None = None


class LimitsChanges(Frozen):
    """A course's own values for an assignment's [limits]: a slower server, a GPU."""

    cpu_s: float | None = None
    test_cpu_s: float | None = None
    shared_cpu_s: float | None = None
    memory_mb: int | None = None
    gpus: int | None = None
    weights_mb: int | None = None


class CourseAssignment(Frozen):
    """One assignment as this course sets it."""

    source: str
    """An id of the catalogue, or a folder beside course.toml."""
    deadline: NaiveDatetime
    """Local time in the course's timezone."""
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Its share of the module mark, beside the weights of the other assignments: 40 and 60, or 0.4 and 0.6."""
    grace_minutes: int = Field(default=10, ge=0)
    """A tip seen this long after the due time still counts. Keep it longer than the time between two collections."""
    group_extension: Literal["max", "min", "manual"] = "manual"
    """What extensions of single members do to their group's due time; manual: only an extension of the group counts."""
    late_policy: str | None = None
    """Its late policy; None for the course's."""
    data: DataChanges = DataChanges()
    run: RunChanges = RunChanges()
    limits: LimitsChanges = LimitsChanges()
    anchors: dict[str, AnyAnchors] = {}  # noqa: RUF012 - pydantic copies a default for each instance
    """By accuracy criterion: other data need other anchors than those of the assignment's calibration."""
    caps: dict[str, tuple[Cap, ...]] = {}  # noqa: RUF012 - pydantic copies a default for each instance
    """By accuracy criterion, in place of the assignment's own."""


class EngineSettings(Frozen):
    """Where the jobs of `grade` are done: on this machine, or on others by Dask or Slurm (docs/scale.md)."""

    kind: Literal["processes", "dask", "slurm"] = "processes"
    scheduler: str = ""
    """Address of a Dask scheduler that runs already, `tls://host:8786`; empty: medmark starts a cluster by Slurm."""
    workers: PositiveInt = 1
    """How many jobs of the site's batch system at most, each with one submission at a time; with `scheduler`, how many
    Dask workers there will be, if more than have joined when marking begins."""
    cores: PositiveInt = 2
    """Of one worker."""
    memory_mb: PositiveInt = 8192
    """Of one worker: for the sandbox, the process that asks, and Dask."""
    gpus: int = Field(default=0, ge=0)
    """Of one worker."""
    queue: str = ""
    """The site's partition; empty: the default one."""
    walltime_minutes: PositiveInt = 240
    """How long the site lets one worker live."""
    folder: Path | None = None
    """A folder that this machine and all nodes share."""
    python: str = ""
    """The Python of the nodes that has medmark; empty: the path of this one."""
    tls_ca: Path | None = None
    """The site's certificates for the scheduler; relative paths begin at the course's folder."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    options: tuple[str, ...] = ()
    """Further lines for the site's batch script, such as "--account=imaging"."""

    @model_validator(mode="after")
    def _whole(self) -> EngineSettings:
        tls = [self.tls_ca, self.tls_cert, self.tls_key]
        if any(tls) and not all(tls):
            raise ValueError("tls_ca, tls_cert and tls_key belong together: name all three files")
        if self.scheduler and self.kind != "dask":
            raise ValueError('scheduler is the address of a Dask scheduler: write kind = "dask", or remove it')
        if self.scheduler and not re.fullmatch(r"(tls|tcp)://[^\s/:]+:\d+", self.scheduler):
            raise ValueError(f'"{self.scheduler}" is not an address such as "tls://login1:8786"')
        if self.folder is None and (self.kind == "slurm" or (self.kind == "dask" and not self.scheduler)):
            own = "" if self.kind == "slurm" else " without a scheduler, whose workers Slurm starts,"
            raise ValueError(f'kind = "{self.kind}"{own} needs folder: a folder that this machine and all nodes share')
        if odd := [option for option in self.options if not re.fullmatch(r"-[^\n\r]+", option)]:
            raise ValueError(f'options: {odd[0]!r} is not an option of the batch system, such as "--account=imaging"')
        return self


class Course(Frozen):
    """One course: its settings and its roster."""

    title: str
    year: str | int
    timezone: str = "Europe/London"
    sandbox: Literal["docker", "bubblewrap", "podman", "apptainer", "local"] = "docker"
    staff_group: str | None = None
    """Group of the operating system that may read hidden/ beside its owner."""
    observation_gap_minutes: int = Field(default=30, gt=0)
    """A host that did not answer for longer than this around a due time was down then (graders.intake.counting)."""
    feedback_days: int = Field(default=20, ge=0)
    """Working days after the due time within which feedback is due."""
    late_policy: str = "none"
    """Its late policy: "none", a name of `graders.course.late_policy`, or a TOML file beside course.toml."""
    closures: tuple[date, ...] = ()
    """Days on which the university is closed, beside weekends and bank holidays."""
    on_correction: Literal["never_lower", "both_ways"] = "both_ways"
    """Whether a correction may lower a returned mark."""
    round: Rounding = "0.1"
    """What marks are rounded to, half up and once, after every other step: a tenth or a whole."""
    peer: Peer = Peer()
    second_marking: SecondMarking = SecondMarking()
    staff: dict[Annotated[str, Field(min_length=1)], str] = {}  # noqa: RUF012 - pydantic copies a default for each instance
    """Login to full name of those who may decide; if empty, everyone who may run medmark here."""
    install: str = Field(default="", pattern=r"[^\n\r`]*")
    """The line with which students install medmark; empty: the wheel that a handout carries."""
    access: Access = Access()
    repositories: Repositories = Repositories()
    roster: RosterSettings = RosterSettings()
    engine: EngineSettings = EngineSettings()
    assignments: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], CourseAssignment] = Field(min_length=1)
    folder: Path
    """Where course.toml lies; set by the loader."""
    groups: tuple[Group, ...]
    """The roster; set by the loader."""
    roster_problems: tuple[str, ...] = ()
    """Problems that set groups or rows of the roster aside, with lines; set by the loader."""
    roster_notes: tuple[str, ...] = ()
    """Possible mistakes in it; set by the loader."""

    @property
    def ledger(self) -> Path:
        """The append-only record."""
        return self.folder / ".medmark/ledger.sqlite"

    @property
    def mirrors(self) -> Path:
        """Bare repositories, one for each group."""
        return self.folder / ".medmark/mirrors"

    @property
    def checkouts(self) -> Path:
        """The files of marked commits."""
        return self.folder / ".medmark/checkouts"

    @property
    def answers(self) -> Path:
        """Stored answers."""
        return self.folder / ".medmark/answers"

    def late_policy_of(self, id: str) -> str:
        """The name of an assignment's late policy: its own, else the course's."""
        own = self.assignment(id).late_policy
        return self.late_policy if own is None else own

    def late(self, id: str) -> LatePolicy | None:
        """The late policy of an assignment; None for "none"."""
        return read_policy(self.late_policy_of(id), self.folder)

    @property
    def zone(self) -> ZoneInfo:
        """The course's timezone."""
        return ZoneInfo(self.timezone)

    def calendar(self, id: str) -> Calendar:
        """The course's working days, with the bank holidays of an assignment's late policy."""
        policy = self.late(id)
        own = policy.bank_holidays if policy else None
        return Calendar.of(self.timezone, bank_holidays()[1] if own is None else own, self.closures)

    def bank_holiday_years(self, id: str) -> Container[int]:
        """The years whose bank holidays an assignment's calendar covers."""
        policy = self.late(id)
        return range(10000) if policy and policy.bank_holidays is not None else bank_holidays()[0]

    def assignment(self, id: str) -> CourseAssignment:
        """The course's settings of an assignment; `UserError` where it has none."""
        if id not in self.assignments:
            raise UserError(
                f'{self.folder / "course.toml"}: there is no assignment "{id}"; {nearest(id, self.assignments)}'
            )
        return self.assignments[id]

    def deadline(self, id: str) -> datetime:
        """The deadline in UTC, before any extension."""
        return self.local(self.assignment(id).deadline)

    def deadline_words(self, id: str) -> str:
        """The deadline for people: `Friday 15 January 2027, 12:00 (Europe/London)`."""
        due = self.assignment(id).deadline
        return f"{due:%A} {due.day} {due:%B %Y, %H:%M} ({self.timezone})"

    def local(self, time: datetime) -> datetime:
        """A local time of the course in UTC; a time with an offset keeps its own."""
        return in_utc(time, self.timezone)

    def group(self, name: str) -> Group:
        """A group of the roster; `UserError` for one that is not in it."""
        for group in self.groups:
            if group.name == name:
                return group
        hint = nearest(name, (group.name for group in self.groups))
        raise UserError(f'{roster_path(self.folder)}: there is no group "{name}"; {hint}')


def load_course(folder: Path) -> Course:
    """The course in `folder`.

    Raises:
        CourseError: with every problem of course.toml, and of the roster as a whole. A problem in a group's rows only
            sets that group aside.
    """
    folder = folder.resolve()
    path = _course_toml(folder)
    try:
        document = read_toml(path)
    except TomlErrors as error:
        roster = read_roster(roster_path(folder), True, Columns())
        raise CourseError([*error.problems, *_all_problems(roster)]) from None
    roster = read_roster(roster_path(folder), _allows_file(document.values), _columns(document.values))
    added = {
        "folder": str(folder),
        "groups": [group.model_dump() for group in roster.groups],
        "roster_problems": [str(problem) for problem in roster.row_problems],
        "roster_notes": [str(problem) for problem in roster.notes],
    }
    course, problems = check_toml(document, Course, added)
    problems += value_problems(document, folder)
    problems.sort(key=lambda problem: problem.line or 0)
    if course is None or problems or roster.stops:
        raise CourseError([*problems, *_all_problems(roster)])
    return course


def roster_rules(folder: Path) -> RosterRules:
    """What course.toml says of the roster, whether or not there is a roster or an assignment yet.

    Raises:
        CourseError: there is no course.toml, or what it says of the roster is wrong.
    """
    folder = folder.resolve()
    document = read_toml(_course_toml(folder))
    _, problems = check_toml(document, Course, {"folder": str(folder), "groups": []})
    problems += roster_setting_problems(document)
    if wrong := [problem for problem in problems if problem.key.split(".")[0] in ("roster", "access")]:
        raise CourseError(wrong)
    settings = RosterSettings.model_validate(document.values.get("roster", {}))
    return RosterRules(folder, _allows_file(document.values), settings.columns, settings.repository)


def _course_toml(folder: Path) -> Path:
    """The settings of the course in a folder; `CourseError` where there are none."""
    path = folder / "course.toml"
    if path.is_file():
        return path
    what = "is missing" if folder.is_dir() else "there is no such folder"
    courses = sorted(inner.parent.name for inner in folder.glob("*/course.toml"))
    cure = f"make a course: medmark init {shell_word(folder)}"
    if courses:
        cure = f"name the course's folder: -c {shell_word(folder / courses[0])}"
    raise CourseError([Problem(str(path), "", None, what, cure)])


def assignment_of(course: Course, id: str, *, names: bool = True) -> Assignment:
    """The assignment with the course's own values for its data, run and limits.

    With `names`, its metrics and its data source are looked up too: marking needs them, and a collection need not wait
    for SciPy. The task is looked up in any case, and `interface.py` is compared with it.

    Raises:
        UserError: the course has no such assignment, its folder has problems, or its id differs.
    """
    settings = course.assignment(id)
    path = course.folder / "course.toml"
    try:
        assignment = overridden(
            load(find(settings.source, course.folder), **_names_to_look_up(names)),
            data=_values_of(settings.data),
            run=_values_of(settings.run),
            limits=_values_of(settings.limits),
            anchors=settings.anchors,
            caps=settings.caps,
            file=path,
            key=f"assignments.{id}",
        )
    except AssignmentError as error:
        raise CourseError(error.problems) from None
    if assignment.id != id:
        raise UserError(
            f"{path} assignments.{id}: its source {settings.source} has the id {assignment.id}; "
            f"write [assignments.{assignment.id}]"
        )
    if names and assignment.own_data is not None:
        _check_other_cases(assignment, path)
    return assignment


def _check_other_cases(assignment: Assignment, path: Path) -> None:
    """Refuse a source that does not exist, and cases that do not fit the interface.

    A folder of subjects is checked when it is opened.
    """
    from assignments.data.misfits import refuse_misfits
    from assignments.data.sources import SOURCES, source_of

    name, key = assignment.data.source, f"assignments.{assignment.id}.data.source"
    if name not in SOURCES and not is_own(name):
        what = f'there is no source "{name}"'
        raise CourseError([Problem(str(path), key, None, what, nearest(name, SOURCES))])
    declared = source_of(assignment).declared
    if declared is not None:
        refuse_misfits(assignment, declared)


def _names_to_look_up(metrics_too: bool) -> dict[str, Any]:
    from graders.tasks import TASKS

    if not metrics_too:
        return {"tasks": TASKS}
    from assignments.data.sources import SOURCES
    from graders.metrics import METRICS

    return {"tasks": TASKS, "metrics": METRICS, "sources": SOURCES}


def _values_of(changes: Frozen) -> dict[str, Any]:
    return changes.model_dump(exclude_none=True)


def _all_problems(roster: Roster) -> list[Problem]:
    return sorted([*roster.stops, *roster.row_problems], key=lambda problem: problem.line or 0)


def _columns(values: dict[str, Any]) -> Columns:
    """The headings that course.toml gives the roster's columns; `check_toml` reports problems with them."""
    table = values.get("roster")
    try:
        return Columns.model_validate(table.get("columns", {}) if isinstance(table, dict) else {})
    except ValidationError:
        return Columns()


def _allows_file(values: dict[str, Any]) -> bool:
    access = values.get("access")
    return isinstance(access, dict) and access.get("allow_file") is True
