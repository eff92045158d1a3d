"""`medmark rehearse`: proves that an assignment tests what its author means to test. It marks no submission.

References earn full marks and the distinction anchor; the starter and trivial baselines earn next to nothing. Every
misconception is caught. Every hidden test fails for a misconception, and for five mutants of each function it uses.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from assignments.assignment import Assignment, Framework
from assignments.data.near import near_note
from assignments.data.parts import checked_cases
from assignments.data.prepared import Progress
from assignments.data.sources import SOURCES
from assignments.errors import UserError
from assignments.load import find, folder_digest, hidden_tests, in_catalogue, load, references
from graders.authoring import calibrate as calibration
from graders.authoring.anchors import proposal, proving_frameworks
from graders.authoring.bench import opener
from graders.authoring.misconceptions import misconceptions
from graders.authoring.proving import Bench, OnProgress, RehearsalState
from graders.authoring.telling_apart import mixed_up
from graders.metrics import METRICS
from graders.record.calibration import accuracies
from graders.record.proof_status import REHEARSAL_FILE, store_rehearsal
from graders.record.rehearsal import Gap, Rehearsal
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
    on_progress: OnProgress = lambda text, done, of: None,
) -> Rehearsal:
    """Rehearse an assignment.

    Args:
        assignment: The assignment to rehearse.
        open_bench: Opens the bench that asks solutions of one framework.
        frameworks: Only these; None for all that have a reference.
        calibrated: Returns the gaps of the stored calibration.
        baselines: Returns the share of the accuracy points that each trivial baseline earns.
        notes: Returns lines for the author.
        on_progress: Called at every step.
    """
    tests = hidden_tests(assignment)
    mistakes = misconceptions(assignment)
    reference_files = references(assignment)
    chosen = {name: path for name, path in reference_files.items() if frameworks is None or name in frameworks}
    state = RehearsalState(assignment, tests, mistakes, on_progress)
    for framework in assignment.frameworks if frameworks is None else frameworks:
        if framework not in reference_files and tests:
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
        misconceptions={item.id: tuple(state.caught.get(item.id, ())) for item in mistakes},
        shares=state.shares,
        gaps=tuple(state.gaps),
        seconds=state.seconds,
        patterns=tuple(state.patterns),
        notes=(*notes(), *mixed_up(mistakes, state.patterns, [test.id for test in tests])),
    )


def rehearse_folder(
    name_or_folder: str | Path,
    *,
    frameworks: Sequence[str] | None = None,
    calibrate: bool = False,
    base: Path | None = None,
    on_progress: OnProgress = lambda text, done, of: None,
    on_reading: Progress = lambda *_: None,
) -> Rehearsal:
    """Rehearse an assignment, of the catalogue or in a folder, on this machine in the local sandbox.

    A complete rehearsal is stored in the folder: `graders.record.proof_status`.

    Args:
        calibrate: Whether to train references and own baselines first and store calibration.json: minutes to hours.
        base: The folder from which a relative path starts; the current one by default.

    Raises:
        AssignmentError: the assignment cannot be loaded.
        UserError: it is not offered in a framework of `frameworks`, a reference cannot be calibrated, or its cases may
            not be used: there is no split, or a case is in two parts.
    """
    folder = find(name_or_folder, base or Path.cwd())
    assignment = load(folder, tasks=TASKS, metrics=METRICS, sources=SOURCES)
    for name in frameworks or ():
        if name not in assignment.frameworks:
            raise UserError(f"{assignment.id} is not offered in {name}: {', '.join(assignment.frameworks)}")
    for criterion in accuracies(assignment):
        check_criterion(assignment, criterion)
    # Nothing is proven on cases of which some are hidden and handed out; a stored calibration would not draw them.
    prepared = checked_cases(assignment, on_reading)
    near = near_note(assignment, prepared, on_reading)
    if calibrate:
        calibration.calibrate(assignment, frameworks=frameworks, on_progress=on_progress, prepared=prepared)
    chosen = frameworks or proving_frameworks(assignment)
    result = rehearse(
        assignment,
        opener(assignment),
        frameworks=[name for name in assignment.frameworks if name in chosen],
        calibrated=lambda: calibration.gaps(assignment),
        baselines=lambda: calibration.baseline_shares(assignment),
        notes=lambda: [*proposal(assignment), *([near] if near else [])],
        on_progress=on_progress,
    )
    if frameworks is None:
        try:
            store_rehearsal(assignment, result)
        except OSError as error:
            # An installed catalogue, which only its owner may write, brings its rehearsals with it.
            if not (isinstance(error, PermissionError) and in_catalogue(folder)):
                what = f"could not be stored ({error.strerror})"
                gap = Gap("toolkit", REHEARSAL_FILE, what, "make room or correct its permissions, and rehearse again")
                result = replace(result, gaps=(*result.gaps, gap))
    return result
