"""What marking a cohort took: CPU and GPU time of each group, and the wall time of each phase. It moves no mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from graders.marks.mark import Mark
from graders.record.ledger import JobTimes, SpentStage

PHASES: Final = ("queue", "draw", "open", "tests", "fit", "predict", "score", "rest")
"""In the order in which a job goes through them. The rest starts marker processes, and repeats lost work."""


@dataclass(frozen=True)
class GroupSpending:
    """What the results of one group's mark took; groups with an equal solution share all of it."""

    tests_cpu_s: float = 0.0
    """CPU seconds of the workers of its hidden tests."""
    answers_cpu_s: float = 0.0
    """CPU seconds of the workers that trained and predicted."""
    run_for: str = ""
    """The group that the results were made for, where that is another one with an equal solution."""
    flags: tuple[str, ...] = ()
    """What staff should look at in its answers."""
    gpu_peak_mb: float | None = None
    """The most GPU memory that was in use while it trained or predicted; None without a GPU, or if not measured."""
    gpu_busy_s: float | None = None
    """Seconds in which GPUs computed while it trained or predicted; None without a GPU, or if not measured."""

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the group's own code."""
        return self.tests_cpu_s + self.answers_cpu_s


@dataclass(frozen=True)
class PhaseTimes:
    """One phase over all jobs on record, in wall-clock seconds."""

    phase: str
    total_s: float
    median_s: float
    longest_s: float
    longest_of: str
    """The group of the longest one."""


@dataclass(frozen=True)
class Spending:
    """What marking a cohort took."""

    groups: Mapping[str, GroupSpending] = field(default_factory=dict)
    """Of the groups whose marks rest on recorded results."""
    cpu_s: float = 0.0
    """CPU seconds of all groups' own code, each result once."""
    phases: tuple[PhaseTimes, ...] = ()
    """In the order of `PHASES`; empty where an earlier medmark marked all of them."""
    jobs: int = 0
    """Jobs on record: one for each run of a solution, repeated ones too."""
    wall_s: float = 0.0
    """Of all jobs one after another, without the time that they queued."""
    marker_cpu_s: float = 0.0
    """CPU seconds of the markers themselves."""
    gpu_s: float = 0.0
    """Seconds for which jobs held a GPU, times the GPUs."""
    gpu_busy_s: float | None = None
    """Of all answers, each once, the seconds in which GPUs computed; None where none was measured."""
    gpu_peak_mb: float | None = None
    """The most GPU memory that was in use for any answers; None where it was measured for none."""


def stage_keys(marks: Iterable[Mark]) -> list[str]:
    """The keys of the tests and answers that some marks rest on."""
    return [key for mark in marks for _, key in _stages(mark)]


def spending_of(marks: Sequence[Mark], stages: Iterable[SpentStage], jobs: Sequence[JobTimes]) -> Spending:
    """What these marks took, by the stages under `stage_keys` and the jobs on record."""
    by_key = {stage.key: stage for stage in stages}
    groups = {}
    for mark in marks:
        own = [(kind, by_key[key]) for kind, key in _stages(mark) if key in by_key]
        if own:
            others = {stage.group for _, stage in own} - {mark.group}
            groups[mark.group] = GroupSpending(
                tests_cpu_s=sum(stage.cpu_s for kind, stage in own if kind == "tests"),
                answers_cpu_s=sum(stage.cpu_s for kind, stage in own if kind == "answers"),
                run_for=min(others, default=""),
                flags=tuple(dict.fromkeys(flag for _, stage in own for flag in stage.flags)),
                gpu_peak_mb=most_of(stage.gpu_peak_mb for _, stage in own),
                gpu_busy_s=sum_of(stage.gpu_busy_s for _, stage in own),
            )
    return Spending(
        groups=groups,
        cpu_s=sum(stage.cpu_s for stage in by_key.values()),
        phases=tuple(_phase(name, jobs) for name in PHASES) if jobs else (),
        jobs=len(jobs),
        wall_s=sum(job.wall_s for job in jobs),
        marker_cpu_s=sum(job.marker_cpu_s for job in jobs),
        gpu_s=sum(job.gpus * _held_s(job) for job in jobs),
        gpu_busy_s=sum_of(stage.gpu_busy_s for stage in by_key.values()),
        gpu_peak_mb=most_of(stage.gpu_peak_mb for stage in by_key.values()),
    )


def most_of(values: Iterable[float | None]) -> float | None:
    """The largest of those that were measured."""
    return max((value for value in values if value is not None), default=None)


def sum_of(values: Iterable[float | None]) -> float | None:
    """The sum of those that were measured; None if none was."""
    measured = [value for value in values if value is not None]
    return sum(measured) if measured else None


def _stages(mark: Mark) -> Iterable[tuple[str, str]]:
    stages: Mapping[str, Mapping[Any, str]] = mark.provenance.get("stages", {})
    return [(kind, key) for kind in ("tests", "answers") for key in stages.get(kind, {}).values()]


def _phase(name: str, jobs: Sequence[JobTimes]) -> PhaseTimes:
    spent = [_seconds(job, name) for job in jobs]
    longest = max(range(len(jobs)), key=spent.__getitem__)
    return PhaseTimes(name, sum(spent), median(spent), spent[longest], jobs[longest].group)


def _seconds(job: JobTimes, phase: str) -> float:
    if phase == "queue":
        return job.queue_s
    phases = job.phases
    timed = phases.draw_s + phases.open_s + phases.tests_s + phases.fit_s + phases.predict_s + phases.score_s
    return max(job.wall_s - timed, 0.0) if phase == "rest" else float(getattr(phases, f"{phase}_s"))


def _held_s(job: JobTimes) -> float:
    """How long a job held its GPUs: while its containers were open."""
    phases = job.phases
    return phases.open_s + phases.tests_s + phases.fit_s + phases.predict_s
