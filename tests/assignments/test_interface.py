"""Reading interface.py: a declaration that no answer could be checked against is refused on loading."""

import textwrap

import numpy as np
import pytest

from assignments.folders import AssignmentError
from assignments.interface import RESERVED, RESERVED_ON_HANDLES, Model, Range, read_interface

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


def test_functions_classes_and_their_docstrings_are_read(read):
    interface = read('''
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
    assert interface.names == {"predict", "Scaler"}
    assert interface.functions["predict"].doc == "Answers."
    assert interface.functions["predict"].signature.parameters["model"].annotation is Model
    assert interface.fields("predict", "inputs") == ("x",)
    assert interface.fields("predict", None) == ("prob",)
    scaler = interface.classes["Scaler"]
    assert (list(scaler.methods), list(scaler.attributes)) == (["fit"], ["mean_"])
    assert list(scaler.methods["fit"].signature.parameters) == ["x"]
    assert list(scaler.init.signature.parameters) == ["eps"]


def test_annotations_may_be_text(read):
    interface = read(
        """
        class Rows(TypedDict):
            x: Float[np.ndarray, "n 3"]

        def f(inputs: Rows) -> Rows: ...
        """,
        "from __future__ import annotations\n" + HEAD,
    )
    assert interface.fields("f", None) == ("x",)


def test_two_files_in_folders_of_the_same_name_do_not_mix(tmp_path):
    for folder, field in (("a", "x"), ("b", "y")):
        (tmp_path / folder / "same").mkdir(parents=True)
        text = f'{HEAD}\nclass R(TypedDict):\n    {field}: float\n\ndef f(r: "R") -> "R": ...\n'
        (tmp_path / folder / "same" / "interface.py").write_text("from __future__ import annotations\n" + text)
    both = [read_interface(tmp_path / folder / "same" / "interface.py") for folder in ("a", "b")]
    assert [interface.fields("f", None) for interface in both] == [("x",), ("y",)]


def test_a_function_without_a_return_type_is_named_with_its_line(read):
    with pytest.raises(AssignmentError, match=r"interface.py:6 f: declares no return type; add"):
        read("def f(x): ...")


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_the_names_of_the_forms_are_refused(read, name):
    with pytest.raises(AssignmentError, match="medmark's own forms"):
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
        'Float[list, "n"]', 'Float[np.ndarray, "?n"]', 'Float[np.ndarray, "{n}"]',
    ],
)  # fmt: skip
def test_an_answer_that_could_not_be_checked_is_refused_when_the_file_is_read(read, hint):
    with pytest.raises(AssignmentError, match=r"interface\.py:6 f: .*; (use|write) "):
        read(f"def f() -> {hint}: ...")


def test_the_answers_of_methods_and_attributes_are_checked_too(read):
    with pytest.raises(AssignmentError, match=r"C\.m"):
        read("class C:\n    def m(self) -> Any: ...")
    with pytest.raises(AssignmentError, match=r"C\.a"):
        read("class C:\n    a: np.ndarray")


@pytest.mark.parametrize("hint", [
    "Model | float", 'Model | Float[np.ndarray, "n"]', "list[Model] | list[float]", "C | int",
    "tuple[Model | str, int]",
])  # fmt: skip
def test_a_model_or_another_kind_of_answer_is_refused_since_a_model_may_be_anything(read, hint):
    with pytest.raises(AssignmentError, match="a model may be anything"):
        read(f"class C: ...\ndef f() -> {hint}: ...")


@pytest.mark.parametrize(
    "hint", ["Model | None", "C | None", "Model | C", "tuple[Model, float] | None", "dict[str, C]"]
)
def test_a_model_or_none_or_another_model_is_accepted(read, hint):
    assert "f" in read(f"class C: ...\ndef f() -> {hint}: ...").names


def test_an_answer_of_nine_axes_is_refused_and_one_of_eight_is_not(read):
    assert read('def f() -> Float[np.ndarray, "a b c d e g h i"]: ...').names == {"f"}
    for sizes in ("a b c d e g h i j", "1 2 3 4 5 6 7 8 ... 9"):
        with pytest.raises(AssignmentError, match="more than 8 axes; use an array of at most 8"):
            read(f'def f() -> Float[np.ndarray, "{sizes}"]: ...')


def test_keys_that_an_answer_may_lack_are_refused(read):
    with pytest.raises(AssignmentError, match=r"keys that may be missing: b; write X \| None"):
        read("class A(TypedDict, total=False):\n    b: float\ndef f() -> A: ...")


def test_all_problems_are_reported_at_once_with_their_lines(read):
    with pytest.raises(AssignmentError) as caught:
        read("def f(x): ...\ndef put() -> float: ...\ndef g() -> Any: ...\ndef h() -> 'Undefined': ...")
    assert [(item.key, item.line) for item in caught.value.problems] == [("f", 6), ("put", 7), ("g", 8), ("h", 9)]
    assert "NameError" in caught.value.problems[3].what


@pytest.mark.parametrize(("text", "line", "message"), [
    ("def f(", 6, "SyntaxError"),
    ("import nothing_of_that_name", 6, "ModuleNotFoundError"),
    ("\n\n1 / 0", 8, "ZeroDivisionError"),
    ("import sys\nsys.exit(3)", 7, "SystemExit"),
    ('\nX = Float[np.ndarray, "... ..."]', 7, "ValueError"),
    ("class F(Exception): ...\nraise F('own words')", 7, "F: own words"),
])  # fmt: skip
def test_a_file_that_cannot_be_imported_is_named_with_the_line(read, text, line, message):
    with pytest.raises(AssignmentError) as caught:
        read(text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.cure) == (line, "correct the file")
    assert message in problem.what


def test_a_file_is_read_from_its_source_and_leaves_nothing_behind(read, tmp_path):
    read("def f() -> int: ...")
    assert set(read("def g() -> int: ...").names) == {"g"}, "saved within the second, and of the same length"
    assert [path.name for path in tmp_path.iterdir()] == ["interface.py"]


EPS = {"f2": 2.0**-10, "f4": 2.0**-23, "f8": 2.0**-52}
"""Of IEEE half, single and double precision: 10, 23 and 52 bits behind the point."""


@pytest.mark.parametrize("dtype", EPS)
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 255), (-3, 0)])
def test_a_number_that_rounding_put_beyond_a_bound_becomes_the_bound(dtype, low, high):
    step = EPS[dtype] * max(abs(low), abs(high))
    numbers = np.array([low - 2 * step, low, 0, high, high + 2 * step], dtype)
    clipped = Range(low, high).clip_rounding(numbers)
    assert clipped.dtype == numbers.dtype
    assert clipped.tolist() == [low, low, 0, high, high]
    assert Range(low, high).holds(clipped)
    if dtype != "f2":  # whose next number is far away
        beyond = np.array([high + 40.123456789012 * step], dtype)
        assert not Range(low, high).holds(Range(low, high).clip_rounding(beyond))


@pytest.mark.parametrize("far", [1.5, 1.01, -0.01, np.nan, np.inf])
@pytest.mark.parametrize("dtype", EPS)
def test_a_number_farther_out_stays_there(dtype, far):
    numbers = np.array([far, 0.5, 1 + EPS[dtype]], dtype)
    np.testing.assert_array_equal(Range(0, 1).clip_rounding(numbers), numbers)


def test_a_double_that_a_single_holds_is_judged_by_the_singles_rounding():
    assert Range(0, 1).clip_rounding(np.array([1 + 2.0**-23])).tolist() == [1]
    assert Range(0, 1).clip_rounding(np.array([1 + 1e-9])).tolist() == [1 + 1e-9]  # no float32 is this near to 1
    assert Range(0, 1).clip_rounding(np.array([1 + 1e-15, -1e-16])).tolist() == [1, 0]


def test_a_single_bound_of_0_allows_rounding_steps_of_1():
    assert Range(0, np.inf).clip_rounding(np.array([-1e-9, 3e9], "f4")).tolist() == [0, 3e9]
    assert not Range(0, np.inf).holds(Range(0, np.inf).clip_rounding(np.array([-1e-4], "f4")))


def test_whole_numbers_are_not_rounded():
    assert not Range(0, 2).holds(Range(0, 2).clip_rounding(np.array([3])))


@pytest.mark.parametrize("name", sorted(RESERVED_ON_HANDLES))
def test_a_method_that_a_handle_would_answer_itself_is_refused(read, name):
    with pytest.raises(AssignmentError, match="one of medmark's own forms on a handle"):
        read(f"class Net:\n    def {name}(self) -> float: ...\n")


def test_the_forms_of_a_student_and_of_a_handle_are_all_reserved():
    from graders.wall.student import Handle, Student

    def forms(kind):
        return {name for name in vars(kind) if not name.startswith("_")}

    assert (forms(Student), forms(Handle)) == (RESERVED, RESERVED_ON_HANDLES)
