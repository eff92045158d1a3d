"""An interface that cannot serve an accuracy criterion, or lets an answer choose its size, is an error of loading."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from assignments.folders import AssignmentError
from assignments.interface import read_interface
from assignments.interface_checks import interface_problems

CLASSIFICATION = SimpleNamespace(entry="predict", truth="y", extra_truths=("weight",), prediction="prob")
SOUND = """
from collections.abc import Callable
from typing import Annotated, Any, NotRequired, TypedDict
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8
from assignments.interface import Model, Range

class Rows(TypedDict):
    x: Float32[np.ndarray, "n 30"]
    spacing: Float32[np.ndarray, "n d"]
class Labelled(TypedDict):
    x: Float32[np.ndarray, "n 30"]
    y: UInt8[np.ndarray, "n"]
class Others(TypedDict):
    x: Float32[np.ndarray, "m 30"]
class Prediction(TypedDict):
    prob: Annotated[Float[np.ndarray, "n"], Range(0, 1)]
class Net: ...

def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model: ...
def save(model: Model, folder: str) -> None: ...
def load(folder: str) -> Model: ...
def predict(model: Model, inputs: Rows) -> Prediction: ...
"""
FIT = "def fit(train: Labelled, val: Labelled | None, *, seed: int, budget_s: float) -> Model"
PREDICT = "def predict(model: Model, inputs: Rows) -> Prediction"
PROB = 'Annotated[Float[np.ndarray, "n"], Range(0, 1)]'


@pytest.fixture
def problems(tmp_path):
    def problems(*edits, task=CLASSIFICATION, per_call=64):
        text = SOUND
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "interface.py"
        path.write_text(text)
        try:
            items = interface_problems(path, read_interface(path), task, per_call)
        except AssignmentError as error:
            items = error.problems
        assert all(Path(problem.file) == path and problem.cure for problem in items)
        return [(problem.key, problem.what) for problem in items]

    return problems


def test_the_sound_interface_has_no_problem(problems):
    assert problems() == []


SERVES = {
    "a class of the file as model": ("Labelled | None, *, seed: int, budget_s: float) -> Model", "Labelled | None, *, "
                                     "seed: int, budget_s: float) -> Net"),
    "plain dicts to train on": (FIT, FIT.replace("Labelled | None", "dict | None").replace("Labelled", "dict")),
    "further arguments with defaults": (PREDICT, PREDICT.replace("Rows", "Rows, batch: int = 8")),
    "any arguments": (FIT, "def fit(*data: Any, **ways: Any) -> Model"),
    "a number of classes": (PROB, 'Float[np.ndarray, "n 3"]'),
    "a named number": (PROB, 'Float[np.ndarray, "n classes=3"]'),
    "a size of the inputs": (PROB, 'Float[np.ndarray, "n d"]'),
    "twice a size of the inputs": (PROB, 'Float[np.ndarray, "n 2*d"]'),
    "lists to train on": (FIT + ": ...", 'class Lists(TypedDict):\n    x: list[Float32[np.ndarray, "d h w"]]\n'
                          '    y: list[UInt8[np.ndarray, "d h w"]]\n\n' + FIT.replace("Labelled", "Lists") + ": ..."),
    "a function that fit may report to": (
        "budget_s: float) -> Model",
        "budget_s: float, log: Callable[[int, float, float | None], None] | None = None) -> Model",
    ),
    "validation cases under another name": ("val: Labelled | None", "val: Others | None"),
}  # fmt: skip


@pytest.mark.parametrize("what", SERVES)
def test_an_interface_that_serves_an_accuracy_criterion_has_no_problem(problems, what):
    assert problems(SERVES[what]) == []


@pytest.mark.parametrize("hint", ["None", "float", "dict[str, float]", "tuple[Model, float]", "Model | None",
                                  'Float[np.ndarray, "n"]', "Labelled"])  # fmt: skip
@pytest.mark.parametrize("function", ["fit", "load"])
def test_a_function_that_makes_the_model_must_return_a_model(problems, function, hint):
    declared = FIT if function == "fit" else "def load(folder: str) -> Model"
    ((key, what),) = problems((declared, declared.replace("-> Model", f"-> {hint}")))
    assert key == function
    assert what.endswith("but the marker uses its answer as a model")


CALLS = {
    "def fit(train: Labelled, val: Labelled | None, *, seed: int) -> Model": "fit",
    "def fit(train: Labelled, val: Labelled | None, *, budget_s: float) -> Model": "fit",
    "def fit(train: Labelled, *, seed: int, budget_s: float) -> Model": "fit",
    "def fit(*, train: Labelled, val: Labelled, seed: int, budget_s: float) -> Model": "fit",
    "def fit(train: Labelled, val: Labelled, lr: float, *, seed: int, budget_s: float) -> Model": "fit",
    "def predict(model: Model, inputs: Rows, batch: int) -> Prediction": "predict",
    "def predict(model: Model) -> Prediction": "predict",
    "def predict(model: Model, *, inputs: Rows) -> Prediction": "predict",
    "def load(folder: str, device: str) -> Model": "load",
    "def load() -> Model": "load",
    "def save(model: Model) -> None": "save",
}  # fmt: skip


@pytest.mark.parametrize("declared", CALLS)
def test_parameters_that_the_call_does_not_pass_are_a_problem(problems, declared):
    name = CALLS[declared]
    original = {"fit": FIT, "predict": PREDICT, "load": "def load(folder: str) -> Model",
                "save": "def save(model: Model, folder: str) -> None"}[name]  # fmt: skip
    ((key, what),) = problems((original, declared))
    assert key == name
    assert what.startswith(f"is called as {name}(")


@pytest.mark.parametrize("inputs", ["images: Rows", "inputs: dict", 'inputs: Float[np.ndarray, "n"]', "inputs: Rows | "
                                    "Others", "inputs"])  # fmt: skip
def test_the_entry_declares_the_arrays_of_its_inputs(problems, inputs):
    ((key, what),) = problems((PREDICT, f"def predict(model: Model, {inputs}) -> Prediction"))
    assert (key, what) == ("predict", "its second parameter is not inputs, a TypedDict of arrays")


def test_the_entry_receives_no_lists(problems):
    edit = ('    spacing: Float32[np.ndarray, "n d"]', '    image: list[Float32[np.ndarray, "d h w"]]')
    assert problems(edit) == [
        ("predict", 'its inputs include "image", a list, but a call receives its cases stacked'),
    ]


@pytest.mark.parametrize("truth", ["y", "weight"])
def test_inputs_never_include_the_truth(problems, truth):
    edit = ('    spacing: Float32[np.ndarray, "n d"]', f'    {truth}: Float32[np.ndarray, "n d"]')
    assert problems(edit) == [("predict", f'its inputs include "{truth}", the truth of the hidden cases')]


@pytest.mark.parametrize("answer", [
    'Float[np.ndarray, "n"]', "dict[str, float]", "None", "Model", "Prediction | None", "Others",
])  # fmt: skip
def test_an_answer_without_the_array_that_is_scored_is_a_problem(problems, answer):
    items = problems((PREDICT, f"def predict(model: Model, inputs: Rows) -> {answer}"))
    assert items[0][0] == "predict"
    assert items[0][1].endswith('but "prob" is scored')


@pytest.mark.parametrize("hint", ["float", "Model", PROB + " | None", "list[int]", "Labelled"])
def test_an_answer_that_is_not_an_array_is_a_problem(problems, hint):
    ((_, what),) = problems((PROB, f"{PROB}\n    more: {hint}"))
    assert '"more"' in what
    assert what.endswith("not an array")


FREE = ["n k", "n ...", "n *rest", "n _", "n _any", "n #d", "n k+1", "n n*k", "n slice", "... n", "*n", "n len(k)"]


@pytest.mark.parametrize("shape", FREE)
def test_a_size_that_no_argument_binds_is_refused_in_an_answer_that_is_stored(problems, shape):
    items = problems((PROB, f'Float[np.ndarray, "{shape}"]'))
    assert any(key == "predict" and "of any size" in what for key, what in items)


@pytest.mark.parametrize("shape", FREE)
def test_a_free_size_is_refused_in_every_array_of_the_answer(problems, shape):
    items = problems((PROB, f'{PROB}\n    more: Annotated[Float[np.ndarray, "{shape}"], Range(0, 1)]'))
    assert any('"more" leaves the size' in what for _, what in items)


@pytest.mark.parametrize("declared", [
    'spacing: NotRequired[Float32[np.ndarray, "n d"]]', 'spacing: Float32[np.ndarray, "n d"] | None',
    'spacing: Float32[np.ndarray, "n #d"]', 'spacing: Float32[np.ndarray, "n *d"]',
])  # fmt: skip
def test_a_size_that_only_some_calls_bind_is_free_too(problems, declared):
    edits = ('spacing: Float32[np.ndarray, "n d"]', declared), (PROB, 'Float[np.ndarray, "n d"]')
    assert any("of any size" in what for _, what in problems(*edits))


@pytest.mark.parametrize("shape", ["d n", "d", "30 n", "1", ""])
def test_the_first_size_of_an_answer_is_the_number_of_cases(problems, shape):
    ((key, what),) = problems((PROB, f'Float[np.ndarray, "{shape}"]'))
    assert key == "predict"
    assert what.endswith("not the number of cases")


def test_a_single_case_a_call_may_be_written_as_a_number(problems):
    rows = "class Rows(TypedDict):"
    edits = (rows + '\n    x: Float32[np.ndarray, "n 30"]', rows), ('"n d"', '"1 d"'), (PROB, 'Float[np.ndarray, "1"]')
    assert problems(*edits, per_call=1) == []
    assert "a call may have 1 to 64 cases" in problems(*edits)[0][1]


def test_the_numbers_of_training_and_validation_cases_have_different_names(problems):
    edits = ("val: Labelled | None", "val: Others | None"), ('"m 30"', '"n 30"')
    ((key, what),) = problems(*edits)
    assert (key, what) == ("fit", 'train and val share the size "n", but each has its own number of cases')
    assert problems(edits[0], ('"m 30"', '"m n"')) == [(key, what)], "whichever of its sizes that is"


def test_the_number_of_cases_is_not_another_size_too(problems):
    ((key, what),) = problems(('"n d"', '"n n"'))
    assert (key, what) == ("predict", '"n" is the number of cases in Rows, and another size too')


def test_a_missing_function_is_named(problems):
    for name in ("fit", "save", "load", "predict"):
        assert problems((f"def {name}(", f"def _{name}(")) == [(name, "is not declared")]


@pytest.mark.parametrize("declared", [
    'x: Float[np.ndarray, "n"]) -> Float[np.ndarray, "m+1"]',
    'x: Float[np.ndarray, "n+1"], y: Float[np.ndarray, "n"]) -> float',
    ') -> list[Float[np.ndarray, "2*n"] | None]',
])  # fmt: skip
def test_a_size_computed_from_an_unbound_name_is_a_problem_of_any_function(problems, declared):
    edit = ("class Net: ...", f"class Net: ...\ndef f({declared}: ...")
    ((key, what),) = problems(edit, task=None)
    assert key == "f"
    assert "is computed from a name that no argument before it has" in what


def test_sizes_computed_from_arguments_are_not_a_problem(problems):
    shapes = ('"n"', '"n+1"', '"2*n ... *b _ #c"', '"min(n,3)"')
    hints = [f"Float[np.ndarray, {shape}]" for shape in shapes]
    edit = ("class Net: ...", f"class Net: ...\ndef f(x: {hints[0]}, y: {hints[1]}) -> {hints[3]}: ...")
    assert problems(edit, task=None) == []


def test_all_problems_are_reported_and_without_an_accuracy_criterion_only_those_of_any_function(problems):
    edits = (FIT, FIT.replace("Model", "float")), (PROB, 'Float[np.ndarray, "n k"]'), ("def save(", "def _save(")
    assert sorted(key for key, _ in problems(*edits)) == ["fit", "predict", "save"]
    assert problems(*edits, task=None) == []
