"""Accuracy: from stored answers and hidden truths to one score and its interval. No points here.

The result holds every case's raw value, so that other anchors or caps re-mark without scoring again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from assignments.assignment import Accuracy, Assignment
from assignments.data.hidden import Case, HiddenSet
from assignments.errors import UserError
from graders.failures import DataFailure, ToolkitFailure
from graders.metrics import Floats, Metric, metric_named
from graders.record.answers import Answers
from graders.record.documents import CaseScore, Cause, FailedCases, FalsePositives, Measured, ScoreResult
from graders.scoring import intervals
from graders.scoring.caps import combined
from graders.scoring.intervals import Interval, packed
from graders.scoring.repeat import (
    CASES,
    MAY_BE_EMPTY,
    WHOLE,
    RepeatScore,
    case_part,
    each_class,
    form_of,
    readable,
    score_repeat,
)
from graders.tasks import Task, task_named

__all__ = ["check_criterion", "score"]


def score(
    assignment: Assignment,
    criterion: Accuracy,
    sets: Sequence[HiddenSet],
    answers: Sequence[Answers],
    on_part: Callable[[str], None] = lambda part: None,
    one_by_one: bool = False,
) -> ScoreResult:
    """Scores one accuracy criterion over all repeats. A failure of ours is `unknown`, never a zero.

    `on_part` hears which part of it comes next: `CASES`, or each case if they are to be computed `one_by_one`
    (`case_part`), and `WHOLE`, which is of no case.

    Raises:
        MemoryError: the part that began last took more memory than there is.
    """
    try:
        return _scored(assignment, criterion, sets, answers, on_part, one_by_one)
    except ToolkitFailure as failure:
        return ScoreResult("unknown", Cause(failure.reason), evidence=str(failure))


def check_criterion(assignment: Assignment, criterion: Accuracy) -> None:
    """Refuses a criterion that could not be scored or marked; `UserError` says where and how to cure it."""
    where = f"{assignment.folder / 'assignment.toml'}, criterion {criterion.id!r}"
    try:
        task = task_named(assignment.task)
        metrics = {name: _metric(task, name, assignment.folder, criterion) for name in criterion.metrics}
        conditions = [cap.condition for cap in criterion.caps]
    except (ValueError, UserError) as error:
        raise UserError(f"{where}: {error}") from error
    for condition in conditions:
        if condition.count is not None and metrics[condition.metric].level == "per_set":
            raise UserError(f"{where}: {condition.metric} has no value per case; write METRIC < VALUE.")
    if criterion.costs is not None and not any(metric.costs for metric in metrics.values()):
        raise UserError(f'{where}: costs are for metric = "expected_cost"; write that, or leave them out.')
    main = metrics[criterion.metric]
    rising = criterion.anchors.rising
    if rising != main.rising:
        raise UserError(
            f"{where}: {main.better} is better for {main.name}, but the anchors "
            f"{'rise' if rising else 'fall'} from trivial to ceiling; turn them round."
        )
    if criterion.empty_reference == "separate" and (form_of(task, main) or main.reads) not in MAY_BE_EMPTY:
        raise UserError(
            f'{where}: empty_reference = "separate" is for metrics of masks, maps of labels or instances; '
            f"{main.name} reads answers as {main.reads}. Take it out."
        )
    if criterion.absent == "one" and "labels" not in task.forms:
        raise UserError(f'{where}: absent = "one" is for maps of labels; {task.name} has none. Take it out.')


def _metric(task: Task, name: str, folder: Path, criterion: Accuracy) -> Metric:
    metric = metric_named(name, folder, criterion.costs)
    if not readable(task, metric):
        if metric.classes is not None:
            raise ValueError(f"metric {name} is of one class of a map of labels, which {task.name} has not.")
        offered = " or ".join(task.forms)
        reads = " or ".join(filter(None, (metric.reads, metric.also_reads)))
        raise ValueError(f"metric {name} reads answers as {reads}; {task.name} offers {offered}.")
    if form_of(task, metric) == "probability" and "class" not in task.forms and ":" not in name:
        raise ValueError(f"metric {name} is of the probabilities of classes; {task.name} has one for each voxel.")
    return metric


def _scored(
    assignment: Assignment,
    criterion: Accuracy,
    sets: Sequence[HiddenSet],
    answers: Sequence[Answers],
    on_part: Callable[[str], None],
    one_by_one: bool,
) -> ScoreResult:
    if not sets or len(sets) != len(answers):
        raise DataFailure(f"{len(answers)} sets of answers for {len(sets)} hidden sets")
    check_criterion(assignment, criterion)
    task = task_named(assignment.task)
    separate = criterion.empty_reference == "separate"
    measured: dict[str, Measured] = {}

    def runs_of(metric: Metric) -> list[RepeatScore]:
        on_part(CASES if metric.level == "per_case" else WHOLE)
        runs = []
        for repeat, (given, hidden) in enumerate(zip(answers, sets, strict=True)):

            def of_case(case: Case | None, repeat: int = repeat) -> None:
                on_part(WHOLE if case is None else case_part(repeat, case.id))

            each = of_case if one_by_one else None
            runs.append(
                score_repeat(task, metric, given, hidden, separate=separate, absent=criterion.absent, on_case=each)
            )
        on_part(WHOLE)
        return runs

    for name in criterion.metrics:
        metric = _metric(task, name, assignment.folder, criterion)
        own = runs_of(metric)
        of_each = {f"class{one.classes[0]}": runs_of(one) for one in each_class(task, metric, sets) if one.classes}
        classes = {label: _combined(runs, assignment.run.combine) for label, runs in of_each.items()}
        measured[name] = _measured(assignment, metric, own, _overlap(assignment, sets), classes)
    main = measured.pop(criterion.metric)
    failed = _failed(main, answers)
    all_failed = sum(part.count for part in failed) == main.case_count
    return ScoreResult(
        "passed",
        Cause(failed[0].cause.reason) if all_failed else None,
        main,
        measured,
        failed,
        next((given.said for given in answers if given.said), ""),
        evidence=_evidence(main, answers),
    )


def _measured(
    assignment: Assignment, metric: Metric, runs: Sequence[RepeatScore], overlap: float, classes: Mapping[str, float]
) -> Measured:
    """One metric over all repeats: the statistic, its interval, and the cases behind it."""
    how = assignment.run.combine
    seed = _seed(runs[0])
    drawn = _drawn(runs, how, seed) if _is_resampled(metric, runs) else None
    between = _interval(metric, runs, how, overlap, drawn)
    placements = runs[0].placements if len(runs) == 1 else None
    set_apart = sum(len(run.cases) - len(run.counted) for run in runs)
    return Measured(
        metric=metric.name,
        better=metric.better,
        unit=metric.unit,
        score=_combined(runs, how),
        interval=None if between is None else (round(between[0], 12), round(between[1], 12)),
        combine=how,
        bootstrap_seed=None if drawn is None else seed,
        # Of a metric of cases, `cases` below holds all that is needed to draw again.
        drawn=packed(drawn) if drawn is not None and metric.level == "per_set" else None,
        placements=None if placements is None else (packed(placements[0]), packed(placements[1])),
        repeats=tuple(round(run.score, 12) for run in runs),
        case_count=sum(len(run.cases) for run in runs),
        subjects=min(len(set(run.subjects)) for run in runs),
        cases=_cases(metric, runs),
        false_positives=FalsePositives(sum(run.false_positives for run in runs), set_apart),
        classes=classes,
    )


def _combined(runs: Sequence[RepeatScore], how: str) -> float:
    return round(combined([run.score for run in runs], how), 12)


def _cases(metric: Metric, runs: Sequence[RepeatScore]) -> tuple[CaseScore, ...]:
    """Every case of every repeat; of a `per_set` metric, where a case has no value, only those that were not scored."""
    listed = [_case(run, number, i) for number, run in enumerate(runs) for i in range(len(run.cases))]
    return tuple(case for case in listed if metric.level == "per_case" or case.state != "scored")


def _case(run: RepeatScore, number: int, i: int) -> CaseScore:
    reason = run.failed.get(i)
    state: Literal["scored", "failed", "set_apart"] = "scored" if i in run.counted else "set_apart"
    return CaseScore(
        id=run.cases[i].id,
        subject=run.cases[i].subject,
        repeat=number,
        score=run.raw.get(i),
        value=run.values.get(i),
        state=state if reason is None else "failed",
        reason=reason,
    )


def _is_resampled(metric: Metric, runs: Sequence[RepeatScore]) -> bool:
    """A metric of the whole set has no other interval; a mean has Student's t where subjects are few."""
    return metric.level == "per_set" or min(len(set(run.subjects)) for run in runs) >= intervals.BOOTSTRAP_FROM


