"""`medmark rehearse`: proves that an assignment tests what its author means to test. It marks no submission.

References earn full marks and the distinction anchor; the starter and trivial baselines earn next to nothing. Every
misconception is caught. Every hidden test fails for a misconception, and for five mutants of each function it uses.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from assignments.assignment import Assignment, Framework
from assignments.data.checked import checked_cases
from assignments.data.near import near_note
from assignments.data.prepared import Progress
from assignments.data.sources import SOURCES
from assignments.derived.interface import interface_text
from assignments.derived.starter import starter_texts
from assignments.errors import UserError
from assignments.files import replace_file
from assignments.load import find, folder_digest, hidden_tests, in_catalogue, load, public_tests, references
from graders.authoring import calibrate as calibration
from graders.authoring.anchors import proposal, proving_frameworks
from graders.authoring.conclusions import (
    Scene,
    answers,
    closing_gaps,
    earned,
    is_caught,
    patterns,
    proofs,
    run_gaps,
    starter_shares,
    survivor_gaps,
    test_gaps,
    unused_names,
)
from graders.authoring.misconceptions import misconceptions
from graders.authoring.mutants import DeclaredName, declared_names
from graders.authoring.proving import FrameworkPlan, FrameworkRun, OnProgress, OpenBench, halves, joined, run_framework
from graders.authoring.selection import EVERYTHING, REFERENCE, STARTER, Selection, selected
from graders.authoring.side_by_side import Work, in_turn, side_by_side
from graders.authoring.stored_tests import remembering
from graders.authoring.telling_apart import mixed_up
from graders.intake.source import read_source
from graders.marks.contract_mistakes import impossible_mistakes
from graders.metrics import METRICS
from graders.record.calibration import accuracies
from graders.record.patterns import no_longer, of_tests, store_patterns, stored_patterns, updated
from graders.record.proof_status import REHEARSAL_FILE, store_rehearsal
from graders.record.rehearsal import Gap, Rehearsal
from graders.scoring.score import check_criterion
from graders.tasks import TASKS

RunAll = Callable[[Sequence[Work], OnProgress], list[FrameworkRun]]


def rehearse(
    assignment: Assignment,
    open_bench: OpenBench,
    *,
    frameworks: Sequence[Framework] | None = None,
    calibrated: Callable[[], Sequence[Gap]] = tuple,
    baselines: Callable[[], Mapping[str, float]] = dict,
    notes: Callable[[], Iterable[str]] = tuple,
    on_progress: OnProgress = lambda text, done, of: None,
    run_all: RunAll = in_turn,
    in_halves: bool = False,
    only: Sequence[str] = (),
    record: bool = False,
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
        run_all: Runs the frameworks' works.
        in_halves: Whether each framework's work is done as two.
        only: Names of what to run; none for a whole rehearsal.
        record: Whether what fails for a misconception besides its `fails` may do so from now on.

    Raises:
        UserError: a name in `only` is of nothing that runs.
    """
    declared = declared_names(interface_text(assignment))
    tests, mistakes = hidden_tests(assignment), misconceptions(assignment)
    selection = selected(only, [test.id for test in tests], [item.id for item in mistakes], declared)
    chosen = tuple(test for test in tests if test.id in selection.tests) if selection.tests else tests
    recorded = of_tests(stored_patterns(assignment), {test.id for test in tests})
    scene = Scene(assignment, chosen, mistakes, recorded)
    began = time.monotonic()
    gaps = [] if only else [*missing_references(scene, frameworks), *calibrated()]
    shares = {} if only else dict(baselines())
    seconds = {"calibration": time.monotonic() - began}
    with starter_folder(assignment) as starters:
        all_plans = plans(scene, frameworks, declared, starters, selection)
        parts = [part for plan in all_plans for part in (halves(plan) if in_halves else [plan])]
        works = [partial(run_framework, part, open_bench) for part in parts]
        runs = joined(run_all(works, on_progress))
    shares |= starter_shares(runs)
    seen = patterns(scene, runs)
    must_fail = {item.id: item.fails for item in mistakes}
    recorded = updated(scene.recorded, seen, must_fail, record=record)
    for run in runs:
        gaps += run_gaps(replace(scene, recorded=recorded), run)
        seconds[run.framework] = run.seconds
    if selection.all_solutions:
        gaps += test_gaps(scene, runs)
    else:
        gaps += survivor_gaps(proofs(scene, runs))
    if not only:
        gaps += closing_gaps(scene, runs, shares, has_starter=bool(starter_texts(assignment)))
        if in_catalogue(assignment.folder):
            gaps += unused_names(runs, [name for name in declared if name not in assignment.given])
    ids = [test.id for test in tests]
    return Rehearsal(
        assignment=assignment.id,
        title=assignment.title,
        catalogue=in_catalogue(assignment.folder),
        digest=folder_digest(assignment),
        references={run.framework: earned(scene, run) for run in runs},
        proofs=proofs(scene, runs),
        misconceptions={
            item.id: tuple(run.framework for run in runs if is_caught(item, run)) for item in scene.misconceptions
        },
        shares=shares,
        gaps=tuple(dict.fromkeys(gaps)),
        seconds=seconds,
        patterns=seen,
        recorded=recorded,
        notes=()
        if only
        else (
            *notes(),
            *impossible_mistakes(assignment),
            *mixed_up(mistakes, seen, ids),
            *no_longer(recorded, seen, must_fail),
        ),
        only=selection.names,
        answers=tuple(answers(runs)) if only else (),
    )


