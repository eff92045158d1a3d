"""Writes the declarations that follow from a task and its data: `fit`, the entry point, `save`, `load`, their types.

It only knows the form of a task and the arrays of a source. `assignments.derived.interface` adds what an author wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from assignments.data.source import Axes
from assignments.task_forms import TaskForm

LINE = 120
"""The longest line, in characters."""
IMPORTS = {
    "Callable": "collections.abc",
    "Annotated": "typing",
    "TypedDict": "typing",
    "np": "numpy",
    "Model": "assignments.interface",
    "Range": "assignments.interface",
    **dict.fromkeys(
        (
            "Bool", "Float", "Float16", "Float32", "Float64", "Int8", "Int16", "Int32", "Int64",
            "UInt8", "UInt16", "UInt32", "UInt64",
        ),
        "jaxtyping",
    ),
}  # fmt: skip
"""The module of each name that declarations use; `np` is the name of a whole one."""
TYPES = frozenset({"Rows", "Images", "Volumes", "Pairs", "Cases", "Labelled", "Prediction"})
"""Names of the TypedDicts: the inputs of the entry point, training cases, and its answer."""


@dataclass(frozen=True)
class Declarations:
    """Source of the declarations, by the name that each declares, in the order in which they are read."""

    types: Mapping[str, str]
    functions: Mapping[str, str]


def declarations(form: TaskForm, arrays: Mapping[str, Axes], *, classes: int, listed: bool) -> Declarations:
    """What a solution of a task declares.

    Args:
        arrays: What each case has.
        classes: How many classes there are; 0 where nothing says it, which means two.
        listed: Whether cases may differ in size: `fit` then receives lists of those arrays whose sizes have names.
    """
    inputs = {key: axes for key, axes in arrays.items() if axes.role == "input"}
    name = _name_of_inputs(inputs)
    of = _sizes_of_prediction(form, arrays)
    dims = len(_in_space(_image(arrays)))
    count = _classes(form, arrays, classes)
    answer, predicts = form.declared(" ".join(of), dims, count), form.says(count)
    types = {
        name: f'class {name}(TypedDict):\n    """{name} to predict for."""\n\n{_fields(inputs, listed=False)}',
        "Labelled": 'class Labelled(TypedDict):\n    """Training cases, with the truth of each."""\n\n'
        + _fields(arrays, listed=listed),
        "Prediction": f'class Prediction(TypedDict):\n    """{predicts}."""\n\n    {form.prediction}: {answer}',
    }
    functions = {
        "fit": FIT,
        form.entry: f"def {form.entry}(model: Model, inputs: {name}) -> Prediction:\n"
        f'    """{predicts}. Training has not seen these cases."""',
        "save": SAVE,
        "load": LOAD,
    }
    return Declarations(types, functions)


FIT = '''\
def fit(
    train: Labelled,
    val: Labelled | None,
    *,
    seed: int,
    budget_s: float,
    log: Callable[[int, float, float | None], None] | None = None,
) -> Model:
    """A trained model. `budget_s` is CPU seconds; the same seed gives the same model, with `log` or without.

    `log(step, loss, val_score)` reports how training goes; `val_score` is None where none is computed.
    """'''
SAVE = '''\
def save(model: Model, folder: str) -> None:
    """Write the model into `folder`, which may not exist yet."""'''
LOAD = '''\
def load(folder: str) -> Model:
    """The model that `save` wrote."""'''


def _fields(arrays: Mapping[str, Axes], *, listed: bool) -> str:
    """The fields of a TypedDict, each with what its source says of it."""
    lines = []
    for key, axes in arrays.items():
        line = f"    {key}: {_declared(axes, listed=listed)}"
        beside = f"{line}  # {axes.doc}" if axes.doc else line
        lines += [beside] if len(beside) <= LINE else [f"    # {axes.doc}", line]
    return "\n".join(lines)


def _declared(axes: Axes, *, listed: bool) -> str:
    """The declaration of many cases of an array."""
    kind = _kind(axes)
    if listed and any(not size.isdecimal() for size in axes.sizes):
        each = " ".join(size if size.isdecimal() else "_" for size in axes.sizes)
        return f'list[{kind}[np.ndarray, "{each}"]]'
    return f'{kind}[np.ndarray, "{" ".join(["n", *axes.sizes])}"]'


def _kind(axes: Axes) -> str:
    """jaxtyping's name of a dtype: UInt8 for uint8."""
    name = np.dtype(axes.dtype).name
    return name.replace("uint", "UInt").replace("int", "Int").replace("float", "Float").replace("bool", "Bool")


def _image(arrays: Mapping[str, Axes]) -> Axes | None:
    """The array that shows a case in space: `image` or `fixed`, else the input with the most axes."""
    inputs = {key: axes for key, axes in arrays.items() if axes.role == "input"}
    for key in ("image", "fixed"):
        if key in inputs:
            return inputs[key]
    largest = max(inputs.values(), key=lambda axes: len(axes.sizes), default=None)
    return largest if largest is not None and len(largest.sizes) > 1 else None


def _in_space(axes: Axes | None) -> tuple[str, ...]:
    """The axes of an image that lie in space: without channels."""
    if axes is None:
        return ()
    names = tuple(size for size in axes.sizes if not size.isdecimal())
    if names:
        return names
    return axes.sizes[1:] if len(axes.sizes) == 4 or (len(axes.sizes) == 3 and int(axes.sizes[0]) <= 4) else axes.sizes


def _sizes_of_prediction(form: TaskForm, arrays: Mapping[str, Axes]) -> tuple[str, ...]:
    """The sizes of a predicted map: those of the truth where a prediction is such a map, else those of the image."""
    truth = arrays.get(form.truth)
    if "{dims}" in form.declaration or truth is None:
        return _in_space(_image(arrays))
    return truth.sizes


def _classes(form: TaskForm, arrays: Mapping[str, Axes], classes: int) -> int:
    """The number of classes; several labels a case are an axis of the truth."""
    truth = arrays.get(form.truth)
    if truth is not None and len(truth.sizes) == 1 and truth.sizes[0].isdecimal():
        return int(truth.sizes[0])
    return max(2, classes)


def _name_of_inputs(inputs: Mapping[str, Axes]) -> str:
    """What the TypedDict of the inputs is called."""
    if {"fixed", "moving"} <= inputs.keys():
        return "Pairs"
    image = _image(inputs)
    if image is None:
        return "Rows" if any(axes.sizes for axes in inputs.values()) else "Cases"
    return {2: "Images", 3: "Volumes"}.get(len(_in_space(image)), "Cases")