def _interval(
    metric: Metric, runs: Sequence[RepeatScore], how: str, overlap: float, drawn: Floats | None
) -> Interval | None:
    """The interval of the combined score, of hidden subjects and of repeats; see `graders.scoring.intervals`."""
    scores = [run.score for run in runs]
    shared = _shared(runs)
    if drawn is not None:
        of_cases = intervals.percentile_interval(drawn)
    else:
        weights = _weights(scores, how)
        samples = [run.by_subject() for run in runs]
        if shared:  # the same subjects in every repeat: one sample of their weighted values
            mixed = sum((w * sample for w, sample in zip(weights, samples, strict=True)), np.zeros(len(samples[0])))
            samples, weights = [mixed], [1.0]
        of_cases = intervals.t_interval(samples, weights)
    half = intervals.repeats_half_width(scores, how, overlap)
    return intervals.joined(combined(scores, how), of_cases, half, redrawn=not shared, within=metric.range)


def _drawn(runs: Sequence[RepeatScore], how: str, seed: int) -> Floats:
    """The combined score in each resample.

    Subjects are drawn once for all repeats that share them, else in each repeat; repeats are combined inside. Only a
    metric of the whole set of classes needs every class in every resample.
    """
    shared = _shared(runs)
    rngs = [np.random.default_rng([seed, number]) for number in range(1 if shared else len(runs))]
    draws = [intervals.cluster_draws(run.subjects, run.strata, rng) for run, rng in zip(runs, rngs, strict=False)]

    def statistic(counts: list[Floats]) -> Floats:
        of_each = counts * len(runs) if shared else counts
        drawn = np.stack([run.resampled(count) for run, count in zip(runs, of_each, strict=True)])
        return np.asarray(np.median(drawn, axis=0) if how == "median" else drawn.mean(axis=0))

    return intervals.resampled_scores(statistic, draws)


