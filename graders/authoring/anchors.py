"""What stored scores say about an accuracy criterion: whether references reach its anchors, and which anchors fit.

The author decides: no anchor is set here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from assignments.assignment import Accuracy, Assignment, Framework, Unanchored
from graders.metrics import metric_named
from graders.record.calibration import DrawScores, accuracies, stored_calibration
from graders.record.rehearsal import Gap


def proving_frameworks(assignment: Assignment) -> tuple[Framework, ...]:
    """The frameworks whose references have to reach the anchors.

    NumPy after PyTorch or TensorFlow serves for comparison: its models cannot be probed, and it may be the classic
    method to which deep learning is compared. Named first, it is what the assignment is about.
    """
    if assignment.frameworks[0] == "numpy":
        return assignment.frameworks
    return tuple(name for name in assignment.frameworks if name != "numpy")


def below_distinction(criterion: Accuracy, framework: str, scores: Sequence[float]) -> Iterator[Gap]:
    """A gap for each draw on which a reference misses distinction."""
    if isinstance(criterion.anchors, Unanchored):
        return
    anchor = criterion.anchors.distinction
    for draw, value in enumerate(scores, 1):
        if criterion.anchors.sign * value < criterion.anchors.sign * anchor:
            what = f"scores {value:.4f} in {criterion.metric} on calibration draw {draw}; distinction is {anchor}"
            yield Gap("calibration", framework, what, "improve the reference, or move the anchor")


def spread_too_far(
    assignment: Assignment, criterion: Accuracy, framework: str, scores: Sequence[float]
) -> Iterator[Gap]:
    """A gap where chance moves a mark by more than a third of the way from a pass to the reference."""
    if len(scores) < 2 or isinstance(criterion.anchors, Unanchored):
        return
    reach = criterion.anchors.sign * (median(scores) - criterion.anchors.pass_)
    spread = (max(scores) - min(scores)) * _share_of_spread(assignment)
    if 0 < reach < 3 * spread:
        what = (
            f"marks in {criterion.metric} spread by {spread:.3f} from draw to draw, more than a third of the way from "
            f"pass to the reference ({reach:.3f}): chance decides too much"
        )
        cure = (
            "enlarge the hidden set, mark the mean of several runs (run.seeds with data.redraw), or drop the criterion "
            "and give its points to hidden tests"
        )
        yield Gap("calibration", framework, what, cure)


def _share_of_spread(assignment: Assignment) -> float:
    """The share of the spread of single runs that is left in a mark: less than 1 where every repeat draws its own data.

    For n repeats it is that of the standard deviation: 1 / sqrt(n) for their mean, and for the median of a normal
    distribution sqrt(pi / 2n).
    """
    run = assignment.run
    if run.mode != "retrain" or not assignment.data.redraw:
        return 1.0
    is_mean = run.combine == "mean" or run.seeds < 3
    return math.sqrt((1 if is_mean else math.pi / 2) / run.seeds)


def proposal(assignment: Assignment) -> Iterator[str]:
    """The anchors that the stored calibration suggests, for each criterion; the author decides.

    Distinction is the worst reference run less one standard error of a hidden set; pass is the best baseline, trivial
    or own, plus one standard error; merit lies half-way; reference is the median run.
    """
    calibration, _ = stored_calibration(assignment)
    for criterion in accuracies(assignment) if calibration else ():
        assert calibration is not None
        metric = metric_named(criterion.metric, assignment.folder, criterion.costs)
        sign = 1 if metric.rising else -1
        by_framework = _of(criterion, calibration.references)
        runs = [sign * score for name in proving_frameworks(assignment) for score in by_framework.get(name, ())]
        blind = [sign * median(scores) for scores in _of(criterion, calibration.baselines).values()]
        if not runs or not blind:  # the criterion is newer than the calibration
            continue
        by_baseline = _of(criterion, calibration.own_baselines)
        own = [sign * median(scores) for scores in by_baseline.values()]
        error = calibration.standard_error.get(criterion.id, 0.0)
        distinction, passing = min(runs) - error, max([*blind, *own]) + error
        best = sign * metric.range[1 if sign == 1 else 0]
        middle = median(runs)
        anchors = {
            "trivial": max(blind),
            "pass": passing,
            "merit": (passing + distinction) / 2,
            "distinction": distinction,
            "reference": middle,
            "ceiling": min(best, middle + 2 * (middle - distinction)),
        }
        anchors_text = ", ".join(f"{name} = {sign * value:.3f}" for name, value in anchors.items())
        for name, scores in {**by_framework, **by_baseline}.items():
            listed = ", ".join(f"{score:.4f}" for score in scores)
            yield f"calibration of {criterion.id} {'by' if name in by_baseline else 'in'} {name}: {listed}"
        for name, scores in by_baseline.items():
            if sign * median(scores) > middle:
                yield f"  {name} beats the references: {median(scores):.4f} against {sign * middle:.4f} in the median"
        if all(round(a, 3) < round(b, 3) for a, b in itertools.pairwise(anchors.values())):
            yield f"  anchors that it suggests: {{ {anchors_text} }}"
        elif passing < distinction:
            yield (
                f"  it suggests no anchors: they would leave no room for better and worse ({anchors_text}). "
                "Enlarge the hidden set, or make the task harder."
            )
        else:
            yield (
                f"  it suggests no anchors: the task does not tell references from baselines (pass would be "
                f"{sign * passing:.3f}, distinction {sign * distinction:.3f}). Enlarge the hidden set, make the task "
                "harder, or drop the criterion and give its points to hidden tests."
            )


def _of(criterion: Accuracy, scores_by_name: Mapping[str, DrawScores]) -> dict[str, Sequence[float]]:
    """The scores of one criterion, by framework or baseline."""
    return {name: values for name, scores in scores_by_name.items() if (values := scores.get(criterion.id))}
