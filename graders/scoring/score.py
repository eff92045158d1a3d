"""The score of an accuracy criterion, with its interval, from stored answers and hidden truths.

The result has every case's value, so that a change of anchors or caps needs no new scoring. `graders.marks` gives
points.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from assignments.assignment import Accuracy, Assignment
from assignments.data.cases import Case
from assignments.data.hidden import HiddenSet
from assignments.errors import UserError
from graders.failures import DataFailure, ToolkitFailure
from graders.metrics import Floats, Metric, metric_named
from graders.record.answers import Answers
from graders.record.documents import CaseScore, Cause, FailedCases, FalsePositives, Measured, ScoreResult
from graders.scoring import intervals
from graders.scoring.caps import combined
from graders.scoring.forms import MAY_BE_EMPTY, each_class, form_of, readable
from graders.scoring.intervals import Interval, packed
from graders.scoring.repeat import CASES, WHOLE, RepeatScore, case_part, score_repeat
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
    """Scores one accuracy criterion over all repeats. A toolkit failure gives `unknown`, never a zero.

    `on_part` is called with the name of the part that comes next: `CASES`, or with `one_by_one` each case
    (`case_part`), and `WHOLE` for the work that belongs to no case.

    Raises:
        MemoryError: the part that began last needed more memory than there is.
    """
    try:
        return _scored(assignment, criterion, sets, answers, on_part, one_by_one)
    except ToolkitFailure as failure:
        return ScoreResult("unknown", Cause(failure.reason), evidence=str(failure))


def check_criterion(assignment: Assignment, criterion: Accuracy) -> None:
    """Raises `UserError` for a criterion that cannot be scored or marked; the text says where and how to correct it."""
    where = f"{assignment.folder / 'assignment.toml'}, criterion {criterion.id!r}"
    try:
        task = task_named(assignment.task)
        metrics = {name: _metric(task, name, assignment.folder, criterion) for name in criterion.metrics}
        conditions = [cap.condition for cap in criterion.caps]
    except (ValueError, UserError) as error:
        raise UserError(f"{where}: {error}") from error
    for condition in conditions:
        if condition.count is not None and metrics[condition.metric].level == "per_set":
            raise UserError(f"{where}: {condition.metric} has no value per case; write {condition.metric} < VALUE.")
    if criterion.costs is not None and not any(metric.costs for metric in metrics.values()):
        raise UserError(f'{where}: costs are for metric = "expected_cost"; use that metric, or remove the costs.')
    main = metrics[criterion.metric]
    rising = criterion.anchors.rising
    if rising != main.rising:
        raise UserError(
            f"{where}: {main.better} is better for {main.name}, but the anchors "
            f"{'rise' if rising else 'fall'} from trivial to ceiling; reverse them."
        )
    if criterion.empty_reference == "separate" and (form_of(task, main) or main.reads) not in MAY_BE_EMPTY:
        raise UserError(
            f'{where}: empty_reference = "separate" is for metrics of masks, maps of labels or instances; '
            f"{main.name} reads predictions as {main.reads}. Remove it."
        )
    if criterion.absent == "one" and "labels" not in task.forms:
        raise UserError(f'{where}: absent = "one" is for maps of labels; {task.name} has none. Remove it.')


def _metric(task: Task, name: str, folder: Path, criterion: Accuracy) -> Metric:
    metric = metric_named(name, folder, criterion.costs)
    if not readable(task, metric):
        if metric.classes is not None:
            raise ValueError(f"metric {name} is for one class of a map of labels; {task.name} has no maps of labels.")
        offered = " or ".join(task.forms)
        reads = " or ".join(filter(None, (metric.reads, metric.also_reads)))
        raise ValueError(f"metric {name} reads predictions as {reads}; {task.name} offers {offered}.")
    if form_of(task, metric) == "probability" and "class" not in task.forms and ":" not in name:
        raise ValueError(f"metric {name} is for probabilities of classes; {task.name} has probabilities of voxels.")
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
    measured: dict[str, Measured] = {}
    for name in criterion.metrics:
        metric = _metric(task, name, assignment.folder, criterion)
        repeats = _repeats(task, metric, criterion, sets, answers, on_part, one_by_one)
        classes = {}
        for of_class in each_class(task, metric, sets):
            assert of_class.classes is not None
            scores = _repeats(task, of_class, criterion, sets, answers, on_part, one_by_one)
            classes[f"class{of_class.classes[0]}"] = _combined(scores, assignment.run.combine)
        measured[name] = _measured(assignment, metric, repeats, _overlap(assignment, sets), classes)
    main = measured.pop(criterion.metric)
    failed = _failed(main, answers)
    all_failed = sum(part.count for part in failed) == main.case_count
    return ScoreResult(
        "passed",
        Cause(failed[0].cause.reason) if all_failed else None,
        main,
        measured,
        failed,
        next((stored.cause_detail for stored in answers if stored.cause_detail), ""),
        evidence=_evidence(main, answers),
    )


def _repeats(
    task: Task,
    metric: Metric,
    criterion: Accuracy,
    sets: Sequence[HiddenSet],
    answers: Sequence[Answers],
    on_part: Callable[[str], None],
    one_by_one: bool,
) -> list[RepeatScore]:
    """The score of each repeat under one metric."""
    on_part(CASES if metric.level == "per_case" else WHOLE)
    repeats = [
        score_repeat(
            task,
            metric,
            stored,
            hidden,
            separate=criterion.empty_reference == "separate",
            absent=criterion.absent,
            on_case=_on_case(on_part, number) if one_by_one else None,
        )
        for number, (stored, hidden) in enumerate(zip(answers, sets, strict=True))
    ]
    on_part(WHOLE)
    return repeats


def _on_case(on_part: Callable[[str], None], number: int) -> Callable[[Case | None], None]:
    """`on_part` for the cases of one repeat, and for the work after them."""
    return lambda case: on_part(WHOLE if case is None else case_part(number, case.id))


def _measured(
    assignment: Assignment, metric: Metric, repeats: Sequence[RepeatScore], overlap: float, classes: Mapping[str, float]
) -> Measured:
    """One metric over all repeats: the score, its interval and the cases."""
    how = assignment.run.combine
    seed = _seed(repeats[0])
    drawn = _drawn(repeats, how, seed) if _is_resampled(metric, repeats) else None
    between = _interval(metric, repeats, how, overlap, drawn)
    placements = repeats[0].placements if len(repeats) == 1 else None
    set_apart = sum(len(repeat.cases) - len(repeat.counted) for repeat in repeats)
    return Measured(
        metric=metric.name,
        better=metric.better,
        unit=metric.unit,
        score=_combined(repeats, how),
        interval=None if between is None else (round(between[0], 12), round(between[1], 12)),
        combine=how,
        bootstrap_seed=None if drawn is None else seed,
        # For a metric of cases, `cases` below is enough to draw the resamples again.
        drawn=packed(drawn) if drawn is not None and metric.level == "per_set" else None,
        placements=None if placements is None else (packed(placements[0]), packed(placements[1])),
        repeats=tuple(round(repeat.score, 12) for repeat in repeats),
        case_count=sum(len(repeat.cases) for repeat in repeats),
        subjects=min(len(set(repeat.subjects)) for repeat in repeats),
        cases=_cases(metric, repeats),
        false_positives=FalsePositives(sum(repeat.false_positives for repeat in repeats), set_apart),
        classes=classes,
    )


def _combined(repeats: Sequence[RepeatScore], how: str) -> float:
    return round(combined([repeat.score for repeat in repeats], how), 12)


def _cases(metric: Metric, repeats: Sequence[RepeatScore]) -> tuple[CaseScore, ...]:
    """Every case of every repeat; for a `per_set` metric, whose cases have no values, only those not scored."""
    listed = [_case(repeat, number, i) for number, repeat in enumerate(repeats) for i in range(len(repeat.cases))]
    return tuple(case for case in listed if metric.level == "per_case" or case.state != "scored")


def _case(repeat: RepeatScore, number: int, i: int) -> CaseScore:
    reason = repeat.failed.get(i)
    state: Literal["scored", "failed", "set_apart"] = "scored" if i in repeat.counted else "set_apart"
    return CaseScore(
        id=repeat.cases[i].id,
        subject=repeat.cases[i].subject,
        repeat=number,
        score=repeat.raw.get(i),
        value=repeat.values.get(i),
        state=state if reason is None else "failed",
        reason=reason,
    )


def _is_resampled(metric: Metric, repeats: Sequence[RepeatScore]) -> bool:
    """Whether the interval comes from resamples: for a metric of the whole set, or for a mean over many subjects."""
    return metric.level == "per_set" or min(len(set(repeat.subjects)) for repeat in repeats) >= intervals.BOOTSTRAP_FROM


def _interval(
    metric: Metric, repeats: Sequence[RepeatScore], how: str, overlap: float, drawn: Floats | None
) -> Interval | None:
    """The interval of the combined score, over hidden subjects and over repeats; see `graders.scoring.intervals`."""
    scores = [repeat.score for repeat in repeats]
    shared = _shared(repeats)
    if drawn is not None:
        of_cases = intervals.percentile_interval(drawn)
    else:
        weights = _weights(scores, how)
        samples = [repeat.by_subject() for repeat in repeats]
        if shared:  # every repeat has the same subjects: their weighted values are one sample
            mixed = sum((w * sample for w, sample in zip(weights, samples, strict=True)), np.zeros(len(samples[0])))
            samples, weights = [mixed], [1.0]
        of_cases = intervals.t_interval(samples, weights)
    half = intervals.repeats_half_width(scores, how, overlap)
    return intervals.joined(combined(scores, how), of_cases, half, redrawn=not shared, within=metric.range)


def _drawn(repeats: Sequence[RepeatScore], how: str, seed: int) -> Floats:
    """The combined score in each resample.

    Repeats with the same subjects share the draws; otherwise each repeat has its own. The repeats are combined within
    each resample. Only a metric of a whole set of classes needs every class in every resample.
    """
    shared = _shared(repeats)
    rngs = [np.random.default_rng([seed, number]) for number in range(1 if shared else len(repeats))]
    draws = [
        intervals.cluster_draws(repeat.subjects, repeat.strata, rng) for repeat, rng in zip(repeats, rngs, strict=False)
    ]

    def statistic(counts: list[Floats]) -> Floats:
        of_each = counts * len(repeats) if shared else counts
        drawn = np.stack([repeat.resampled(count) for repeat, count in zip(repeats, of_each, strict=True)])
        return np.asarray(np.median(drawn, axis=0) if how == "median" else drawn.mean(axis=0))

    return intervals.resampled_scores(statistic, draws)


def _shared(repeats: Sequence[RepeatScore]) -> bool:
    return all(repeat.cases == repeats[0].cases for repeat in repeats)


def _weights(scores: Sequence[float], how: str) -> list[float]:
    """The weight of each repeat in the combined score: equal for a mean; for a median, the middle repeats alone."""
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


def _seed(repeat: RepeatScore) -> int:
    """The bootstrap's seed, from the names of the cases: all groups have the same seed, which makes them comparable."""
    names = "\n".join(case.id for case in repeat.cases)
    return int.from_bytes(hashlib.sha256(names.encode()).digest()[:4], "big")


