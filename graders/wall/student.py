"""The student object and its handles, with which hidden tests ask a solution (docs/wire.md).

A `Student` has no public names but the forms of docs/wire.md, so that every other name is the group's. An answer comes
back with the type that `interface.py` declares, or as a `Handle` where it stays inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NoReturn

import numpy as np
from jaxtyping import UInt8

from assignments.interface import Class, Function, Interface, MayBeEmpty, Model
from graders.failures import (
    MissingFunction,
    NonFiniteAnswer,
    ProtocolViolation,
    SubmissionFailure,
    WrongShape,
    WrongType,
)
from graders.wall.replies import bound, parts_to_keep, typed
from graders.wall.session import Session, Usage, Worker
from graders.wall.wire import Array, Encoder, HandleReference


class Handle:
    """An object that stayed inside. Valid only in the worker that made it.

    To compare, count or convert it on the host would use the handle and not the object, so all of these raise.
    """

    __slots__ = ("_client", "_declared", "_reference")

    def __init__(self, client: WorkerClient, reference: HandleReference, declared: Class | None) -> None:
        self._client = client
        self._reference = reference
        self._declared = declared

    def get(self, name: str) -> Any:
        """An attribute: its value, or a handle."""
        hint = self._declared.attributes.get(name, Any) if self._declared else Any
        return self._client.ask({"do": "get", "name": name}, {"on": self}, hint)

    def fetch(self) -> Array:
        """A tensor or array inside, as an array."""
        return _array(self._client.ask({"do": "fetch"}, {"on": self}))

    def item(self, index: Any) -> Any:
        """One item of a sequence or mapping inside."""
        return self._client.ask({"do": "item"}, {"on": self, "index": index})

    def length(self) -> int:
        """How many items it has."""
        return int(self._client.ask({"do": "length"}, {"on": self}, int))

    def take(self, count: int) -> list[Any]:
        """The first items of an iterable inside."""
        items = list(self._client.ask({"do": "take", "count": count}, {"on": self}, list[Any]))
        if len(items) > count:
            raise ProtocolViolation(f"{len(items)} items where {count} were requested")
        return items

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        function = self._declared.methods.get(name) if self._declared else None
        return lambda *args, **kwargs: self._client.call(name, function, args, kwargs, on=self)

    def __repr__(self) -> str:
        return f"<handle of {self._reference.description!r}>"

    def _operate(self, op: str, left: Any, right: Any) -> Any:
        return _handle(self._client.ask({"do": "operate", "op": op}, {"left": left, "right": right}))

    def __add__(self, other: Any) -> Any:
        return self._operate("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return self._operate("+", other, self)

    def __sub__(self, other: Any) -> Any:
        return self._operate("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._operate("-", other, self)

    def __mul__(self, other: Any) -> Any:
        return self._operate("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._operate("*", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._operate("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._operate("/", other, self)

    def __matmul__(self, other: Any) -> Any:
        return self._operate("@", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._operate("@", other, self)

    def __pow__(self, other: Any) -> Any:
        return self._operate("**", self, other)

    def __neg__(self) -> Any:
        return self._operate("neg", self, None)

    def __getitem__(self, index: Any) -> Any:
        return self._operate("[]", self, index)

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError("a handle is not the object inside: use h.fetch(), h.get(...), h.item(...) or h.length()")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __float__ = __int__ = __index__ = __complex__ = _refuse
    __len__ = __iter__ = __contains__ = __reversed__ = _refuse
    __array__ = __array_function__ = __reduce__ = __reduce_ex__ = _refuse
    __array_ufunc__ = None  # an array on the left then leaves the operation to the handle
    __hash__ = None  # type: ignore[assignment]


@dataclass
class WorkerClient:
    """The host's end of one worker: opens it with the first question, encodes requests, checks answers."""

    session: Session
    interface: Interface
    cpu_s: float
    doubles: str = ""
    solution: str | None = None
    seed: int = 0
    """What the worker's global generators start from: of two workers with one seed, chance is the same."""
    worker: Worker | None = None
    failure: SubmissionFailure | None = None
    """Why there is no worker."""
    usage: Usage | None = None
    """The usage of a worker that could not be opened."""
    names_used: set[str] = field(default_factory=set)
    """Names of the interface that tests have used."""
    shapes: dict[tuple[Any, ...], list[Any]] = field(default_factory=dict)
    """A model's first shapes: of its parameters, of its buffers, and of its output for each shape of the input.

    Tests combine such arrays: if they grew from question to question, an answer would choose the host's work.
    """

    def opened(self) -> Worker:
        """The worker, forked with the first question.

        Raises:
            ImportFailed: and every later question raises it too.
        """
        if self.failure is not None:  # an import that uses up its time does so once
            raise self.failure
        if self.worker is None:
            try:
                self.worker = self.session.worker(self.cpu_s, self.doubles, self.solution, seed=self.seed)
            except SubmissionFailure as failure:
                self.failure, self.usage = failure, self.session.last_usage
                raise
        return self.worker

    def close(self) -> Usage | None:
        """End the worker, if there is one; what it used."""
        return self.usage if self.worker is None else self.session.end(self.worker)

    def ask(self, request: dict[str, Any], values: Mapping[str, Any], hint: Any = Any) -> Any:
        """One form, with the named values encoded; the answer typed as `hint`."""
        worker = self.opened()
        encoder = Encoder(self._reference)
        nodes = {name: encoder.encode(value) for name, value in values.items()}
        due = parts_to_keep(hint)
        if due is not None:
            request = {**request, "keep": due}
        try:
            value, _ = self.session.call(worker, {**request, **nodes, "arrays": encoder.arrays}, encoder.parts)
        except MissingFunction as failure:
            if request.get("name") in self.interface.names:  # as the host asked for it, not as the answer has it
                failure.kind = request["name"]
            raise
        return typed(value, hint, self._wrap, request.get("name", "the answer"))

    def call(
        self,
        name: str,
        function: Function | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        on: Handle | None = None,
        tensors: bool = False,
    ) -> Any:
        """Call a function of the solution, or a method of a handle."""
        request = {"do": "call", "name": name, "tensors": tensors}
        values = {"on": on, "args": args, "kwargs": kwargs}
        if function is None:
            return self.ask(request, values)
        with bound(function, args, kwargs):
            return self.ask(request, values, function.signature.return_annotation)

    def hold_shapes(self, m: Handle, what: tuple[Any, ...], shapes: list[Any], *, first: bool = True) -> None:
        """Compare a model's shapes with those of its earlier answers; where there are none, record them.

        Args:
            what: the probe, and what else its shapes depend on.
            first: whether these shapes are recorded where there are none.

        Raises:
            WrongShape: an earlier answer had another shape.
        """
        if type(m) is not Handle:
            raise TypeError("a probe takes a model's handle as its first argument")
        key = (m._reference.number, *what)
        before = self.shapes.get(key)
        if before is not None and shapes != before:
            raise WrongShape(f"{what[0]}: {len(shapes)} of {shapes[:5]}, and {len(before)} of {before[:5]} before")
        if first and shapes:  # a model that is built by its first batch has no parameters before
            self.shapes[key] = shapes

    def _reference(self, value: object) -> HandleReference | None:
        if type(value) is not Handle:
            return None
        if value._client is not self:
            raise TypeError("this handle belongs to another worker: use the same student for both calls")
        return value._reference

    def _wrap(self, reference: HandleReference, hint: Any) -> Handle:
        declared = self.interface.classes.get(hint.__name__) if isinstance(hint, type) and hint is not Model else None
        return Handle(self, reference, declared)


