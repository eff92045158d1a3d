"""Calibration: what an assignment's references and trivial baselines score, so that its anchors rest on runs.

It is the heavy step of a rehearsal: every reference is trained on five draws and asked exactly as a submission is. Its
answers are kept, so that a changed metric costs seconds. It sets no anchor.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from statistics import fmean, median

from assignments.assignment import Accuracy, Assignment, Framework
from assignments.data.hidden import HiddenSet
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.interface import read_interface
from assignments.load import overridden, references
from graders.authoring.bench import drawn, scored
from graders.authoring.kept_answers import Run
from graders.authoring.reference_runs import Reference
from graders.marks.mark import share_of_points
from graders.metrics import metric_named
from graders.record.answers import Answers
from graders.record.calibration import (
    BASELINES,
    DRAWS,
    FILE,
    Calibration,
    Scores,
    accuracies,
    made_by,
    stale,
    stored,
)
from graders.record.rehearsal import Gap
from graders.tasks import task_named

CLOSE = 1e-4
"""Scores of one draw that differ by no more agree in any case: they are stored to five places."""


def held(assignment: Assignment) -> tuple[Framework, ...]:
    """The frameworks whose references have to prove themselves.

    Beside PyTorch and TensorFlow, NumPy is there for comparison: its models cannot be probed, and it may be the
    classic method that deep learning is measured against.
    """
    deep = tuple(name for name in assignment.frameworks if name != "numpy")
    return deep or assignment.frameworks


def calibrate(
    assignment: Assignment,
    *,
    frameworks: Sequence[str] | None = None,
    told: Callable[[str, int, int], None] = lambda text, done, of: None,
) -> Calibration:
    """Score every reference on every draw, and the baselines, and store both in the assignment's folder.

    A reference whose answers are kept is scored in seconds. Where they are not kept and only the code that draws or
    scores has changed, one draw is trained anew: if it agrees with the stored scores, these are accepted. Each
    framework is stored as soon as it is done; what is stored for the others stays.

    Raises:
        UserError: a reference made no model, or left cases without an answer; or the scores cannot be stored.
    """
    path = assignment.folder / FILE
    if not os.access(assignment.folder, os.W_OK):
        raise UserError(f"{assignment.folder}: may not be written, and {FILE} is stored there. Calibrate a copy of it.")
    found = references(assignment)
    chosen = [name for name in found if frameworks is None or name in frameworks]
    asked = overridden(assignment, run={"mode": "retrain", "seeds": 1})
    interface = read_interface(assignment.folder / "interface.py")
    sets = [drawn(asked, interface, draw) for draw in range(DRAWS)]
    known = stored(assignment)[0] or Calibration({}, {}, {}, {}, {})
    if stale(known, assignment, BASELINES):
        made = {**known.made_by, BASELINES: made_by(assignment, BASELINES)}
        known = replace(known, key="", baselines=baseline_scores(assignment, sets), made_by=made)
    for number, framework in enumerate(chosen):

        def begun(draw: int, before: int = number * DRAWS, framework: str = framework) -> None:
            told(f"{framework}: draw {draw + 1}", before + draw, len(chosen) * DRAWS)

        known = _with_framework(known, Reference(asked, framework, found[framework], tuple(sets)), begun)
        try:
            replace_file(path, json.dumps(asdict(known), indent=2) + "\n")
        except OSError as error:
            raise UserError(
                f"{path}: cannot be written ({error.strerror}). Make room there and run the same command again: "
                "what is kept in your cache is scored again, not trained."
            ) from error
    return known


def _with_framework(known: Calibration, reference: Reference, begun: Callable[[int], None]) -> Calibration:
    """The calibration with one reference scored on every draw."""
    framework = reference.framework
    made = {**made_by(reference.assignment, framework), "cases": reference.cases()}
    runs = reference.kept()
    made_all = {**known.made_by, framework: made}
    if len(runs) < DRAWS and _only_code_changed(known, framework, made):
        trial = min(runs, default=0)
        runs |= reference.trained([trial] if trial not in runs else [], begun)
        scores, _ = _scored(reference, {trial: runs[trial]})
        if said := _agreement(known, framework, trial, scores):
            return replace(known, made_by=made_all, accepted={**known.accepted, framework: said})
    runs |= reference.trained([draw for draw in range(DRAWS) if draw not in runs], begun)
    scores, errors = _scored(reference, runs)
    return replace(
        known,
        references={**known.references, framework: scores},
        standard_error={**known.standard_error, **errors},
        cpu_s={**known.cpu_s, framework: [runs[draw].cpu_s for draw in range(DRAWS)]},
        versions={**known.versions, framework: dict(runs[0].versions)},
        made_by=made_all,
        accepted={name: said for name, said in known.accepted.items() if name != framework},
    )


def _scored(reference: Reference, runs: Mapping[int, Run]) -> tuple[dict[str, list[float]], dict[str, float]]:
    """By criterion: the score on each of the draws, and the mean standard error of one."""
    scores: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    for draw in sorted(runs):
        for name, found in scored(reference.assignment, reference.sets[draw], runs[draw].answers).items():
            scores.setdefault(name, []).append(round(found.known.score, 5))
            low, high = found.known.interval or (0.0, 0.0)  # None where every case scored the same
            errors.setdefault(name, []).append((high - low) / 3.92)
    return scores, {name: round(fmean(values), 5) for name, values in errors.items()}


def _only_code_changed(known: Calibration, framework: str, made: Mapping[str, str]) -> bool:
    """Whether the stored scores are of the same reference, the same cases and the same criteria."""
    before = known.made_by.get(framework, {})
    return framework in known.references and all(
        before.get(part) == made[part] for part in ("training", "cases", "criteria")
    )


def _agreement(known: Calibration, framework: str, draw: int, scores: Mapping[str, Sequence[float]]) -> str:
    """How far a draw that was trained anew is off the stored scores; empty where they do not agree.

    They agree within one standard error of a score on one hidden set, which is how exactly anchors are placed:
    training differs a little from one machine to the next.
    """
    said = []
    for id, (new,) in scores.items():
        old = known.references[framework][id][draw]
        if abs(new - old) > max(known.standard_error.get(id, 0.0), CLOSE):
            return ""
        said.append(f"{id} {new}, stored {old}")
    return f"draw {draw + 1} was trained anew: {'; '.join(said)}"


def gaps(assignment: Assignment) -> list[Gap]:
    """What the stored calibration does not prove."""
    if not accuracies(assignment):
        return []
    cure = f"medmark rehearse {assignment.id} --calibrate"
    calibration, why = stored(assignment)
    if calibration is None:
        return [Gap("calibration", FILE, why, cure)]
    found = []
    if stale(calibration, assignment, BASELINES):
        found.append(Gap("calibration", BASELINES, "were scored on other cases, or by other code", cure))
    for framework in (name for name in references(assignment) if name in held(assignment)):
        runs = calibration.references.get(framework)
        if runs is None:
            found.append(Gap("calibration", framework, "was not calibrated", cure))
            continue
        if changed := stale(calibration, assignment, framework):
            what = " and ".join(f"{part} changed" for part in changed)
            found.append(Gap("calibration", framework, f"its scores are old: {what}", cure))
            continue
        for criterion in accuracies(assignment):
            found += _below_distinction(criterion, framework, runs.get(criterion.id, ()))
    return found


def _below_distinction(criterion: Accuracy, framework: str, scores: Sequence[float]) -> Iterator[Gap]:
    anchor = criterion.anchors.distinction
    for draw, value in enumerate(scores, 1):
        if criterion.anchors.sign * value < criterion.anchors.sign * anchor:
            what = f"scores {value:.4f} in {criterion.metric} on calibration draw {draw}; distinction is {anchor}"
            yield Gap("calibration", framework, what, "improve the reference, or move the anchor")


def baseline_shares(assignment: Assignment) -> dict[str, float]:
    """Share of the accuracy points that each trivial baseline earns: the median over the draws.

    Without a stored calibration one draw is scored now.
    """
    criteria = accuracies(assignment)
    if not criteria:
        return {}
    calibration, _ = stored(assignment)
    if calibration is None:
        interface = read_interface(assignment.folder / "interface.py")
        found: Mapping[str, Scores] = baseline_scores(assignment, [drawn(assignment, interface, 0)])
    else:
        found = calibration.baselines
    possible = sum(criterion.points for criterion in criteria)
    shares = {}
    for name, scores in found.items():
        earned = 0.0
        for criterion in criteria:
            typical = median(scores.get(criterion.id) or [criterion.anchors.trivial])
            earned += criterion.points * float(share_of_points(criterion.anchors, assignment.level, typical))
        shares[f"baseline: {name}"] = earned / possible
    return shares


def baseline_scores(assignment: Assignment, sets: Sequence[HiddenSet]) -> dict[str, dict[str, list[float]]]:
    """Scores of answers that look at no input, by name and criterion."""
    asked = overridden(assignment, run={"mode": "retrain", "seeds": 1})
    task = task_named(assignment.task)
    found: dict[str, dict[str, list[float]]] = {}
    for hidden in sets:
        for name, answer in task.baselines(hidden.train, hidden.truth).items():
            for id, score in scored(asked, hidden, Answers({task.prediction: answer})).items():
                found.setdefault(name, {}).setdefault(id, []).append(round(score.known.score, 5))
    return found


def proposal(assignment: Assignment) -> Iterator[str]:
    """Anchors that the stored calibration speaks for, a line a criterion; an author decides.

    Distinction is the worst reference run less one standard error of a hidden set, pass the best baseline and one
    standard error, merit half-way, reference the median run.
    """
    calibration, _ = stored(assignment)
    for criterion in accuracies(assignment) if calibration else ():
        assert calibration is not None
        metric = metric_named(criterion.metric, assignment.folder, criterion.costs)
        sign = 1 if metric.rising else -1
        by_framework = _of(criterion, calibration.references)
        runs = [sign * score for name in held(assignment) for score in by_framework.get(name, ())]
        blind = [sign * median(scores) for scores in _of(criterion, calibration.baselines).values()]
        if not runs or not blind:  # it was not there yet
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
        words = ", ".join(f"{name} = {sign * value:.3f}" for name, value in anchors.items())
        for name, scores in by_framework.items():
            listed = ", ".join(f"{score:.4f}" for score in scores)
            yield f"calibration of {criterion.id} in {name}: {listed}"
        yield f"  anchors it speaks for: {{ {words} }}"
        if passing >= distinction:
            yield "  it does not tell references from baselines: enlarge the hidden set, or drop the criterion"


def _of(criterion: Accuracy, known: Mapping[str, Scores]) -> dict[str, Sequence[float]]:
    """The scores of one criterion, by framework or baseline."""
    return {name: found for name, scores in known.items() if (found := scores.get(criterion.id))}
