"""`medmark rehearse`: the author's proof that an assignment asks what it means to ask. Marks no submission.

References earn full marks and the distinction anchor, the starter and trivial baselines next to nothing; every
misconception is caught; every hidden test is failed by a misconception and by five mutants of each function it asks.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from assignments.assignment import Assignment, Framework
from assignments.data.sources import SOURCES
from assignments.errors import UserError
from assignments.load import find, folder_digest, hidden_tests, in_catalogue, load, references
from graders.authoring import calibrate as calibration
from graders.authoring.bench import opener
from graders.authoring.misconceptions import misconceptions
from graders.authoring.proving import Bench, Proving, Told
from graders.metrics import METRICS
from graders.record.calibration import accuracies
from graders.record.rehearsal import Gap, Rehearsal
from graders.record.standing import FILE as RECORD
from graders.record.standing import record
from graders.scoring.score import check_criterion
from graders.tasks import TASKS

OpenBench = Callable[[Framework], AbstractContextManager[Bench]]


def rehearse(
    assignment: Assignment,
    open_bench: OpenBench,
    *,
    frameworks: Sequence[Framework] | None = None,
    calibrated: Callable[[], Sequence[Gap]] = tuple,
    baselines: Callable[[], Mapping[str, float]] = dict,
    notes: Callable[[], Iterable[str]] = tuple,
    told: Told = lambda text, done, of: None,
) -> Rehearsal:
    """Rehearse an assignment.

    Args:
        assignment: what to rehearse.
        open_bench: opens the place where one framework's solutions are asked.
        frameworks: only these; None for all that have a reference.
        calibrated: what the stored calibration does not prove.
        baselines: share of the accuracy points that each trivial baseline earns.
        notes: lines for the author's eyes.
        told: hears of every step.
    """
    tests = hidden_tests(assignment)
    known = misconceptions(assignment)
    found = references(assignment)
    chosen = {name: path for name, path in found.items() if frameworks is None or name in frameworks}
    state = Proving(assignment, tests, known, told)
    for framework in assignment.frameworks if frameworks is None else frameworks:
        if framework not in found and tests:
            cure = f"write solution_{framework}.py, or take {framework} out of frameworks"
            state.gap("reference", framework, "there is no reference", cure)
    with state.timed("calibration"):
        state.gaps += calibrated()
        for name, share in baselines().items():
            state.shares[name] = share
    with tempfile.TemporaryDirectory(prefix="medmark-rehearse-") as scratch:
        for number, (framework, reference) in enumerate(chosen.items()):
            with state.timed(framework), open_bench(framework) as bench:
                state.framework(bench, Path(scratch) / framework, framework, reference, first=number == 0)
    state.conclude(chosen)
    return Rehearsal(
        assignment=assignment.id,
        title=assignment.title,
        catalogue=in_catalogue(assignment.folder),
        digest=folder_digest(assignment),
        references=state.earned,
        proofs=state.proofs(),
        misconceptions={item.id: tuple(state.caught.get(item.id, ())) for item in known},
        shares=state.shares,
        gaps=tuple(state.gaps),
        seconds=state.seconds,
        notes=tuple(notes()),
    )


def rehearse_folder(
    name_or_folder: str | Path,
    *,
    frameworks: Sequence[str] | None = None,
    calibrate: bool = False,
    base: Path | None = None,
    told: Told = lambda text, done, of: None,
) -> Rehearsal:
    """Rehearse an assignment of the catalogue or a folder on this machine, in the local sandbox.

    A complete rehearsal is stored in the folder: `graders.record.standing`.

    Args:
        calibrate: first train every reference and store calibration.json, which takes minutes to hours.
        base: where a relative folder starts; the current folder without it.

    Raises:
        AssignmentError: the assignment cannot be loaded.
        UserError: a framework that it does not offer, or a reference that cannot be calibrated.
    """
    folder = find(name_or_folder, base or Path.cwd())
    assignment = load(folder, tasks=TASKS, metrics=METRICS, sources=SOURCES)
    for name in frameworks or ():
        if name not in assignment.frameworks:
            raise UserError(f"{assignment.id} is not offered in {name}: {', '.join(assignment.frameworks)}")
    for criterion in accuracies(assignment):
        check_criterion(assignment, criterion)
    if calibrate:
        calibration.calibrate(assignment, frameworks=frameworks, told=told)
    result = rehearse(
        assignment,
        opener(assignment),
        frameworks=[name for name in assignment.frameworks if name in (frameworks or calibration.held(assignment))],
        calibrated=lambda: calibration.gaps(assignment),
        baselines=lambda: calibration.baseline_shares(assignment),
        notes=lambda: calibration.proposal(assignment),
        told=told,
    )
    if frameworks is None:
        try:
            record(assignment, result)
        except OSError as error:
            # An installed catalogue, which only its owner may write, came with its record.
            if not (isinstance(error, PermissionError) and in_catalogue(folder)):
                what = f"could not be stored ({error.strerror})"
                gap = Gap("toolkit", RECORD, what, "make room or set permissions right, and rehearse again")
                result = replace(result, gaps=(*result.gaps, gap))
    return result
