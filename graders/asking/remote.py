"""The host's stand-in of an object in a student's notebook: a test cell uses it as if it were the object.

Every use asks the worker. What comes back is the student's claim, as every answer is, and the test compares it. One
thing is never left to the student: whether an answer equals what the test expects. So an answer that stays inside
equals nothing on the host, unless it holds numbers, such as a tensor: then those are compared here. The operators of an
object are asked for only if the test itself names its class, `Vector(1, 2) * 3`, since then they are the question.
"""

from __future__ import annotations

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
        array = self._worker.ask("array", self)
        if type(array) is not np.ndarray:
            raise TypeError(f"a {self._kind} is not numbers")
        return array if dtype is None else array.astype(dtype)

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
        numbers = self._numbers()
        if numbers is None:
            raise TypeError(f"a {self._kind} stays inside: the test cannot compute with it")
        return _UFUNCS[name](other, numbers) if swapped else _UFUNCS[name](numbers, other)

    def _compared(self, name: str, other: Any) -> Any:
        if other in (Remote, CallableRemote) if isinstance(other, type) else False:
            raise CannotCross("the type of an object that stays inside")
        if self._asks_with(other):
            return self._ask(name, self, other)
        numbers = self._numbers()
        if numbers is not None:
            return _UFUNCS[name](numbers, other)
        if name in ("eq", "ne"):
            return name == "ne"
        raise TypeError(f"a {self._kind} stays inside: the test cannot compare it with a {type(other).__name__}")

    def _numbers(self) -> np.ndarray[Any, Any] | None:
        try:
            return self.__array__()
        except TypeError:
            return None

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
        return self._ask("abs", self) if self._is_of_the_test else np.abs(self.__array__())

    def __neg__(self) -> Any:
        return self._ask("neg", self)

    def __pos__(self) -> Any:
        return self._ask("pos", self)

    def __invert__(self) -> Any:
        return self._ask("invert", self)

    def __reduce_ex__(self, protocol: object) -> Any:
        raise CannotCross("a copy of an object that stays inside")


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
_UFUNCS: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "floordiv": np.floor_divide,
    "mod": np.remainder, "pow": np.power, "matmul": np.matmul, "and_": np.bitwise_and, "or_": np.bitwise_or,
    "xor": np.bitwise_xor, "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal,
}  # fmt: skip


def _operator(name: str, *, swapped: bool) -> Callable[[Remote, Any], Any]:
    return lambda self, other: self._operated(name, other, swapped=swapped)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    setattr(Remote, f"__{_name.rstrip('_')}__", _operator(_name, swapped=False))
    setattr(Remote, f"__r{_name.rstrip('_')}__", _operator(_name, swapped=True))
