"""Calibration: trains and scores an assignment's references and baselines, so that its anchors rest on runs.

It is the slow step of a rehearsal: every reference is trained on five draws and answers exactly as a submission does.
Its answers are stored, so that a changed metric costs seconds. It sets no anchor.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean, median

from assignments.assignment import Anchors, Assignment
from assignments.baselines import own_baselines
from assignments.data.checked import checked_cases
from assignments.data.hidden import HiddenSet
from assignments.data.prepared import Prepared, Progress
from assignments.data.sources import SOURCES
from assignments.derived.interface import solution_interface
from assignments.errors import UserError, shell_word
from assignments.files import replace_file
from assignments.load import catalogue, find, load, overridden, references
from graders.authoring.anchors import below_distinction, proposal, proving_frameworks, spread_too_far
from graders.authoring.bench import drawn, scored
from graders.authoring.reference_runs import Reference
from graders.authoring.stored_runs import StoredRun
from graders.course.course import assignment_of, load_course
from graders.marks.findings import share_of_points
from graders.metrics import METRICS
from graders.record.answers import Answers
from graders.record.calibration import (
    BASELINES,
    CALIBRATION_DRAWS,
    CALIBRATION_FILE,
    Calibration,
    DrawScores,
    accuracies,
    calibration_path,
    score_origins,
    stale_parts,
    stored_calibration,
)
from graders.record.rehearsal import Gap
from graders.tasks import TASKS, task_named

SCORE_TOLERANCE = 1e-4
"""Scores of one draw that differ by no more always agree: they are stored to five decimals."""


def calibrate(
    assignment: Assignment,
    *,
    frameworks: Sequence[str] | None = None,
    on_progress: Callable[[str, int, int], None] = lambda text, done, of: None,
    prepared: Prepared | None = None,
) -> Calibration:
    """Score every reference and own baseline on every draw, and the trivial baselines, and store all in its folder.

    A reference whose answers are stored is scored in seconds. Without them, if only the code that draws or scores has
    changed, one draw is trained anew: if its scores agree with the stored ones, these are accepted. Each reference is
    stored as soon as it is done; the scores of the others stay.

    Args:
        frameworks: Only references and own baselines in these; None for all.
        prepared: The cases of a finite source; without them they are prepared for every draw.

    Raises:
        UserError: a reference or baseline gave no model or left cases without an answer, or the scores cannot be
            stored.
    """
    path = calibration_path(assignment)
    folder = assignment.folder if assignment.own_data is None else path.parent
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder}: may not be written, and {path.name} is stored there. Calibrate a copy.")
    one_run = overridden(assignment, run={"mode": "retrain", "seeds": 1})
    interface = solution_interface(assignment)
    sets = [drawn(one_run, interface, draw, prepared) for draw in range(CALIBRATION_DRAWS)]
    calibration = stored_calibration(assignment)[0] or Calibration({}, {}, {}, {}, {})
    if stale_parts(calibration, assignment, BASELINES):
        origins = {**calibration.made_by, BASELINES: score_origins(assignment, BASELINES)}
        calibration = replace(calibration, key="", baselines=baseline_scores(assignment, sets), made_by=origins)
    own = own_baselines(assignment)
    current = {each.name: scores for each in own if (scores := calibration.own_baselines.get(each.name))}
    calibration = replace(calibration, own_baselines=current)
    trained = [
        *(Reference(name, one_run, name, path, tuple(sets)) for name, path in references(assignment).items()),
        *(Reference(each.name, one_run, each.framework, each.path, tuple(sets)) for each in own),
    ]
    chosen = [each for each in trained if frameworks is None or each.framework in frameworks]
    for number, reference in enumerate(chosen):

        def on_draw(draw: int, before: int = number * CALIBRATION_DRAWS, name: str = reference.name) -> None:
            on_progress(f"{name}: draw {draw + 1}", before + draw, len(chosen) * CALIBRATION_DRAWS)

        calibration = _with_scores(calibration, reference, on_draw)
        _store(path, calibration)
    return calibration


def calibrate_for_course(
    id: str,
    course: Path,
    *,
    frameworks: Sequence[str] | None = None,
    on_progress: Callable[[str, int, int], None] = lambda text, done, of: None,
    on_reading: Progress = lambda *_: None,
) -> list[str]:
    """Score references and baselines on the cases that a course sets, and return the anchors that they suggest.

    The hidden tests stay proven, on the assignment's own cases. The scores are stored beside the split of the course.

    Raises:
        UserError: the course sets no cases of its own, or as `calibrate`.
    """
    assignment = assignment_of(load_course(course), id)
    if assignment.own_data is None:
        raise UserError(
            f"{course / 'course.toml'}: sets no other cases for {id}, so its anchors are those of the assignment. "
            f"To measure these: medmark rehearse {shell_word(assignment.folder)} --calibrate"
        )
    prepared = checked_cases(assignment, on_reading)
    calibrate(assignment, frameworks=frameworks, on_progress=on_progress, prepared=prepared)
    tables = ", ".join(f"[assignments.{id}.anchors.{criterion.id}]" for criterion in accuracies(assignment))
    return [*proposal(assignment), f"Anchors of your choice belong into {course / 'course.toml'}: {tables}"]


def calibrate_catalogue(on_line: Callable[[str], None]) -> None:
    """Calibrate every assignment that medmark ships, each in its folder; answers in the cache are scored alone."""
    for id in catalogue():
        assignment = load(find(id, Path.cwd()), tasks=TASKS, metrics=METRICS, sources=SOURCES)
        if accuracies(assignment):
            on_line(assignment.title)
            calibrate(assignment, on_progress=lambda text, *_: on_line(f"  {text}"), prepared=checked_cases(assignment))
            for line in (*proposal(assignment), *map(str, gaps(assignment))):
                on_line(line)


def _store(path: Path, calibration: Calibration) -> None:
    try:
        replace_file(path, json.dumps(asdict(calibration), indent=2) + "\n")
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror}). Make room there and run the same command again: it scores "
            "the answers in your cache and trains nothing twice."
        ) from error


def _with_scores(calibration: Calibration, reference: Reference, on_draw: Callable[[int], None]) -> Calibration:
    """The calibration with one reference, or own baseline, scored on every draw."""
    name = reference.name
    origins = {**score_origins(reference.assignment, name), "cases": reference.cases()}
    runs = reference.stored_runs()
    made_by = {**calibration.made_by, name: origins}
    if len(runs) < CALIBRATION_DRAWS and _only_code_changed(calibration, name, origins):
        trial = min(runs, default=0)
        runs |= reference.train([trial] if trial not in runs else [], on_draw)
        scores, _ = _scored(reference, {trial: runs[trial]})
        if agreement := _agreement(calibration, name, trial, scores):
            return replace(calibration, made_by=made_by, accepted={**calibration.accepted, name: agreement})
    runs |= reference.train([draw for draw in range(CALIBRATION_DRAWS) if draw not in runs], on_draw)
    scores, errors = _scored(reference, runs)
    calibration = replace(
        calibration,
        cpu_s={**calibration.cpu_s, name: [runs[draw].cpu_s for draw in range(CALIBRATION_DRAWS)]},
        versions={**calibration.versions, name: dict(runs[0].versions)},
        made_by=made_by,
        accepted={other: agreement for other, agreement in calibration.accepted.items() if other != name},
    )
    if name != reference.framework:
        return replace(calibration, own_baselines={**calibration.own_baselines, name: scores})
    return replace(
        calibration,
        references={**calibration.references, name: scores},
        standard_error={**calibration.standard_error, **errors},
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


def _only_code_changed(calibration: Calibration, name: str, origins: Mapping[str, str]) -> bool:
    """Whether the stored scores are of the same reference, cases and criteria."""
    stored = calibration.made_by.get(name, {})
    return name in calibration.trained and all(
        stored.get(part) == origins[part] for part in ("training", "cases", "criteria")
    )


def _agreement(calibration: Calibration, name: str, draw: int, scores: Mapping[str, Sequence[float]]) -> str:
    """The scores of a draw that was trained anew beside the stored ones; empty where they do not agree.

    They agree within one standard error of a score on one hidden set, the precision to which anchors are set: training
    differs a little from machine to machine.
    """
    lines = []
    for id, (new,) in scores.items():
        old = calibration.trained[name][id][draw]
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
    proving = [name for name in references(assignment) if name in proving_frameworks(assignment)]
    for name in (*proving, *(baseline.name for baseline in own_baselines(assignment))):
        runs = calibration.trained.get(name)
        if runs is None:
            gaps.append(Gap("calibration", name, "was not calibrated", cure))
        elif changed := stale_parts(calibration, assignment, name):
            what = " and ".join(f"{part} changed" for part in changed)
            gaps.append(Gap("calibration", name, f"its scores are old: {what}", cure))
        elif name in proving:
            for criterion in accuracies(assignment):
                scores = runs.get(criterion.id, ())
                gaps += below_distinction(criterion, name, scores)
                gaps += spread_too_far(assignment, criterion, name, scores)
    return gaps


def baseline_shares(assignment: Assignment) -> dict[str, float]:
    """The share of the accuracy points that each trivial baseline earns: the median over the draws.

    Without a stored calibration one draw is scored now.
    """
    criteria = [(item, item.anchors) for item in accuracies(assignment) if isinstance(item.anchors, Anchors)]
    if not criteria:
        return {}
    calibration, _ = stored_calibration(assignment)
    if calibration is None:
        interface = solution_interface(assignment)
        scores_by_name: Mapping[str, DrawScores] = baseline_scores(assignment, [drawn(assignment, interface, 0)])
    else:
        scores_by_name = calibration.baselines
    possible = sum(criterion.points for criterion, _ in criteria)
    shares = {}
    for name, scores in scores_by_name.items():
        earned = 0.0
        for criterion, anchors in criteria:
            typical = median(scores.get(criterion.id) or [anchors.trivial])
            earned += criterion.points * float(share_of_points(anchors, assignment.level, typical))
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
