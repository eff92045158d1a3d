"""Content keys: for each stage of marking, one digest of all that it depends on. Nothing is run here.

Equal keys are of the same questions to the same solution, so a stage that the ledger holds need not run again.
A key covers exactly what its stage reads: a hidden test its own source and what surrounds it in its module, but
not its points, its docstring or its neighbours; a score the stored answers, the truth and the metric, but not the
points. How finished stages become a mark (points, weights, penalties) is in no key.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assignments.assignment import Accuracy, Assignment
from assignments.baselines import is_baseline
from assignments.data.hidden import SetDigests
from assignments.data.source_names import is_own
from assignments.declared_tests import DeclaredTest
from assignments.derived.interface import interface_text
from assignments.digests import code_digest, digest_of, file_digest, source_digest, tree_digest
from assignments.errors import UserError
from graders.record.dependencies import TOOLKIT, Dependencies, dependencies, installed, with_modules_beside

ROOTS = {
    "tests": ("graders/asking/check.py", "assignments/testing.py"),
    "answers": ("graders/asking/measure.py",),
    "scores": ("graders/scoring/score.py",),
}
"""Where each stage begins: it depends on these files and on all that they import (`graders.record.dependencies`)."""
TRAINED_BY = ("graders/asking/model_facts.py",)
"""Where drawing small cases and asking a shared model begin, for the tests that do."""
DRAWN_BY = ("graders/tasks/hidden_cases.py", "assignments/data/parts.py")
"""Where drawing the cases begins."""
LEFT_OUT_BY = ("graders/scoring/void.py",)
"""Where leaving out void cases begins."""
READ_BY_TOOLKIT = (
    "assignment.toml", "interface.py", "doubles.py", "misconceptions.toml", "calibration.json", "rehearsal.json",
)  # fmt: skip
"""Files of an assignment's folder that the toolkit reads, or once did: an author's metric or source has no need to."""
NO_COMPUTATION = frozenset({"jaxtyping"})
"""Packages whose names stand in declarations only: they compute no score."""
INSIDE = "graders/wall/inside"
"""The folder that is copied into every sandbox."""

_TEST_LIMITS = ("test_cpu_s", "shared_cpu_s")
_ANSWER_LIMITS = ("cpu_s",)
_SHARED_LIMITS = ("memory_mb", "reply_mb", "log_kb", "scratch_mb", "scratch_files", "processes", "gpus")


@dataclass(frozen=True)
class StageKeys:
    """The keys of everything that one solution's mark needs."""

    tests: Mapping[str, str]
    """By the hidden test's id."""
    answers: Mapping[int, str]
    """By repeat; empty where the assignment has no accuracy criterion."""
    scores: Mapping[str, str]
    """By accuracy criterion."""

    def all(self) -> tuple[str, ...]:
        """Every key, tests first."""
        return (*self.tests.values(), *self.answers.values(), *self.scores.values())


@dataclass(frozen=True)
class StageInputs:
    """What the stages of every solution in one framework depend on, as digests: all of a key but the solution."""

    tests: Mapping[str, str]
    answers: Mapping[int, str]
    scores: Mapping[str, str]

    def of(self, solution: str) -> StageKeys:
        """The keys for the solution whose folder has the tree digest `solution`."""
        # The name `asked` is a part of every key that a ledger holds.
        answers = {repeat: digest_of(asked=inputs, solution=solution) for repeat, inputs in self.answers.items()}
        answer_keys = list(answers.values())
        return StageKeys(
            tests={id: digest_of(asked=inputs, solution=solution) for id, inputs in self.tests.items()},
            answers=answers,
            scores={id: digest_of(asked=inputs, answers=answer_keys) for id, inputs in self.scores.items()},
        )


def stage_inputs(
    assignment: Assignment,
    tests: Sequence[DeclaredTest],
    sets: Sequence[SetDigests],
    *,
    runtimes: Mapping[str, str],
    secret: str,
    void_cases: Sequence[str] = (),
    toolkit: Path = TOOLKIT,
) -> dict[str, StageInputs]:
    """By framework: what the stages of a solution in it depend on.

    Args:
        assignment: With its folder; interface.py, doubles.py and an own metric are read from there.
        tests: Its hidden tests as declared.
        sets: The data manifest of each repeat; empty where there is no accuracy criterion.
        runtimes: By framework, whose adapter a solution meets too: the digest of the runtime image.
        secret: The secret's fingerprint, never the secret.
        void_cases: Hidden cases that are left out of the scores; answers stay what they are.
        toolkit: The folder that holds the toolkit's packages.

    Raises:
        UserError: a file of the toolkit or the assignment is missing.
    """
    accuracies = [criterion for criterion in assignment.criteria if isinstance(criterion, Accuracy)]
    if not runtimes or not (tests or accuracies):  # without either, people give all points
        return {framework: StageInputs({}, {}, {}) for framework in runtimes}
    interface = interface_text(assignment).encode()
    common = {"assignment": assignment.id, "interface": source_digest(interface), "secret": secret}
    of_tests = _test_inputs(assignment, tests, interface, toolkit) if tests else {}
    of_answers = _answer_inputs(assignment, sets, interface, toolkit)
    void = _void_inputs(void_cases, toolkit)
    scores = {criterion.id: _score_inputs(assignment, criterion, sets, void, toolkit) for criterion in accuracies}
    by_framework = {}
    for framework, runtime in runtimes.items():
        # The frames and their meaning are defined in this folder too, so it stands for the wire's version.
        inside = inside_digest(toolkit / INSIDE, framework)
        sandbox = {**common, "inside": inside, "framework": framework, "runtime": runtime}
        by_framework[framework] = StageInputs(
            tests={id: digest_of(**sandbox, **inputs) for id, inputs in of_tests.items()},
            answers={repeat: digest_of(**sandbox, **inputs) for repeat, inputs in of_answers.items()},
            scores=scores,
        )
    return by_framework


