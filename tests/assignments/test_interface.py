"""interface.py: what is asked is read once, and what no answer could be checked against is refused then."""

import textwrap

import pytest

from assignments.interface import RESERVED, Model, read_interface

HEAD = """
from typing import Annotated, Any, TypedDict
import numpy as np
from jaxtyping import Float, Int
from assignments.interface import MayBeEmpty, Model, NotFinite, Range
"""


@pytest.fixture
def read(tmp_path):
    def read(body, head=HEAD):
        path = tmp_path / "interface.py"
        path.write_text(head + textwrap.dedent(body))
        return read_interface(path)

    return read


def test_functions_classes_and_their_words_are_read(read):
    found = read('''
        class Rows(TypedDict):
            x: Float[np.ndarray, "n 3"]

        class Answer(TypedDict):
            prob: Float[np.ndarray, "n"]

        class Scaler:
            """Scales."""
            mean_: Float[np.ndarray, "d"]
            def __init__(self, eps: float = 1e-6): ...
            def fit(self, x: Float[np.ndarray, "n d"]) -> None: ...
            def _private(self): ...

        def predict(model: Model, inputs: Rows) -> Answer:
            """Answers."""

        def _helper(): ...
    ''')
    assert found.names == {"predict", "Scaler"}
    assert found.functions["predict"].doc == "Answers."
    assert found.functions["predict"].signature.parameters["model"].annotation is Model
    assert found.fields("predict", "inputs") == ("x",)
    assert found.fields("predict", None) == ("prob",)
    scaler = found.classes["Scaler"]
    assert (list(scaler.methods), list(scaler.attributes)) == (["fit"], ["mean_"])
    assert list(scaler.methods["fit"].signature.parameters) == ["x"]
    assert list(scaler.init.signature.parameters) == ["eps"]


def test_annotations_may_be_text(read):
    found = read(
        """
        class Rows(TypedDict):
            x: Float[np.ndarray, "n 3"]

        def f(inputs: Rows) -> Rows: ...
        """,
        "from __future__ import annotations\n" + HEAD,
    )
    assert found.fields("f", None) == ("x",)


def test_two_files_in_folders_of_one_name_do_not_meet(tmp_path):
    for place, field in (("a", "x"), ("b", "y")):
        (tmp_path / place / "same").mkdir(parents=True)
        text = f'{HEAD}\nclass R(TypedDict):\n    {field}: float\n\ndef f(r: "R") -> "R": ...\n'
        (tmp_path / place / "same" / "interface.py").write_text("from __future__ import annotations\n" + text)
    both = [read_interface(tmp_path / place / "same" / "interface.py") for place in ("a", "b")]
    assert [one.fields("f", None) for one in both] == [("x",), ("y",)]


def test_a_function_without_a_return_type_is_named_with_its_line(read):
    with pytest.raises(ValueError, match=r"interface.py:\d+: f declares no return type"):
        read("def f(x): ...")


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_the_forms_own_names_are_refused(read, name):
    with pytest.raises(ValueError, match="medmark's own forms"):
        read(f"def {name}() -> float: ...")


@pytest.mark.parametrize(
    "hint",
    [
        "None", "bool", "int", "float", "str", "Model", 'Float[np.ndarray, "n"]', "list[int]", "dict[str, float]",
        "tuple[int, ...]", "tuple[int, str]", "float | None", "list[tuple[Model, float]]",
        "Annotated[float, Range(0, 1), NotFinite()]", 'Annotated[Int[np.ndarray, "k"], MayBeEmpty()]',
    ],
)  # fmt: skip
def test_these_answers_can_be_checked(read, hint):
    assert read(f"def f() -> {hint}: ...").names == {"f"}


@pytest.mark.parametrize(
    "hint",
    [
        "Any", "np.ndarray", "object", "list", "dict", "tuple", "set[int]", "dict[int, str]", "complex",
        "bytes", "list[Any]",
        "np.float64", "type", "Annotated[list[float], Range(0, 1)]", "Annotated[float | None, NotFinite()]",
        "Annotated[float, 3]", "Annotated[str, Range(0, 1)]", "Annotated[bool, Range(0, 1)]",
    ],
)  # fmt: skip
def test_an_answer_that_could_not_be_checked_is_refused_when_the_file_is_read(read, hint):
    with pytest.raises(ValueError, match=r"interface\.py: the answer of f: "):
        read(f"def f() -> {hint}: ...")


def test_methods_and_attributes_are_held_to_the_same(read):
    with pytest.raises(ValueError, match=r"C\.m"):
        read("class C:\n    def m(self) -> Any: ...")
    with pytest.raises(ValueError, match=r"C\.a"):
        read("class C:\n    a: np.ndarray")
