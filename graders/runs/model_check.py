"""Tries a solution where it will be marked: its import, the public tests, and its model on cases that students have.

In weights mode it loads the weights without a GPU, in retrain mode it trains briefly; then it predicts and scores as
the marker does. The public tests ask for neither, so they all pass where no model comes to be.
"""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from assignments.assignment import Accuracy, Assignment
from assignments.data.columns import Cases, case_shapes
from assignments.data.hidden import HiddenSet
from assignments.data.streams import PUBLISHED
from assignments.derived.interface import solution_interface
from assignments.errors import UserError
from assignments.interface import Interface
from graders.asking.containers import opened
from graders.asking.journal import Silent
from graders.asking.measure import measure
from graders.failures import CpuLimit, EngineFailure, SubmissionFailure, WallLimit
from graders.intake.listing import first_of
from graders.intake.source import read_source, solution_file
from graders.intake.static_checks import loads_weights
from graders.intake.weight_files import WeightFile, weight_files
from graders.marks.cures import MAP_LOCATION, WHOLE_MODEL, cure_of, cure_of_cause
from graders.marks.public_results import PublicTestResult
from graders.marks.words import cause_words
from graders.record.answer_files import load_answers
from graders.record.documents import AnswersResult, Cause
from graders.runs.public_cases import PublicCases, Score, first_cases, public_cases, scores_of, with_validation
from graders.runs.public_check import CheckedSolution, run_public_tests
from graders.wall.patience import Patience
from graders.wall.sandboxes import SANDBOXES
from graders.wall.sandboxes.gpu_list import granted
from graders.wall.sandboxes.sandbox import SandboxSpec
from graders.wall.session import Session
from graders.wall.student import WorkerClient

ROWS, IMAGES = 200, 8
"""How many cases are predicted: of rows of numbers, and of anything larger."""
TRAINING_BYTES = 8 << 20
"""How much of the training cases a brief `fit` receives."""
BRIEF_S = 10.0
"""CPU seconds of a brief `fit`."""
IMPORT_S = 30.0
"""CPU seconds for importing solution.py. Marking allows as much as a test, which a student need not wait for."""
NO_GPU = "the marker has a GPU for this assignment, and this machine has none: everything was tried on the CPU"
NO_CURVE = "`fit` has no `log=None`: it is marked all the same, but train.py cannot draw a learning curve"


@dataclass(frozen=True)
class ModelCheck:
    """What a solution's model gave on public cases."""

    trained: bool
    """Whether `fit` made it, and not `load`."""
    cases: int
    subjects: int
    seen: bool
    """Whether the model may have been trained on these cases, so that the score says nothing about hidden ones."""
    kind: str = "shared"
    """Of the cases, as `PublicCases.kind`."""
    problem: str = ""
    """Why there is no valid prediction, in the marker's words and the solution's."""
    cure: str = ""
    notes: tuple[str, ...] = ()
    """What a student may have to change, although the predictions are valid."""
    scores: tuple[Score, ...] = ()
    """Of the accuracy criteria; a metric may have no value on these cases."""
    on_gpu: bool = False
    """Whether it had a GPU, as on the marker."""


@dataclass(frozen=True)
class SolutionTry:
    """Whether a solution can be imported, how the public tests went, and what its model gave."""

    problem: str = ""
    """Why solution.py cannot be imported: nothing else can be asked then."""
    cure: str = ""
    tests: tuple[PublicTestResult, ...] = ()
    model: ModelCheck | None = None
    """None where marking asks for no model, or nothing can be asked."""
    untried: str = ""
    """Why the model was not tried, through no fault of the solution."""

    @property
    def works(self) -> bool:
        """Whether nothing failed, and nothing was left out."""
        answers = self.model is None or not self.model.problem
        return not self.problem and not self.untried and answers and all(result.passed for result in self.tests)