def _test_inputs(
    assignment: Assignment, tests: Sequence[DeclaredTest], interface: bytes, toolkit: Path
) -> dict[str, dict[str, Any]]:
    """By the hidden test's id: what it depends on in every framework."""
    code_of = {text: _test_code(interface, text, toolkit) for text in {test.surroundings for test in tests}}
    doubles = assignment.folder / "doubles.py"
    own = assignment.folder / "hidden_tests"
    files = _author_files(own) if own.is_dir() else {}  # contracts may be all of them
    tables = {name: digest for name, digest in files.items() if not name.endswith(".py")}
    shared = {
        "kind": "test",
        "doubles": code_digest(doubles) if doubles.is_file() else None,
        "limits": _limits(assignment, _TEST_LIMITS),
        **({"tables": tables} if tables else {}),
    }
    model = _model_inputs(assignment, toolkit) if any(test.draws for test in tests) else {}
    trained = assignment.trained and {
        "cases": assignment.trained.cases,
        "budget_s": assignment.trained.budgets,
    }
    return {
        test.id: {
            **shared,
            "id": test.id,
            "source": asking_source(test.source),
            "surroundings": source_digest(test.surroundings),
            "judges": code_of[test.surroundings],
            **({"small_cases": model} if test.draws else {}),
            **({"trained": trained} if test.trains else {}),
            **({"options": assignment.contracts[test.id].options} if test.contract else {}),
        }
        for test in tests
    }


def _model_inputs(assignment: Assignment, toolkit: Path) -> dict[str, Any]:
    """What the tests depend on that draw small cases or use the model that they share: the assignment's own cases."""
    assignment = assignment.as_written
    source = assignment.data.source
    named = {"TASKS": (assignment.task,), "SOURCES": () if is_own(source) else (source,)}
    facts = dependencies(TRAINED_BY, named=named, toolkit=toolkit).digests
    return {"task": assignment.task, "source": source, "drawn_by": {**facts, **drawing(assignment, toolkit)}}


def _test_code(interface: bytes, surroundings: str, toolkit: Path) -> str:
    """Digest of the toolkit's code that a hidden test with these surroundings runs."""
    authors = (interface, surroundings.encode())
    return digest_of(files=dependencies(ROOTS["tests"], authors=authors, toolkit=toolkit).digests)


def _answer_inputs(
    assignment: Assignment, sets: Sequence[SetDigests], interface: bytes, toolkit: Path
) -> dict[int, dict[str, Any]]:
    """By repeat: what its answers depend on in every framework."""
    run = assignment.run
    retrained = run.mode == "retrain"
    named = {"TASKS": (assignment.task,)}
    shared = {
        "kind": "answers",
        "limits": _limits(assignment, _ANSWER_LIMITS),
        "judges": dependencies(ROOTS["answers"], authors=(interface,), named=named, toolkit=toolkit).digests,
        "task": assignment.task,
        "mode": run.mode,
        "budget_cpu_s": run.budget_cpu_s if retrained else None,
        "per_call": assignment.data.per_call,
    }
    return {
        repeat: {**shared, "train": data.train if retrained else None, "inputs": data.inputs}
        for repeat, data in enumerate(sets)
    }


def _score_inputs(
    assignment: Assignment,
    criterion: Accuracy,
    sets: Sequence[SetDigests],
    void: Mapping[str, Any],
    toolkit: Path,
) -> str:
    return digest_of(
        kind="score",
        truth=[data.truth for data in sets],
        task=assignment.task,
        combine=assignment.run.combine,
        # An interval of repeats that split real data anew counts what they share.
        split_anew=assignment.data.redraw and assignment.data.path is not None,
        measured=measuring(assignment, criterion, toolkit),
        computed_by=scored_with(assignment, criterion, toolkit),
        **void,
    )


