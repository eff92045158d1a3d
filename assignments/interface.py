"""What a solution must define: the declarations of an assignment's `interface.py`, read by importing that trusted file.

It says what is asked, it does not judge answers: `graders.wall.replies` does. Whether the declarations serve an
accuracy criterion is `assignments.interface_checks`'s to say. Authors use `Model`, `Range` and `NotFinite` in their
annotations beside jaxtyping's arrays.
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
"""Axes of an array that may cross the wall."""
ULPS = 8
"""Steps of a dtype by which a sum or mean of a few numbers is off: ten times float32's 0.1 is 1.0000001."""


class Model:
    """Whatever a framework calls a model. It stays inside the sandbox: the host holds a handle."""


@dataclass(frozen=True)
class Range:
    """Every number of the answer lies in [low, high]: `Annotated[Float[np.ndarray, "n"], Range(0, 1)]`."""

    low: float
    high: float

    def clip_rounding(self, numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The numbers, of which those that only rounding put beyond a bound are that bound.

        Rounding is `ULPS` steps of the numbers' own dtype at the larger bound. A float64 that float32 holds exactly
        comes from one, and is taken as such. Where a number lies farther out, or is NaN, all stay as they are.
        """
        if numbers.dtype.kind != "f" or self.holds(numbers):
            return numbers
        if numbers.dtype.itemsize > 4:
            out = numbers[~((numbers >= self.low) & (numbers <= self.high))]
            with np.errstate(over="ignore"):
                single = out.astype(np.float32) == out
            near = self._near(out[~single], np.float64) and self._near(out[single], np.float32)
        else:
            near = self._near(numbers, numbers.dtype)
        return np.clip(numbers, self.low, self.high) if near else numbers

    def _near(self, numbers: np.ndarray[Any, Any], dtype: Any) -> bool:
        finite = [abs(bound) for bound in (self.low, self.high) if math.isfinite(bound)]
        slack = ULPS * float(np.finfo(dtype).eps) * (max(finite, default=0.0) or 1.0)
        least, most = (numbers.min(), numbers.max()) if numbers.size else (self.low, self.high)
        return bool(least >= self.low - slack and most <= self.high + slack)

    def holds(self, numbers: np.ndarray[Any, Any]) -> bool:
        """Whether all of them lie within the bounds; NaN lies nowhere."""
        return bool(((numbers >= self.low) & (numbers <= self.high)).all())


@dataclass(frozen=True)
class NotFinite:
    """The answer may hold NaN or infinity: `Annotated[float, NotFinite()]`."""


@dataclass(frozen=True)
class MayBeEmpty:
    """The array may hold nothing: `Annotated[Float[np.ndarray, "k 4"], MayBeEmpty()]`.

    Elsewhere an empty array is refused, since `(answer < 1).all()` is true of it.
    """


@dataclass(frozen=True)
class Function:
    """One function or method that is asked for."""

    name: str
    signature: inspect.Signature
    """Without `self`; annotations are resolved types."""
    doc: str
    line: int | None = None
    """Where the file declares it."""


@dataclass(frozen=True)
class Class:
    """One class that is asked for, with the methods and attributes that may be used on its handles."""

    name: str
    type: type
    init: Function
    methods: Mapping[str, Function]
    attributes: Mapping[str, Any]
    doc: str


@dataclass(frozen=True)
class Interface:
    """All that an assignment asks for by name."""

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


RESERVED = frozenset({"put", "generator", "double", "tensors", "gradient", "model"})
"""Names of our own on the student object: an interface may not use them."""
RESERVED_ON_HANDLES = frozenset({"get", "fetch", "item", "length", "take"})
"""The same on a handle: no method may be called so."""


def read_interface(path: Path) -> Interface:
    """The declarations of an `interface.py`.

    Raises:
        AssignmentError: all that is wrong with it, line by line: it cannot be imported, or a declaration has no
            return annotation, one that no answer can be checked against, or a reserved name.
    """
    path = path.resolve()
    module = _import(path)
    functions: dict[str, Function] = {}
    classes: dict[str, Class] = {}
    problems: list[Problem] = []
    own = {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }
    for name, value in own.items():
        with _told(problems, path, name, value):
            if name in RESERVED:
                raise _Faulty(f"{name!r} is one of medmark's own forms", "rename it")
            if inspect.isfunction(value):
                functions[name] = _function(name, value)
            elif inspect.isclass(value) and not typing.is_typeddict(value):
                classes[name] = _class(value)
    known = frozenset(made.type for made in classes.values())
    for name, function in functions.items():
        with _told(problems, path, name, own[name]):
            _check(function.signature.return_annotation, known)
    for made in classes.values():
        hints = {method.name: method.signature.return_annotation for method in made.methods.values()}
        for name, hint in (hints | {f"{made.name}.{name}": hint for name, hint in made.attributes.items()}).items():
            with _told(problems, path, name, made.type):
                if name.rpartition(".")[2] in RESERVED_ON_HANDLES and name in hints:
                    raise _Faulty(f"{name!r} is one of medmark's own forms on a handle", "rename it")
                _check(hint, known)
    if problems:
        raise AssignmentError(problems)
    return Interface(functions, classes)


class _Faulty(Exception):
    """What is wrong with a declaration, and the cure."""


@contextmanager
def _told(problems: list[Problem], path: Path, name: str, value: Any) -> Iterator[None]:
    """What is wrong with a declaration becomes a problem of the file."""
    try:
        yield
    except _Faulty as fault:
        what, cure = fault.args
        problems.append(Problem(str(path), name, _line(value), what, cure))
    except Exception as error:  # noqa: BLE001 - an author's annotation may raise anything when it is read
        what = f"its annotations cannot be read: {type(error).__name__}: {error}"
        problems.append(Problem(str(path), name, _line(value), what, "import or define all that they name"))


def _line(value: Any) -> int | None:
    try:
        return value.__code__.co_firstlineno if inspect.isfunction(value) else inspect.getsourcelines(value)[1]
    except (OSError, TypeError):
        return None


def _check(hint: Any, classes: frozenset[type]) -> bool:
    """Whether a model or an instance stands in an answer; raises where `graders.wall.replies` could not check one.

    Found here, it costs no group a test.
    """
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        inner, notes = parts[0], parts[1:]
        if not all(isinstance(note, Range | NotFinite | MayBeEmpty) for note in notes):
            cure = "use Range(low, high), NotFinite() or MayBeEmpty()"
            raise _Faulty(f"{hint} has a note that is none of ours", cure)
        if inner not in (int, float) and not is_array(inner):
            cure = "write Range, NotFinite and MayBeEmpty beside a number or an array itself"
            raise _Faulty(f"{hint} bounds what is neither number nor array", cure)
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
            raise _Faulty(f"{hint.__name__} has keys that may be missing: {', '.join(missing)}", "write X | None")
        inner_hints: tuple[Any, ...] = tuple(typing.get_type_hints(hint, include_extras=True).values())
    elif is_union(hint) or origin is list:
        inner_hints = parts
    elif origin is tuple:
        inner_hints = tuple(part for part in parts if part is not Ellipsis)
    elif origin is dict and parts[0] is str:
        inner_hints = parts[1:]
    else:
        raise _Faulty(
            f"no answer can be checked against {hint}",
            'use None, bool, int, float, str, an array such as Float[np.ndarray, "n d"], tuple[...], list[X], '
            "dict[str, X], a TypedDict, X | None, Model, or a class declared in the file",
        )
    inside = [_check(inner, classes) for inner in inner_hints]
    others = [inner for inner in inner_hints if inner is not type(None)]
    if is_union(hint) and any(inside) and len(others) > 1 and not all(map(stays_inside, others)):
        cure = "declare Model alone, or Model | None"
        raise _Faulty(f"{hint}: a model may be anything, a number or an array too, so none can be told apart", cure)
    return any(inside)


def _check_array(hint: Any) -> None:
    if hint.array_type not in (np.ndarray, Any):
        raise _Faulty(f"an array of {hint.array_type}, and what crosses the wall is NumPy's", "write np.ndarray")
    if len(hint.dims) - (hint.index_variadic is not None) > AXES:
        raise _Faulty(f'"{hint.dim_str}" has more than {AXES} axes', f"ask for an array of at most {AXES}")
    if "?" in hint.dim_str or "{" in hint.dim_str:
        raise _Faulty(f'"{hint.dim_str}" has a size that no call gives', "write a number, or a name")


def is_array(hint: Any) -> bool:
    """Whether a declaration is one of jaxtyping's arrays."""
    return isinstance(hint, type) and issubclass(hint, AbstractArray)


def is_union(hint: Any) -> bool:
    """Whether it is `X | Y`."""
    return typing.get_origin(hint) in (Union, types.UnionType)


def stays_inside(hint: Any) -> bool:
    """Whether it is `Model` or a class: whatever the answer is there, the host gets a handle."""
    plain = (Any, type(None), bool, int, float, str, list, tuple, dict)
    return isinstance(hint, type) and hint not in plain and not is_array(hint) and not typing.is_typeddict(hint)


def typed_dict_of(hint: Any) -> Any:
    """The TypedDict that a parameter is declared as, also in `X | None`; None where it is none."""
    found = [part for part in (typing.get_args(hint) if is_union(hint) else (hint,)) if typing.is_typeddict(part)]
    return found[0] if len(found) == 1 else None


class _Loader(SourceFileLoader):
    """Reads the file as it is: an author's next save within a second would find the last one's bytecode."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _import(path: Path) -> ModuleType:
    name = f"medmark_interface_{hashlib.sha256(bytes(path)).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Loader(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where `typing` looks for the names of annotations that are text
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's file may raise anything: it is theirs to correct
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        if isinstance(error, SyntaxError) and error.filename == str(path):
            lines.append(error.lineno)
        what = f"cannot be imported: {type(error).__name__}: {error}"
        line = lines[-1] if lines else None
        raise AssignmentError([Problem(str(path), "", line, what, "correct what it says there")]) from None
    return module


def _function(name: str, function: Any, method: bool = False) -> Function:
    hints = typing.get_type_hints(function, include_extras=True)
    if "return" not in hints:
        raise _Faulty("declares no return type", "add `-> ...`")
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
    init = vars(value).get("__init__")
    if init is None:
        made = Function(value.__name__, inspect.Signature(), "")
    else:
        init.__annotations__.setdefault("return", None)
        made = _function(value.__name__, init, method=True)
    return Class(
        value.__name__,
        value,
        made,
        methods,
        typing.get_type_hints(value, include_extras=True),
        inspect.getdoc(value) or "",
    )
