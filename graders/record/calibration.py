"""The stored calibration: the scores of references and baselines, and whether these scores are still valid.

It is proofs/calibration.json in the assignment's folder; of cases that a course sets, a file beside their split.
Training and scoring are in `graders.authoring.calibrate`.

Scores carry four digests: of the training of a reference, of the code that draws cases, of the criteria's declarations,
and of the code that scores. So a changed metric needs new scores of the same answers, and nothing else.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

from assignments.assignment import Accuracy, Assignment
from assignments.baselines import own_baselines
from assignments.derived.interface import interface_text
from assignments.digests import code_digest, digest_of, source_digest
from assignments.folders import PROOFS
from assignments.load import references
from graders.record.keys import drawing, measuring
from graders.record.read_documents import first_problem
from graders.wall.wire import WIRE

CALIBRATION_FILE = f"{PROOFS}/calibration.json"
CALIBRATION_DRAWS = 5
BASELINES = "baselines"
"""The key of the baselines in `Calibration.made_by`, beside the frameworks."""
_NOT_DRAWN = ("path", "per_call", "split", "share", "permission", "about")
"""Keys of `[data]` that change no case."""
_OF_TRAINING = ("cpu_s", "memory_mb", "reply_mb", "log_kb", "scratch_mb", "scratch_files", "processes", "gpus")
"""The limits under which a reference is trained and answers."""

DrawScores = Mapping[str, Sequence[float]]
"""By accuracy criterion: the score on each draw."""


@dataclass(frozen=True)
class Calibration:
    """Scores of references and baselines on the calibration draws."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "strict": True}

    references: Mapping[str, DrawScores]
    """By framework."""
    baselines: Mapping[str, DrawScores]
    """Trivial answers, which use no input, by name."""
    standard_error: Mapping[str, float]
    """By criterion: of one score on one hidden set."""
    cpu_s: Mapping[str, Sequence[float]]
    """By framework or own baseline: CPU seconds of each run."""
    versions: Mapping[str, Mapping[str, str]]
    """By framework or own baseline: names and versions of the packages that it ran with."""
    made_by: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By framework or own baseline, and of the trivial ones: the digests of `score_origins`."""
    accepted: Mapping[str, str] = field(default_factory=dict)
    """By framework whose stored scores were accepted after one draw was trained anew: the scores of that draw."""
    own_baselines: Mapping[str, DrawScores] = field(default_factory=dict)
    """Those of the files `baseline_<name>.py`, by the file's name without its ending."""
    key: str = ""
    """In files of older versions, one digest of everything."""

    @property
    def trained(self) -> dict[str, DrawScores]:
        """The scores of all that was trained: references by framework, and own baselines by name."""
        return {**self.references, **self.own_baselines}


def calibration_path(assignment: Assignment) -> Path:
    """Where the scores are stored; those on a course's own cases are the course's."""
    if assignment.own_data is None:
        return assignment.folder / CALIBRATION_FILE
    return assignment.split_file.with_name(f"{assignment.id}.calibration.json")


def stored_calibration(assignment: Assignment) -> tuple[Calibration | None, str]:
    """The stored calibration, fresh or stale; without one, the reason."""
    from pydantic import TypeAdapter, ValidationError

    path = calibration_path(assignment)
    try:
        calibration: Calibration = TypeAdapter(Calibration).validate_json(path.read_bytes())
    except FileNotFoundError:
        return None, "is missing"
    except ValidationError as error:
        return None, f"cannot be read: {first_problem(error)}"
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"
    by_name = {**calibration.trained, **calibration.baselines}
    scores = chain(*(by_id.values() for by_id in by_name.values()))
    if any(math.isnan(score) for score in chain(*scores)):
        return None, "cannot be read: a score is not a number"
    return calibration, ""


def fresh_calibration(assignment: Assignment) -> Calibration | None:
    """The stored calibration without its stale scores; None where no score is fresh."""
    calibration, _ = stored_calibration(assignment)
    if calibration is None:
        return None
    current = {name for name in trained_files(assignment) if not stale_parts(calibration, assignment, name)}
    scores = {name: scores for name, scores in calibration.references.items() if name in current}
    own = {name: scores for name, scores in calibration.own_baselines.items() if name in current}
    baselines = {} if stale_parts(calibration, assignment, BASELINES) else calibration.baselines
    if not (scores or baselines or own):
        return None
    return replace(calibration, references=scores, baselines=baselines, own_baselines=own)


def trained_files(assignment: Assignment) -> dict[str, Path]:
    """The files that a calibration trains: references by framework, and own baselines by name."""
    own = {baseline.name: baseline.path for baseline in own_baselines(assignment)}
    return {**{str(name): path for name, path in references(assignment).items()}, **own}


def stale_parts(calibration: Calibration, assignment: Assignment, name: str) -> tuple[str, ...]:
    """The origins of the scores under a name of `score_origins` that have changed since."""
    now = score_origins(assignment, name)
    then = calibration.made_by.get(name, {})
    return tuple(part for part, digest in now.items() if then.get(part) != digest)


def score_origins(assignment: Assignment, name: str) -> dict[str, str]:
    """Digests of everything on which the scores of a reference, of an own baseline, or of the `BASELINES` depend.

    `training` is of what makes answers from drawn cases, `drawing` of what draws them, `criteria` of the criteria's
    declarations, `scoring` of the code that scores answers. How frames are carried changes no answer, so of the wire
    only its version counts. Anchors, points and caps are read later.
    """
    accuracy = [measuring(assignment, criterion) for criterion in accuracies(assignment)]
    declared = [{name: part for name, part in inputs.items() if not name.startswith("files")} for inputs in accuracy]
    digests = {
        "drawing": digest_of(
            code=drawing(assignment),
            data=assignment.data.model_dump(mode="json", exclude=set(_NOT_DRAWN)),
            draws=[hashlib.sha256(secret_of(draw)).hexdigest() for draw in range(CALIBRATION_DRAWS)],
        ),
        "criteria": digest_of(task=assignment.task, criteria=declared),
        "scoring": digest_of(files=[inputs["files"] | inputs["files_of_own"] for inputs in accuracy]),
    }
    if name == BASELINES:
        return digests
    return {"training": training_digest(assignment, trained_files(assignment)[name]), **digests}


def training_digest(assignment: Assignment, reference: Path) -> str:
    """Digest of what makes the answers of a reference or baseline from drawn cases, without the framework's version."""
    limits = assignment.limits.model_dump(mode="json")
    return digest_of(
        reference=code_digest(reference),
        interface=source_digest(interface_text(assignment)),
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
    """The secret of a rehearsal's n-th draw of inputs, cases and seeds: the same on every machine, and of no course."""
    return hashlib.sha256(f"medmark rehearsal {draw}".encode()).digest()
