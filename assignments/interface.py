"""Reads what a solution must define: the declarations of an `interface.py`, a trusted file, which it imports.

`graders.wall.replies` checks answers against them; `assignments.interface_checks` checks whether they serve an accuracy
criterion. Authors write `Model`, `Range`, `NotFinite` and `MayBeEmpty` in annotations, along with jaxtyping's arrays.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import math
import sys
import traceback
import types
import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Annotated, Any, Union

import numpy as np
from jaxtyping import AbstractArray

from assignments.errors import Problem
from assignments.folders import AssignmentError

AXES = 8
"""The most axes of an array that crosses the wall."""
ULPS = 8
"""Steps of a dtype by which rounding may move a sum or mean of a few numbers: ten times float32's 0.1 is 1.0000001."""


class Model:
    """Whatever a framework calls a model. It stays inside the sandbox: the host holds a handle."""


@dataclass(frozen=True)
class Range:
    """Every number of the answer lies in [low, high]: `Annotated[Float[np.ndarray, "n"], Range(0, 1)]`."""

    low: float
    high: float

    def clip_rounding(self, numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The numbers, with each that only rounding put beyond a bound replaced by the bound.

        Rounding is at most `ULPS` steps of the numbers' own dtype at the larger bound. A float64 that float32 holds
        exactly comes from one, and counts as a float32. If any number lies farther out, or is NaN, none changes.
        """
        if numbers.dtype.kind != "f" or self.holds(numbers):
            return numbers
        if numbers.dtype.itemsize > 4:
            outside = numbers[~((numbers >= self.low) & (numbers <= self.high))]
            with np.errstate(over="ignore"):
                single = outside.astype(np.float32) == outside
            near = self._near(outside[~single], np.float64) and self._near(outside[single], np.float32)
        else:
            near = self._near(numbers, numbers.dtype)
        return np.clip(numbers, self.low, self.high) if near else numbers

    def _near(self, numbers: np.ndarray[Any, Any], dtype: Any) -> bool:
        finite = [abs(bound) for bound in (self.low, self.high) if math.isfinite(bound)]
        slack = ULPS * float(np.finfo(dtype).eps) * (max(finite, default=0.0) or 1.0)
        least, most = (numbers.min(), numbers.max()) if numbers.size else (self.low, self.high)
        return bool(least >= self.low - slack and most <= self.high + slack)

    def holds(self, numbers: np.ndarray[Any, Any]) -> bool:
        """Whether all numbers lie within the bounds; NaN does not."""
        return bool(((numbers >= self.low) & (numbers <= self.high)).all())


@dataclass(frozen=True)
class NotFinite:
    """The answer may hold NaN or infinity: `Annotated[float, NotFinite()]`."""


@dataclass(frozen=True)
class MayBeEmpty:
    """The array may be empty: `Annotated[Float[np.ndarray, "k 4"], MayBeEmpty()]`.

    Without this an empty array is refused, because `(answer < 1).all()` is true for it.
    """


@dataclass(frozen=True)
class Function:
    """One declared function or method."""

    name: str
    signature: inspect.Signature
    """Without `self`; annotations are resolved types."""
    doc: str
    line: int | None = None
    """The line that declares it."""


@dataclass(frozen=True)
class Class:
    """One declared class, with the methods and attributes that tests may use on its handles."""

    name: str
    type: type
    init: Function
    methods: Mapping[str, Function]
    attributes: Mapping[str, Any]
    doc: str


@dataclass(frozen=True)
class Interface:
    """All functions and classes that an `interface.py` declares."""

    functions: Mapping[str, Function] = field(default_factory=dict)
    classes: Mapping[str, Class] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Names that solution.py must define."""
        return frozenset(self.functions) | frozenset(self.classes)

    def fields(self, function: str, parameter: str | None) -> tuple[str, ...]:
        """Keys of the TypedDict that a parameter (or, for None, the answer) of a function is declared as."""
        signature = self.functions[function].signature
        hint = signature.return_annotation if parameter is None else signature.parameters[parameter].annotation
        return tuple(typing.get_type_hints(hint)) if typing.is_typeddict(hint) else ()


RESERVED = frozenset({"put", "generator", "double", "tensors", "gradient", "model", "fetch_files", "put_files"})
"""Names of medmark's own methods on the student object: an interface may not declare them."""
RESERVED_ON_HANDLES = frozenset({"get", "fetch", "item", "length", "take"})
"""Names of medmark's own methods on a handle: a class may not declare them."""


def read_interface(path: Path, before: str = "", after: str = "") -> Interface:
    """The declarations of an `interface.py`.

    Args:
        path: The file; with `before` or `after` it need not exist.
        before: Source that is read before the file, in one module with it: types that it lacks.
        after: Source that is read after it: functions that it lacks.

    Raises:
        AssignmentError: every problem in it, line by line: it cannot be imported; or a declaration has a reserved name,
            no return annotation, or one that no answer can be checked against.
    """
    path = path.resolve()
    module = _import(path, before, after)
    functions: dict[str, Function] = {}
    classes: dict[str, Class] = {}
    problems: list[Problem] = []
    own = {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }
    for name, value in own.items():
        with _reported(problems, path, name, value):
            if name in RESERVED:
                raise _DeclarationError(f"{name!r} is the name of one of medmark's own forms", "rename it")
            if inspect.isfunction(value):
                functions[name] = _function(name, value)
            elif inspect.isclass(value) and not typing.is_typeddict(value):
                classes[name] = _class(value)
    class_types = frozenset(declared.type for declared in classes.values())
    for name, function in functions.items():
        with _reported(problems, path, name, own[name]):
            _check(function.signature.return_annotation, class_types)
    for declared in classes.values():
        _check_class(declared, class_types, problems, path)
    if problems:
        raise AssignmentError(problems)
    return Interface(functions, classes)


class _DeclarationError(Exception):
    """A problem of a declaration, and its cure."""


@contextmanager
def _reported(problems: list[Problem], path: Path, name: str, value: Any) -> Iterator[None]:
    """Adds an error about a declaration to the problems of the file."""
    try:
        yield
    except _DeclarationError as error:
        what, cure = error.args
        problems.append(Problem(str(path), name, _line(value), what, cure))
    except Exception as error:  # noqa: BLE001 - an author's annotation may raise anything when it is read
        what = f"its annotations cannot be read: {type(error).__name__}: {error}"
        problems.append(Problem(str(path), name, _line(value), what, "import or define every name in them"))


def _line(value: Any) -> int | None:
    """The line in the file; None for what is derived."""
    try:
        if inspect.isfunction(value) and value.__code__.co_filename == DERIVED:
            return None
        return value.__code__.co_firstlineno if inspect.isfunction(value) else inspect.getsourcelines(value)[1]
    except (OSError, TypeError):
        return None


def _check_class(declared: Class, classes: frozenset[type], problems: list[Problem], path: Path) -> None:
    """Check what the methods of a class return, and its attributes."""
    methods = {method.name: method.signature.return_annotation for method in declared.methods.values()}
    attributes = {f"{declared.name}.{name}": hint for name, hint in declared.attributes.items()}
    for name, hint in (methods | attributes).items():
        with _reported(problems, path, name, declared.type):
            if name in methods and name.rpartition(".")[2] in RESERVED_ON_HANDLES:
                raise _DeclarationError(f"{name!r} is the name of one of medmark's own forms on a handle", "rename it")
            _check(hint, classes)


def _check(hint: Any, classes: frozenset[type]) -> bool:
    """Whether an answer so declared contains a model or an instance.

    Raises:
        _DeclarationError: `graders.wall.replies` could not check an answer against it. Raised on loading, it costs no
            group a test.
    """
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        inner, notes = parts[0], parts[1:]
        if not all(isinstance(note, Range | NotFinite | MayBeEmpty) for note in notes):
            cure = "use Range(low, high), NotFinite() or MayBeEmpty()"
            raise _DeclarationError(f"{hint} has a note that medmark does not know", cure)
        if inner not in (int, float) and not is_array(inner):
            cure = "write Range, NotFinite and MayBeEmpty at the number or the array itself"
            raise _DeclarationError(f"{hint} has a note on something that is neither a number nor an array", cure)
        return _check(inner, classes)
    if hint in (None, type(None), bool, int, float, str):
        return False
    if hint is Model or hint in classes:
        return True
    if is_array(hint):
        _check_array(hint)
        return False
    if typing.is_typeddict(hint):
        if missing := sorted(hint.__optional_keys__):
            what = f"{hint.__name__} has keys that may be missing: {', '.join(missing)}"
            raise _DeclarationError(what, "write X | None")
        inner_hints: tuple[Any, ...] = tuple(typing.get_type_hints(hint, include_extras=True).values())
    elif is_union(hint) or origin is list:
        inner_hints = parts
    elif origin is tuple:
        inner_hints = tuple(part for part in parts if part is not Ellipsis)
    elif origin is dict and parts[0] is str:
        inner_hints = parts[1:]
    else:
        raise _DeclarationError(
            f"medmark cannot check an answer against {hint}",
            'use None, bool, int, float, str, an array such as Float[np.ndarray, "n d"], tuple[...], list[X], '
            "dict[str, X], a TypedDict, X | None, Model, or a class declared in the file",
        )
    inside = [_check(inner, classes) for inner in inner_hints]
    others = [inner for inner in inner_hints if inner is not type(None)]
    if is_union(hint) and any(inside) and len(others) > 1 and not all(map(stays_inside, others)):
        cure = "declare Model alone, or Model | None"
        what = "a model may be anything, also a number or an array, so medmark cannot tell which one an answer is"
        raise _DeclarationError(f"{hint}: {what}", cure)
    return any(inside)


def _check_array(hint: Any) -> None:
    if hint.array_type not in (np.ndarray, Any):
        what = f"is an array of {hint.array_type}, but only NumPy arrays cross the wall"
        raise _DeclarationError(what, "write np.ndarray")
    if len(hint.dims) - (hint.index_variadic is not None) > AXES:
        raise _DeclarationError(f'"{hint.dim_str}" has more than {AXES} axes', f"use an array of at most {AXES}")
    if "?" in hint.dim_str or "{" in hint.dim_str:
        raise _DeclarationError(f'"{hint.dim_str}" has a size that no call fixes', "write a number, or a name")


def is_array(hint: Any) -> bool:
    """Whether a declaration is one of jaxtyping's arrays."""
    return isinstance(hint, type) and issubclass(hint, AbstractArray)


def is_union(hint: Any) -> bool:
    """Whether it is `X | Y`."""
    return typing.get_origin(hint) in (Union, types.UnionType)


def stays_inside(hint: Any) -> bool:
    """Whether it is `Model` or a class: the answer then stays in the sandbox, and the host gets a handle."""
    plain = (Any, type(None), bool, int, float, str, list, tuple, dict)
    return isinstance(hint, type) and hint not in plain and not is_array(hint) and not typing.is_typeddict(hint)


def typed_dict_of(hint: Any) -> Any:
    """The TypedDict that a parameter is declared as, also in `X | None`; None if it is not a TypedDict."""
    members = typing.get_args(hint) if is_union(hint) else (hint,)
    typed_dicts = [member for member in members if typing.is_typeddict(member)]
    return typed_dicts[0] if len(typed_dicts) == 1 else None


class _Loader(SourceFileLoader):
    """Reads the source, never stored bytecode: a file saved twice within a second would get that of the first save."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


DERIVED = "derived from task and data"
"""Stands for the file of what no file holds."""


class _DerivedText(_Loader):
    """Reads source that medmark has written itself."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, DERIVED)
        self._text = text

    def get_data(self, path: str) -> bytes:
        return self._text.encode()


def _import(path: Path, before: str, after: str) -> ModuleType:
    name = f"medmark_interface_{hashlib.sha256(bytes(path)).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Loader(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where `typing` looks for the names of annotations that are text
    try:
        _DerivedText(name, before).exec_module(module)
        if path.is_file() or not (before or after):
            spec.loader.exec_module(module)
        _DerivedText(name, after).exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's file may raise anything, for them to correct
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        if isinstance(error, SyntaxError) and error.filename == str(path):
            lines.append(error.lineno)
        what = f"cannot be imported: {type(error).__name__}: {error}"
        line = lines[-1] if lines else None
        raise AssignmentError([Problem(str(path), "", line, what, "correct the file")]) from None
    return module


def _function(name: str, function: Any, method: bool = False) -> Function:
    hints = typing.get_type_hints(function, include_extras=True)
    if "return" not in hints:
        raise _DeclarationError("declares no return type", "add `-> ...`")
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=hints.get(p.name, Any)) for p in signature.parameters.values()]
    if method:
        parameters = parameters[1:]
    return Function(
        name,
        signature.replace(parameters=parameters, return_annotation=hints["return"]),
        inspect.getdoc(function) or "",
        _line(function),
    )


def _class(value: type) -> Class:
    methods = {
        name: _function(f"{value.__name__}.{name}", member, method=True)
        for name, member in vars(value).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }
    declared_init = vars(value).get("__init__")
    if declared_init is None:
        init = Function(value.__name__, inspect.Signature(), "")
    else:
        declared_init.__annotations__.setdefault("return", None)
        init = _function(value.__name__, declared_init, method=True)
    return Class(
        value.__name__,
        value,
        init,
        methods,
        typing.get_type_hints(value, include_extras=True),
        inspect.getdoc(value) or "",
    )
