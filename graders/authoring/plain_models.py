"""Calls given code with models of another class, which have the framework's own names and no others.

`graders.authoring.given_code` copies this file beside a reference; it runs behind the wall as a part of that solution,
so it imports nothing of medmark and no framework that the solution has not imported itself.

Code that a student is given must work with the class of model that the student writes. So each given function runs with
globals in which what students write answers wrapped models, and its arguments are wrapped too. What such code sets on a
model itself it may read again. Its answers are unwrapped.
"""

from __future__ import annotations

import copy
import functools
import inspect
import sys
import types
import weakref
from collections.abc import Callable, Collection, Mapping
from typing import Any

MARK = "given code reads model."
"""Begins the message about a name that the framework does not give every model."""
_INNER = "_medmark_inner"
_wrapped: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
"""By model: its wrapper, so that the same model is the same object."""
_set_by_given_code: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()
"""By model: names that given code has set on it."""


def with_plain_models(module: types.ModuleType, ready: Collection[str], written: Collection[str]) -> dict[str, Any]:
    """The names of a solution whose given functions meet models of another class.

    Args:
        module: The reference. Its own calls of given functions meet such models too.
        ready: Names that students get as they are.
        written: Names that students write: the others of the interface.
    """
    own = vars(module)
    classes = tuple(own[name] for name in ready if inspect.isclass(own[name]))
    world = dict(own)
    plain = {name: _rebound(own[name], world) for name in ready if _is_rebindable(own[name], own)}
    wrap = functools.partial(_wrap, classes=classes, own=own)
    world.update({name: _answering(own[name], wrap) for name in written if callable(own.get(name))})
    world.update(plain)
    stand_ins = {name: _standing_in(function, wrap) for name, function in plain.items()}
    own.update(stand_ins)
    return {name: value for name, value in own.items() if not name.startswith("__")}


def _is_rebindable(function: Any, own: Mapping[str, Any]) -> bool:
    return isinstance(function, types.FunctionType) and function.__globals__ is own


def _rebound(function: types.FunctionType, world: dict[str, Any]) -> types.FunctionType:
    """The same function with other globals."""
    other = types.FunctionType(function.__code__, world, function.__name__, function.__defaults__, function.__closure__)
    other.__kwdefaults__ = function.__kwdefaults__
    other.__dict__.update(function.__dict__)
    return other


def _standing_in(function: Callable[..., Any], wrap: Callable[[Any], Any]) -> Callable[..., Any]:
    """A given function as others call it: it receives wrapped models, and its answer is unwrapped."""

    @functools.wraps(function)
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        return _unwrap(function(*wrap(args), **wrap(kwargs)))

    return stand_in


def _answering(function: Callable[..., Any], wrap: Callable[[Any], Any]) -> Callable[..., Any]:
    """A student's function or class as given code calls it: it never sees a wrapper, and answers wrapped models."""

    @functools.wraps(function, updated=())
    def stand_in(*args: Any, **kwargs: Any) -> Any:
        return wrap(function(*_unwrap(args), **_unwrap(kwargs)))

    return stand_in


def _wrap(value: Any, classes: tuple[type, ...], own: Mapping[str, Any]) -> Any:
    """A value with its models wrapped, at any depth of lists, tuples and dicts; functions of the student too."""
    again = functools.partial(_wrap, classes=classes, own=own)
    if isinstance(value, dict) and type(value) is dict:
        return {key: again(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(again(item) for item in value)
    if isinstance(value, types.FunctionType) and value.__globals__ is own:
        return _answering(value, again)
    base = _base_of(value)
    if base is None or hasattr(type(value), "_medmark_is_plain") or isinstance(value, classes):
        return value
    if value not in _wrapped:
        wrapper: Any = object.__new__(_plain_class(base))
        object.__setattr__(wrapper, _INNER, value)
        _wrapped[value] = wrapper
    return _wrapped[value]


def _unwrap(value: Any) -> Any:
    if type(value) is dict:
        return {key: _unwrap(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_unwrap(item) for item in value)
    return object.__getattribute__(value, _INNER) if hasattr(type(value), "_medmark_is_plain") else value


def _base_of(value: Any) -> type | None:
    """What every model of the framework is: the class whose names given code may use; None if it is not a model."""
    torch, keras, tf = (sys.modules.get(name) for name in ("torch", "keras", "tensorflow"))
    bases = [torch.nn.Module] if torch is not None else []
    bases += [keras.Model, keras.layers.Layer] if keras is not None else []
    bases += [tf.Module] if tf is not None and hasattr(tf, "Module") else []
    # A layer of the framework itself is not a model that a student wrote.
    if type(value).__module__.partition(".")[0] in ("torch", "keras", "tensorflow") and not _is_container(value):
        return None
    return next((base for base in bases if isinstance(value, base)), None)


def _is_container(value: Any) -> bool:
    """Whether it is a model made of layers without a class of its own, such as Sequential."""
    return type(value).__name__ in ("Sequential", "Functional", "Model")


@functools.cache
def _plain_class(base: type) -> type:
    """A class that has the names of `base`, answered by the model behind it, and no others."""
    own_names = frozenset(dir(base)) | frozenset(vars(type("Bare", (base,), {})()))

    def __getattribute__(self: Any, name: str) -> Any:
        if name == "_medmark_is_plain" or (name.startswith("__") and name != "__dict__"):
            return object.__getattribute__(self, name)
        inner = object.__getattribute__(self, _INNER)
        if name not in own_names and name not in _set_by_given_code.get(inner, ()):
            raise AttributeError(name)  # Python then asks __getattr__
        value = getattr(inner, name)
        return _returning_self(value, inner, self) if inspect.ismethod(value) else value

    def __getattr__(self: Any, name: str) -> Any:
        raise AttributeError(f"{MARK}{name}, which only code that students write sets")

    def __setattr__(self: Any, name: str, value: Any) -> None:
        inner = object.__getattribute__(self, _INNER)
        _set_by_given_code.setdefault(inner, set()).add(name)
        setattr(inner, name, _unwrap(value))

    def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
        return object.__getattribute__(self, _INNER)(*args, **kwargs)

    def __deepcopy__(self: Any, memo: Any) -> Any:
        inner = object.__getattribute__(self, _INNER)
        other = copy.deepcopy(inner, memo)
        _set_by_given_code.setdefault(other, set()).update(_set_by_given_code.get(inner, ()))
        return _wrap(other, (), {})

    methods = (__getattribute__, __getattr__, __setattr__, __call__, __deepcopy__)
    names: dict[str, Any] = {method.__name__: method for method in methods}
    names |= {"__init__": lambda self, *args, **kwargs: None, "_medmark_is_plain": True}
    plain: type = type(base)("PlainModel", (base,), names)
    return plain


def _returning_self(method: Callable[..., Any], inner: Any, wrapper: Any) -> Callable[..., Any]:
    """A method whose answer is the wrapper where it would be the model: `model.eval()`."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        value = method(*args, **kwargs)
        return wrapper if value is inner else value

    return call
