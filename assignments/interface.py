"""What a solution must define: the declarations of an assignment's `interface.py`, read by importing that trusted file.

It says what is asked, it does not judge answers: `graders.replies` does. Authors use `Model`, `Range` and `NotFinite`
in their annotations beside jaxtyping's arrays.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Union

from jaxtyping import AbstractArray


class Model:
    """Whatever a framework calls a model. It stays inside the sandbox: the host holds a handle."""


@dataclass(frozen=True)
class Range:
    """Every number of the answer lies in [low, high]: `Annotated[Float[np.ndarray, "n"], Range(0, 1)]`."""

    low: float
    high: float


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


def read_interface(path: Path) -> Interface:
    """The declarations of an `interface.py`.

    Raises:
        ValueError: a declaration without a return annotation, with one that no answer can be checked against, or
            under a reserved name; says which and where.
    """
    module = _import(path)
    functions: dict[str, Function] = {}
    classes: dict[str, Class] = {}
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if name in RESERVED:
            raise ValueError(f"{path.name}: {name!r} is one of medmark's own forms; rename it")
        if inspect.isfunction(value):
            functions[name] = _function(name, value, path)
        elif inspect.isclass(value) and not typing.is_typeddict(value):
            classes[name] = _class(value, path)
    known = frozenset(made.type for made in classes.values())
    for function in (*functions.values(), *(method for made in classes.values() for method in made.methods.values())):
        _check(function.signature.return_annotation, f"{path.name}: the answer of {function.name}", known)
    for made in classes.values():
        for name, hint in made.attributes.items():
            _check(hint, f"{path.name}: {made.name}.{name}", known)
    return Interface(functions, classes)


def _check(hint: Any, what: str, classes: frozenset[type]) -> None:
    """Whether `graders.replies` can hold an answer against a declaration; found here, it costs no group a test."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        inner, notes = parts[0], parts[1:]
        if not all(isinstance(note, Range | NotFinite | MayBeEmpty) for note in notes):
            raise ValueError(f"{what}: {hint} has a note that is none of Range(low, high), NotFinite(), MayBeEmpty()")
        if inner not in (int, float) and not _is_array(inner):
            raise ValueError(f"{what}: {hint}: Range, NotFinite and MayBeEmpty belong to a number or an array itself")
        return
    if hint in (None, type(None), bool, int, float, str, Model) or _is_array(hint) or hint in classes:
        return
    if typing.is_typeddict(hint):
        inner_hints: tuple[Any, ...] = tuple(typing.get_type_hints(hint, include_extras=True).values())
    elif origin in (Union, types.UnionType, list):
        inner_hints = parts
    elif origin is tuple:
        inner_hints = tuple(part for part in parts if part is not Ellipsis)
    elif origin is dict and parts[0] is str:
        inner_hints = parts[1:]
    else:
        raise ValueError(
            f"{what}: no answer can be checked against {hint}; use None, bool, int, float, str, an array such as "
            'Float[np.ndarray, "n d"], tuple[...], list[X], dict[str, X], a TypedDict, X | None, Model, or a class '
            "declared in the file"
        )
    for inner in inner_hints:
        _check(inner, what, classes)


def _is_array(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, AbstractArray)


def _import(path: Path) -> ModuleType:
    name = f"medmark_interface_{hashlib.sha256(bytes(path.resolve())).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where `typing` looks for the names of annotations that are text
    spec.loader.exec_module(module)
    return module


def _function(name: str, function: Any, path: Path, method: bool = False) -> Function:
    hints = typing.get_type_hints(function, include_extras=True)
    if "return" not in hints:
        line = inspect.getsourcelines(function)[1]
        raise ValueError(f"{path.name}:{line}: {name} declares no return type; add `-> ...`")
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=hints.get(p.name, Any)) for p in signature.parameters.values()]
    if method:
        parameters = parameters[1:]
    return Function(
        name,
        signature.replace(parameters=parameters, return_annotation=hints["return"]),
        inspect.getdoc(function) or "",
    )


def _class(value: type, path: Path) -> Class:
    methods = {
        name: _function(f"{value.__name__}.{name}", member, path, method=True)
        for name, member in vars(value).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }
    init = vars(value).get("__init__")
    if init is None:
        made = Function(value.__name__, inspect.Signature(), "")
    else:
        init.__annotations__.setdefault("return", None)
        made = _function(value.__name__, init, path, method=True)
    return Class(
        value.__name__,
        value,
        made,
        methods,
        typing.get_type_hints(value, include_extras=True),
        inspect.getdoc(value) or "",
    )
