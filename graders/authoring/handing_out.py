"""Hands out an assignment with a valid proof, as a course sets it. `assignments.handout` writes the files."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from assignments.assignment import Assignment
from assignments.data.near import near_note
from assignments.data.prepared import Progress
from assignments.data.published import PublishedCases, published_cases
from assignments.data.sharing import shows_patients
from assignments.data.split import split_command
from assignments.errors import UserError
from assignments.folders import in_catalogue
from assignments.handout import refuse_work, write_handout
from assignments.handout_note import RuntimeFacts
from assignments.load import hidden_tests
from graders.asking.ceiling import ceiling
from graders.authoring.kit_files import KitTerms, kit_texts
from graders.authoring.splitting import data_assignment, record_handout
from graders.authoring.student_wheel import student_wheel
from graders.record.proof_status import proof_status
from graders.version import medmark_version
from graders.wall.patience import IDLE_CALL_S, IDLE_S, WALL_LIMITS
from graders.wall.sandboxes.runtime_records import facts_of


@dataclass(frozen=True)
class PlannedHandout:
    """What a handout will hold. Nothing is written yet."""

    assignment: Assignment
    cases: PublishedCases
    near: str = ""
    """How many cases of two parts are nearly equal; empty if none is."""
    terms: KitTerms = field(default_factory=lambda: KitTerms(medmark_version()))
    """What a course says of it."""

    @property
    def needs_consent(self) -> bool:
        """Whether patients' cases leave this machine with it."""
        return self.cases.kind == "shared" and shows_patients(self.assignment)

    def write(self, folder: Path, *, agreed: bool = False) -> tuple[Path, ...]:
        """Write the handout; return the files. A split then has the day on which its cases were handed out.

        Args:
            agreed: Whether a person agrees that the cases leave, where this `needs_consent`.

        Raises:
            UserError: nobody agreed, the folder holds work, or the split has been changed since the cases were read.
        """
        self.refuse_without_consent(agreed)
        refuse_work(self.assignment, folder)
        self.record()
        return self.write_files(folder)

    def refuse_without_consent(self, agreed: bool) -> None:
        """Raise `UserError` where patients' cases would leave and nobody agreed."""
        if self.needs_consent and not agreed:
            cases, subjects = self.cases.counts
            raise UserError(
                f"{self.assignment.folder}: the handout holds {cases} cases of {subjects} subjects, and nobody has "
                f"agreed that they leave. See which: {split_command(self.assignment, '--leaves')}"
            )

    def record(self) -> None:
        """Record that shared cases were handed out, before the first is written: a failure may be half-way."""
        if self.cases.kind == "shared":
            assert self.cases.prepared is not None
            record_handout(self.assignment, self.cases.prepared)

    def write_files(self, folder: Path) -> tuple[Path, ...]:
        """Write the files alone, such as for a list of them: nobody is asked, and nothing is recorded."""
        runtimes = {name: facts_of(name) for name in self.assignment.frameworks}
        limits = limits_text(self.assignment)
        offered: dict[str, RuntimeFacts] = {str(name): facts for name, facts in runtimes.items()}
        texts = {**kit_texts(self.assignment, self.cases, runtimes, limits, self.terms), "limits.md": limits}
        home = folder / self.assignment.id
        home.mkdir(parents=True, exist_ok=True)
        wheel = None if self.terms.install else student_wheel(home)
        further = () if wheel is None else (wheel,)
        return write_handout(self.assignment, folder, offered, medmark_version(), texts, self.cases, further)


def planned_handout(name: str, course: Path | None = None, on_progress: Progress = lambda *_: None) -> PlannedHandout:
    """The handout of an assignment, named by its id or folder.

    Raises:
        UserError: a catalogue assignment changed since its rehearsal or did not pass it, or its cases may not be used:
            there is no split, or a case is in two parts.
    """
    assignment = data_assignment(name, course)
    status = proof_status(assignment)
    if in_catalogue(assignment.folder) and not status.holds:
        raise UserError(
            f"{assignment.folder}: is not proven ({status.why_not}). Prove it: medmark rehearse {assignment.id}"
        )
    cases = published_cases(assignment, on_progress)
    near = near_note(assignment, cases.prepared, on_progress)
    return PlannedHandout(assignment, cases, near, terms_of(assignment, course))


def terms_of(assignment: Assignment, course: Path | None) -> KitTerms:
    """What a course says of an assignment: how medmark is installed, and when the work is due."""
    if course is None:
        return KitTerms(medmark_version())
    from graders.course.course import load_course

    opened = load_course(course)
    return KitTerms(medmark_version(), opened.install, opened.deadline_words(assignment.id))


def hand_out(name: str, folder: Path, course: Path | None = None, *, agreed: bool = False) -> tuple[Path, ...]:
    """Write the handout of an assignment, named by its id or folder; return the files.

    Raises:
        UserError: as `planned_handout` and `PlannedHandout.write`.
    """
    return planned_handout(name, course).write(folder, agreed=agreed)


def limits_text(assignment: Assignment) -> str:
    """The limits of a submission, in Markdown."""
    limits, run = assignment.limits, assignment.run
    cost = ceiling(assignment, [test.id for test in hidden_tests(assignment)])
    rows = [
        (f"one hidden test on a model of its own: {limits.test_cpu_s:g} CPU s", True),
        (f"the tests of a file that share a model: {limits.shared_cpu_s:g} CPU s", True),
        (f"one run that trains, or loads, and predicts: {limits.cpu_s:g} CPU s", cost.scored),
        (f"`fit`: {run.budget_cpu_s:g} CPU s", cost.scored and run.mode == "retrain"),
        (f"memory: {limits.memory_mb} MB", True),
        (f"files it writes: {limits.scratch_mb} MB, {limits.scratch_files} of them", True),
        (f"weights: {limits.weights_mb} MB", cost.scored and run.mode == "weights"),
        ("network: none", True),
        ("C++ compiler: none, so `torch.compile` returns the model as it is", "pytorch" in assignment.frameworks),
        ("current folder: an empty one; a file of yours is `Path(__file__).parent / NAME`", True),
    ]
    lines = "\n".join(f"- {text}" for text, holds in rows if holds)
    return (
        f"# What a submission to `{assignment.id}` may use\n\n{lines}\n\n"
        f"All together at most {_minutes(cost.cpu_s)} of CPU time, which takes {_minutes(cost.wall_s)} while a core is "
        f"free for it. Marking does not wait for code that sleeps: a call that does nothing for {IDLE_CALL_S} s ends. "
        f"After {WALL_LIMITS} such calls, or {IDLE_S:g} s of doing nothing in all, nothing more is asked.\n"
    )


def _minutes(seconds: float) -> str:
    return f"{math.ceil(seconds / 60)} min"
