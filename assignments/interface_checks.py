"""Checks whether an `interface.py` can serve its assignment, for `assignments.load`.

For an accuracy criterion the marker itself calls `fit`, `save`, `load` and the task's entry point, and stores every
case's answer. What could not work there, or would let an answer choose its own size, is an error of loading: later it
would fail a whole cohort.
"""

from __future__ import annotations

import ast
import builtins
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, Protocol

from assignments.errors import Problem
from assignments.interface import Function, Interface, Model, is_array, typed_dict_of

MakeProblem = Callable[[Function, str, str], Problem]
"""Makes a problem of a function, from what is wrong and the cure."""
CALLED = (
    ("fit", ("train", "val"), ("seed", "budget_s")),
    ("save", ("model", "folder"), ()),
    ("load", ("folder",), ()),
)
"""What every accuracy criterion calls besides its entry point: the positional arguments, and those by name."""


class TaskNames(Protocol):
    """The names of a task that its interface must match; a `graders.tasks.task.Task` has them."""

    @property
    def entry(self) -> str:
        """The function that answers for the hidden cases."""

    @property
    def truth(self) -> str:
        """The array that this function must not see."""

    @property
    def extra_truths(self) -> tuple[str, ...]:
        """Further arrays that it must not see."""

    @property
    def prediction(self) -> str:
        """The key of the answer that is scored."""


def interface_problems(path: Path, interface: Interface, task: TaskNames | None, per_call: int) -> list[Problem]:
    """Every problem of what the `interface.py` at `path` declares; `task` is that of the accuracy criteria, if any."""

    def problem(function: Function, what: str, cure: str) -> Problem:
        return Problem(str(path), function.name, function.line, what, cure)

    methods = [method for declared in interface.classes.values() for method in declared.methods.values()]
    problems = [
        problem(function, f'the size "{size}" is computed from a name that no argument before it has', "write a name")
        for function in (*interface.functions.values(), *methods)
        for size in _unbound(function)
    ]
    if task is None:
        return problems
    for name, positional, named in (*CALLED, (task.entry, ("model", "inputs"), ())):
        call = f"{name}({', '.join([*positional, *(f'{keyword}=...' for keyword in named)])})"
        function = interface.functions.get(name)
        if function is None:
            cure = f"add def {name}(...): an accuracy criterion needs fit, save, load and {task.entry}"
            problems.append(Problem(str(path), name, None, "is not declared", cure))
            continue
        try:
            function.signature.bind(*positional, **dict.fromkeys(named))
        except TypeError as error:
            problems.append(problem(function, f"is called as {call}: {error}", f"declare {call}"))
            continue
        if name in ("fit", "load"):
            problems += _model_problems(function, interface, problem)
        if name == "fit":
            problems += _training_problems(function, problem)
        if name == task.entry:
            problems += _entry_problems(function, task, per_call, problem)
    return problems


def _model_problems(function: Function, interface: Interface, problem: MakeProblem) -> Iterator[Problem]:
    """`fit` and `load` must return a model."""
    hint = function.signature.return_annotation
    if hint is not Model and hint not in [declared.type for declared in interface.classes.values()]:
        what = f"returns {_name(hint)}, but the marker uses its answer as a model"
        yield problem(function, what, "declare -> Model: a dict, a tuple or an array may be a model too")


def _training_problems(function: Function, problem: MakeProblem) -> Iterator[Problem]:
    """Training and validation sets have different numbers of cases."""
    records = [typed_dict_of(parameter.annotation) for parameter in list(function.signature.parameters.values())[:2]]
    for record in dict.fromkeys(filter(None, records)):
        yield from _case_count_problems(function, record, problem)
    if len(records) == 2 and None not in records and records[0] is not records[1]:
        train, val = (list(_arrays(record).values()) for record in records)
        leading = {sizes(array)[0] for array in (*train, *val) if sizes(array)}
        for size in sorted({name for name in leading if _is_name(name)} & _names(train) & _names(val)):
            what = f'train and val share the size "{size}", but each has its own number of cases'
            cure = f"rename the size in {records[1].__name__}, or declare both as {records[0].__name__}"
            yield problem(function, what, cure)


def _entry_problems(function: Function, task: TaskNames, per_call: int, problem: MakeProblem) -> Iterator[Problem]:
    """It receives the inputs of some cases, and its answer has a row for each."""
    second = list(function.signature.parameters.values())[1:2]
    record = typed_dict_of(second[0].annotation) if second else None
    if record is None or second[0].name != "inputs" or not _arrays(record):
        cure = 'declare inputs: a TypedDict of the arrays to answer for, such as x: Float32[np.ndarray, "n 30"]'
        yield problem(function, "its second parameter is not inputs, a TypedDict of arrays", cure)
        return
    yield from _case_count_problems(function, record, problem)
    yield from _inputs_problems(function, record, task, per_call, problem)
    yield from _answer_problems(function, record, task, problem)


def _inputs_problems(
    function: Function, record: Any, task: TaskNames, per_call: int, problem: MakeProblem
) -> Iterator[Problem]:
    """The inputs are arrays without the truth, and a call may have any number of cases up to `per_call`."""
    for name, hint in typing.get_type_hints(record).items():
        if typing.get_origin(hint) is list:
            cure = 'declare an array with a leading size, such as "n d h w": fit alone may receive lists'
            yield problem(function, f'its inputs include "{name}", a list, but a call receives its cases stacked', cure)
    for name in sorted({task.truth, *task.extra_truths} & set(typing.get_type_hints(record))):
        cure = f"remove {name} from {record.__name__}; fit can receive it in another TypedDict"
        yield problem(function, f'its inputs include "{name}", the truth of the hidden cases', cure)
    for size in sorted(size for size in _leading(record) if not _is_name(size) and (size, per_call) != ("1", 1)):
        what = f'the first size of an array of {record.__name__} is "{size}", but a call may have 1 to {per_call} cases'
        yield problem(function, what, 'write a name, such as "n"')