def try_solution(
    assignment: Assignment,
    solution: CheckedSolution,
    sandbox: str = "local",
    on_progress: Callable[[str], None] = lambda _: None,
) -> SolutionTry:
    """Import a solution, run the public tests, then load or train a model, and score it on public cases.

    All of it happens in one sandbox, as in marking: importing a framework takes seconds.

    Raises:
        ToolkitFailure: the sandbox cannot be opened, such as without the framework; or a test could not be run.
    """
    interface = solution_interface(assignment)
    gpus = assignment.limits.gpus
    if gpus and not _has_gpus(gpus):  # on a student's laptop the rest can still be checked
        assignment = assignment.model_copy(update={"limits": assignment.limits.model_copy(update={"gpus": 0})})
    spec = SandboxSpec(solution.folder, solution.framework, assignment.limits)
    on_progress("import")
    with (
        tempfile.TemporaryDirectory(prefix="medmark-model-") as scratch,
        opened(spec, SANDBOXES[sandbox](), Patience(), Silent()) as session,
    ):
        if (failure := _import_failure(session, interface)) is not None:
            problem = cause_words(Cause.of(failure))
            return SolutionTry(f"{problem}\n{failure.cause_text}".strip(), _import_cure(failure))
        tests = run_public_tests(session, assignment, interface, on_progress)
        if not any(isinstance(criterion, Accuracy) for criterion in assignment.criteria):
            return SolutionTry(tests=tests)
        trains = not loads_weights(assignment)
        on_progress("fit" if trains else "load")
        try:
            tried = _tried_cases(public_cases(assignment), trains)
        except UserError as error:
            return SolutionTry(tests=tests, untried=str(error))
        answers = _answers(session, assignment, interface, tried.hidden, Path(scratch))
        files = () if trains else weight_files(solution.folder)
        model = _checked(assignment, tried, answers, files, Path(scratch), trains)
        if _lacks_log(interface, solution.folder):
            model = replace(model, notes=(*model.notes, NO_CURVE))
        if gpus:
            here = assignment.limits.gpus > 0
            model = replace(model, on_gpu=here, notes=model.notes if here else (*model.notes, NO_GPU))
        return SolutionTry(tests=tests, model=model)


def _has_gpus(count: int) -> bool:
    """Whether this process may use so many GPUs here."""
    try:
        return len(granted().gpus) >= count
    except EngineFailure:  # a broken driver is none for whoever only checks
        return False


def _import_failure(session: Session, interface: Interface) -> SubmissionFailure | None:
    """Why solution.py cannot be imported in a short time."""
    client = WorkerClient(session, interface, IMPORT_S)
    try:
        client.opened()
    except SubmissionFailure as failure:
        return failure
    client.close()
    return None


def _import_cure(failure: SubmissionFailure) -> str:
    if isinstance(failure, CpuLimit | WallLimit):
        return (
            f"importing solution.py takes no more than {IMPORT_S:g} s. Look for an endless loop, or for training at "
            'the top level: put it into `fit`, or below `if __name__ == "__main__":`'
        )
    return cure_of(failure.cause_text) or cure_of_cause(Cause.of(failure))


def _lacks_log(interface: Interface, solution: Path) -> bool:
    """Whether the interface declares a `fit` with `log`, and that of solution.py is one without."""
    declared, tree = interface.functions.get("fit"), read_source(solution_file(solution)).tree
    if declared is None or "log" not in declared.signature.parameters or tree is None:
        return False
    defined = [each.args for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "fit"]
    return bool(defined) and "log" not in [each.arg for each in (*defined[-1].args, *defined[-1].kwonlyargs)]


@dataclass(frozen=True)
class _Tried:
    """Public cases, as one repeat of marking has its hidden ones."""

    hidden: HiddenSet
    seen: bool
    kind: str