def _evidence(main: Measured, answers: Sequence[Answers]) -> str:
    """For staff: the score of each class, the failed cases, and the evidence of the answers."""
    lines = [f"{case.id} (repeat {case.repeat}): {case.reason}" for case in main.failed[:100]]
    if main.classes:
        by_class = ", ".join(f"{label} {value:.3f}" for label, value in main.classes.items())
        lines.insert(0, f"{main.metric} by class: {by_class}")
    return "\n".join([*lines, *(stored.evidence for stored in answers if stored.evidence)])


def _failed(main: Measured, answers: Sequence[Answers]) -> tuple[FailedCases, ...]:
    """Why cases failed, the commonest reason first."""
    counted = Counter(case.reason for case in main.failed if case.reason is not None)
    return tuple(FailedCases(_cause(reason, answers), count) for reason, count in counted.most_common())


def _cause(reason: str, answers: Sequence[Answers]) -> Cause:
    """The reason, with exception and line where these are the same in all cases that failed for it.

    Where they differ, they would tell students about single cases; then the cause is the reason alone.
    """
    causes = {
        stored.causes.get(index, Cause(reason))
        for stored in answers
        for index, failed_for in stored.failed.items()
        if failed_for == reason
    }
    return causes.pop() if len(causes) == 1 else Cause(reason)
