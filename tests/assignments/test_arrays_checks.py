"""A source and interface.py agree before anything is drawn or handed out."""

from dataclasses import dataclass

import pytest

from assignments.arrays_checks import arrays_problems
from assignments.data.source import Axes
from assignments.interface import read_interface

INTERFACE = """
from typing import Annotated, TypedDict
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8
from assignments.interface import Model, Range

class Inputs(TypedDict):
    image: Float32[np.ndarray, "n d h w"]
    spacing: Float32[np.ndarray, "n 3"]

class Labelled(TypedDict):
    image: Float32[np.ndarray, "n d h w"]
    label: UInt8[np.ndarray, "n d h w"]
    subject: Int[np.ndarray, "n"]

class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n d h w"], Range(0, 1)]

def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model: ...
def predict(model: Model, inputs: Inputs) -> Prediction: ...
"""
ARRAYS = {
    "image": Axes("float32", "d h w"),
    "label": Axes("uint8", "d h w", role="truth"),
    "spacing": Axes("float32", "3"),
}


@dataclass(frozen=True)
class Task:
    entry: str = "predict"
    truth: str = "label"
    extra_truths: tuple[str, ...] = ()
    prediction: str = "prob"


def problems(tmp_path, arrays=ARRAYS, interface=INTERFACE, task=Task()):
    path = tmp_path / "interface.py"
    path.write_text(interface)
    items = arrays_problems(path, read_interface(path), task, arrays)
    return [f"{problem.key}: {problem.what}" for problem in items]


def test_arrays_that_agree_have_no_problem(tmp_path):
    assert problems(tmp_path) == []


def test_cases_of_different_sizes_are_lists_for_fit(tmp_path):
    lists = INTERFACE.replace(
        'image: Float32[np.ndarray, "n d h w"]\n    label: UInt8[np.ndarray, "n d h w"]',
        'image: list[Float32[np.ndarray, "_ _ _"]]\n    label: list[UInt8[np.ndarray, "_ _ _"]]',
    )
    assert lists != INTERFACE
    assert problems(tmp_path, interface=lists) == []
    assert problems(tmp_path, interface=lists.replace('"_ _ _"', '"_ _"'))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"image": Axes("float64", "d h w")}, 'fit: declares "image" as Float32'),
        ({"image": Axes("float32", "h w")}, 'predict: declares "image" as Float32'),
        ({"spacing": Axes("float32", "2")}, 'predict: declares "spacing" as Float32'),
        ({"spacing": None}, 'predict: declares "spacing", which the source does not have'),
        ({"label": Axes("uint8", "d h w")}, 'the source declares "label" as an input, but it is the truth'),
        ({"label": None}, 'the source has no "label", the truth of this task; it has image, spacing'),
        ({"spacing": Axes("float32", "3", role="truth")}, 'predict: its inputs include "spacing"'),
    ],
)
def test_every_difference_is_a_problem(tmp_path, changed, says):
    arrays = {key: axes for key, axes in {**ARRAYS, **changed}.items() if axes is not None}
    assert any(says in problem for problem in problems(tmp_path, arrays)), problems(tmp_path, arrays)


def test_a_size_that_only_one_side_fixes_is_checked_when_cases_are_drawn(tmp_path):
    assert problems(tmp_path, interface=INTERFACE.replace("n d h w", "n 16 64 64")) == []
    fixed = {**ARRAYS, "image": Axes("float32", "16 64 64")}
    assert problems(tmp_path, fixed) == []
    assert problems(tmp_path, fixed, INTERFACE.replace("n d h w", "n 16 64 32"))