def _answers(
    session: Session, assignment: Assignment, interface: Interface, hidden: HiddenSet, store: Path
) -> AnswersResult:
    """Predictions of a model that `fit` makes briefly or `load` reads.

    A `fit` that goes over a brief budget has the marker's whole budget: some count steps and not seconds.
    """
    whole = assignment.run.budget_cpu_s
    for budget_s in dict.fromkeys((min(BRIEF_S, whole), whole)):
        run = assignment.run.model_copy(update={"budget_cpu_s": budget_s})
        briefly = assignment.model_copy(update={"run": run})
        shown = hidden.input_set
        answers = measure(session, briefly, interface, shown, secret=PUBLISHED, commit="", store=store)
        cause = answers.cause
        if cause is None or (cause.reason, cause.function) != (CpuLimit.reason, "fit"):
            break
    return answers


def _checked(
    assignment: Assignment,
    tried: _Tried,
    answers: AnswersResult,
    files: tuple[WeightFile, ...],
    store: Path,
    trains: bool,
) -> ModelCheck:
    hidden = tried.hidden
    result = ModelCheck(
        trained=trains,
        cases=len(hidden.cases),
        subjects=len({case.subject for case in hidden.cases}),
        seen=tried.seen,
        kind=tried.kind,
    )
    cause = answers.cause or next((state for state in answers.states if state is not None), None)
    if cause is not None:
        problem = f"{cause_words(cause)}\n{answers.cause_detail}".strip()
        return replace(result, problem=problem, cure=_cure(answers.cause_detail, files))
    scored = scores_of(assignment, hidden, load_answers(store, answers))
    for each in scored:
        if each.result.failed:
            failed = each.result.failed[0]
            where = f"{failed.count} of {result.cases} cases: {cause_words(failed.cause)}"
            return replace(result, problem=f"{where}\n{each.result.cause_detail}".strip())
    return replace(result, scores=tuple(scored), notes=tuple(_notes(assignment, answers, result.cases, trains)))


def _cure(error: str, files: tuple[WeightFile, ...]) -> str:
    """What to do about weights that do not load: by the files themselves, else by the text of the error."""
    for file in files:
        if file.problem:
            return f"{file.path} {file.problem}"
    if any(words in error for words in ("FileNotFoundError", "No such file", "File not found")):
        if not files:
            return "weights/ holds no file: git add -f weights/, commit and push"
        there = first_of([file.path for file in files], 5)
        return f"there are {there}. `load` receives the folder: open Path(folder) / NAME, and spell NAME as the file is"
    cure = cure_of(error)
    for file in files if cure else ():
        if file.devices and MAP_LOCATION in cure:
            return f"{file.path} was saved on {', '.join(file.devices)}, and the marker has only a CPU: {MAP_LOCATION}"
        if file.classes and cure == WHOLE_MODEL:
            return f"{file.path} names {first_of(file.classes, 3)}: {cure}"
    return cure


def _notes(assignment: Assignment, answers: AnswersResult, cases: int, trains: bool) -> Iterator[str]:
    limit, count = assignment.limits.cpu_s, assignment.data.test
    if not trains and isinstance(count, int) and cases and answers.cpu_s / cases * count > limit:
        yield (
            f"{cases} cases took {answers.cpu_s:.0f} CPU s. At this pace the {count} hidden ones take "
            f"{answers.cpu_s / cases * count:.0f}, and the limit is {limit:g}: predict faster"
        )


def _tried_cases(public: PublicCases, trains: bool) -> _Tried:
    """What is predicted: validation cases, if there are any. A brief `fit` receives other subjects than those."""
    if trains:
        public = with_validation(public)
    predicted = public.val or public.train
    rows = all(len(case_shapes(column)[0]) < 2 for column in predicted.values())
    hidden = public.as_hidden(first_cases(predicted, ROWS if rows else IMAGES))
    if trains:
        val = public.val if public.assignment.data.val else None
        hidden = replace(hidden, train=_brief(public.train), val=None if val is None else _brief(val))
    return _Tried(hidden, public.val is None, public.kind)


def _brief(cases: Mapping[str, Cases]) -> dict[str, Cases]:
    """As many of the first cases as are enough for a brief `fit`."""
    count = len(next(iter(cases.values())))
    size = sum(column.nbytes for column in cases.values())
    return first_cases(cases, max(2, count * TRAINING_BYTES // max(size, TRAINING_BYTES)))
