"""Content keys: one digest of all that a piece of marking depends on. Nothing is run, no ledger is read here.

Two equal keys asked the same of the same solution, so what the ledger holds under a key need not be done again.
A key covers exactly what its stage reads: a hidden test its own source and what surrounds it in its module, but
not its points, its docstring or its neighbours; a score the stored answers, the truth and the metric, but not the
points. What a mark makes of finished stages (points, weights, penalties) is in no key.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assignments.assignment import Accuracy, Assignment
from assignments.declared_tests import DeclaredTest
from assignments.folder_checks import metric_form

GRADERS = Path(__file__).parents[1]
STATISTIC = ("scoring/score.py", "scoring/repeat.py", "scoring/intervals.py", "scoring/caps.py")
"""Where a metric's values become a score and its interval. Caps and anchors are read when the mark is made."""
JUDGES = {
    "tests": (
        "asking/check.py", "wall/student.py", "wall/replies.py", "wall/session.py", "wall/places.py", "wall/wire.py",
        "wall/patience.py", "failures.py", "asking/allowance.py",
    ),
    "answers": (
        "asking/measure.py", "wall/student.py", "wall/replies.py", "wall/session.py", "wall/places.py", "wall/wire.py",
        "wall/patience.py", "failures.py", "asking/allowance.py", "tasks/task.py",
    ),
}  # fmt: skip
"""What on the host decides what a reply is worth: a defect mended there asks again. Its comments do not."""

_TEST_LIMITS = ("test_cpu_s", "shared_cpu_s")
_ANSWER_LIMITS = ("cpu_s",)
_SHARED_LIMITS = ("memory_mb", "reply_mb", "log_kb", "scratch_mb", "scratch_files", "processes", "gpus")


@dataclass(frozen=True)
class SetDigests:
    """The data of one repeat: what `fit` gets, what `predict` gets, and the truth apart from both."""

    train: str
    inputs: str
    truth: str


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
class Asked:
    """What every solution of one framework is asked, as digests: all of a stage's key but the solution."""

    tests: Mapping[str, str]
    answers: Mapping[int, str]
    scores: Mapping[str, str]

    def of(self, solution: str) -> StageKeys:
        """The keys for the solution whose folder has the tree digest `solution`."""
        answers = {n: digest_of(asked=asked, solution=solution) for n, asked in self.answers.items()}
        made = list(answers.values())
        return StageKeys(
            tests={id: digest_of(asked=asked, solution=solution) for id, asked in self.tests.items()},
            answers=answers,
            scores={id: digest_of(asked=asked, answers=made) for id, asked in self.scores.items()},
        )


def asked(
    assignment: Assignment,
    tests: Sequence[DeclaredTest],
    sets: Sequence[SetDigests],
    *,
    framework: str,
    runtime: str,
    secret: str,
    void_cases: Sequence[str] = (),
    graders: Path = GRADERS,
) -> Asked:
    """What `assignment` asks of a solution in `framework`.

    Args:
        assignment: With its folder; interface.py, doubles.py and an own metric are read from there.
        tests: Its hidden tests as declared.
        sets: The data manifest of each repeat; empty where there is no accuracy criterion.
        framework: Whose adapter and runtime the solution meets.
        runtime: Digest of the runtime image.
        secret: The secret's fingerprint, never the secret.
        void_cases: Hidden cases that are left out of the scores; answers stay what they are.
        graders: The toolkit's own folder.
    """
    folder = assignment.folder
    limits = assignment.limits.model_dump(mode="json")
    run = assignment.run
    common = {
        "assignment": assignment.id,
        "interface": file_digest(folder / "interface.py"),
        # The frames and their meaning are defined in this folder too, so it stands for the wire's version.
        "inside": inside_digest(graders / "wall" / "inside", framework),
        "framework": framework,
        "runtime": runtime,
        "secret": secret,
    }
    judges = {stage: [code_digest(graders / name) for name in names] for stage, names in JUDGES.items()}
    doubles = file_digest(folder / "doubles.py")
    test_limits = {name: limits[name] for name in (*_SHARED_LIMITS, *_TEST_LIMITS)}
    answer_limits = {name: limits[name] for name in (*_SHARED_LIMITS, *_ANSWER_LIMITS)}
    retrained = run.mode == "retrain"
    accuracies = [criterion for criterion in assignment.criteria if isinstance(criterion, Accuracy)]
    return Asked(
        tests={
            test.id: digest_of(
                **common, kind="test", id=test.id, source=asking_source(test.source),
                surroundings=test.surroundings, doubles=doubles, limits=test_limits, judges=judges["tests"],
            )
            for test in tests
        },
        answers={
            repeat: digest_of(
                **common, kind="answers", limits=answer_limits, judges=judges["answers"], task=assignment.task,
                mode=run.mode, budget_cpu_s=run.budget_cpu_s if retrained else None,
                per_call=assignment.data.per_call, train=data.train if retrained else None, inputs=data.inputs,
            )
            for repeat, data in enumerate(sets)
        },
        scores={
            criterion.id: digest_of(
                kind="score", truth=[data.truth for data in sets], task=task_digest(assignment.task, graders),
                statistic=[file_digest(graders / name) for name in STATISTIC], combine=run.combine,
                metrics=metric_versions(criterion, folder, graders), empty_reference=criterion.empty_reference,
                absent=criterion.absent,
                **({"void": sorted(void_cases)} if void_cases else {}),
            )
            for criterion in accuracies
        },
    )  # fmt: skip


