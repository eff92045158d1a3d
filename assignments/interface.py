"""What a solution must define: the declarations of an assignment's `interface.py`, read by importing that trusted file.

It says what is asked, it does not judge answers: `graders.replies` does. Authors use `Model`, `Range` and `NotFinite`
in their annotations beside jaxtyping's arrays.
"""

from __future__ import annotations

import importlib.util
import inspect
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any


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
        ValueError: a declaration without a return annotation, or under a reserved name; says which and where.
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
    return Interface(functions, classes)


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"medmark_interface_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
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
