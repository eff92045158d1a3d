"""Calibration: trains and scores an assignment's references and trivial baselines, so that its anchors rest on runs.

It is the slow step of a rehearsal: every reference is trained on five draws and answers exactly as a submission does.
Its answers are stored, so that a changed metric costs seconds. It sets no anchor.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean, median

from assignments.assignment import Accuracy, Assignment, Framework
from assignments.data.hidden import HiddenSet
from assignments.data.prepared import Prepared
from assignments.derived.interface import solution_interface
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.load import overridden, references
from graders.authoring.bench import drawn, scored
from graders.authoring.reference_runs import Reference
from graders.authoring.stored_runs import StoredRun
from graders.marks.findings import share_of_points
from graders.metrics import metric_named
from graders.record.answers import Answers
from graders.record.calibration import (
    BASELINES,
    CALIBRATION_DRAWS,
    CALIBRATION_FILE,
    Calibration,
    DrawScores,
    accuracies,
    score_origins,
    stale_parts,
    stored_calibration,
)
from graders.record.rehearsal import Gap
from graders.tasks import task_named

SCORE_TOLERANCE = 1e-4
"""Scores of one draw that differ by no more always agree: they are stored to five decimals."""


def proving_frameworks(assignment: Assignment) -> tuple[Framework, ...]:
    """The frameworks whose references have to reach the anchors.

    NumPy after PyTorch or TensorFlow serves for comparison: its models cannot be probed, and it may be the classic
    method to which deep learning is compared. Named first, it is what the assignment is about.
    """
    if assignment.frameworks[0] == "numpy":
        return assignment.frameworks
    return tuple(name for name in assignment.frameworks if name != "numpy")


def calibrate(
    assignment: Assignment,
    *,
    frameworks: Sequence[str] | None = None,
    on_progress: Callable[[str, int, int], None] = lambda text, done, of: None,
    prepared: Prepared | None = None,
) -> Calibration:
    """Score every reference on every draw, and the baselines, and store both in the assignment's folder.

    A reference whose answers are stored is scored in seconds. Without them, if only the code that draws or scores has
    changed, one draw is trained anew: if its scores agree with the stored ones, these are accepted. Each framework is
    stored as soon as it is done; the scores of the others stay.

    Args:
        prepared: The cases of a finite source; without them they are prepared for every draw.

    Raises:
        UserError: a reference gave no model or left cases without an answer, or the scores cannot be stored.
    """
    path = assignment.folder / CALIBRATION_FILE
    if not os.access(assignment.folder, os.W_OK):
        raise UserError(
            f"{assignment.folder}: may not be written, and {CALIBRATION_FILE} is stored there. Calibrate a copy."
        )
    reference_files = references(assignment)
    chosen = [name for name in reference_files if frameworks is None or name in frameworks]
    one_run = overridden(assignment, run={"mode": "retrain", "seeds": 1})
    interface = solution_interface(assignment)
    sets = [drawn(one_run, interface, draw, prepared) for draw in range(CALIBRATION_DRAWS)]
    calibration = stored_calibration(assignment)[0] or Calibration({}, {}, {}, {}, {})
    if stale_parts(calibration, assignment, BASELINES):
        origins = {**calibration.made_by, BASELINES: score_origins(assignment, BASELINES)}
        calibration = replace(calibration, key="", baselines=baseline_scores(assignment, sets), made_by=origins)
    for number, framework in enumerate(chosen):

        def on_draw(draw: int, before: int = number * CALIBRATION_DRAWS, framework: str = framework) -> None:
            on_progress(f"{framework}: draw {draw + 1}", before + draw, len(chosen) * CALIBRATION_DRAWS)

        reference = Reference(one_run, framework, reference_files[framework], tuple(sets))
        calibration = _with_framework(calibration, reference, on_draw)
        _store(path, calibration)
    return calibration


def _store(path: Path, calibration: Calibration) -> None:
    try:
        replace_file(path, json.dumps(asdict(calibration), indent=2) + "\n")
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}). Make room there and run the same command again: it scores "
            "the answers in your cache and trains nothing twice."
        ) from error


def _with_framework(calibration: Calibration, reference: Reference, on_draw: Callable[[int], None]) -> Calibration:
    """The calibration with one reference scored on every draw."""
    framework = reference.framework
    origins = {**score_origins(reference.assignment, framework), "cases": reference.cases()}
    runs = reference.stored_runs()
    made_by = {**calibration.made_by, framework: origins}
    if len(runs) < CALIBRATION_DRAWS and _only_code_changed(calibration, framework, origins):
        trial = min(runs, default=0)
        runs |= reference.train([trial] if trial not in runs else [], on_draw)
        scores, _ = _scored(reference, {trial: runs[trial]})
        if agreement := _agreement(calibration, framework, trial, scores):
            return replace(calibration, made_by=made_by, accepted={**calibration.accepted, framework: agreement})
    runs |= reference.train([draw for draw in range(CALIBRATION_DRAWS) if draw not in runs], on_draw)
    scores, errors = _scored(reference, runs)
    return replace(
        calibration,
        references={**calibration.references, framework: scores},
        standard_error={**calibration.standard_error, **errors},
        cpu_s={**calibration.cpu_s, framework: [runs[draw].cpu_s for draw in range(CALIBRATION_DRAWS)]},
        versions={**calibration.versions, framework: dict(runs[0].versions)},
        made_by=made_by,
        accepted={name: agreement for name, agreement in calibration.accepted.items() if name != framework},
    )


def _scored(reference: Reference, runs: Mapping[int, StoredRun]) -> tuple[dict[str, list[float]], dict[str, float]]:
    """By criterion: the score on each of the draws, and the mean standard error of one."""
    scores: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    for draw in sorted(runs):
        for name, result in scored(reference.assignment, reference.sets[draw], runs[draw].answers).items():
            scores.setdefault(name, []).append(round(result.measurement.score, 5))
            low, high = result.measurement.interval or (0.0, 0.0)  # None where every case scored the same
            errors.setdefault(name, []).append((high - low) / 3.92)
    return scores, {name: round(fmean(values), 5) for name, values in errors.items()}


def _only_code_changed(calibration: Calibration, framework: str, origins: Mapping[str, str]) -> bool:
    """Whether the stored scores are of the same reference, cases and criteria."""
    stored = calibration.made_by.get(framework, {})
    return framework in calibration.references and all(
        stored.get(part) == origins[part] for part in ("training", "cases", "criteria")
    )


def _agreement(calibration: Calibration, framework: str, draw: int, scores: Mapping[str, Sequence[float]]) -> str:
    """The scores of a draw that was trained anew beside the stored ones; empty where they do not agree.

    They agree within one standard error of a score on one hidden set, the precision to which anchors are set: training
    differs a little from machine to machine.
    """
    lines = []
    for id, (new,) in scores.items():
        old = calibration.references[framework][id][draw]
        if abs(new - old) > max(calibration.standard_error.get(id, 0.0), SCORE_TOLERANCE):
            return ""
        lines.append(f"{id} {new}, stored {old}")
    return f"draw {draw + 1} was trained anew: {'; '.join(lines)}"


def gaps(assignment: Assignment) -> list[Gap]:
    """Whatever the stored calibration does not prove."""
    if not accuracies(assignment):
        return []
    cure = f"medmark rehearse {assignment.id} --calibrate"
    calibration, why = stored_calibration(assignment)
    if calibration is None:
        return [Gap("calibration", CALIBRATION_FILE, why, cure)]
    gaps: list[Gap] = []
    if stale_parts(calibration, assignment, BASELINES):
        gaps.append(Gap("calibration", BASELINES, "were scored on other cases or by other code", cure))
    for framework in (name for name in references(assignment) if name in proving_frameworks(assignment)):
        runs = calibration.references.get(framework)
        if runs is None:
            gaps.append(Gap("calibration", framework, "was not calibrated", cure))
            continue
        if changed := stale_parts(calibration, assignment, framework):
            what = " and ".join(f"{part} changed" for part in changed)
            gaps.append(Gap("calibration", framework, f"its scores are old: {what}", cure))
            continue
        for criterion in accuracies(assignment):
            gaps += _below_distinction(criterion, framework, runs.get(criterion.id, ()))
    return gaps


def _below_distinction(criterion: Accuracy, framework: str, scores: Sequence[float]) -> Iterator[Gap]:
    anchor = criterion.anchors.distinction
    for draw, value in enumerate(scores, 1):
        if criterion.anchors.sign * value < criterion.anchors.sign * anchor:
            what = f"scores {value:.4f} in {criterion.metric} on calibration draw {draw}; distinction is {anchor}"
            yield Gap("calibration", framework, what, "improve the reference, or move the anchor")


def baseline_shares(assignment: Assignment) -> dict[str, float]:
    """The share of the accuracy points that each trivial baseline earns: the median over the draws.

    Without a stored calibration one draw is scored now.
    """
    criteria = accuracies(assignment)
    if not criteria:
        return {}
    calibration, _ = stored_calibration(assignment)
    if calibration is None:
        interface = solution_interface(assignment)
        scores_by_name: Mapping[str, DrawScores] = baseline_scores(assignment, [drawn(assignment, interface, 0)])
    else:
        scores_by_name = calibration.baselines
    possible = sum(criterion.points for criterion in criteria)
    shares = {}
    for name, scores in scores_by_name.items():
        earned = 0.0
        for criterion in criteria:
            typical = median(scores.get(criterion.id) or [criterion.anchors.trivial])
            earned += criterion.points * float(share_of_points(criterion.anchors, assignment.level, typical))
        shares[f"baseline: {name}"] = earned / possible
    return shares


def baseline_scores(assignment: Assignment, sets: Sequence[HiddenSet]) -> dict[str, dict[str, list[float]]]:
    """The scores of answers that use no input, by baseline and criterion."""
    one_run = overridden(assignment, run={"mode": "retrain", "seeds": 1})
    task = task_named(assignment.task)
    scores_by_name: dict[str, dict[str, list[float]]] = {}
    for hidden in sets:
        for name, answer in task.baselines(hidden.train, hidden.truth).items():
            for id, score in scored(one_run, hidden, Answers({task.prediction: answer})).items():
                scores_by_name.setdefault(name, {}).setdefault(id, []).append(round(score.measurement.score, 5))
    return scores_by_name


def proposal(assignment: Assignment) -> Iterator[str]:
    """The anchors that the stored calibration suggests, for each criterion; the author decides.

    Distinction is the worst reference run less one standard error of a hidden set; pass is the best baseline plus one
    standard error; merit lies half-way; reference is the median run.
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
        error = calibration.standard_error.get(criterion.id, 0.0)
        distinction, passing = min(runs) - error, max(blind) + error
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
        for name, scores in by_framework.items():
            listed = ", ".join(f"{score:.4f}" for score in scores)
            yield f"calibration of {criterion.id} in {name}: {listed}"
        yield f"  anchors that it suggests: {{ {anchors_text} }}"
        if passing >= distinction:
            yield "  references and baselines score alike: enlarge the hidden set, or drop the criterion"


def _of(criterion: Accuracy, scores_by_name: Mapping[str, DrawScores]) -> dict[str, Sequence[float]]:
    """The scores of one criterion, by framework or baseline."""
    return {name: values for name, scores in scores_by_name.items() if (values := scores.get(criterion.id))}
