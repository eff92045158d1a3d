"""Checks an answer against its declaration in `interface.py`, before a test sees it.

jaxtyping checks shape and dtype, with named sizes bound by the arguments of the same call; this module checks tuples,
scalars, finiteness and ranges, and gives the reasons. Tests compare answers with the expected ones.
"""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import numpy as np
from jaxtyping import AnnotationError, jaxtyped

from assignments.data.columns import Column
from assignments.interface import (
    Function,
    MayBeEmpty,
    NotFinite,
    Range,
    is_array,
    is_union,
    stays_inside,
    typed_dict_of,
)
from graders import failures
from graders.failures import OutOfRange, WrongShape, WrongType
from graders.wall.cases import JoinedCases, list_item, stand_in
from graders.wall.wire import HandleReference

Wrap = Callable[[HandleReference, object], object]
"""Makes a handle of a reference, given the declared type."""
NAME_CHARACTERS = 200
"""Characters of an answer's name in evidence: the submission chooses the keys, and each item has a name."""


def parts_to_keep(hint: Any) -> Any:
    """The parts of an answer that stay inside, whatever they are: a request's `keep` (docs/wire.md); None for none."""
    hint = _bare(hint)
    if stays_inside(hint):
        return True
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if typing.is_typeddict(hint):
        fields = typing.get_type_hints(hint, include_extras=True)
        keys = {key: due for key, field in fields.items() if (due := parts_to_keep(field))}
        return {"keys": keys} if keys else None
    if is_union(hint):
        return next(filter(None, map(parts_to_keep, parts)), None)
    if origin is tuple and parts[1:] != (Ellipsis,):
        items = [parts_to_keep(part) for part in parts]
        return {"items": items} if any(items) else None
    due = parts_to_keep(parts[origin is dict]) if origin in (list, tuple, dict) else None
    return {"each": due} if due else None