def missing_references(scene: Scene, frameworks: Sequence[Framework] | None) -> Iterator[Gap]:
    """A gap for each framework whose reference has yet to be written."""
    names = scene.assignment.frameworks if frameworks is None else frameworks
    for framework in names if scene.tests else ():
        if framework not in references(scene.assignment):
            cure = f"write solution_{framework}.py, or take {framework} out of frameworks"
            yield Gap("reference", framework, "there is no reference", cure)


def plans(
    scene: Scene,
    frameworks: Sequence[Framework] | None,
    declared: Mapping[str, DeclaredName],
    starters: Path,
    selection: Selection = EVERYTHING,
) -> list[FrameworkPlan]:
    """What runs in each framework that has a reference."""
    assignment = scene.assignment
    chosen = {name: path for name, path in references(assignment).items() if frameworks is None or name in frameworks}
    public = () if selection.tests else tuple(test.id for test in public_tests(assignment))
    students_own = {name: each for name, each in declared.items() if name not in assignment.given}
    mutated = {name: each for name, each in students_own.items() if selection.takes(selection.functions, name)}
    asks_reference = selection.takes(selection.special, REFERENCE)
    return [
        FrameworkPlan(
            assignment=assignment,
            framework=framework,
            reference=reference,
            tests=scene.tests,
            asks_reference=asks_reference,
            public_tests=public if asks_reference else (),
            starters=_starters(assignment, starters, framework, is_first=number == 0)
            if selection.takes(selection.special, STARTER)
            else (),
            misconceptions=tuple(
                item
                for item in scene.misconceptions
                if item.edits_for(framework) and selection.takes(selection.misconceptions, item.id)
            ),
            declared=mutated if number == 0 else {},
            is_first=number == 0,
        )
        for number, (framework, reference) in enumerate(chosen.items())
    ]


@contextmanager
def starter_folder(assignment: Assignment) -> Iterator[Path]:
    """A folder with the starters: the assignment's own, or those that are cut from its references."""
    own = assignment.folder / "starter"
    if own.is_dir():
        yield own
        return
    with tempfile.TemporaryDirectory(prefix="medmark-starter-") as folder:
        for name, text in starter_texts(assignment).items():
            replace_file(Path(folder) / name, text)
        yield Path(folder)


def _starters(assignment: Assignment, folder: Path, framework: Framework, *, is_first: bool) -> tuple[Path, ...]:
    """Starters in this framework; one that names none runs in the first framework."""
    starters = []
    for path in sorted(folder.glob("solution*.py")):
        declared = read_source(path).framework
        if declared == framework or (declared not in assignment.frameworks and is_first):
            starters.append(path)
    return tuple(starters)


def rehearse_folder(
    name_or_folder: str | Path,
    *,
    frameworks: Sequence[str] | None = None,
    calibrate: bool = False,
    fresh: bool = False,
    record: bool = False,
    only: Sequence[str] = (),
    base: Path | None = None,
    on_progress: OnProgress = lambda text, done, of: None,
    on_reading: Progress = lambda *_: None,
) -> Rehearsal:
    """Rehearse an assignment, of the catalogue or in a folder, on this machine in the local sandbox.

    A complete rehearsal is stored in the folder: `graders.record.proof_status`, `graders.record.patterns`.

    Args:
        calibrate: Whether to train references and own baselines first and store calibration.json: minutes to hours.
        record: Whether to record what fails for misconceptions besides their `fails`.
        only: Names of what to run; then nothing is stored.
        fresh: Whether to run what an earlier rehearsal stored in the cache.
        base: The folder from which a relative path starts; the current one by default.

    Raises:
        AssignmentError: the assignment cannot be loaded.
        UserError: it is not offered in a framework of `frameworks`, a reference cannot be calibrated, or its cases may
            not be used: there is no split, or a case is in two parts; or a name in `only` is of nothing that runs.
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
        remembering(assignment, fresh=fresh),
        frameworks=[name for name in assignment.frameworks if name in chosen],
        calibrated=lambda: calibration.gaps(assignment),
        baselines=lambda: calibration.baseline_shares(assignment),
        notes=lambda: [*proposal(assignment), *([near] if near else [])],
        on_progress=on_progress,
        run_all=side_by_side,
        in_halves=True,
        only=only,
        record=record,
    )
    if frameworks is None and not only:
        try:
            store_patterns(assignment, result.recorded)
            store_rehearsal(assignment, result)
        except OSError as error:
            # An installed catalogue, which only its owner may write, brings its rehearsals with it.
            if not (isinstance(error, PermissionError) and in_catalogue(folder)):
                what = f"could not be stored ({error.strerror})"
                gap = Gap("toolkit", REHEARSAL_FILE, what, "make room or correct its permissions, and rehearse again")
                result = replace(result, gaps=(*result.gaps, gap))
    return result