def digest_of(**parts: Any) -> str:
    """SHA-256 over canonical JSON of named parts."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str | None:
    """SHA-256 of a file, None where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def code_digest(path: Path) -> str | None:
    """Digest of a Python file without its blank and comment lines: words about the code do not make it stale."""
    if not path.is_file():
        return file_digest(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line.rstrip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()


def asking_source(source: str) -> str:
    """A test's source without its points and its docstring: those are read when the mark is made."""
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    dropped: set[int] = set()
    for decorator in function.decorator_list:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(call, ast.Attribute) and call.attr == "points":
            dropped |= _lines(decorator)
    lines = source.splitlines()
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        # A docstring that shares its line with code stays as it is.
        after = lines[(docstring.end_lineno or 0) - 1].encode()[docstring.end_col_offset or 0 :].decode()
        before = lines[docstring.lineno - 1].encode()[: docstring.col_offset].decode()
        if not before.strip() and not after.split("#")[0].strip():
            dropped |= _lines(docstring)
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in dropped)


def inside_digest(folder: Path, framework: str) -> str:
    """The code behind the wall that a solution in `framework` meets, without other frameworks' adapters."""
    files = [
        path
        for path in sorted(folder.glob("*.py"))
        if not path.stem.startswith("adapter_") or path.stem == f"adapter_{framework}"
    ]
    return digest_of(**{path.name: file_digest(path) for path in files})


def metrics_of(criterion: Accuracy) -> list[str]:
    """The metrics that scoring a criterion computes: its own, those of its caps' conditions, and `also`."""
    names = [criterion.metric]
    for cap in criterion.caps:
        # cases_below(METRIC, VALUE) > COUNT, or METRIC < VALUE
        name = re.split(r"[,<>]", cap.when.split("(", 1)[-1])[0].strip()
        if name not in names:
            names.append(name)
    return [*names, *(name for name in criterion.also if name not in names)]


def metric_versions(criterion: Accuracy, folder: Path, graders: Path = GRADERS) -> list[str]:
    """Digests of all that a criterion's metrics are computed by, and of the costs that it states."""
    versions = [metric_version(name, folder, graders) for name in metrics_of(criterion)]
    return versions if criterion.costs is None else [*versions, digest_of(costs=criterion.costs)]


def metric_version(name: str, folder: Path, graders: Path = GRADERS) -> str:
    """Digest of a metric: its line in METRICS, and the source of the modules it is computed by.

    An instructor's own metric, `"file.py:name"`, is its whole file. The toolkit's are read as text, because
    importing them all would cost half a second of every command.
    """
    if ":" in name:
        return digest_of(name=name, file=file_digest(folder / name.partition(":")[0]))
    home = graders / "metrics"
    text = (home / "__init__.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    entry = next(
        (value for node in ast.walk(tree) if isinstance(node, ast.Dict)
         for key, value in zip(node.keys, node.values, strict=True)
         if isinstance(key, ast.Constant) and metric_form(str(key.value)) == metric_form(name)),
        None,
    )  # fmt: skip
    if entry is None:
        # The loader has refused unknown names; one declared in another way depends on all there is.
        return digest_of(**{path.name: file_digest(path) for path in sorted(home.glob("*.py"))})
    named = {node.id for node in ast.walk(entry) if isinstance(node, ast.Name)}
    modules = _closure(home, [home / f"{module}.py" for module in named if (home / f"{module}.py").is_file()])
    return digest_of(name=name, entry=ast.get_source_segment(text, entry), **modules)


def task_digest(name: str, graders: Path = GRADERS) -> str:
    """Digest of a task: its module and what that needs of its family."""
    home = graders / "tasks"
    return digest_of(task=name, **_closure(home, [home / f"{name}.py"]))


def _closure(home: Path, files: Sequence[Path]) -> dict[str, str | None]:
    """Digests of modules of one family folder and of the siblings they import, however far."""
    found: dict[str, str | None] = {}
    waiting = list(files)
    while waiting:
        path = waiting.pop()
        if path.name in found or not path.is_file():
            continue
        found[path.name] = file_digest(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                last = [node.module.rsplit(".", 1)[-1], *(alias.name for alias in node.names)]
                waiting += [home / f"{name}.py" for name in last]
    return found


def _lines(node: ast.expr | ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