def _shared(runs: Sequence[RepeatScore]) -> bool:
    return all(run.cases == runs[0].cases for run in runs)


def _weights(scores: Sequence[float], how: str) -> list[float]:
    """How much each repeat weighs in the combined score: all the same, or the middle one or two."""
    n = len(scores)
    if how == "mean":
        return [1 / n] * n
    ranked = np.argsort(scores, kind="stable")
    middle = {int(ranked[(n - 1) // 2]), int(ranked[n // 2])}
    return [1 / len(middle) if i in middle else 0.0 for i in range(n)]


def _overlap(assignment: Assignment, sets: Sequence[HiddenSet]) -> float:
    """Test cases over training cases where repeats are split from one folder of real data, else 0."""
    if not assignment.data.redraw or assignment.data.path is None:
        return 0.0
    return len(sets[0].cases) / len(next(iter(sets[0].train.values())))


def _seed(run: RepeatScore) -> int:
    """The bootstrap's seed, from the names of the cases: the same for every group, so that groups compare."""
    names = "\n".join(case.id for case in run.cases)
    return int.from_bytes(hashlib.sha256(names.encode()).digest()[:4], "big")


def _evidence(main: Measured, answers: Sequence[Answers]) -> str:
    """For staff: the score of each class, the cases that failed, and what their answers left behind."""
    lines = [f"{case.id} (repeat {case.repeat}): {case.reason}" for case in main.failed[:100]]
    if main.classes:
        by_class = ", ".join(f"{label} {value:.3f}" for label, value in main.classes.items())
        lines.insert(0, f"{main.metric} by class: {by_class}")
    return "\n".join([*lines, *(given.evidence for given in answers if given.evidence)])


def _failed(main: Measured, answers: Sequence[Answers]) -> tuple[FailedCases, ...]:
    """Why cases failed, the commonest reason first."""
    counted = Counter(case.reason for case in main.failed if case.reason is not None)
    return tuple(FailedCases(_cause(reason, answers), count) for reason, count in counted.most_common())


def _cause(reason: str, answers: Sequence[Answers]) -> Cause:
    """The reason with exception and line where they are the same in all cases that failed for it.

    Where they differ from case to case they would say something of each case, so the reason is told alone.
    """
    causes = {
        given.causes.get(place, Cause(reason))
        for given in answers
        for place, failed_for in given.failed.items()
        if failed_for == reason
    }
    return causes.pop() if len(causes) == 1 else Cause(reason)