class Student:
    """The group's solution, as a hidden test sees it: `student.dice_loss(logit, label)`."""

    __slots__ = ("_client",)

    def __init__(self, client: WorkerClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _function(self._client, name, tensors=False)

    @property
    def tensors(self) -> _Tensors:
        """The same calls with the framework's tensors; replies come back as arrays."""
        return _Tensors(self._client)

    @property
    def gradient(self) -> _Gradient:
        """`student.gradient.f(a, b, wrt=0)`: gradient of the summed reply with respect to an argument."""
        return _Gradient(self._client)

    @property
    def model(self) -> _Probes:
        """Probes of a model: `student.model.forward(m, x)` and the rest of the list in docs/wire.md."""
        return _Probes(self._client)

    def put(self, value: Any) -> Handle:
        """Leave data inside, so that a test can see changes in place."""
        return _handle(self._client.ask({"do": "put"}, {"value": value}))

    def generator(self, seed: int) -> Handle:
        """A NumPy Generator made inside."""
        return _handle(self._client.ask({"do": "generator", "seed": seed}, {}))

    def fetch_files(self, folder: str) -> dict[str, Array]:
        """The content of each file that the solution wrote below `folder`, by its path there, as bytes (n,) uint8.

        There are none where it wrote none. To medmark they are bytes: nobody opens them on the host.
        """
        return checked_files(self._client.ask({"do": "fetch_files", "folder": folder}, {}, _FILES))

    def put_files(self, folder: str, files: Mapping[str, Array]) -> None:
        """Write files that `fetch_files` returned into a new folder of this worker."""
        self._client.ask({"do": "put_files", "folder": folder}, {"files": checked_files(dict(files))}, None)

    def double(self, name: str, /, *args: Any, **kwargs: Any) -> Handle:
        """An instance of a class of the assignment's public `doubles.py`, made inside."""
        return _handle(self._client.ask({"do": "double", "name": name}, {"args": args, "kwargs": kwargs}))


_FILES = dict[str, Annotated[UInt8[np.ndarray, "..."], MayBeEmpty()]]
FILES = 256
"""The most files of a folder that are carried from one worker to another."""
NAME_BYTES = 200
"""The most bytes of a path in it."""


def checked_files(files: Any) -> dict[str, Array]:
    """Files as they cross the wall: names that stay in their folder, and bytes.

    Raises:
        ProtocolViolation: anything else, which no honest worker sends.
    """
    if type(files) is not dict or len(files) > FILES:
        raise ProtocolViolation(f"not a folder of at most {FILES} files")
    for name, content in files.items():
        parts = name.split("/")
        plain = name.isprintable() and "\\" not in name and len(name.encode()) <= NAME_BYTES
        if not plain or any(part in ("", ".", "..") for part in parts):
            raise ProtocolViolation("a file whose name is not a plain path in its folder")
        if type(content) is not np.ndarray or content.dtype != np.uint8 or content.ndim != 1:
            raise ProtocolViolation("a file that is not bytes")
    return files


class _Tensors:
    __slots__ = ("_client",)

    def __init__(self, client: WorkerClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _function(self._client, name, tensors=True)


class _Gradient:
    __slots__ = ("_client",)

    def __init__(self, client: WorkerClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Array]:
        declared(self._client, name)

        def ask(*args: Any, wrt: int | str = 0, **kwargs: Any) -> Array:
            leaf = args[wrt] if isinstance(wrt, int) else kwargs[wrt]
            request = {"do": "gradient", "name": name, "wrt": wrt}
            return _floats(_array(self._client.ask(request, {"args": args, "kwargs": kwargs}), np.shape(leaf)))

        return ask


class _Probes:
    """The probes of a model, the same for every framework."""

    __slots__ = ("_client",)

    def __init__(self, client: WorkerClient) -> None:
        self._client = client

    def _probe(self, name: str, *args: Any, hint: Any = Any, **kwargs: Any) -> Any:
        return self._client.ask({"do": "probe", "name": name}, {"args": args, "kwargs": kwargs}, hint)

    def _trained(self, m: Handle, value: Any) -> list[Array]:
        """Arrays of the parameters' shapes: the parameters or their gradients."""
        arrays = [_floats(array) for array in _arrays(value)]
        self._client.hold_shapes(m, ("parameters",), [array.shape for array in arrays])
        return arrays

    def forward(self, m: Handle, x: Array | Handle, training: bool = False) -> Array:
        """The model's output for exactly the boundary array: logits in boundary layout."""
        output = _array(self._probe("forward", m, x, training=training))
        input_key: object = x._reference if isinstance(x, Handle) else np.shape(x)
        self._client.hold_shapes(m, ("forward", input_key), [output.shape])
        return output

    def parameter_count(self, m: Handle) -> int:
        """How many numbers are trained."""
        return int(self._probe("parameter_count", m, hint=int))

    def parameters(self, m: Handle) -> list[Array]:
        """Trained parameters, in the framework's order and layout."""
        return self._trained(m, self._probe("parameters", m))

    def set_parameters(self, m: Handle, values: list[Array]) -> None:
        """Overwrite the trained parameters."""
        self._client.hold_shapes(m, ("parameters",), [np.shape(value) for value in values], first=False)
        self._probe("set_parameters", m, list(values), hint=None)

    def buffers(self, m: Handle) -> list[Array]:
        """State that is not trained, such as running means."""
        arrays = _arrays(self._probe("buffers", m))
        self._client.hold_shapes(m, ("buffers",), [array.shape for array in arrays])
        return arrays

    def parameter_gradients(self, m: Handle, x: Array, weight: Array) -> list[Array]:
        """Gradient of `sum(m(x) * weight)` with respect to each parameter."""
        return self._trained(m, self._probe("parameter_gradients", m, x, weight))

    def input_gradient(self, m: Handle, x: Array, weight: Array) -> Array:
        """Gradient of `sum(m(x) * weight)` with respect to `x`."""
        return _floats(_array(self._probe("input_gradient", m, x, weight), np.shape(x)))

    def set_seed(self, seed: int) -> None:
        """Seed the framework's global generator."""
        self._probe("set_seed", seed, hint=None)


def declared(client: WorkerClient, name: str) -> Function:
    """The declaration of a function or class; another name is a mistake of the test's author."""
    if name in client.interface.functions:
        client.names_used.add(name)
        return client.interface.functions[name]
    if name in client.interface.classes:
        client.names_used.add(name)
        declaration = client.interface.classes[name]
        return Function(name, declaration.init.signature.replace(return_annotation=declaration.type), declaration.doc)
    names = ", ".join(sorted(client.interface.names))
    raise AttributeError(f"interface.py does not declare {name!r}; it declares {names}")


def _function(client: WorkerClient, name: str, *, tensors: bool) -> Callable[..., Any]:
    if name.startswith("_"):
        raise AttributeError(name)
    function = declared(client, name)
    return lambda *args, **kwargs: client.call(name, function, args, kwargs, tensors=tensors)


def _handle(value: Any) -> Handle:
    if type(value) is not Handle:
        raise ProtocolViolation("a value in place of a handle")
    return value


def _array(value: Any, shape: tuple[int, ...] | None = None) -> Array:
    if type(value) is not np.ndarray:
        raise WrongType("not an array, where an array was due")
    if (value.size == 0) if shape is None else (value.shape != shape):
        raise WrongShape(f"an array of shape {value.shape}" + ("" if shape is None else f" where {shape} was due"))
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise NonFiniteAnswer("not every number of the array is finite")
    return value


def _arrays(value: Any) -> list[Array]:
    if type(value) is not list:
        raise WrongType("not a list of arrays, where one was due")
    return [_array(item) for item in value]


def _floats(array: Array) -> Array:
    if array.dtype.kind != "f":
        raise WrongType(f"an array of {array.dtype} where floats were due")
    return array
