"""Whether an `interface.py` can serve what its assignment asks; read by `assignments.load`.

An accuracy run calls `fit`, `load` and the task's entry point itself, and keeps the answers of every case. What could
not work there, or would let an answer choose its own size, is an error of loading: later it would be a whole cohort's.
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
from assignments.folders import AssignmentError
from assignments.interface import Function, Interface, Model, is_array, read_interface, typed_dict_of

Say = Callable[[Function, str, str], Problem]
"""A problem of a function: what is wrong, and the cure."""
CALLED = (
    ("fit", ("train", "val"), ("seed", "budget_s")),
    ("save", ("model", "folder"), ()),
    ("load", ("folder",), ()),
)
"""What every accuracy criterion asks beside its entry point: the arguments by place, and those by name."""


class TaskNames(Protocol):
    """What of a task its interface has to fit: `graders.tasks.task.Task` has it."""

    @property
    def entry(self) -> str:
        """The function that answers for the hidden cases."""

    @property
    def truth(self) -> str:
        """Name of the array that it must not see."""

    @property
    def extra_truths(self) -> tuple[str, ...]:
        """Names of more of them."""

    @property
    def prediction(self) -> str:
        """Key of the reply that is scored."""


def interface_problems(path: Path, question: TaskNames | None, per_call: int) -> list[Problem]:
    """All that is wrong with an `interface.py`; `question` is what an accuracy criterion asks, if there is one."""
    try:
        interface = read_interface(path)
    except AssignmentError as error:
        return list(error.problems)

    def say(function: Function, what: str, cure: str) -> Problem:
        return Problem(str(path), function.name, function.line, what, cure)

    methods = [method for made in interface.classes.values() for method in made.methods.values()]
    problems = [
        say(function, f'the size "{size}" is reckoned with a name that no argument before it has', "write a name")
        for function in (*interface.functions.values(), *methods)
        for size in _unknown(function)
    ]
    if question is None:
        return problems
    entry = question.entry
    for name, given, named in (*CALLED, (entry, ("model", "inputs"), ())):
        call = f"{name}({', '.join([*given, *(f'{keyword}=...' for keyword in named)])})"
        function = interface.functions.get(name)
        if function is None:
            cure = f"add def {name}(...): an accuracy criterion needs fit, save, load and {entry}"
            problems.append(Problem(str(path), name, None, "is not declared", cure))
            continue
        try:
            function.signature.bind(*given, **dict.fromkeys(named))
        except TypeError as error:
            problems.append(say(function, f"is called as {call}: {error}", f"declare {call}"))
            continue
        if name in ("fit", "load"):
            problems += _of_a_maker(function, interface, say)
        if name == "fit":
            problems += _of_training(function, say)
        if name == entry:
            problems += _of_the_entry(function, question, per_call, say)
    return problems


def _of_a_maker(function: Function, interface: Interface, say: Say) -> Iterator[Problem]:
    """`fit` and `load` answer with what is then asked."""
    made = function.signature.return_annotation
    if made is not Model and made not in [known.type for known in interface.classes.values()]:
        what = f"answers {_name(made)}, and its answer is asked as a model"
        yield say(function, what, "declare -> Model: a dict, a tuple or an array is one too")


def _of_training(function: Function, say: Say) -> Iterator[Problem]:
    """Training and validation cases are of different number."""
    records = [typed_dict_of(parameter.annotation) for parameter in list(function.signature.parameters.values())[:2]]
    for record in dict.fromkeys(filter(None, records)):
        yield from _of_cases(function, record, say)
    if len(records) == 2 and None not in records and records[0] is not records[1]:
        train, val = (list(_arrays(record).values()) for record in records)
        leading = {sizes(array)[0] for array in (*train, *val) if sizes(array)}
        for size in sorted({name for name in leading if _is_name(name)} & _names(train) & _names(val)):
            what = f'train and val share the size "{size}", and each has a number of cases of its own'
            cure = f"call it otherwise in {records[1].__name__}, or declare both as {records[0].__name__}"
            yield say(function, what, cure)


def _of_the_entry(function: Function, question: TaskNames, per_call: int, say: Say) -> Iterator[Problem]:
    """It gets the inputs of some cases, and its answer has a row for each."""
    second = list(function.signature.parameters.values())[1:2]
    record = typed_dict_of(second[0].annotation) if second else None
    if record is None or second[0].name != "inputs" or not _arrays(record):
        cure = 'declare inputs: a TypedDict of the arrays to answer for, such as x: Float32[np.ndarray, "n 30"]'
        yield say(function, "its second parameter is not inputs, a TypedDict of arrays", cure)
        return
    inputs = _arrays(record)
    yield from _of_cases(function, record, say)
    for name in sorted({question.truth, *question.extra_truths} & set(typing.get_type_hints(record))):
        cure = f"take {name} out of {record.__name__}; what fit gets can have it, in a TypedDict of its own"
        yield say(function, f'its inputs ask for "{name}", the truth of the hidden cases', cure)
    leading = {sizes(array)[0] for array in inputs.values() if sizes(array)}
    for size in sorted(size for size in leading if not _is_name(size) and (size, per_call) != ("1", 1)):
        what = f'the first size of an array of {record.__name__} is "{size}", and a call may have 1 to {per_call} cases'
        yield say(function, what, 'write a name, such as "n"')
    reply = function.signature.return_annotation
    fields = typing.get_type_hints(reply, include_extras=True) if typing.is_typeddict(reply) else {}
    if question.prediction not in fields:
        what = f'answers {_name(reply)}, and "{question.prediction}" is what is scored'
        yield say(function, what, f"declare a TypedDict with the array {question.prediction}")
    for name, hint in fields.items():
        array = _bare(hint)
        if not is_array(array):
            yield say(function, f'its answer\'s "{name}" is {_name(hint)}, and no array', "declare an array")
            continue
        for size in sizes(array):
            if not size.isdecimal() and not _reckoned_from(size) <= _certain(function):
                what = f'its answer\'s "{name}" leaves the size "{size}" free, so that an answer may be of any size'
                yield say(function, what, f"write the number, or a name that an argument has, in {reply.__name__}")
        first = (*sizes(array), "")[0]
        if first not in leading and (first.isdecimal() or first in _certain(function) or not first):
            what = f'the first size of its answer\'s "{name}" is "{first}", and not the number of cases'
            yield say(function, what, f'write "{min(leading)}" first: a row of the answer for each case')


def _of_cases(function: Function, record: Any, say: Say) -> Iterator[Problem]:
    """The arrays of cases have the number of cases as their first size, and a chunk of them may be of any."""
    arrays = _arrays(record).values()
    leading = {sizes(array)[0] for array in arrays if sizes(array)}
    others = {size for array in arrays for size in sizes(array)[1:]}
    for size in sorted(name for name in leading & others if _is_name(name)):
        what = f'"{size}" is the number of cases in {record.__name__}, and another size too'
        yield say(function, what, "give the other size a name of its own")


# Sizes: jaxtyping's words, "n 3 *rest"


def sizes(array: Any) -> tuple[str, ...]:
    """The sizes of an array as its declaration words them; `rows=3` is 3."""
    return tuple(word.rpartition("=")[2] for word in array.dim_str.split())


def _is_name(size: str) -> bool:
    """Whether a size is a plain name, which the first array that has it binds: no `...`, `*rest`, `_` or `#n`."""
    return size.isidentifier() and not size.startswith("_")


def _reckoned_from(size: str) -> set[str]:
    """Names that a size is reckoned from: `2*n` from n. One that cannot be reckoned is its own name."""
    try:
        nodes = list(ast.walk(ast.parse(size, mode="eval")))
    except SyntaxError:
        return {size}
    if size.startswith("_") or any(isinstance(node, ast.Constant) and type(node.value) is not int for node in nodes):
        return {size}
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return {node.id for node in nodes if isinstance(node, ast.Name)} - (called & set(dir(builtins)))


def _certain(function: Function) -> set[str]:
    """Sizes that every call binds: those of arguments that are arrays, or a TypedDict of them, and not `X | None`."""
    return {name for parameter in function.signature.parameters.values() for name in _bound_by(parameter)}


def _bound_by(parameter: Parameter) -> set[str]:
    hint = _bare(parameter.annotation)
    if parameter.default is not Parameter.empty or parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
        return set()
    return _names([hint] if is_array(hint) else _arrays(hint).values() if typing.is_typeddict(hint) else [])


def _unknown(function: Function) -> Iterator[str]:
    """Sizes that are reckoned, such as `n+1`, from what no argument has bound by then: reckoning them would raise."""
    known: set[str] = set()
    hints = [parameter.annotation for parameter in function.signature.parameters.values()]
    for hint in (*hints, function.signature.return_annotation):
        for array in _within(hint):
            for size in sizes(array):
                reckoned = not size.isdecimal() and not size.lstrip("*#_.?").isidentifier() and size.strip(".")
                if reckoned and not _reckoned_from(size) <= known:
                    yield size
            known |= _names([array])


def _within(hint: Any) -> Iterator[Any]:
    """All arrays of a declaration, however nested."""
    hint = _bare(hint)
    if is_array(hint):
        yield hint
    elif typing.is_typeddict(hint):
        for field in typing.get_type_hints(hint, include_extras=True).values():
            yield from _within(field)
    else:
        for part in typing.get_args(hint):
            yield from _within(part)


def _arrays(record: Any) -> Mapping[str, Any]:
    """The arrays of a TypedDict that are always there."""
    fields = typing.get_type_hints(record, include_extras=True)
    return {
        name: _bare(hint) for name, hint in fields.items() if name in record.__required_keys__ and is_array(_bare(hint))
    }


def _names(arrays: Iterable[Any]) -> set[str]:
    return {size for array in arrays for size in sizes(array) if _is_name(size)}


def _bare(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def _name(hint: Any) -> str:
    return "nothing" if hint in (None, type(None)) else hint.__name__ if isinstance(hint, type) else str(hint)