def _void_inputs(void_cases: Sequence[str], toolkit: Path) -> dict[str, Any]:
    """What a score depends on where cases are void: these, and the code that leaves them out."""
    if not void_cases:
        return {}
    return {"void": sorted(void_cases), "left_out_by": dependencies(LEFT_OUT_BY, toolkit=toolkit).digests}


def _limits(assignment: Assignment, names: Sequence[str]) -> dict[str, Any]:
    """The limits of these names, and those of every stage that opens a sandbox."""
    limits = assignment.limits.model_dump(mode="json")
    return {name: limits[name] for name in (*_SHARED_LIMITS, *names)}


def measuring(assignment: Assignment, criterion: Accuracy, toolkit: Path = TOOLKIT) -> dict[str, Any]:
    """All that turns answers and truths into a criterion's measurements: what it declares, and the code that reads it.

    Caps, anchors and points are read when the mark is made.
    """
    scoring, own_metrics = _scoring(assignment, criterion, toolkit)
    own = {name: assignment.folder / name.partition(":")[0] for name in criterion.metrics if ":" in name}
    return {
        "metrics": criterion.metrics,
        "costs": criterion.costs,
        "empty_reference": criterion.empty_reference,
        "absent": criterion.absent,
        "own": {name: _author_files(path.parent) for name, path in own.items()},
        "files": scoring.digests,
        "files_of_own": own_metrics.digests,
    }


def scored_with(assignment: Assignment, criterion: Accuracy, toolkit: Path = TOOLKIT) -> dict[str, str]:
    """The packages of others that compute a criterion's measurements, such as NumPy, and their versions here."""
    scoring, own_metrics = _scoring(assignment, criterion, toolkit)
    return installed((scoring.outside | own_metrics.outside) - NO_COMPUTATION)


def _scoring(assignment: Assignment, criterion: Accuracy, toolkit: Path) -> tuple[Dependencies, Dependencies]:
    """What scoring by a criterion depends on; and what an author's own metrics do, which may import the toolkit."""
    names = criterion.metrics
    named = {"TASKS": (assignment.task,), "METRICS": [name for name in names if ":" not in name]}
    scoring = dependencies(ROOTS["scores"], named=named, toolkit=toolkit)
    own: dict[str, bytes] = {}
    for file in sorted({name.partition(":")[0] for name in names if ":" in name}):
        own |= _sources_of(assignment.folder / file)
    own_metrics = dependencies((), authors=own.values(), toolkit=toolkit)
    own_metrics.outside -= own.keys()
    return scoring, own_metrics


def drawing(assignment: Assignment, toolkit: Path = TOOLKIT) -> dict[str, str]:
    """The code that draws an assignment's cases, by file: the toolkit's, and an author's own source."""
    source = assignment.data.source
    path = assignment.folder / source
    own = list(_sources_of(path).values()) if is_own(source) else []
    named = {"TASKS": (assignment.task,), "SOURCES": () if own else (source,)}
    criteria = (criterion for criterion in assignment.criteria if isinstance(criterion, Accuracy))
    metrics = {name.partition(":")[0] for criterion in criteria for name in criterion.metrics}
    read = {name: digest for name, digest in _author_files(path.parent).items() if name not in metrics} if own else {}
    return {
        **dependencies((), authors=own, toolkit=toolkit).digests,
        **dependencies(DRAWN_BY, named=named, toolkit=toolkit).digests,
        **read,
    }


def asking_source(source: str) -> str:
    """Digest of a test's source without its points and its docstring: those are read when the mark is made."""
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    function.decorator_list = [node for node in function.decorator_list if not _is_points(node)]
    return tree_digest(function)


def inside_digest(folder: Path, framework: str) -> str:
    """The code behind the wall that a solution in `framework` meets, without other frameworks' adapters."""
    files = [
        path
        for path in sorted(folder.glob("*.py"))
        if not path.stem.startswith("adapter_") or path.stem == f"adapter_{framework}"
    ]
    if not files:
        raise UserError(f"{folder} is missing; install medmark again: pip install --force-reinstall medmark")
    return digest_of(**{path.name: code_digest(path) for path in files})


def _is_points(decorator: ast.expr) -> bool:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(call, ast.Attribute) and call.attr == "points"


def _author_files(folder: Path) -> dict[str, str]:
    """Digests of the files in an author's folder, by name: only the author knows which of them the code reads."""
    files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    read = (
        path
        for path in files
        if path.name not in READ_BY_TOOLKIT and path.suffix != ".md" and not is_baseline(path.name)
    )
    return {path.name: code_digest(path) if path.suffix == ".py" else file_digest(path) for path in read}


def _sources_of(path: Path) -> dict[str, bytes]:
    """An author's file that was there when the assignment was loaded, with the modules beside it that it imports."""
    try:
        return with_modules_beside(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; put it back, and run the same command again") from None