@contextmanager
def bound(function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[None]:
    """A context in which the named sizes of a function's arguments hold. Where several arguments are TypedDicts with a
    common key, as training and validation cases are, and sizes differ, the first argument's hold.

    Raises:
        TypeError: the arguments are not as the interface declares them: the test's author has to change the test.
    """
    try:
        binding = function.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{function.name}{function.signature}: {error}") from None
    with jaxtyped("context"):
        seen: set[str] = set()
        for name, value in binding.arguments.items():
            parameter = function.signature.parameters[name]
            values = value if parameter.kind is parameter.VAR_POSITIONAL else (value,)
            record = typed_dict_of(parameter.annotation)
            keys = frozenset(record.__annotations__) if record is not None else frozenset()
            for item in values:
                binds = _binds(item, parameter.annotation)
                if not binds and keys & seen:
                    # Training and validation cases are records of the same arrays, and each has its own number of them.
                    with jaxtyped("context"):
                        binds = _binds(item, parameter.annotation)
                if not binds:
                    shape = f" of shape {item.shape} and dtype {item.dtype}" if isinstance(item, np.ndarray) else ""
                    raise TypeError(f"{function.name}: {name} is not as interface.py declares it{shape}")
                if type(item) is dict:
                    seen |= keys
        yield


def _binds(value: Any, hint: Any) -> bool:
    """Whether an argument agrees with its declaration, as far as arrays go; binds their named sizes."""
    hint = _bare(hint)
    if is_array(hint):
        array = value.stand_in if isinstance(value, JoinedCases) else value
        return not isinstance(array, np.ndarray) or isinstance(array, hint)
    if typing.is_typeddict(hint) and type(value) is dict:
        fields = {k: h for k, h in typing.get_type_hints(hint, include_extras=True).items() if k in value}
        lists = {k: item for k, h in fields.items() if (item := list_item(h)) and isinstance(value[k], list | Column)}
        alone = all(_binds(value[key], fields[key]) for key in fields if key not in lists)
        return alone and _lists_bind({key: value[key] for key in lists}, lists)
    if is_union(hint) and value is not None:
        return any(_binds(value, part) for part in typing.get_args(hint) if part is not type(None))
    return True


def _lists_bind(lists: Mapping[str, list[Any] | Column], hints: Mapping[str, Any]) -> bool:
    """Whether lists with an array for each case agree with the declarations of their items.

    The arrays of one case share their named sizes, such as an image's and its label's; each case has its own.

    Raises:
        TypeError: the lists differ in length, or a size is computed from a name outside the lists.
    """
    if len(lengths := {len(items) for items in lists.values()}) > 1:
        raise TypeError(f"lists of {sorted(lengths)} items, where each has an array for each case")
    seen: set[tuple[Any, ...]] = set()
    for case in zip(*(_stand_ins(items) for items in lists.values()), strict=True):
        kinds = tuple((array.dtype, array.shape) if isinstance(array, np.ndarray) else None for array in case)
        if kinds in seen:
            continue
        seen.add(kinds)
        with jaxtyped("context"):
            try:
                if not all(map(_binds, case, hints.values())):
                    return False
            except AnnotationError as error:
                raise TypeError(f"{', '.join(lists)}: {error}") from None
    return True


def _stand_ins(items: list[Any] | Column) -> list[Any]:
    return list(map(stand_in, items.cases)) if isinstance(items, Column) else items


def typed(value: Any, hint: Any, wrap: Wrap, name: str = "the answer") -> Any:
    """The value as declared. Where a scalar is declared, NumPy scalars and 0-d arrays become Python's. A number beyond
    a bound by rounding alone becomes the bound.

    Raises:
        WrongType, WrongShape, NonFiniteAnswer, OutOfRange: with a description of the value, as evidence.
    """
    notes: tuple[Any, ...] = ()
    if typing.get_origin(hint) is Annotated:
        notes = typing.get_args(hint)[1:]
        hint = typing.get_args(hint)[0]
    value = _of_type(value, hint, wrap, name)
    if type(value) is np.ndarray and value.size == 0 and not any(isinstance(note, MayBeEmpty) for note in notes):
        raise WrongShape(f"{name}: an empty array, which satisfies any condition on every number")
    finite_only = not any(isinstance(note, NotFinite) for note in notes)
    if type(value) is float and finite_only and not math.isfinite(value):
        raise failures.NonFiniteAnswer(f"{name}: {value}")
    if type(value) is np.ndarray and value.dtype.kind == "f" and finite_only:
        finite = np.isfinite(value)
        if not finite.all():
            raise failures.NonFiniteAnswer(f"{name}: {int((~finite).sum())} of {value.size} numbers")
    if not notes or type(value) not in (int, float, np.ndarray):
        return value
    numbers = np.asarray(value)
    for note in notes:
        if isinstance(note, Range):
            numbers = note.clip_rounding(numbers)
            if not note.holds(numbers):
                raise OutOfRange(f"{name}: from {numbers.min()} to {numbers.max()}, declared {note.low} to {note.high}")
    return numbers if type(value) is np.ndarray else type(value)(numbers)


def _of_type(value: Any, hint: Any, wrap: Wrap, name: str) -> Any:
    if hint is Any:
        return _undeclared(value, wrap, name)
    if hint is None or hint is type(None):
        return _exactly(value, type(None), name)
    if hint in (bool, int, float):
        return _scalar(value, hint, name)
    if hint is str:
        return _exactly(value, str, name)
    if is_array(hint):
        return _array(value, hint, name)
    if stays_inside(hint):
        if type(value) is not HandleReference:
            raise WrongType(f"{name}: {_described(value)}, declared {hint.__name__}")
        return wrap(value, hint)
    return _container(value, hint, wrap, name)


def _undeclared(value: Any, wrap: Wrap, name: str) -> Any:
    """A value that no interface describes: handles, finite numbers and arrays that are not empty, however nested."""
    if type(value) is HandleReference:
        return wrap(value, Any)
    if type(value) is dict:
        return {key: typed(item, Any, wrap, _at(name, key)) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(typed(item, Any, wrap, _at(name, i)) for i, item in enumerate(value))
    return value


def _container(value: Any, hint: Any, wrap: Wrap, name: str) -> Any:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if is_union(hint):
        nearest: WrongShape | None = None
        for part in parts:
            try:
                return typed(value, part, wrap, name)
            except WrongType:
                continue
            except WrongShape as failure:
                nearest = failure
        raise nearest or WrongType(f"{name}: {_described(value)}, declared {hint}")
    if typing.is_typeddict(hint):
        fields = typing.get_type_hints(hint, include_extras=True)
        _exactly(value, dict, name)
        if set(value) != set(fields):
            odd = [key[:NAME_CHARACTERS] for key in list(value)[:10]]
            raise WrongType(f"{name}: {len(value)} keys, {odd} among them, declared {sorted(fields)}")
        return {key: typed(value[key], fields[key], wrap, _at(name, key)) for key in fields}
    if hint is list or origin is list:
        _exactly(value, list, name)
        part = parts[0] if parts else Any
        return [typed(item, part, wrap, _at(name, i)) for i, item in enumerate(value)]
    if hint is dict or origin is dict:
        _exactly(value, dict, name)
        part = parts[1] if parts else Any
        return {key: typed(item, part, wrap, _at(name, key)) for key, item in value.items()}
    if hint is tuple or origin is tuple:
        _exactly(value, tuple, name)
        if not parts or (len(parts) == 2 and parts[1] is Ellipsis):
            parts = (parts[0] if parts else Any,) * len(value)
        if len(parts) != len(value):
            raise WrongShape(f"{name}: a tuple of {len(value)}, declared {len(parts)}")
        pairs = zip(value, parts, strict=True)
        return tuple(typed(item, part, wrap, _at(name, i)) for i, (item, part) in enumerate(pairs))
    raise TypeError(f"interface.py declares {hint!r}, and no answer can be checked against that")


def _exactly(value: Any, kind: type, name: str) -> Any:
    if type(value) is not kind:
        raise WrongType(f"{name}: {_described(value)}, declared {'None' if kind is type(None) else kind.__name__}")
    return value


def _scalar(value: Any, kind: type, name: str) -> Any:
    """A scalar of the declared kind; a 0-d array of it counts, and a whole number where a float is declared."""
    kinds = {bool: "b", int: "iu", float: "fiu"}[kind]
    if type(value) is np.ndarray and value.shape == () and value.dtype.kind in kinds:
        return kind(value.item())
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is np.ndarray and value.dtype.kind in kinds:
        raise WrongShape(f"{name}: {_described(value)}, declared one {kind.__name__}")
    raise WrongType(f"{name}: {_described(value)}, declared {kind.__name__}")


def _array(value: Any, hint: Any, name: str) -> Any:
    if type(value) is not np.ndarray:
        raise WrongType(f"{name}: {_described(value)}, declared an array {hint.__name__}")
    if isinstance(value, hint):
        return value
    if isinstance(hint.dtypes, list | tuple) and value.dtype.name not in hint.dtypes:
        raise WrongType(f"{name}: {_described(value)}, declared {hint.__name__}")
    raise WrongShape(f"{name}: {_described(value)}, declared {hint.__name__}")


def _at(name: str, key: int | str) -> str:
    """The name of an item: short however long the keys are and however deep it lies."""
    return f"{name}[{repr(key[:NAME_CHARACTERS]) if isinstance(key, str) else key}]"[:NAME_CHARACTERS]


def _described(value: Any) -> str:
    if type(value) is np.ndarray:
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if type(value) is HandleReference:
        return f"an object that stays inside ({value.description})"
    return f"a value of type {type(value).__name__}"


def _bare(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
