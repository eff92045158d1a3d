"""The host's stand-in of an object in a student's notebook: a test cell uses it as if it were the object.

Every use asks the worker. What comes back is the student's claim, as every answer is, and the test compares it. One
thing is never left to the student: whether an answer equals what the test expects. So an answer that stays inside
equals nothing on the host, unless it holds numbers, such as a tensor: then those are compared here. The operators of an
object are asked for only if the test itself names its class, `Vector(1, 2) * 3`, since then they are the question.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from graders.wall.notebook_values import CannotCross

if TYPE_CHECKING:
    from graders.wall.notebook_worker import NotebookWorker

ITEMS = 100_000
"""The most items that are asked for one after another."""
END = "no more items: a05c1e"


class Remote:
    """An object that stayed inside. Its attributes, methods, items and operators are asked for there."""

    __slots__ = ("_callee", "_is_of_the_test", "_kind", "_number", "_worker")

    def __init__(self, worker: NotebookWorker, number: int, kind: str) -> None:
        set_own = object.__setattr__
        set_own(self, "_worker", worker)
        set_own(self, "_number", number)
        set_own(self, "_kind", kind)
        set_own(self, "_callee", "")
        set_own(self, "_is_of_the_test", False)

    def _ask(self, what: str, *arguments: Any, **named: Any) -> Any:
        return self._worker.ask(what, *arguments, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__array_") or name in _NOT_OF_AN_OBJECT:
            raise AttributeError(name)
        return self._ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._worker.ask("set", self, name, value)

    def __getitem__(self, index: Any) -> Any:
        return self._ask("item", self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._worker.ask("set_item", self, index, value)

    def __len__(self) -> int:
        return int(self._worker.ask("length", self))

    def __iter__(self) -> Iterator[Any]:
        iterator = self._ask("iterate", self)
        for _ in range(ITEMS):
            item = iterator._ask("next", iterator, END) if isinstance(iterator, Remote) else END
            if type(item) is str and item == END:
                return
            yield item
        raise ValueError(f"more than {ITEMS} items")

    def __next__(self) -> Any:
        item = self._ask("next", self, END)
        if type(item) is str and item == END:
            raise StopIteration
        return item

    def __contains__(self, item: Any) -> bool:
        if self._asks_with(item):
            return bool(self._ask("contains", self, item))
        return any(each is item or bool(each == item) for each in self)

    def __enter__(self) -> Any:
        return self._ask("enter", self)

    def __exit__(self, *_: object) -> None:
        self._ask("leave", self)

    def __bool__(self) -> bool:
        return bool(self._worker.ask("truth", self))

    def __float__(self) -> float:
        return float(self._worker.ask("float", self))

    def __int__(self) -> int:
        return int(self._worker.ask("int", self))

    def __complex__(self) -> complex:
        return complex(self._worker.ask("complex", self))

    def __round__(self, digits: int | None = None) -> Any:
        return round(float(self), digits)

    def __str__(self) -> str:
        return str(self._worker.ask("text", self))

    def __repr__(self) -> str:
        return str(self._worker.ask("repr", self))

    def __format__(self, spec: str) -> str:
        return str(self._worker.ask("format", self, spec))

    def __hash__(self) -> int:
        return hash((id(self._worker), self._number))

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Remote) and bool(self._worker.ask("isinstance", instance, self))

    def __subclasscheck__(self, subclass: Any) -> bool:
        return isinstance(subclass, Remote) and bool(self._worker.ask("issubclass", subclass, self))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(self._plain(), dtype)

    def _plain(self) -> Any:
        """Its value as one of the host's: an array of a tensor's numbers, the tuple of a named tuple.

        Raises:
            TypeError: it is an object of a class of its own.
        """
        value = self._worker.ask("plain", self)
        if isinstance(value, Remote):
            raise TypeError(f"a {self._kind} is not a value")
        return value

    def _asks_with(self, other: Any) -> bool:
        """Whether an operation with another object is the student's to do."""
        return self._is_of_the_test or isinstance(other, Remote)

    def _operated(self, name: str, other: Any, *, swapped: bool = False) -> Any:
        pair = (other, self) if swapped else (self, other)
        if self._asks_with(other):
            result = self._ask(name, *pair)
            if isinstance(result, Remote) and self._is_of_the_test:
                object.__setattr__(result, "_is_of_the_test", True)
            return result
        try:
            value = self._plain()
        except TypeError:
            raise TypeError(f"a {self._kind} stays inside: the test cannot compute with it") from None
        function = getattr(operator, name)
        return function(other, value) if swapped else function(value, other)

    def _compared(self, name: str, other: Any) -> Any:
        if isinstance(other, type) and other in (Remote, CallableRemote):
            raise CannotCross("the type of an object that stays inside")
        if self._asks_with(other):
            return self._ask(name, self, other)
        try:
            value = self._plain()
        except TypeError:
            if name in ("eq", "ne"):
                return name == "ne"
            raise TypeError(f"a {self._kind} stays inside: the test cannot compare it with a value") from None
        return getattr(operator, name)(value, other)

    def __eq__(self, other: object) -> Any:
        return self is other or self._compared("eq", other)

    def __ne__(self, other: object) -> Any:
        return self is not other and self._compared("ne", other)

    def __lt__(self, other: Any) -> Any:
        return self._compared("lt", other)

    def __le__(self, other: Any) -> Any:
        return self._compared("le", other)

    def __gt__(self, other: Any) -> Any:
        return self._compared("gt", other)

    def __ge__(self, other: Any) -> Any:
        return self._compared("ge", other)

    def __abs__(self) -> Any:
        return self._ask("abs", self) if self._is_of_the_test else abs(self._plain())

    def __neg__(self) -> Any:
        return self._ask("neg", self)

    def __pos__(self) -> Any:
        return self._ask("pos", self)

    def __invert__(self) -> Any:
        return self._ask("invert", self)

    def __reduce_ex__(self, protocol: object) -> Any:
        raise TypeError("an object that stays inside cannot be copied")


class CallableRemote(Remote):
    """An object inside that can be called, such as a function or a class of the student's."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self._ask("call", self, *args, **kwargs)
        if isinstance(result, Remote) and self._callee[:1].isupper():
            object.__setattr__(result, "_is_of_the_test", True)
        return result


def remote(worker: NotebookWorker, number: int, kind: str, is_callable: bool) -> Remote:
    """The stand-in of an object by its number."""
    return (CallableRemote if is_callable else Remote)(worker, number, kind)


def named(value: Any, name: str) -> Any:
    """An object that the test looked up by a name: what a name with a capital first makes is a class's object."""
    if isinstance(value, Remote) and not value._callee:
        object.__setattr__(value, "_callee", name)
    return value


def number_of(value: object) -> int | None:
    """The number of the object that this one stands for; None for an object of the host."""
    return value._number if isinstance(value, Remote) else None


_NOT_OF_AN_OBJECT = frozenset({"_repr_html_", "_ipython_display_", "_repr_mimebundle_", "__wrapped__"})


def _operator_of(name: str, *, swapped: bool) -> Callable[[Remote, Any], Any]:
    return lambda self, other: self._operated(name, other, swapped=swapped)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    setattr(Remote, f"__{_name.rstrip('_')}__", _operator_of(_name, swapped=False))
    setattr(Remote, f"__r{_name.rstrip('_')}__", _operator_of(_name, swapped=True))