def _answer_problems(function: Function, record: Any, task: TaskNames, problem: MakeProblem) -> Iterator[Problem]:
    """The answer is a TypedDict of arrays with a row for each case, whose sizes the arguments fix."""
    leading = _leading(record)
    answer = function.signature.return_annotation
    fields = typing.get_type_hints(answer, include_extras=True) if typing.is_typeddict(answer) else {}
    if task.prediction not in fields:
        what = f'returns {_name(answer)}, but "{task.prediction}" is scored'
        yield problem(function, what, f"declare a TypedDict with the array {task.prediction}")
    for name, hint in fields.items():
        array = bare(hint)
        if not is_array(array):
            yield problem(function, f'its answer\'s "{name}" is {_name(hint)}, not an array', "declare an array")
            continue
        for size in sizes(array):
            if not size.isdecimal() and not _computed_from(size) <= _certain(function):
                what = f'its answer\'s "{name}" leaves the size "{size}" free, so that an answer may be of any size'
                yield problem(function, what, f"write the number, or a name that an argument has, in {answer.__name__}")
        first = (*sizes(array), "")[0]
        if first not in leading and (first.isdecimal() or first in _certain(function) or not first):
            what = f'the first size of its answer\'s "{name}" is "{first}", not the number of cases'
            yield problem(function, what, f'write "{min(leading)}" first: a row of the answer for each case')


def _case_count_problems(function: Function, record: Any, problem: MakeProblem) -> Iterator[Problem]:
    """The first size of arrays of cases is the number of cases, which differs between calls: no other size may be."""
    others = {size for array in _arrays(record).values() for size in sizes(array)[1:]}
    for size in sorted(name for name in _leading(record) & others if _is_name(name)):
        what = f'"{size}" is the number of cases in {record.__name__}, and another size too'
        yield problem(function, what, "give the other size its own name")


# Sizes: jaxtyping's words, "n 3 *rest"


def sizes(array: Any) -> tuple[str, ...]:
    """The sizes of an array as its declaration writes them; `rows=3` is 3."""
    return tuple(word.rpartition("=")[2] for word in array.dim_str.split())


def leading_sizes(interface: Interface, entry: str) -> set[str]:
    """The first sizes of the arrays that the entry point receives."""
    second = list(interface.functions[entry].signature.parameters.values())[1:2]
    record = typed_dict_of(second[0].annotation) if second else None
    return set() if record is None else _leading(record)


def _leading(record: Any) -> set[str]:
    """The first sizes of a TypedDict's arrays."""
    return {sizes(array)[0] for array in _arrays(record).values() if sizes(array)}


def _is_name(size: str) -> bool:
    """Whether a size is a plain name, which the first array that has it binds: not `...`, `*rest`, `_` or `#n`."""
    return size.isidentifier() and not size.startswith("_")


def _computed_from(size: str) -> set[str]:
    """The names that a size is computed from: `2*n` from n. A size that cannot be computed is its own name."""
    try:
        nodes = list(ast.walk(ast.parse(size, mode="eval")))
    except SyntaxError:
        return {size}
    if size.startswith("_") or any(isinstance(node, ast.Constant) and type(node.value) is not int for node in nodes):
        return {size}
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return {node.id for node in nodes if isinstance(node, ast.Name)} - (called & set(dir(builtins)))


def _certain(function: Function) -> set[str]:
    """Sizes that every call binds: those of parameters that are arrays or a TypedDict of arrays, but not `X | None`."""
    return {name for parameter in function.signature.parameters.values() for name in _bound_by(parameter)}


def _bound_by(parameter: Parameter) -> set[str]:
    hint = bare(parameter.annotation)
    if parameter.default is not Parameter.empty or parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
        return set()
    return _names([hint] if is_array(hint) else _arrays(hint).values() if typing.is_typeddict(hint) else [])


def _unbound(function: Function) -> Iterator[str]:
    """Sizes such as `n+1`, computed from a name that no argument has bound by then: computing them would raise."""
    bound: set[str] = set()
    hints = [parameter.annotation for parameter in function.signature.parameters.values()]
    for hint in (*hints, function.signature.return_annotation):
        for array in _within(hint):
            for size in sizes(array):
                computed = not size.isdecimal() and not size.lstrip("*#_.?").isidentifier() and size.strip("._")
                if computed and not _computed_from(size) <= bound:
                    yield size
            bound |= _names([array])


def _within(hint: Any) -> Iterator[Any]:
    """All arrays of a declaration, at any depth."""
    hint = bare(hint)
    if is_array(hint):
        yield hint
    elif typing.is_typeddict(hint):
        for field in typing.get_type_hints(hint, include_extras=True).values():
            yield from _within(field)
    else:
        for part in typing.get_args(hint):
            yield from _within(part)


def _arrays(record: Any) -> Mapping[str, Any]:
    """The arrays of a TypedDict that it always has."""
    fields = typing.get_type_hints(record, include_extras=True)
    return {
        name: bare(hint) for name, hint in fields.items() if name in record.__required_keys__ and is_array(bare(hint))
    }


def _names(arrays: Iterable[Any]) -> set[str]:
    return {size for array in arrays for size in sizes(array) if _is_name(size)}


def bare(hint: Any) -> Any:
    """A declaration without its notes."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def _name(hint: Any) -> str:
    return "nothing" if hint in (None, type(None)) else hint.__name__ if isinstance(hint, type) else str(hint)
