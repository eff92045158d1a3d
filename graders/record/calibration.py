"""The stored calibration: what references and trivial baselines scored, and whether that still holds.

calibration.json lies in the assignment's folder. Nothing is trained or scored here: `graders.authoring.calibrate`.

Each part knows what it was made by, apart from each other: what trains a reference, what draws the cases, what a
criterion declares, and what scores. So a changed metric asks for new scores of the same answers, and of nothing else.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

from assignments.assignment import Accuracy, Assignment, Framework
from assignments.digests import code_digest, digest_of
from assignments.load import references
from graders.record.documents import first_problem
from graders.record.keys import drawing, measuring
from graders.wall.wire import WIRE

FILE = "calibration.json"
DRAWS = 5
BASELINES = "baselines"
"""Beside the frameworks in `Calibration.made_by`."""
_OF_TRAINING = ("cpu_s", "memory_mb", "reply_mb", "log_kb", "scratch_mb", "scratch_files", "processes", "gpus")
"""The limits that a reference is trained and asked under."""

Scores = Mapping[str, Sequence[float]]
"""By accuracy criterion: the score on each draw."""


@dataclass(frozen=True)
class Calibration:
    """Scores of references and baselines on the calibration draws."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True}

    references: Mapping[str, Scores]
    """By framework."""
    baselines: Mapping[str, Scores]
    """By name."""
    standard_error: Mapping[str, float]
    """By criterion: of one score on one hidden set."""
    cpu_s: Mapping[str, Sequence[float]]
    """By framework: CPU seconds of each run."""
    versions: Mapping[str, Mapping[str, str]]
    """By framework: what it was run with."""
    made_by: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By framework, and of the baselines: digests of what the scores followed from, see `made_by`."""
    accepted: Mapping[str, str] = field(default_factory=dict)
    """By framework whose stored scores were accepted after one draw was trained anew: how far that draw was off."""
    key: str = ""
    """In files of older versions, one digest of all of this."""


def stored(assignment: Assignment) -> tuple[Calibration | None, str]:
    """The stored calibration, fresh or stale; without one, why not."""
    from pydantic import TypeAdapter, ValidationError

    try:
        found: Calibration = TypeAdapter(Calibration).validate_json((assignment.folder / FILE).read_bytes())
    except FileNotFoundError:
        return None, "is missing"
    except ValidationError as error:
        return None, f"cannot be read: {first_problem(error)}"
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"
    scores = chain(*(by_id.values() for by_id in (*found.references.values(), *found.baselines.values())))
    if any(math.isnan(score) for score in chain(*scores)):
        return None, "cannot be read: a score is not a number"
    return found, ""


def fresh(assignment: Assignment) -> Calibration | None:
    """Of the stored calibration what still holds; None where nothing does."""
    calibration, _ = stored(assignment)
    if calibration is None:
        return None
    holding = [name for name in references(assignment) if not stale(calibration, assignment, name)]
    scores = {str(name): calibration.references[name] for name in holding if name in calibration.references}
    baselines = {} if stale(calibration, assignment, BASELINES) else calibration.baselines
    return replace(calibration, references=scores, baselines=baselines) if scores or baselines else None


def stale(calibration: Calibration, assignment: Assignment, name: str) -> tuple[str, ...]:
    """What the scores of a framework, or `BASELINES`, were made by and that has changed since: keys of `made_by`."""
    now = made_by(assignment, name)
    then = calibration.made_by.get(name, {})
    return tuple(part for part, digest in now.items() if then.get(part) != digest)


def made_by(assignment: Assignment, name: str) -> dict[str, str]:
    """What the scores of a framework's reference, or of the `BASELINES`, follow from, as digests.

    `training` is what makes the answers once cases are drawn, `drawing` what draws them, `criteria` what the criteria
    declare, `scoring` the code that turns answers into scores. How frames are carried changes no answer, so the wire
    counts by its version alone; anchors, points and caps are read later.
    """
    accuracy = [measuring(assignment, criterion) for criterion in accuracies(assignment)]
    declared = [{name: part for name, part in one.items() if not name.startswith("files")} for one in accuracy]
    digests = {
        "drawing": digest_of(
            code=drawing(assignment),
            data=assignment.data.model_dump(mode="json", exclude={"path", "per_call"}),
            draws=[hashlib.sha256(secret_of(draw)).hexdigest() for draw in range(DRAWS)],
        ),
        "criteria": digest_of(task=assignment.task, criteria=declared),
        "scoring": digest_of(files=[one["files"] | one["files_of_own"] for one in accuracy]),
    }
    if name == BASELINES:
        return digests
    return {"training": training(assignment, references(assignment)[_framework(assignment, name)]), **digests}


def training(assignment: Assignment, reference: Path) -> str:
    """Digest of what makes a reference's answers once cases are drawn; the framework's version is not in it."""
    limits = assignment.limits.model_dump(mode="json")
    return digest_of(
        reference=code_digest(reference),
        interface=code_digest(assignment.folder / "interface.py"),
        task=assignment.task,
        budget_cpu_s=assignment.run.budget_cpu_s,
        per_call=assignment.data.per_call,
        limits={name: limits[name] for name in _OF_TRAINING},
        wire=WIRE,
    )


def accuracies(assignment: Assignment) -> tuple[Accuracy, ...]:
    """The criteria that need a calibration."""
    return tuple(item for item in assignment.criteria if isinstance(item, Accuracy))


def secret_of(draw: int) -> bytes:
    """The secret of a rehearsal's n-th draw of inputs, cases and seeds: the same on every machine, and no course's."""
    return hashlib.sha256(f"medmark rehearsal {draw}".encode()).digest()


def _framework(assignment: Assignment, name: str) -> Framework:
    return next(framework for framework in assignment.frameworks if framework == name)
